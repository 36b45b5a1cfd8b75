"""What an objective is given and what it gives back: log-probabilities by role, and one loss a unit with its count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from winsome.models.logprobs import Logprobs

Sums = Mapping[str, "tuple[Tensor, Tensor]"]
"""Name -> (sum, count), 0-dimensional: they add up over micro-batches and ranks, and their quotient is the figure."""


@dataclass(frozen=True)
class Needs:
    """What an objective reads; whoever makes batches refuses before the first update where a field is absent.

    `roles` are the sequences of a unit, with gradient: ("chosen", "rejected"), ("response",). `step_roles` are those that
    `step_sums` reads in a pass over the whole update without gradient ("mismatched": the answer to another prompt).
    `groups`: the rows of "response" belong to groups, and a group is the unit. `tokens`, `prompts`: see `Want`.
    """

    roles: tuple[str, ...] = ("chosen", "rejected")
    step_roles: tuple[str, ...] = ()
    references: tuple[str, ...] = ("reference",)
    columns: tuple[str, ...] = ()
    groups: bool = False
    tokens: bool = False
    prompts: bool = False


@dataclass(frozen=True)
class Batch:
    """Part of an update: `m` sequences and `n` units made of them.

    `policy` carries gradient, `references` none; both are over the same flat sequences [m]. `rows` holds for each role the
    sequence of each unit [n]; with `groups` it holds one role "response" with a row for every response, and `groups` the
    number of each row's unit, 0 to n-1, rows of a unit in order. `columns` are figures of each unit [n] (of each row, with
    groups): weight, margin, label (1 desirable, 0 not), score, chosen_probability ..
    `step_sums` are totals over this whole update, `run_sums` over all updates so far, this one included; both come from the
    objective's own `step_sums`, and are empty where it has none. `progress` is the share of updates that are done, in [0, 1).
    `tokens` are figures of each answer token, flat like `policy.tokens` (advantage, return, value); `values` is what a critic
    says of them now, with gradient.
    """

    policy: Logprobs
    rows: Mapping[str, Tensor]
    references: Mapping[str, Logprobs] = field(default_factory=dict[str, Any])
    columns: Mapping[str, Tensor] = field(default_factory=dict[str, Any])
    groups: Tensor | None = None
    step_sums: Sums = field(default_factory=dict[str, Any])
    run_sums: Sums = field(default_factory=dict[str, Any])
    progress: float = 0.0
    tokens: Mapping[str, Tensor] = field(default_factory=dict[str, Any])
    values: Tensor | None = None


@dataclass(frozen=True)
class Losses:
    """`values` [n] in nats where the objective is a log-likelihood; `counts` [n]; `metrics` without gradient.

    The loss of an update is the total of values over the total of counts, over all micro-batches and ranks, divided once:
    so it never depends on how the update was split.
    """

    values: Tensor
    counts: Tensor
    metrics: Sums
