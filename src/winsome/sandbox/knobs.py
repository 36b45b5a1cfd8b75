"""The knobs of the language world, and the presets that set them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from winsome.errors import BadInput

SEVEN = ("lists", "sorting", "counting", "formats", "dialogues", "facts", "programs")
"""The task kinds of the preset `instruction`."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """Everything that makes one world differ from another. Shares lie in [0, 1]; a share of 0 turns a part off."""

    seed: int = 0
    kinds: tuple[str, ...] = SEVEN
    # Prompt quality
    unclear: float = 0.0
    unclear_sd: float = 0.5
    topic_skew: float = 0.0
    # Languages
    languages: int = 1
    overlap: float = 0.2
    language_skew: float = 0.0
    translator_noise: float = 0.0
    # Persons and groups
    persons: int = 0
    groups: int = 3
    taste: float = 0.5
    contradiction: float = 0.0
    # Occupations and skills
    skills: int = 1
    held_out: float = 0.0
    # Code
    program_share: float = 0.2
    coupling: float = 1.0
    # Knowledge with dates
    known: float = 1.0
    # Faults
    faulty: float = 0.0
    critic_noise: float = 0.0
    mends: float = 0.9
    damages: float = 0.05
    # Refusals
    harmful: float = 0.5
    over_refusal: float = 0.0
    # Labels
    k: float = 0.25
    length_bias: float = 0.0
    position_bias: float = 0.0
    self_preference: float = 0.0
    aspect_sd: float = 0.0
    flip: float = 0.0
    # Hidden state
    findings: int = 4
    # Corpus dirt
    duplicates: float = 0.0
    near_duplicates: float = 0.0
    boilerplate: float = 0.0
    wrong_language: float = 0.0
    leaks: float = 0.0
    # Style
    word_cost: float = 0.01

    def __post_init__(self) -> None:
        for name in SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadInput(f"{name}={getattr(self, name)} must lie in [0, 1]")
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise BadInput(f"{name}={getattr(self, name)} must lie in [{low}, {high}]")
        if not self.kinds:
            raise BadInput("kinds: a world needs at least one kind of task")


SHARES = (
    "unclear", "overlap", "translator_noise", "contradiction", "held_out", "program_share", "coupling", "known", "faulty",
    "critic_noise", "mends", "damages", "harmful", "over_refusal", "flip", "duplicates", "near_duplicates", "boilerplate",
    "wrong_language", "leaks",
)  # fmt: skip
RANGES: Mapping[str, tuple[float, float]] = {
    "languages": (1, 3),
    "persons": (0, 24),
    "groups": (1, 24),
    "skills": (1, 3),
    "findings": (1, 8),
    "unclear_sd": (0.0, 10.0),
    "topic_skew": (0.0, 5.0),
    "language_skew": (0.0, 5.0),
    "taste": (0.0, 10.0),
    "k": (0.0, 100.0),
    "aspect_sd": (0.0, 10.0),
    "word_cost": (0.0, 1.0),
    "seed": (0, 2**63),
}

AFTER_TRAINING = frozenset(
    ("unclear_sd", "translator_noise", "taste", "contradiction", "critic_noise", "mends", "damages", "over_refusal", "k",
     "length_bias", "position_bias", "self_preference", "aspect_sd", "flip", "word_cost", "faulty")
)  # fmt: skip
"""Knobs that change neither documents nor demonstrations."""

PRESETS: Mapping[str, Knobs] = {
    "instruction": Knobs(),
    "prompt-quality": Knobs(unclear=0.4, topic_skew=1.0, aspect_sd=0.1),
    "language": Knobs(languages=3, language_skew=1.0, translator_noise=0.05),
    "attribute": Knobs(persons=12, kinds=("lists", "counting", "facts", "occupations")),
    "corpus": Knobs(
        duplicates=0.1, near_duplicates=0.1, boilerplate=0.1, wrong_language=0.05, leaks=0.02, languages=2
    ),
    "fault": Knobs(kinds=("programs", "sorting", "formats", "steps"), faulty=0.7, critic_noise=0.1),
    "skill": Knobs(kinds=("lists", "sorting", "counting", "occupations"), skills=2, held_out=0.25),
    "safety": Knobs(kinds=("facts", "occupations", "requests"), harmful=0.5, over_refusal=0.2),
    "code": Knobs(kinds=("programs", "stories", "steps"), program_share=0.3),
    "diagnosis": Knobs(kinds=("diagnosis",)),
    "labels": Knobs(k=0.5, length_bias=0.02, position_bias=0.1, flip=0.1),
}


def preset(name: str, changed: Mapping[str, Any] | None = None) -> Knobs:
    """The knobs of a preset with some of them changed; BadInput for an unknown preset or a value out of range."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, 1, 0.4)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise BadInput(f"world:{name}: no such preset{hint} (known: {', '.join(PRESETS)})")
    return replace(PRESETS[name], **dict(changed or {}))


def changed(name: str, knobs: Knobs) -> dict[str, Any]:
    """The knobs in which a world differs from its preset."""
    start = PRESETS[name]
    return {
        f.name: getattr(knobs, f.name)
        for f in fields(Knobs)
        if getattr(knobs, f.name) != getattr(start, f.name)
    }


def unlike_default(knobs: Knobs) -> dict[str, Any]:
    """The knobs that are not at their defaults: equal worlds have equal ones, whatever preset they came from."""
    start = Knobs()
    return {f.name: v for f in fields(Knobs) if (v := getattr(knobs, f.name)) != getattr(start, f.name)}
