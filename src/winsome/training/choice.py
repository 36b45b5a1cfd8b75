"""Which moment of a run is kept: the last one, or that of the best look, and whether better ones are still waited for."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import Fatal
from winsome.records import digest
from winsome.training import checkpoints
from winsome.training.checkpoints import Checkpoint
from winsome.training.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

FIGURE = "win_rate"
"""What a look is chosen by: the estimate of the trained policy's win rate against its start."""


@dataclass
class Choice:
    """The best look so far, its weights in `folder`; the run is over after `patience` looks in a row without a higher figure.

    Equal figures are not higher, so of equal looks the first is kept. Of several processes one `writes`.
    """

    folder: Path
    patience: int
    writes: bool = True
    update: int = 0
    figure: float = -math.inf
    since: int = 0

    @property
    def over(self) -> bool:
        return self.since >= self.patience

    def seen(
        self, update: int, figures: Mapping[str, float], weights: Callable[[], Mapping[str, Tensor]]
    ) -> None:
        """Take note of a look."""
        figure = figures[FIGURE]
        if figure <= self.figure:
            self.since += 1
            return
        self.update, self.figure, self.since = update, figure, 0
        if not self.writes:
            return
        held = Checkpoint(weights(), {}, {"update": update, "made_for": {}})
        kept = checkpoints.save(self.folder, held, keep=2)
        for other in checkpoints.folders(self.folder):
            if other != kept:
                shutil.rmtree(other, ignore_errors=True)

    def weights(self) -> Mapping[str, Tensor] | None:
        """The best look's weights by name; None where there was no look. Raises Fatal where they are gone."""
        if not self.update:
            return None
        found = checkpoints.load(self.folder, {})
        if found is None or found.state["update"] != self.update:
            raise Fatal(
                f"{self.folder.name}: the weights of update {self.update} are gone; start again with another --out"
            )
        return found.weights

    def line(self, ended: int, total: int) -> str:
        """What a user is told at the end."""
        if not self.update:
            return "no look had a win rate; the last weights are kept"
        why = f"no higher win rate in {self.since} looks" if ended < total else "all updates are done"
        return f"ended after update {ended} of {total} ({why}); kept: update {self.update}, win rate {self.figure:.1f}"

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        return {"update": self.update, "figure": self.figure, "since": self.since} if self.update else {}

    def load(self, state: Mapping[str, Any]) -> None:
        """As of a checkpoint: later looks are taken again, to the same figures."""
        if state:
            self.update, self.figure = int(state["update"]), float(state["figure"])
            self.since = int(state["since"])


def chosen_by(plan: Plan, judge: str, suite: str) -> dict[str, str]:
    """What else a run is made for where looks choose what is kept."""
    if not plan.patience:
        return {}
    return {"plan": digest([plan.id, plan.evaluate_every, judge, suite])}
