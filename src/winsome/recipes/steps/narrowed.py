"""Frames after rows were left out of one of them: what hangs on those rows goes with them, and is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import COLUMNS, Frames, Kept, id_of

if TYPE_CHECKING:
    from polars import DataFrame

    from winsome.recipes.rules import Rule

LATEST = ("pairs", "responses", "documents", "prompts")
"""The frame that a rule works on where neither it nor the recipe says: the one that is made last of those there are."""

HANGS_ON = (
    ("responses", "prompt_id", "prompts"),
    ("pairs", "prompt_id", "prompts"),
    ("pairs", "chosen_id", "responses"),
    ("pairs", "rejected_id", "responses"),
)


def subject(frames: Frames, rule: Rule, on: str) -> str:
    """The name of the frame that `rule` works on; BadInput where it is not there."""
    wanted = on or rule.on or next((name for name in LATEST if name in frames), "prompts")
    if wanted not in frames:
        raise BadInput(
            f"{rule.name} works on {wanted}, and there are only {', '.join(frames)}; add a step that makes them"
        )
    return wanted


def narrowed(frames: Frames, name: str, rows: DataFrame, dropped: Mapping[str, int]) -> Kept:
    """The frames after those of `rows` are all that is left of the frame `name`."""
    own = [column for column in rows.columns if column in COLUMNS[name] or column in frames[name].columns]
    changed = {name: rows.select(own)}
    counts = dict(dropped)
    for hanging, column, on in HANGS_ON:
        if on not in changed or hanging not in frames or changed[on].height == frames[on].height:
            continue
        table = changed.get(hanging, frames[hanging])
        left = table.join(
            changed[on].select(id_of(on)),
            left_on=column,
            right_on=id_of(on),
            how="semi",
            maintain_order="left",
        )
        if left.height < table.height:
            reason = f"{hanging} gone with their {on}"
            counts[reason] = counts.get(reason, 0) + table.height - left.height
            changed[hanging] = left
    return Kept(changed, counts)
