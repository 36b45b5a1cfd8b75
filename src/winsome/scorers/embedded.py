"""The scorers that ship: `embedded:judge`, fitted on preferences, and `embedded:likelihood`, which shares none of its features."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.models.fetch import folder, weights_digest
from winsome.models.weights import resolved_dtype
from winsome.records import Prompt, Response, Scores, digest
from winsome.scorers.judge_features import ANSWER, ENCODER, FEATURES, MODEL, PROMPT, FeatureReader
from winsome.scorers.likelihood import LikelihoodScorer

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

VERSION = 1
WEIGHTS = "embedded_judge.json"


@dataclass(frozen=True, eq=False)
class JudgeWeights:
    """Two linear scores in log-odds, and a gate on the prompt that mixes them; `about` is what the fit says of itself.

    careful, general: [answer columns], fitted on conversations that ask for harm and on ordinary instructions.
    gate: [prompt columns + 1], the constant last; its sigmoid is the share of `careful`.
    """

    careful: NDArray[float64]
    general: NDArray[float64]
    gate: NDArray[float64]
    centre: NDArray[float64]
    about: dict[str, Any]
    digest: str


class EmbeddedJudge:
    """A Scorer in log-odds: of two answers to one prompt, a is better with probability sigmoid(score a - score b).

    Swapping the answers therefore mirrors the probability exactly.
    """

    partial = False

    def __init__(self, *, dtype: Literal["float32", "bfloat16"], name: str) -> None:
        self.name = name
        self.label = f"embedded:judge@{VERSION}"
        self.weights = (MODEL, ENCODER)
        self._fitted = shipped_weights()
        self._reader = FeatureReader(dtype)
        self.id = digest(
            [VERSION, self._fitted.digest, dtype, weights_digest(MODEL), weights_digest(ENCODER)]
        )

    @property
    def note(self) -> str:
        """A warning where the fit did not beat coin, longer, shorter and likelihood on unseen human preferences; else empty."""
        return "" if self._fitted.about["accepted"] else "judge not better than length"

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """Log-odds against an average answer; NaN with a reason for a failed or empty answer."""
        return await asyncio.to_thread(self._scores, prompts, responses)

    def _scores(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        values = [float("nan")] * len(responses)
        reasons: dict[int, str] = {}
        held: list[int] = []
        for i, response in enumerate(responses):
            if response.finish == "failed":
                reasons[i] = "the answer failed"
            elif not response.text.strip():
                reasons[i] = "the answer is empty"
            else:
                held.append(i)
        if held:
            read = self._reader.features([prompts[i] for i in held], [responses[i].text for i in held])
            for i, value in zip(held, gated_scores(self._fitted, read), strict=True):
                values[i] = float(value)
        return Scores(tuple(values), reasons)


def gated_scores(fitted: JudgeWeights, features: Any) -> NDArray[float64]:
    """Log-odds of each row of features, [n]: share * careful + (1 - share) * general, the share by the row's prompt.

    Each row is summed on its own, so its value never depends on the others.
    """
    import numpy as np

    found: list[float] = []
    for row in np.asarray(features, np.float64):
        share = 1.0 / (1.0 + np.exp(-((row[PROMPT] * fitted.gate[:-1]).sum() + fitted.gate[-1])))
        answer = row[ANSWER] - fitted.centre
        found.append(
            share * (answer * fitted.careful).sum() + (1.0 - share) * (answer * fitted.general).sum()
        )
    return np.array(found)


@cache
def shipped_weights() -> JudgeWeights:
    """The weights in this package."""
    import numpy as np

    raw = (files("winsome.scorers") / "weights" / WEIGHTS).read_bytes()
    content = json.loads(raw)
    if tuple(content["features"]) != FEATURES:
        raise AssertionError(f"{WEIGHTS} was fitted to other features than this version reads; fit it again")
    parts = [content[name] for name in ("careful", "general", "gate", "centre")]
    careful, general, gate, centre = (np.array(part) for part in parts)
    return JudgeWeights(careful, general, gate, centre, content["about"], digest(parts))


def embedded(address: str, *, name: str = "") -> EmbeddedJudge | LikelihoodScorer:
    """`judge`: the fitted preference score; `likelihood`: SmolLM2's mean log-probability a token.

    Raises Unsupported with the command to run where the weights are missing.
    """
    if address not in ("judge", "likelihood"):
        raise BadInput(
            f"embedded:{address}: no such embedded scorer (known: judge, likelihood); write embedded:judge"
        )
    folder(MODEL)
    if address == "likelihood":
        return LikelihoodScorer(
            MODEL, per="token", dtype=resolved_dtype("auto"), name=name or "embedded:likelihood"
        )
    folder(ENCODER)
    return EmbeddedJudge(dtype=resolved_dtype("auto"), name=name or "embedded:judge")
