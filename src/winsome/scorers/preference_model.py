"""A general preference model as a judge: the chance that one answer is preferred, from a skew-symmetric form of two vectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.models.weights import identity, resolved_dtype
from winsome.records import Match, Prompt, Response, Verdict, digest, shares
from winsome.scorers.classifier import Classifier

VERSION = 1


class PreferenceModel:
    """A Judge of two sides; neither is seen beside the other, so swapped sides have mirrored chances exactly."""

    sides = range(2, 3)
    ordered = False

    def __init__(self, weights: str, *, rows: int, dtype: Literal["float32", "bfloat16"], name: str) -> None:
        self.name = name
        self.label = f"preference model {weights}"
        self.weights = (weights,)
        self._classifier = Classifier("preference_model", weights, rows=rows, dtype=dtype)
        self.id = digest([VERSION, identity(weights), dtype])
        self._temperature = self._classifier.settings().get("temperature")
        if self._temperature is None:
            raise BadInput(
                f"preference_model:{weights}: is no general preference model of winsome train reward; use reward_model:"
            )

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; void, with a reason, where a side could not be read."""
        pairs: dict[tuple[str, str], tuple[int, Prompt, Response]] = {}
        for match in matches:
            for side in match.sides:
                key = (match.prompt.id, side.response.content)
                pairs.setdefault(key, (len(pairs), match.prompt, side.response))
        found, reasons = await asyncio.to_thread(
            self._classifier.outputs, [p for _, p, _ in pairs.values()], [r for _, _, r in pairs.values()]
        )
        for match in matches:
            places = [pairs[match.prompt.id, side.response.content][0] for side in match.sides]
            bad = next((place for place in places if place in reasons), None)
            if bad is not None:
                yield Verdict(match.id, self.name, self.id, "void", reason=f"failed: {reasons[bad]}")
                continue
            first, second = (found[place] for place in places)
            outcome, split = shares(chance(first, second, float(self._temperature)))
            yield Verdict(match.id, self.name, self.id, outcome, split, reason=f"P = {split[0]:.4f}")


def chance(first: Any, second: Any, temperature: float) -> float:
    """P(first is preferred) of two output vectors [dim]: sigmoid(sum_i (a_i b'_i - b_i a'_i) / temperature), each of length 1."""
    import numpy as np

    if np.array_equal(first, second):
        return 0.5
    a, b = first / np.linalg.norm(first), second / np.linalg.norm(second)
    form = float((a[::2] * b[1::2]).sum() - (a[1::2] * b[::2]).sum())
    return float(1.0 / (1.0 + np.exp(-form / temperature)))


def preference_model(
    address: str, *, rows: int = 16, dtype: Literal["auto", "float32", "bfloat16"] = "auto", name: str = ""
) -> PreferenceModel:
    """The folder of a general preference model that `winsome train reward` made; `rows` dialogues go through at a time."""
    if not address:
        raise BadInput("preference_model: names no model; write preference_model:PATH")
    return PreferenceModel(
        address, rows=rows, dtype=resolved_dtype(dtype), name=name or f"preference_model:{address}"
    )
