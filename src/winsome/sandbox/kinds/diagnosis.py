"""Name the likeliest illness from findings that are present or absent."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import FINDINGS, ILLNESSES, NAMES
from winsome.sandbox.targets import Likeliest

_FINDING = f"(?:no )?{choice(FINDINGS)}"
GRAMMAR = Grammar(
    ("{name} has {findings}. which illness is it?", "the findings of {name}: {findings}. name the illness."),
    {"name": choice(NAMES), "findings": f"{_FINDING}(?: , {_FINDING})*"},
)


def case(rng: Random, ground: Ground) -> tuple[str, dict[str, bool]]:
    """A patient: the illness, and every finding as it is."""
    illness = rng.choices(ILLNESSES, [ground.prior[name] for name in ILLNESSES])[0]
    return illness, {finding: rng.random() < ground.likelihood[illness, finding] for finding in FINDINGS}


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    _, findings = case(rng, ground)
    asked = rng.sample(FINDINGS, rng.randint(1, ground.knobs.findings))
    told = ", ".join(finding if findings[finding] else f"no {finding}" for finding in asked)
    return None, {"name": rng.choice(NAMES), "findings": told}


def target(slots: Slots, ground: Ground) -> Likeliest:
    told = [part.strip() for part in slots["findings"].split(",")]
    return Likeliest(
        ground.posterior({part.removeprefix("no "): not part.startswith("no ") for part in told})
    )


KIND = Kind("diagnosis", GRAMMAR, draw, target, lambda slots: f"{slots['findings'].count(',') + 1} findings")
