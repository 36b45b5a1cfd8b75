"""What the trainer steps: the losses of some units of text under an objective, with stored references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from winsome.errors import BadInput
from winsome.models.logprobs import Logprobs, Want
from winsome.training.batch import Batch, Losses
from winsome.training.objective import Objective
from winsome.training.parallel import Ranks
from winsome.training.plan import Compute
from winsome.training.references import Reference, Stored
from winsome.training.turns import only_counted
from winsome.training.units import Units, placed

if TYPE_CHECKING:
    from torch import Tensor

    from winsome.models.logprobs import Sequences

Sums = dict[str, "tuple[Tensor, Tensor]"]


class Task(Protocol):
    """What the trainer steps: units, the losses of some of them, and what of it a checkpoint must hold.

    `run_sums` is the objective's memory over the run.
    """

    units: Units
    objective: Objective
    compute: Compute
    run_sums: Sums

    def sums_of_update(self, parts: Sequence[Sequence[int]], mine: int) -> Sums: ...
    def losses(self, rows: Sequence[int], step_sums: Sums, progress: float) -> Losses: ...
    def batch(self, rows: Sequence[int], roles: Sequence[str], step_sums: Sums, progress: float) -> Any: ...
    def judged(self, batch: Any) -> Losses: ...
    def outputs(self, batch: Any) -> Tensor: ...
    def at_reference(self, rows: Sequence[int], step_sums: Sums) -> tuple[Losses, Batch] | None: ...
    def state(self) -> dict[str, list[float]]: ...
    def load(self, state: Mapping[str, Sequence[float]]) -> None: ...


@dataclass
class TextTask:
    """Losses of units. `run_sums` is the objective's memory over the run and belongs to a checkpoint."""

    units: Units
    objective: Objective
    references: Mapping[str, Reference]
    ranks: Ranks
    compute: Compute = "own"
    row_tokens: int = 1024
    run_sums: Sums = field(default_factory=dict[str, Any])
    tokens: Mapping[str, Stored] = field(default_factory=dict[str, Stored])
    critic: Callable[[Sequences], Tensor] | None = None

    @property
    def want(self) -> Want:
        needs = self.objective.needs
        return Want(tokens=needs.tokens or self.units.counted is not None, prompts=needs.prompts)

    def sums_of_update(self, parts: Sequence[Sequence[int]], mine: int) -> Sums:
        """The objective's totals over an update: no gradient, every rank's `mine` first parts count, the rest fill up."""
        import torch

        step = self.objective.step_sums
        if step is None:
            return {}
        roles = self.objective.needs.step_roles or self.objective.needs.roles
        total: Sums = {}
        with torch.no_grad():
            for number, rows in enumerate(parts):
                found = step(self.batch(rows, roles, {}, 0.0))
                for name, (value, count) in found.items():
                    factor = float(number < mine)
                    a, b = total.get(name, (torch.zeros_like(value), torch.zeros_like(count)))
                    total[name] = (a + factor * value, b + factor * count)
        total = {n: (self.ranks.total(v), self.ranks.total(c)) for n, (v, c) in sorted(total.items())}
        for name, (value, count) in total.items():
            a, b = self.run_sums.get(name, (torch.zeros_like(value), torch.zeros_like(count)))
            self.run_sums[name] = (a + value, b + count)
        return total

    def losses(self, rows: Sequence[int], step_sums: Sums, progress: float) -> Losses:
        """The losses of these units with gradient; BadInput where the objective reads a column that the data lack."""
        return self.judged(self.batch(rows, self.objective.needs.roles, step_sums, progress))

    def judged(self, batch: Batch) -> Losses:
        try:
            return self.objective.losses(batch)
        except KeyError as error:
            raise BadInput(
                f"{self.objective.name} needs {error}, which the data do not have; add the column"
            ) from None

    def batch(self, rows: Sequence[int], roles: Sequence[str], step_sums: Sums, progress: float) -> Batch:
        """The units `rows` (in order) as a batch: sequences of equal prompts lie together."""
        import torch

        units, device = self.units, self.ranks.accelerator.device
        sequences, places, groups = placed(units, rows, roles)
        policy = self.ranks.forward(
            [units.sequences[i] for i in sequences], self.want, self.row_tokens, self.compute
        )
        references = {name: held.of(sequences, str(device)) for name, held in self.references.items()}
        counts = units.counts(sequences)
        if counts is not None:
            mask = torch.as_tensor(counts, device=device)
            policy = only_counted(policy, mask)
            references = {
                name: held if held.tokens is None else only_counted(held, mask)
                for name, held in references.items()
            }
        chosen = sequences if groups is not None else list(rows)
        columns = {
            name: torch.tensor(values[chosen], dtype=torch.float32, device=device)
            for name, values in units.columns.items()
        }
        return Batch(
            policy,
            {role: torch.tensor(place, device=device) for role, place in places.items()},
            references,
            columns,
            None if groups is None else torch.tensor(groups, device=device),
            step_sums,
            self.run_sums,
            progress,
            {name: _single(held.of(sequences, str(device))) for name, held in self.tokens.items()},
            None if self.critic is None else self.critic([units.sequences[i] for i in sequences]),
        )

    def outputs(self, batch: Batch) -> Tensor:
        """What two passes over one batch must agree in: one value a sequence."""
        return batch.policy.sums

    def at_reference(self, rows: Sequence[int], step_sums: Sums) -> tuple[Losses, Batch] | None:
        """The losses of units if the policy were the first reference, with the batch as it is; None without references."""
        from dataclasses import replace

        import torch

        if not self.references:
            return None
        with torch.no_grad():
            batch = self.batch(rows, self.objective.needs.roles, step_sums, 0.0)
            held = next(iter(batch.references.values()))
            return self.judged(replace(batch, policy=_like(held, batch.policy))), batch

    def state(self) -> dict[str, list[float]]:
        """What a checkpoint must hold of the task."""
        return {name: [float(value), float(count)] for name, (value, count) in self.run_sums.items()}

    def load(self, state: Mapping[str, Sequence[float]]) -> None:
        import torch

        device = self.ranks.accelerator.device
        self.run_sums = {
            name: (torch.tensor(value, device=device), torch.tensor(count, device=device))
            for name, (value, count) in state.items()
        }


def _single(held: Logprobs) -> Tensor:
    """The values of single tokens, which what is stored always has."""
    assert held.tokens is not None
    return held.tokens


def _like(held: Logprobs, policy: Logprobs) -> Logprobs:
    """The reference's values where the policy has some, of its type."""

    def typed(value: Any, other: Any) -> Any:
        return None if other is None or value is None else value.to(other.dtype)

    names = ("sums", "counts", "tokens", "prompt_sums", "prompt_counts")
    return Logprobs(*(typed(getattr(held, name), getattr(policy, name)) for name in names))
