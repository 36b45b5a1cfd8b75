"""Rows changed without a model."""

from __future__ import annotations

from winsome.frames import COLUMNS, Frames, Kept
from winsome.protocols import Run
from winsome.recipes.blocks import Frame
from winsome.recipes.rules import Rule
from winsome.recipes.steps.narrowed import narrowed, subject

VERSION = 1
RULES, RULE = "Transform", "op"
READS: tuple[str, ...] = ()


async def transform(frames: Frames, *, op: Rule, frame: Frame = "", run: Run) -> Kept:
    """The rows that `op` makes of a frame's rows.

    frame: prompts, responses, pairs or documents (default the op's own, else what was made last).
    """
    name = subject(frames, op, frame)
    made = await op(frames[name], run, frames)
    if "rows" in made.frames:
        rows = made.frames["rows"]
        changed = narrowed(frames, name, rows, made.dropped)
        more = [column for column in rows.columns if column not in COLUMNS[name]]
        return changed if not more else Kept(changed.frames | {name: rows}, changed.dropped)
    return made
