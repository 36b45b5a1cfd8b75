"""What is true in a world: dated facts, the tools of occupations, illnesses and their findings; all drawn from its seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from winsome.sandbox.knobs import Knobs
from winsome.sandbox.lexicon import (
    CATEGORIES,
    CITIES,
    DUTIES,
    FINDINGS,
    ILLNESSES,
    JOBS,
    NAMES,
    YEARS,
)

RELATIONS = JOBS[:6]
"""Offices that cities fill; the occupations of the tree are all of JOBS."""


@dataclass(frozen=True)
class Fact:
    """`value` held `relation` in `entity` from the first year of `years` up to its last."""

    entity: str
    relation: str
    value: str
    years: range
    known: bool


@dataclass(frozen=True)
class Ground:
    """The truths of one world. `known` facts stand in its documents and demonstrations, the others only in its gold."""

    knobs: Knobs

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        rng = Random(f"facts/{self.knobs.seed}")
        found: list[Fact] = []
        for entity in CITIES:
            for relation in RELATIONS:
                known = rng.random() < self.knobs.known
                cuts = [
                    YEARS.start,
                    *sorted(rng.sample(range(1915, 1990), rng.choice((0, 1, 1, 2)))),
                    YEARS.stop,
                ]
                holders = rng.sample(NAMES, len(cuts) - 1)
                found += [
                    Fact(entity, relation, holder, range(start, stop), known)
                    for holder, start, stop in zip(holders, cuts, cuts[1:], strict=False)
                ]
        return tuple(found)

    @cached_property
    def by_place(self) -> Mapping[tuple[str, str], tuple[Fact, ...]]:
        found: dict[tuple[str, str], tuple[Fact, ...]] = {}
        for fact in self.facts:
            place = (fact.entity, fact.relation)
            found[place] = (*found.get(place, ()), fact)
        return found

    def holder(self, entity: str, relation: str, year: int) -> str:
        """Who held `relation` in `entity` in `year`."""
        return next(fact.value for fact in self.by_place[entity, relation] if year in fact.years)

    @cached_property
    def tools(self) -> Mapping[tuple[str, str], str]:
        """(occupation, duty) -> the tool it takes."""
        rng = Random(f"tools/{self.knobs.seed}")
        return {(job, duty): rng.choice(CATEGORIES["tools"]) for job in JOBS for duty in DUTIES}

    @cached_property
    def held_out(self) -> frozenset[str]:
        """Occupations that only test prompts ask about."""
        rng = Random(f"held out/{self.knobs.seed}")
        return frozenset(rng.sample(JOBS, round(self.knobs.held_out * len(JOBS))))

    @cached_property
    def prior(self) -> Mapping[str, float]:
        """The probability of each illness."""
        rng = Random(f"illnesses/{self.knobs.seed}")
        weights = {illness: rng.uniform(0.5, 2.0) for illness in ILLNESSES}
        return {illness: weight / sum(weights.values()) for illness, weight in weights.items()}

    @cached_property
    def likelihood(self) -> Mapping[tuple[str, str], float]:
        """(illness, finding) -> the probability that one with the illness has the finding; findings are independent."""
        rng = Random(f"findings/{self.knobs.seed}")
        return {
            (illness, finding): rng.choice((0.1, 0.3, 0.7, 0.9))
            for illness in ILLNESSES
            for finding in FINDINGS
        }

    def posterior(self, findings: Mapping[str, bool]) -> dict[str, float]:
        """The probability of each illness given which findings are present (True) or absent (False): exact Bayes."""
        logs = {
            illness: math.log(prior)
            + sum(
                math.log(
                    self.likelihood[illness, finding] if there else 1 - self.likelihood[illness, finding]
                )
                for finding, there in findings.items()
            )
            for illness, prior in self.prior.items()
        }
        most = max(logs.values())
        weights = {illness: math.exp(value - most) for illness, value in logs.items()}
        return {illness: weight / sum(weights.values()) for illness, weight in weights.items()}

    def topic(self, rng: Random, topics: Sequence[str] = tuple(CATEGORIES)) -> str:
        """One of `topics`, the earlier the likelier by Zipf's law with exponent `topic_skew`."""
        weights = [(place + 1.0) ** -self.knobs.topic_skew for place in range(len(topics))]
        return rng.choices(topics, weights)[0]
