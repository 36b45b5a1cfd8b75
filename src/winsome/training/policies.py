"""The fixed policies that ratios are taken against: which they are, and their log-probabilities of a run's sequences."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.models.weights import LocalModel
from winsome.protocols import Run
from winsome.training import behaviour
from winsome.training import start as starts
from winsome.training.behaviour import BEHAVIOUR
from winsome.training.objective import Objective
from winsome.training.parallel import Ranks
from winsome.training.plan import Compute
from winsome.training.references import Reference, Stored, stored
from winsome.training.start import Start
from winsome.training.tokens import Tokenised, vocabulary_digest

if TYPE_CHECKING:
    from winsome.models.logprobs import Sequences
    from winsome.training.units import Units

TOLD = 10.0
"""Seconds between lines that say how far a reference is."""


@dataclass(frozen=True)
class Policies:
    """`fixed`: by the reference's name; `authors`: by the names that the data give to whom answers are of.

    `drawn`: where the behaviour policy's log-probabilities come from.
    """

    fixed: Mapping[str, Start]
    authors: Mapping[str, Start]
    drawn: behaviour.Source

    @property
    def ids(self) -> dict[str, str]:
        """Digest of every policy's weights, by what it is here."""
        held = {name: start.id for name, start in self.fixed.items()}
        return held | {f"author {name}": start.id for name, start in self.authors.items()}

    def are(self, origin: Start) -> bool:
        """Whether all there is to compare with is the start itself."""
        known = set(self.ids.values())
        return self.drawn != "logprobs" and known == {origin.id}


def policies(
    given: Mapping[str, str], drawn: behaviour.Source, data: Tokenised, objective: Objective, run: Run
) -> Policies:
    """The policies that an objective reads, of those `given` by name. Raises BadInput where it reads one that is not named."""
    fixed: dict[str, Start] = {}
    for name in objective.needs.references:
        if name == BEHAVIOUR and drawn != "model":
            continue
        if not given.get(name):
            raise BadInput(
                f"{objective.name} reads the {name} policy; name it with --{name}-model (a contender with weights here)"
            )
        fixed[name] = starts.found(given[name], run)
    authors = {name: starts.found(name, run) for name in sorted(set(data.policies or ()))}
    return Policies(fixed, authors, drawn)


def references(
    held: Policies, units: Units, data: Tokenised, objective: Objective, origin: Start, model: LocalModel,
    ranks: Ranks, compute: Compute, row_tokens: int, say: Callable[[str], None],
) -> dict[str, Reference]:  # fmt: skip
    """Log-probabilities of all of a run's sequences under each policy; kept ones are read, the others computed now."""

    def computed(other: Start, sequences: Sequences) -> Stored:
        with ranks.accelerator.main_process_first():
            return stored(
                _network(other, origin, model), other.id, sequences, prompts=objective.needs.prompts,
                row_tokens=row_tokens, compute=compute, progress=_progress(other.name, say),
            )  # fmt: skip

    found: dict[str, Reference] = {
        name: computed(start, units.sequences) for name, start in held.fixed.items()
    }
    if held.drawn == "logprobs":
        found[BEHAVIOUR] = behaviour.told(data, units, objective)
    elif held.drawn == "policies":
        assert units.policies is not None
        said = {
            name: [i for i, policy in enumerate(units.policies) if policy == name] for name in held.authors
        }
        parts = [
            (numbers, computed(held.authors[name], [units.sequences[i] for i in numbers]))
            for name, numbers in said.items()
        ]
        found[BEHAVIOUR] = behaviour.joined(parts, len(units.sequences))
    return found


def _network(other: Start, origin: Start, model: LocalModel) -> object:
    """A policy's weights; the start's own are loaded already."""
    if other.id == origin.id:
        return model.network
    second = starts.load(other)
    if vocabulary_digest(second) != vocabulary_digest(model):
        raise BadInput(
            f"{other.name} and {origin.name} have different vocabularies; take a reference of the start's own family"
        )
    return second.network


def _progress(name: str, say: Callable[[str], None]) -> Callable[[int, int], None]:
    told = time.perf_counter()

    def progress(done: int, of: int) -> None:
        nonlocal told
        if time.perf_counter() - told > TOLD or (done == of and of > 5000):
            told = time.perf_counter()
            say(f"reference {name}: {done}/{of} answers")

    return progress
