"""Which parts of an answer are learnt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Kept, text_of

if TYPE_CHECKING:
    from polars import DataFrame

ON = "responses"


def segments(frame: DataFrame, *, fields: dict[str, str]) -> Kept:
    """Answers with a column a field (`segment_NAME`: start and end in characters), found by its regular expression.

    fields: name -> expression whose first group is the segment, such as {feedback: 'Feedback: (.*)'}. An answer that lacks one of
    them is dropped under that name. Raises BadInput for an expression that cannot be read or has no group.
    """
    import polars as pl

    spans: dict[str, list[list[int] | None]] = {}
    texts = frame.select(text_of().alias("text"))["text"].to_list()
    for name, expression in fields.items():
        try:
            pattern = re.compile(expression, re.DOTALL)
        except re.error as error:
            raise BadInput(
                f'transform segments: {name}: "{expression[:40]}" is no expression ({error})'
            ) from None
        if pattern.groups < 1:
            raise BadInput(f"transform segments: {name}: put the segment in brackets, as in Feedback: (.*)")
        found = [pattern.search(text or "") for text in texts]
        spans[name] = [None if match is None else list(match.span(1)) for match in found]
    columns = [pl.Series(f"segment_{name}", held, dtype=pl.List(pl.Int64)) for name, held in spans.items()]
    marked = frame.with_columns(columns)
    kept, dropped = marked, dict[str, int]()
    for column in columns:
        lost = kept[column.name].null_count()
        if lost:
            dropped[f"no {column.name.removeprefix('segment_')}"] = lost
        kept = kept.filter(pl.col(column.name).is_not_null())
    return Kept({"rows": kept}, dropped)
