"""Ratings of one or several attributes as they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.training.batch import Losses, Needs
from winsome.training.rewards.batch import RewardBatch, outputs
from winsome.training.terms import ones

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

NEEDS = Needs(roles=("response",), references=(), columns=("score",))


def size(settings: Mapping[str, Any]) -> int:
    """Outputs of the model: one an attribute."""
    return len(settings["attributes"])


def needs(settings: Mapping[str, Any]) -> Needs:
    """The columns that hold the attributes."""
    return Needs(roles=("response",), references=(), columns=tuple(settings["attributes"]))


def regression(
    batch: RewardBatch,
    *,
    attributes: tuple[str, ...] = ("score",),
    attribute_weights: tuple[float, ...] = (),
    weighted: bool = False,
) -> Losses:
    """Regression: sum_a w_a (s_a - y_a)^2, over the attributes a of an answer.

    s has one output an attribute, y_a is the column of that name (`score`: that of rated lists). `attribute_weights` w are
    divided by their sum; without them all are alike, which is the mean squared error.
    @ref: depends on the targets.
    Minimiser: the conditional mean of each attribute.
    Source: Wang, Dong et al. 2024 (HelpSteer2); Wang, Xiong et al. 2024 (ArmoRM).
    """
    import torch

    found = outputs(batch, "response")
    weights = shares(attributes, attribute_weights)
    targets = torch.stack([batch.columns[name] for name in attributes], 1).to(found.dtype)
    squares = (found - targets) ** 2
    values = squares @ torch.tensor(weights, dtype=found.dtype, device=found.device)
    if weighted:
        values = values * batch.columns["weight"]
    held = found.detach()
    return Losses(
        values,
        ones(values),
        {
            "squared_error": (squares.detach().sum(), ones(held).sum()),
            "mean_score": (held.sum(), ones(held).sum()),
        },
    )


def shares(attributes: tuple[str, ...], weights: tuple[float, ...]) -> tuple[float, ...]:
    """The weight of each attribute, of sum 1; BadInput where there is not one non-negative weight an attribute."""
    if not attributes or len(set(attributes)) != len(attributes):
        raise BadInput("attributes: name each column once, as attributes=[helpfulness,correctness]")
    given = weights or tuple(1.0 for _ in attributes)
    if len(given) != len(attributes) or min(given) < 0.0 or not sum(given) > 0.0:
        raise BadInput(
            f"attribute_weights: {len(given)} numbers for {len(attributes)} attributes; give one from 0 each, one above 0"
        )
    return tuple(weight / sum(given) for weight in given)
