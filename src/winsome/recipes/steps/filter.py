"""Rows left out by a rule."""

from __future__ import annotations

from winsome.errors import BadInput
from winsome.frames import Frames, with_scores, with_sides
from winsome.protocols import Run
from winsome.recipes.blocks import Frame
from winsome.recipes.made import Made
from winsome.recipes.rules import Rule
from winsome.recipes.steps.narrowed import narrowed, subject

VERSION = 1
RULES, RULE = "Filter", "rule"
READS: tuple[str, ...] = ()
PLANNED = ("keep_share",)


async def filter(
    frames: Frames,
    *,
    rule: Rule,
    frame: Frame = "",
    aspect: str = "",
    by: str = "",
    min_keep: int = 0,
    run: Run,
) -> Made:
    """The rows that `rule` keeps, and of other frames those that do not hang on rows that are gone.

    frame: prompts, responses, pairs or documents (default the rule's own, else what was made last). aspect, by: whose scores a rule
    of scores reads. min_keep: fewer rows than this are an error.
    """
    name = subject(frames, rule, frame)
    if rule.reads_sides:
        table = with_sides(frames, aspect, by)
    else:
        table = with_scores(frames, name, aspect, by) if rule.reads_scores else frames[name]
    made = await rule(table, run, frames)
    rows = made.frames["rows"]
    if rows.height < min_keep:
        raise BadInput(
            f"filter {rule.name} keeps {rows.height} of {table.height} {name}, fewer than min_keep={min_keep}; give it more rows, or loosen the rule"
        )
    return Made(narrowed(frames, name, rows, made.dropped), facts=made.facts)
