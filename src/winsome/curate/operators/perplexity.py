"""Pairs whose chosen answer a model finds unlikely: what it says by itself teaches it little."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from winsome.curate.operators.highest import highest
from winsome.errors import Unsupported
from winsome.frames import Frames, prompts_of, responses_of
from winsome.protocols import Contender
from winsome.records import Prompt
from winsome.scorers.likelihood import LikelihoodScorer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from polars import DataFrame

    from winsome.frames import Kept

ON = "pairs"
READS = "sides"


async def perplexity(frame: DataFrame, *, model: Contender, budget: float = 0.5, frames: Frames) -> Kept:
    """The `budget` pairs (below 1: that share) whose chosen answer has the highest exp(-mean log-probability a token) after its prompt.

    model: a contender with weights here, as a rule the one that is trained. A baseline of R.I.P.
    """
    values = [math.exp(-value) for value in await chosen_logprobs(frame, frames, model)]
    return highest(frame, values, "perplexity", budget)


async def chosen_logprobs(
    frame: DataFrame, frames: Frames, model: Contender, asked: Mapping[str, Prompt] | None = None
) -> list[float]:
    """Mean log-probability a token, under the weights of `model`, of every pair's chosen answer after its prompt, or after what
    `asked` puts in the prompt's place; NaN where it has none. Raises Unsupported for a contender without weights here."""
    return await logprobs_of(list(frame["chosen_id"]), frames, model, "token", asked)


async def logprobs_of(
    answers: Sequence[str],
    frames: Frames,
    model: Contender,
    per: Literal["token", "answer"],
    asked: Mapping[str, Prompt] | None = None,
) -> list[float]:
    """`chosen_logprobs` of any answers by their ids; per: the mean of a token, or the sum of an answer."""
    local: Any = getattr(model, "inner", model)
    weights = getattr(local, "weights", None)
    if not isinstance(weights, str):
        raise Unsupported(
            f"{model.name[:80]} has no weights here to score with; name hf:FOLDER or a world's base"
        )
    scorer = LikelihoodScorer(weights, per=per, dtype=local.dtype, name=model.name)
    prompts = asked or {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    table = frames["responses"]
    known = dict(zip(table["response_id"], responses_of(table), strict=True))
    said = [known[id] for id in answers]
    found = await scorer.score([prompts[one.prompt] for one in said], said)
    return list(found.values)
