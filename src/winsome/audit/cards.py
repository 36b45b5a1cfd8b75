"""A card of a judge: how far it agrees with people, what it leans towards, how sure it is, what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from winsome.audit import measures
from winsome.audit.asked_pairs import Asked, ask_pairs, recorded_pairs
from winsome.audit.people import People, read_people
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.judge_cards import CARDS, FORMAT, keep_card
from winsome.matchmaking.loops import finish
from winsome.matchmaking.preflight import Estimate
from winsome.matchmaking.run_folder import now, versions
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.records import digest
from winsome.standings.intervals import check_level

ClusterBy = Literal["prompt", "pair", "annotator"]


@dataclass(frozen=True)
class Card:
    """A judge's card: `record` as it is kept, at `path` (None: not kept)."""

    record: Mapping[str, Any]
    path: Path | None = None

    @property
    def accuracy(self) -> Mapping[str, Any] | None:
        """How often the judge names the side that a person named, with its interval; None without such votes."""
        return self.record["agreement"]["accuracy"]

    def to_json(self) -> str:
        return orjson.dumps(self.record, option=orjson.OPT_INDENT_2).decode()


def card(
    judge: str | Mapping[str, Any],
    *,
    against: str | Path | People,
    pairs: str | Path | None = None,
    orders: int | None = None,
    repeats: int = 1,
    limit: int | None = None,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    seed: int = 0,
    allow_mixed_judge: bool = False,
    allow_degenerate: bool = False,
    ledger: str | Path | None = None,
    cards: str | Path | None = CARDS,
    command: str = "",
    quiet: bool = False,
    confirm: Callable[[Estimate], bool] | None = None,
) -> Card:
    """The card of `judge` against people's votes, asked as in a comparison; verdicts in the ledger are not asked again.

    against, pairs: files as `people.read_people` takes them. orders: 2 (default) for judges that may mind the order. repeats:
    2 and more measure self-consistency. limit: the first pairs only. cluster: what votes share when they depend on each other.
    cards: the folder where the card is kept under the judge's id, None to keep none; reports of runs with this judge link it.
    Raises BadInput, Unsupported or Fatal with one line.
    """
    check_level(level)
    with Ledger.open(ledger) as store:
        people = against if isinstance(against, People) else read_people(against, pairs, store)
        people = people.limited(limit)
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> tuple[Judge, Asked, float]:
            try:
                opened = session.open(judge, Judge)
                started = time.monotonic()
                asked = await ask_pairs(
                    session,
                    opened,
                    people,
                    orders=orders,
                    repeats=repeats,
                    allow_degenerate=allow_degenerate,
                    quiet=quiet,
                    confirm=confirm,
                )
                return opened, asked, time.monotonic() - started
            finally:
                await session.close()

        opened, asked, seconds = finish(work(), lambda: door.stop("interrupted"))
    if len(asked.served_by) > 1 and not allow_mixed_judge:
        raise BadInput(
            f"judge {opened.name} answered as {' and '.join(asked.served_by[:3])}: one card is of one judge; "
            f"--allow-mixed-judge makes it all the same"
        )
    record = card_record(opened, people, asked, seconds, cluster=cluster, level=level)
    record["made"] = {"at": now(), "command": command, "seed": seed, **versions()}
    return Card(record, None if cards is None else keep_card(record, Path(cards)))


def recorded_card(
    verdicts: str | Path,
    *,
    against: str | Path,
    pairs: str | Path | None = None,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    ledger: str | Path | None = None,
    cards: str | Path | None = CARDS,
    command: str = "",
) -> Card:
    """The card of a judge whose verdicts are in a file of the same form as people's votes; nothing is asked.

    Raises BadInput naming file, record and field, and where the two files share no pair.
    """
    check_level(level)
    path = Path(verdicts)
    with Ledger.open(ledger) as store:
        people, said = read_people(against, pairs, store), read_people(path, pairs, store)
    judge = Recorded(path.name, digest(["recorded", path.name]))
    record = card_record(judge, people, recorded_pairs(people, said), 0.0, cluster=cluster, level=level)
    record["cost"] = dict.fromkeys(record["cost"])
    record["made"] = {"at": now(), "command": command, "seed": 0, **versions()}
    return Card(record, None if cards is None else keep_card(record, Path(cards)))


@dataclass(frozen=True)
class Recorded:
    """The name of a judge that is not here; where its answers were seated is not known."""

    name: str
    id: str
    ordered: bool = False


def card_record(
    judge: Judge | Recorded,
    people: People,
    asked: Asked,
    seconds: float,
    *,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
) -> dict[str, Any]:
    """The figures of a card from votes and verdicts; rates in [0, 1], n counts clusters and items what was averaged."""
    found = measures.compared(people, asked, cluster=cluster, level=level)
    prompts = {pair.prompt.id for pair in people.pairs}
    return {
        "format": FORMAT,
        "judge": {
            "name": judge.name,
            "id": judge.id,
            "label": getattr(judge, "label", judge.name),
            "note": getattr(judge, "note", ""),
            "served_by": list(asked.served_by),
        },
        "against": {
            "name": people.name,
            "pairs": len(people.pairs),
            "prompts": len(prompts),
            "votes": len(people.pair),
            "annotators": people.annotators,
        },
        "level": level,
        "cluster": cluster,
        "orders": int(asked.asks["order"].n_unique()),
        "repeats": int(asked.asks["repeat"].n_unique()),
        "outcomes": measures.outcomes(asked),
        "agreement": measures.agreement(found),
        "position": measures.position(asked.asks, found) if judge.ordered else None,
        "length": measures.length(found),
        "ties": measures.ties(found),
        "consistency": measures.consistency(asked.asks, found),
        "calibration": measures.calibration(found),
        "cost": measures.cost(asked.asks, asked.usage, seconds),
        "groups": measures.groups(people, found),
    }
