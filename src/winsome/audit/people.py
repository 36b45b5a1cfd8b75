"""What people said of pairs of answers: sheets that carry the answers, sheets by match id, votes beside a table of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.ledger import formats
from winsome.ledger.formats.battle_texts import exchange, has_texts
from winsome.ledger.formats.complaints import listed, refuse, shown
from winsome.ledger.formats.fields import label, one_of, optional, text, wrong
from winsome.ledger.formats.reading import Source, first, read
from winsome.ledger.formats.verdict_tables import WINNERS
from winsome.records import Prompt, Response, Sampling, assistant, response_key, user

if TYPE_CHECKING:
    from winsome.ledger.store import Ledger

ANSWERS = (
    ("answer_a", "answer_b"),
    ("result_x", "result_y"),
    ("output_1", "output_2"),
    ("response_a", "response_b"),
)
"""Names of the two columns of answers in a table of pairs, in the order of preference."""
WORDS = ("text", "prompt", "instruction", "question")
MODELS = (("model_a", "model_b"), ("model_x", "model_y"), ("generator_1", "generator_2"))


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt; `id` is the name that a table of pairs gives it."""

    prompt: Prompt
    answers: tuple[Response, Response]
    id: str = ""


@dataclass(frozen=True, eq=False)
class People:
    """Votes [votes] on pairs: `pair` points into `pairs`, `share` is that of the pair's first answer (1, 0.5 or 0)."""

    name: str
    pairs: tuple[Pair, ...]
    pair: NDArray[np.int32]
    share: NDArray[np.float64]
    annotator: tuple[str | None, ...]

    @property
    def annotators(self) -> int:
        return len({name for name in self.annotator if name})

    def limited(self, pairs: int | None) -> People:
        """The first `pairs` pairs with their votes; all for None."""
        if pairs is None or pairs >= len(self.pairs):
            return self
        kept = self.pair < pairs
        annotator = tuple(name for name, keep in zip(self.annotator, kept.tolist(), strict=True) if keep)
        return People(self.name, self.pairs[:pairs], self.pair[kept], self.share[kept], annotator)


Vote = tuple[Pair, float, str | None]


def of_votes(name: str, votes: Sequence[Vote]) -> People:
    """People of votes, each (pair, share of its first answer, annotator).

    Pairs of equal id, prompt and answers, word by word, are one, also when turned round.
    """
    pairs: list[Pair] = []
    places: dict[tuple[str, str, str, str], tuple[int, bool]] = {}
    pair: list[int] = []
    shares: list[float] = []
    for given, share, _ in votes:
        first, second = (answer.content for answer in given.answers)
        found = places.get((given.id, given.prompt.id, first, second))
        if found is None:
            found = (len(pairs), False)
            places[given.id, given.prompt.id, second, first] = (len(pairs), True)
            places[given.id, given.prompt.id, first, second] = found
            pairs.append(given)
        pair.append(found[0])
        shares.append(1.0 - share if found[1] else share)
    if not pairs:
        raise BadInput(f"{name}: no row has a winner; fill in at least one")
    return People(
        name,
        tuple(pairs),
        np.array(pair, np.int32),
        np.array(shares),
        tuple(annotator for *_, annotator in votes),
    )


def read_people(path: str | Path, pairs: str | Path | None = None, ledger: Ledger | None = None) -> People:
    """The votes of a file.

    A human sheet (prompt, answer_a, answer_b, winner, optional annotator, model_a, model_b, category); battles with their words, as
    Chatbot Arena and MT-Bench keep them; match_id, winner and annotator against `ledger`, winner being the seat; or, with `pairs`, a file of id, winner and annotator (or worker)
    beside a table of id, words and two answers. Rows without a winner are left out. Raises BadInput naming file, record and
    field.
    """
    path = Path(path)
    if pairs is not None:
        return _beside(read(path), read(pairs))
    form = formats.sniff(path)
    if form == "human_sheet":
        return _sheet(path)
    if form == "human_matches":
        if ledger is None:
            raise BadInput(f"{path}: names matches by id; give the ledger that holds them")
        return _by_match(path, ledger)
    if form == "battles" and has_texts(first(path)):
        return _battles(path)
    return refuse(
        path,
        f"is {formats.FORMATS[form]} without the answers' words; give prompt, answer_a, answer_b, winner, or add --pairs FILE",
    )


def _sheet(path: Path) -> People:
    frame = formats.verdicts(path)
    votes: list[Vote] = []
    for row in frame.iter_rows(named=True):
        if row["share"] is None:
            continue
        facets = {"category": row["category"]} if row["category"] else {}
        prompt = Prompt((user(row["prompt"]),), facets=facets)
        answers = (
            said(prompt, row["model_a"], row["answer_a"]),
            said(prompt, row["model_b"], row["answer_b"]),
        )
        votes.append((Pair(prompt, answers), row["share"], row["annotator"]))
    return of_votes(path.name, votes)


def _battles(path: Path) -> People:
    """Votes on conversations or responses that stand in the same table; of several turns all are the answer."""
    source, frame = read(path), formats.verdicts(path)
    voters = frame["annotator"].to_list() if "annotator" in frame.columns else [None] * frame.height
    votes: list[Vote] = []
    sides = zip(frame["model_a"].to_list(), frame["model_b"].to_list(), strict=True)
    for place, (share, models, voter) in enumerate(zip(frame["share"].to_list(), sides, voters, strict=True)):
        if share is None:
            continue
        told = exchange(source, place)
        category = optional(source.rows[place], "category")
        prompt = Prompt(
            (user(told.asked[0]),),
            follow_ups=tuple(map(user, told.asked[1:])),
            system=told.system,
            facets={"category": category} if category else {},
        )
        answers = [spoken(prompt, model, turns) for model, turns in zip(models, told.said, strict=True)]
        votes.append((Pair(prompt, (answers[0], answers[1])), share, voter))
    return of_votes(path.name, votes)


def _by_match(path: Path, ledger: Ledger) -> People:
    frame = formats.verdicts(path)
    matches = ledger.matches(frame["match_id"].unique().to_list())
    votes: list[Vote] = []
    for record, row in enumerate(frame.iter_rows(named=True), 1):
        match = matches.get(row["match_id"])
        if match is None:
            refuse(
                path,
                f"record {record} has match_id {shown(row['match_id'])}, unknown to this ledger; give its own --ledger",
            )
        if row["share"] is None:
            continue
        first, second = match.seated
        votes.append((Pair(match.prompt, (first.response, second.response)), row["share"], row["annotator"]))
    return of_votes(path.name, votes)


def _beside(votes: Source, pairs: Source) -> People:
    """Votes by id beside the table that holds the words."""
    known: dict[str, Pair] = {}
    seen: set[tuple[str, str]] = set()
    for place in range(len(pairs.rows)):
        pair = _pair(pairs, place)
        if pair.id in known:
            wrong(pairs, place, f"has id {shown(pair.id)} once more; give every pair an id of its own")
        names = [answer.id for answer in pair.answers]
        if (names[0], names[1]) in seen:
            # The same two answers under another id are another draw, or both would be one match.
            again = tuple(said(pair.prompt, a.contender, a.text, place + 1) for a in pair.answers)
            pair = Pair(pair.prompt, (again[0], again[1]), pair.id)
        seen.add((names[0], names[1]))
        known[pair.id] = pair
    found: list[Vote] = []
    for place, row in enumerate(votes.rows):
        id = label(votes, place, "id")
        if id not in known:
            wrong(
                votes,
                place,
                f"has id {shown(id)}, which {pairs.path.name} lacks; add the pair or drop the record",
            )
        if row.get("winner") not in (None, ""):
            share = one_of(votes, place, "winner", WINNERS)
            found.append((known[id], share, optional(row, "annotator", "worker")))
    return of_votes(votes.path.name, found)


def _pair(source: Source, place: int) -> Pair:
    row = source.rows[place]
    words = next((name for name in WORDS if isinstance(row.get(name), str)), None)
    sides = next((pair for pair in ANSWERS if pair[0] in row and pair[1] in row), None)
    if words is None or sides is None:
        wrong(
            source,
            place,
            f"needs a prompt and two answers (found: {listed(list(row))}); name them prompt, answer_a, answer_b",
        )
    names = next((pair for pair in MODELS if pair[0] in row and pair[1] in row), ("", ""))
    category = optional(row, "category", "type")
    prompt = Prompt((user(text(source, place, words)),), facets={"category": category} if category else {})
    answers = [
        said(prompt, optional(row, name) or side, "" if row[side] is None else str(row[side]))
        for side, name in zip(sides, names, strict=True)
    ]
    return Pair(prompt, (answers[0], answers[1]), label(source, place, "id"))


def said(prompt: Prompt, model: str, words: Any, sample: int = 0) -> Response:
    """A recorded answer, the `sample`th of its contender."""
    return spoken(prompt, model, [str(words)], sample)


def spoken(prompt: Prompt, model: str, turns: Sequence[str], sample: int = 0) -> Response:
    """A recorded answer of several turns."""
    key = response_key(prompt.id, model, Sampling(), sample)
    return Response(
        prompt.id, model, key, sample, messages=tuple(map(assistant, turns)), provenance="recorded"
    )
