"""Keys that hold keys: the nested parts of a step's settings, as frozen dataclasses whose fields are the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Column = str
"""A setting annotated so names a column of the frames that reach the step."""

Frame = str
"""A setting annotated so names one of the frames."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How answers are drawn; what is not given is the contender's own. `greedy` is temperature 0."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    greedy: bool = False


@dataclass(frozen=True, kw_only=True)
class HoldOut:
    """Rows that are kept from a method: those whose column `by` has one of `values`."""

    by: Column
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """Answers drawn from a sum of log-probabilities of two conditions, the second weighted by `weight`."""

    of: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Examples shown with each request: `n` of the rows that reach the step."""

    n: int = 8


@dataclass(frozen=True, kw_only=True)
class Dedup:
    """When two texts count as one: of the same words, or from this ROUGE-L on."""

    method: Literal["exact", "rouge_l"] = "rouge_l"
    threshold: float = 0.7


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A low-rank adapter instead of all weights."""

    r: int = 16
    alpha: float = 32.0
    per_source: bool = False


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """By what the checkpoint that is kept is chosen."""

    by: Literal["loss", "heldout_winrate", "judge"] = "loss"


@dataclass(frozen=True, kw_only=True)
class Search:
    """Weights of a merge tried over a simplex and chosen on a suite."""

    over: Literal["simplex"] = "simplex"
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Mixture weights fitted by small proxy trainings."""

    method: Literal["regmix"] = "regmix"
    proxies: int = 16
    target: str = ""


BLOCKS = {
    block.__name__: block
    for block in (Drawing, HoldOut, Arithmetic, Examples, Dedup, Adapter, Checkpoint, Search, Fit)
}
"""Annotation -> the block that it names."""
