"""A reward model in transformers' sequence-classification form: one number a dialogue, higher is better."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput, Unsupported
from winsome.models.weights import identity, resolved_dtype
from winsome.records import Prompt, Response, Scores, digest
from winsome.scorers.classifier import Classifier

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

VERSION = 2


class RewardModel:
    """A Scorer over whole dialogues rendered with the model's own chat template."""

    partial = False

    def __init__(
        self,
        weights: str,
        *,
        rows: int,
        dtype: Literal["float32", "bfloat16"],
        output_weights: tuple[float, ...],
        attribute: str,
        normalise: bool,
        name: str,
    ) -> None:
        self.name = name
        self.weights = (weights,)
        self._classifier = Classifier("reward_model", weights, rows=rows, dtype=dtype)
        self._weights, self._attribute, self._normalise = output_weights, attribute, normalise
        given = [list(output_weights), attribute, normalise]
        self.id = digest([VERSION, identity(weights), dtype, *(given if any(given) else ())])

    @property
    def note(self) -> str:
        """A warning where held-out pairs did not show that the model beats the longer answer; else empty."""
        found = self._classifier.record().get("held_out") or {}
        interval = found.get("above_longer_interval")
        return "reward model not better than length" if interval and interval[0] <= 0 else ""

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """The model's rating of each answer; NaN with a reason for a failed answer and for one over the context.

        Raises Unsupported where the model has no chat template or its outputs do not say how they add up, BadInput where it
        rates everything alike.
        """
        return await asyncio.to_thread(self._scores, prompts, responses)

    def _scores(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        import numpy as np

        weights = self._shares()
        found, reasons = self._classifier.outputs(prompts, responses)
        values = found @ weights if len(weights) > 1 else found[:, 0] * weights[0]
        if self._normalise:
            mean, spread = self._moments()
            values = (values - mean) / spread
        return Scores(tuple(np.asarray(values, float).tolist()), reasons)

    def _shares(self) -> NDArray[float64]:
        """How the outputs add up, [k]: what the name says, what training kept, or the only one."""
        import numpy as np

        model = self._classifier
        count = int(model.model.network.config.num_labels)
        held = model.settings()
        if held.get("kind") == "general_preference":
            raise Unsupported(
                f"{model.shown}: compares two answers and rates none; use it as a judge: preference_model:{self.weights[0]}"
            )
        names = list(held.get("attributes", ()))
        if self._attribute:
            if self._attribute not in names:
                known = ", ".join(names) or "none are named"
                raise BadInput(f'{model.shown}: no attribute "{self._attribute}" (known: {known[:80]})')
            return np.array([float(name == self._attribute) for name in names])
        given = self._weights or tuple(held.get("weights") or (1.0,) * len(names)) or (1.0,) * (count == 1)
        if not given:
            raise Unsupported(
                f"{model.shown}: has {count} outputs, a reward model has 1; say how they add up with output_weights=[..]"
            )
        if len(given) != count:
            raise BadInput(
                f"{model.shown}: has {count} outputs, output_weights has {len(given)} numbers; give one each"
            )
        # Weights that a name gives are taken as they are, as published ones are; those of training are shares.
        return np.array(given) if self._weights else np.array(given) / sum(given)

    def _moments(self) -> tuple[float, float]:
        """Mean and spread of the ratings on held-out answers."""
        found = self._classifier.record().get("held_out") or {}
        if found.get("mean") is None or not found.get("spread"):
            raise BadInput(
                f"{self._classifier.shown}: keeps no mean and spread of its ratings; leave out normalise"
            )
        if self._weights or self._attribute:
            raise BadInput(
                f"{self._classifier.shown}: mean and spread are those of its own weights; leave out normalise"
            )
        return float(found["mean"]), float(found["spread"])


def reward_model(
    address: str,
    *,
    rows: int = 16,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    output_weights: tuple[float, ...] = (),
    attribute: str = "",
    normalise: bool = False,
    name: str = "",
) -> RewardModel:
    """A transformers folder or hub name with one output, or with one an attribute; `rows` dialogues are scored at a time.

    output_weights: what each output counts (default those of training, else the only output). attribute: one of them alone.
    normalise: less the mean and over the spread of held-out ratings, where training kept them.
    """
    if not address:
        raise BadInput("reward_model: names no model; write reward_model:NAME_OR_PATH")
    return RewardModel(
        address, rows=rows, dtype=resolved_dtype(dtype), output_weights=output_weights, attribute=attribute, normalise=normalise,
        name=name or f"reward_model:{address}",
    )  # fmt: skip
