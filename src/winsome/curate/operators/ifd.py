"""Pairs whose prompt helps little to foretell the chosen answer: instructions that are hard to follow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from winsome.curate.operators.highest import highest
from winsome.curate.operators.perplexity import chosen_logprobs
from winsome.frames import Frames, prompts_of
from winsome.protocols import Contender
from winsome.records import Prompt, user

if TYPE_CHECKING:
    from polars import DataFrame

    from winsome.frames import Kept

ON = "pairs"
READS = "sides"


async def ifd(frame: DataFrame, *, model: Contender, budget: float = 0.5, frames: Frames) -> Kept:
    """The `budget` pairs (below 1: that share) of highest loss(chosen | prompt) / loss(chosen | empty prompt), losses in nats a token.

    model: a contender with weights here, as a rule the one that is trained. Source: Li et al. 2024 (Cherry LLM), eq. 4; a
    baseline of R.I.P.
    """
    empty = {prompt.id: Prompt((user(""),)) for prompt in prompts_of(frames["prompts"])}
    after = await chosen_logprobs(frame, frames, model)
    alone = await chosen_logprobs(frame, frames, model, empty)
    values = [a / b if b else math.nan for a, b in zip(after, alone, strict=True)]
    return highest(frame, values, "ifd", budget)
