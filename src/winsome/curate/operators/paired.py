"""Prompts that still have a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Frames, Kept

if TYPE_CHECKING:
    from polars import DataFrame

ON = "prompts"


def paired(frame: DataFrame, *, frames: Frames) -> Kept:
    """The prompts of which a pair is left: what a filter of pairs says of prompts, for steps that ask these anew.

    Raises BadInput where no pairs reach the step.
    """
    if "pairs" not in frames:
        raise BadInput("filter paired: no pairs reach this step; put it behind a pair step")
    pairs = frames["pairs"].select("prompt_id").unique()
    left = frame.join(pairs, on="prompt_id", how="semi", maintain_order="left")
    lost = frame.height - left.height
    return Kept({"rows": left}, {"no pair left": lost} if lost else {})
