"""Pairs whose prompts a model calls good: an LLM as the judge of prompts, without an answer."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Literal

from winsome.curate.operators.highest import highest
from winsome.errors import BadInput
from winsome.frames import Frames, prompts_of
from winsome.judges.asking import Ask, replies
from winsome.judges.score_slot import independent
from winsome.judges.verdict_slot import Reading
from winsome.protocols import Contender
from winsome.records import Prompt, Sampling, Tokens, user

if TYPE_CHECKING:
    from polars import DataFrame

    from winsome.frames import Kept

ON = "pairs"
ABOUT = (
    "Below stands a request to an assistant, between the marks. Judge the request itself, not an answer to it: is it clear what is"
    " wanted, can it be answered from what it says, and would a good answer be worth learning from?\n\n<request>\n{prompt}\n</request>\n\n"
)
ASKED = {
    "binary": "On the last line write yes if it is a good request to learn from, and no if it is not.",
    "pointwise": "On the last line write a score from 0 (useless) to 10 (excellent).",
}


async def prompt_judge(
    frame: DataFrame,
    *,
    model: Contender,
    protocol: Literal["binary", "pointwise"] = "pointwise",
    samples: int = 5,
    temperature: float = 1.0,
    budget: float = 0.5,
    frames: Frames,
) -> Kept:
    """The `budget` pairs (below 1: that share) whose prompts `model` rates highest, the mean of `samples` replies.

    binary: the share of yes; pointwise: scores from 0 to 10. A prompt without a reply that can be read is dropped as such. A
    baseline of R.I.P.
    """
    if samples < 1:
        raise BadInput(f"filter prompt_judge: samples={samples} asks nothing; give 1 or more")
    needed = set(frame["prompt_id"])
    asks = [
        Ask(Prompt((user(ABOUT.format(prompt=one.text) + ASKED[protocol]),)), repeat, of=(one.id,))
        for one in prompts_of(frames["prompts"])
        if one.id in needed
        for repeat in range(samples)
    ]
    heard: dict[str, list[float]] = {}
    read = _yes_or_no if protocol == "binary" else independent(10)
    async for reply in replies(model, asks, Sampling(temperature=temperature, max_tokens=512), read):
        if reply.reading.value is not None:
            heard.setdefault(reply.ask.of[0], []).append(reply.reading.value)
    values = [sum(held) / len(held) if (held := heard.get(id)) else math.nan for id in frame["prompt_id"]]
    return highest(frame, values, "prompt_judge", budget)


def _yes_or_no(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """1 for yes, 0 for no, where the last line has one of the two words."""
    if cut:
        return Reading(problem="cut off: give the model a larger max_tokens", again=True)
    line = text.strip().splitlines()[-1] if text.strip() else ""
    said = set(re.findall(r"\b(yes|no)\b", line.lower()))
    if len(said) != 1:
        return Reading(problem=f"no verdict: {line[:30]}", again=True)
    word = said.pop()
    return Reading(float(word == "yes"), word)
