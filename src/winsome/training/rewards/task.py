"""What the trainer steps for a reward model: the losses of units from the model's outputs, without references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.training.batch import Losses
from winsome.training.objective import Objective
from winsome.training.parallel import Ranks
from winsome.training.plan import Compute
from winsome.training.rewards.batch import RewardBatch
from winsome.training.task import Sums
from winsome.training.units import Units, placed

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class RewardTask:
    """Losses of units; nothing of it changes over a run."""

    units: Units
    objective: Objective
    ranks: Ranks
    compute: Compute = "own"
    row_tokens: int = 1024
    run_sums: Sums = field(default_factory=dict[str, Any])

    def sums_of_update(self, parts: Sequence[Sequence[int]], mine: int) -> Sums:
        """Objectives of reward models read no totals."""
        return {}

    def losses(self, rows: Sequence[int], step_sums: Sums, progress: float) -> Losses:
        """The losses of these units with gradient; BadInput where the objective reads a column that the data lack."""
        return self.judged(self.batch(rows, self.objective.needs.roles, step_sums, progress))

    def judged(self, batch: RewardBatch) -> Losses:
        try:
            return self.objective.losses(batch)
        except KeyError as error:
            raise BadInput(
                f"{self.objective.name} needs {error}, which the data do not have; add the column"
            ) from None

    def batch(
        self, rows: Sequence[int], roles: Sequence[str], step_sums: Sums, progress: float
    ) -> RewardBatch:
        """The units `rows` (in order) as a batch."""
        import torch

        device = self.ranks.accelerator.device
        sequences, places, _ = placed(self.units, rows, roles)
        (found,) = self.ranks.module(
            [self.units.sequences[i] for i in sequences], self.row_tokens, self.compute
        )
        columns = {
            name: torch.tensor(values[list(rows)], dtype=torch.float32, device=device)
            for name, values in self.units.columns.items()
        }
        held = {role: torch.tensor(place, device=device) for role, place in places.items()}
        return RewardBatch(found, held, columns, progress)

    def outputs(self, batch: RewardBatch) -> Tensor:
        return batch.scores

    def at_reference(self, rows: Sequence[int], step_sums: Sums) -> None:
        """A reward model has no reference."""
        return

    def state(self) -> dict[str, list[float]]:
        return {}

    def load(self, state: Mapping[str, Sequence[float]]) -> None:
        """Nothing is kept."""


def forward(network: Any) -> Any:
    """A module whose forward pass is `scores`; it gives a tuple, which is what wrappers look through."""
    import torch

    from winsome.models.scores import scores

    class Forward(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, sequences: Any, row_tokens: int, compute: Compute) -> tuple[Tensor]:
            return (scores(self.network, sequences, row_tokens=row_tokens, compute=compute),)

    return Forward()
