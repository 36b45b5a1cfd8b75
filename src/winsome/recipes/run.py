"""A recipe run from end to end: read, checked, run, recorded; or only checked and estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.recipes.cache import Product
from winsome.recipes.engine import Engine, Here
from winsome.recipes.plan import Planned, planned
from winsome.recipes.read import Recipe, read
from winsome.recipes.record import RECORD, Record

STORE = "cache"
"""Where results are kept: this folder beside the folder of runs."""


@dataclass(frozen=True)
class Ran:
    """What a run of a recipe left. `record` is recipe.json; `matches` are the folders of its comparisons, in order."""

    folder: Path
    record: Mapping[str, Any]
    products: Mapping[str, Product]

    @property
    def matches(self) -> list[Path]:
        return [self.folder / match["folder"] for match in self.record["matches"]]

    @property
    def standings(self) -> Mapping[str, Any] | None:
        """The standings of the last match as JSON-like values; None where nothing was matched."""
        return self.record["matches"][-1]["standings"] if self.record["matches"] else None

    def frame(self, step: str, name: str) -> Any:
        """The frame `name` that reaches whatever follows `step`, as Polars holds it."""
        if step not in self.products or name not in self.products[step].frames:
            raise BadInput(
                f"{self.folder.name}: no frame {name} at step {step}; steps are {', '.join(self.products)[:90]}"
            )
        return self.products[step].frames[name].table


def run(
    recipe: str | Path | Mapping[str, Any],
    *,
    set: Sequence[str] | Mapping[str, Any] = (),
    seed: int | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ledger: str | Path | None = None,
    folder: str | Path = ".winsome/runs",
    store: str | Path | None = None,
    command: str = "",
    say: Callable[[str], None] | None = None,
) -> Ran:
    """What the steps of `recipe` (a file, the name of one that ships, or a mapping) made; goes on where an earlier run was cut off.

    set: changes, "step.key=value" or {"step.key": value}. seed: instead of the recipe's. store: where results of steps are kept
    (default `cache` beside `folder`). say: told a line as each step ends. Raises BadInput, Unsupported or Fatal with one line before anything runs where something is
    wrong with the recipe; KeyboardInterrupt after what was bought is kept.
    """
    written = read(recipe, set)
    chosen = written.seed if seed is None else seed
    runs = Path(folder)
    place = runs.parent / STORE if store is None else Path(store)
    with Ledger.open(ledger) as kept:
        door = Door(kept, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, chosen, runs, engine)
        work = _run(written, session, place, chosen, command, say or (lambda line: None))
        return finish(work, lambda: door.stop("interrupted"))


async def _run(
    recipe: Recipe, session: Session, store: Path, seed: int, command: str, say: Callable[[str], None]
) -> Ran:
    try:
        steps = planned(recipe, session)
        record = Record.begin(session.folder, recipe, seed, command)
        engine = Engine(session, record, store, seed, say)
        try:
            products = await engine.run(steps, Here({}, dict(recipe.names)))
        except BaseException as error:
            record.log("stopped", why=str(error)[:200] or type(error).__name__)
            record.write("stopped")
            raise
        record.log("finished")
        record.write("finished")
        return Ran(record.folder, record.payload("finished"), products)
    finally:
        await session.close()


def checked(
    recipe: str | Path | Mapping[str, Any], *, set: Sequence[str] | Mapping[str, Any] = ()
) -> tuple[Planned, ...]:
    """The steps of a recipe in the order in which they would run; nothing is run or asked. Raises as `run` does."""
    import tempfile

    written = read(recipe, set)
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.sqlite") as ledger:
        return planned(written, Session(Door(ledger), written.seed))


__all__ = ["RECORD", "Ran", "checked", "run"]
