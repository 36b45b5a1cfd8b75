"""Prompts written into a text around them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.frames import Kept, of_rows, prompt_row, prompts_of
from winsome.records import user

if TYPE_CHECKING:
    from polars import DataFrame

ON = "prompts"


def template(frame: DataFrame, *, text: str, system: str | None = None) -> Kept:
    """New prompts whose last user turn is `text` with {prompt} replaced by the old one; each names its parent.

    A column of the frame may stand in braces too. Raises BadInput where {prompt} is missing or a name in braces is no column.
    """
    if "{prompt}" not in text:
        raise BadInput("transform template: text has no {prompt}; put it where the old prompt belongs")
    rows = list(frame.iter_rows(named=True))
    made: dict[str, dict[str, Any]] = {}
    for prompt, row in zip(prompts_of(frame), rows, strict=True):
        try:
            words = text.format(prompt=prompt.text, **{name: row[name] for name in row if name != "prompt"})
        except (KeyError, IndexError, ValueError) as error:
            raise BadInput(
                f"transform template: {{{str(error)[1:-1][:40]}}} is no column; use prompt or one of {', '.join(row)[:60]}"
            ) from None
        new = replace(prompt, messages=(*prompt.messages[:-1], user(words)), system=system or prompt.system)
        seen = made.setdefault(new.id, prompt_row(new, row["source"] or "") | {"parent_ids": list[str]()})
        seen["parent_ids"].append(row["prompt_id"])
    return Kept({"prompts": of_rows("prompts", list(made.values()))})
