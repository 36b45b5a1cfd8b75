"""The win rate of a policy that is still being trained: its weights are written, read back, and meet the start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from winsome.errors import BadInput
from winsome.matchmaking.compare import Comparison, compare
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.records import Suite
from winsome.training.start import Start

LIMIT = 200
"""Prompts of a look, at most."""


def looked_at(prompts: int, choosing: bool) -> int:
    """How many of a suite's prompts, from the first, a look plays on; where looks choose what is kept, half are left for the match that
    then measures it."""
    return min(LIMIT, prompts // 2 if choosing else prompts)


def match(
    trained: str, start: str, *, judge: str, suite: str, run: Run, folder: Path, limit: int | None = None
) -> Comparison:
    """The comparison of what was trained with what it was trained from, on the prompts of `suite`."""
    if not suite:
        raise BadInput("the match needs prompts: give --suite NAME or FILE")
    ledger = getattr(getattr(run, "ledger", None), "url", None)
    return compare(
        trained, start, judge=judge or None, suite=suite, baseline=start, limit=limit, seed=run.seed,
        ledger=ledger, folder=folder, quiet=True, allow_degenerate=True,
    )  # fmt: skip


class WinRate:
    """Looks at the policy by a match against its start on a fixed part of the prompts; verdicts are kept in the ledger."""

    def __init__(
        self,
        origin: Start,
        model: LocalModel,
        folder: Path,
        judge: str,
        suite: str,
        run: Run,
        *,
        choosing: bool = False,
    ) -> None:
        if not suite:
            raise BadInput("--evaluate-every needs prompts: give --suite NAME or FILE")
        self._limit = looked_at(len(run.open(suite, Suite).prompts), choosing)
        if not self._limit:
            raise BadInput(f"{suite}: one prompt is too few to choose by and to measure on; give two or more")
        self._origin, self._model, self._folder = origin, model, folder
        self._judge, self._suite, self._run = judge, suite, run

    def __call__(self, update: int) -> Mapping[str, float]:
        from winsome.training.runs import write_model

        place = self._folder / f"{update:06d}"
        write_model(
            place, self._model.network, self._model.tokenizer, {"update": update, "start": self._origin.name}
        )
        name = self._origin.trained_name(str(place.resolve()))
        found = match(
            name, self._origin.name, judge=self._judge, suite=self._suite, run=self._run,
            folder=self._folder / "matches", limit=self._limit,
        )  # fmt: skip
        row = found.standings.row(name)
        figures = {"win_rate": row.estimate, "win_rate_low": row.low, "win_rate_high": row.high}
        return {name: value for name, value in figures.items() if value is not None}
