"""Answers rated one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from winsome.errors import BadInput
from winsome.frames import Frames, Kept, of_rows, prompts_of, responses_of
from winsome.protocols import Run, Scorer

VERSION = 1
READS = ("responses", "prompts")
MAKES = ("scores",)
AT_ONCE = 1024
"""Answers in one call of a scorer."""


async def score(
    frames: Frames, *, by: Scorer, aspect: str = "", n: int = 1, keep: bool = True, run: Run
) -> Kept:
    """A score of `by` for every answer. One that cannot be rated is a row without value, counted in `unparsed`.

    aspect: what the scores are called. n: how often each answer is rated; the value is the mean, `sd` the standard deviation.
    keep: whether scores that reach the step stay beside the new ones.
    """
    if n < 1:
        raise BadInput(f"score: n={n} rates nothing; give 1 or more")
    asked = {prompt.id: prompt for prompt in prompts_of(frames["prompts"])}
    responses = responses_of(frames["responses"])
    ids = frames["responses"]["response_id"].to_list()
    strange = [response for response in responses if response.prompt not in asked]
    if strange:
        raise BadInput(
            f"{len(strange)} answers have no prompt here ({strange[0].prompt[:12]}); keep prompts and answers together"
        )
    rated: list[list[float]] = [[] for _ in responses]
    for _ in range(n):
        for start in range(0, len(responses), AT_ONCE):
            block = responses[start : start + AT_ONCE]
            found = await by.score([asked[response.prompt] for response in block], block)
            for place, value in enumerate(found.values, start):
                rated[place].append(float(value))
    rows = [_row(id, by.name, aspect, values) for id, values in zip(ids, rated, strict=True)]
    return with_earlier(frames, rows, len(ids), keep)


def _row(id: str, by: str, aspect: str, values: Sequence[float]) -> dict[str, Any]:
    known = [value for value in values if not math.isnan(value)]
    mean = sum(known) / len(known) if known else None
    spread = (
        math.sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1))
        if mean is not None and len(known) > 1
        else None
    )
    return {
        "subject": "response", "subject_id": id, "by": by, "aspect": aspect, "value": mean, "n_calls": len(values), "sd": spread,
        "unparsed": len(values) - len(known),
    }  # fmt: skip


def with_earlier(frames: Frames, rows: list[dict[str, Any]], planned: int, keep: bool) -> Kept:
    """New scores behind those that reached the step; one of the same subject, scorer and aspect takes an earlier one's place."""
    import polars as pl

    made = of_rows("scores", rows)
    dropped = {"not rated": planned - made.height} if planned > made.height else {}
    if keep and "scores" in frames:
        same = ["subject", "subject_id", "by", "aspect"]
        old = frames["scores"].join(made.select(same), on=same, how="anti", maintain_order="left")
        made, planned = pl.concat([old, made], how="diagonal"), planned + old.height
    return Kept({"scores": made}, dropped, planned)
