"""Rows chosen under a budget."""

from __future__ import annotations

from winsome.frames import Frames, Kept, with_scores
from winsome.protocols import Run
from winsome.recipes.blocks import Frame
from winsome.recipes.rules import Rule
from winsome.recipes.steps.narrowed import narrowed, subject

VERSION = 1
RULES, RULE = "Select", "rule"
READS: tuple[str, ...] = ()
PLANNED = ("keep",)


async def select(
    frames: Frames, *, rule: Rule, frame: Frame = "", aspect: str = "", by: str = "", run: Run
) -> Kept:
    """The rows that `rule` chooses, and of other frames those that do not hang on rows that are gone.

    frame: prompts, responses, pairs or documents (default what was made last). aspect, by: whose scores a rule of scores reads.
    """
    name = subject(frames, rule, frame)
    table = with_scores(frames, name, aspect, by) if rule.reads_scores else frames[name]
    made = await rule(table, run)
    return narrowed(frames, name, made.frames["rows"], made.dropped)
