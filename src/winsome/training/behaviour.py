"""The reference that drew the data: log-probabilities that stand with the answers, or the policies that the data name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.models.logprobs import Logprobs
from winsome.training.batch import Needs
from winsome.training.examples import LOGPROB, Examples
from winsome.training.objective import Objective
from winsome.training.references import Stored
from winsome.training.tokens import Tokenised
from winsome.training.units import Units

if TYPE_CHECKING:
    from numpy import float32, int64
    from numpy.typing import NDArray

BEHAVIOUR = "behaviour"
"""The name of this reference."""
Source = Literal["none", "model", "logprobs", "policies"]
"""Where it comes from: it is not read; one model drew everything; the data hold log-probabilities; the data name who said what."""


@dataclass(frozen=True)
class Told:
    """Sums [m] in nats that came with the data; counts [m] of the answers' tokens here. Single tokens are not known."""

    sums: NDArray[float32]
    counts: NDArray[int64]

    def of(self, sequences: Sequence[int], device: str = "cpu") -> Logprobs:
        """The log-probabilities of the numbered sequences."""
        import numpy as np
        import torch

        chosen = np.asarray(sequences)
        return Logprobs(
            torch.as_tensor(self.sums[chosen], device=device),
            torch.as_tensor(self.counts[chosen], device=device),
        )


def source(examples: Examples, objective: Objective, model: str) -> Source:
    """Where the behaviour policy's log-probabilities of these examples come from.

    Raises BadInput where neither a model is named nor the data say, and where the objective reads more than they hold.
    """
    if BEHAVIOUR not in objective.needs.references:
        return "none"
    if model:
        return "model"
    rows, needs = examples.rows, objective.needs
    if all(f"{role}{LOGPROB}" in row.numbers for row in rows for role in needs.roles):
        _check_sums(objective.name, needs)
        return "logprobs"
    if all(side.policy for row in rows for side in row.sides):
        return "policies"
    raise BadInput(
        f"{examples.source}: {objective.name} reads who drew the answers; add {needs.roles[0]}{LOGPROB} to every row, or name --behaviour-model"
    )


def _check_sums(name: str, needs: Needs) -> None:
    more = (
        "single tokens" if needs.tokens else "prompts" if needs.prompts else "mismatched answers" if needs.step_roles else ""
    )  # fmt: skip
    if more:
        raise BadInput(
            f"{name} reads log-probabilities of {more}, the data hold the answers' own sums; name --behaviour-model"
        )


def told(data: Tokenised, held: Units, objective: Objective) -> Told:
    """The data's own log-probabilities by sequence. Raises BadInput for a sum above 0, and where answers were cut."""
    import numpy as np

    cut = data.counts["prompts cut"] + data.counts["answers cut"]
    if cut:
        raise BadInput(
            f"{data.source}: {cut} rows were cut, so their log-probabilities are of other tokens; use --too-long drop"
        )
    counts = np.diff(held.sequences.answer_starts)
    if held.counted is not None:
        counts = np.add.reduceat(held.counted.astype(np.int64), held.sequences.answer_starts[:-1])
    sums = np.zeros(len(held.sequences), np.float32)
    for role in objective.needs.roles:
        values = held.columns[f"{role}{LOGPROB}"]
        if (values > 0).any():
            row = int(np.argmax(values > 0))
            raise BadInput(
                f"{data.source}: {held.ids[row]}: {role}{LOGPROB} is {values[row]:.4g}; a log-probability in nats is at most 0"
            )
        sums[held.rows[role]] = values
    return Told(sums, counts)


def joined(parts: Sequence[tuple[Sequence[int], Stored]], m: int) -> Stored:
    """What several models gave for the sequences that each said, as one for all `m`."""
    import numpy as np

    spans: list[NDArray[float32]] = [np.zeros(0, np.float32)] * m
    sums, counts = np.zeros(m, np.float32), np.zeros(m, np.int64)
    for numbers, held in parts:
        for at, i in enumerate(numbers):
            spans[i] = held.tokens[held.starts[at] : held.starts[at + 1]]
        if held.prompt_sums is not None and held.prompt_counts is not None:
            sums[np.asarray(numbers)], counts[np.asarray(numbers)] = held.prompt_sums, held.prompt_counts
    starts = np.cumsum([0, *map(len, spans)])
    asked = all(held.prompt_sums is not None for _, held in parts)
    return Stored(np.concatenate(spans), starts, sums if asked else None, counts if asked else None)
