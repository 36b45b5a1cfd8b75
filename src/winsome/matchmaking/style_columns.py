"""Covariates of style for recorded verdicts: lengths and markdown marks, from the answers' words or from Arena's own counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from winsome.given import is_mapping
from winsome.ledger.formats.battle_texts import words_of
from winsome.ledger.formats.fields import mapping
from winsome.ledger.formats.reading import read
from winsome.matchmaking.verdict_files import Recorded
from winsome.standings.battles import Battles
from winsome.text.markdown import MARKS, markdown_marks

if TYPE_CHECKING:
    import polars as pl

STYLE = ("length", *MARKS)
"""Covariates that are counted here where the file has no columns of them."""

ANSWERS = ("answer", "response", "output", "conversation")
"""Stems of the two columns, `_a` and `_b`, that hold words: text, or a conversation as Chatbot Arena writes it."""

Counts = Mapping[str, float | None]


def with_style(found: Recorded, control: Sequence[str]) -> Recorded:
    """The same verdicts with those of `control` that are style and that the file says; others stay missing.

    Lengths are characters, or tokens where the file holds Chatbot Arena's `conv_metadata` and no words.
    """
    import polars as pl

    frame = found.frame
    if frame is None:
        return found
    wanted = [name for name in STYLE if name in control and f"{name}_a" not in frame.columns]
    if not wanted:
        return found
    for side in "ab":
        counts = _counts(found, frame, side)
        if counts is None:
            return found
        frame = frame.with_columns(
            pl.Series(f"{name}_{side}", [row.get(name) for row in counts], dtype=pl.Float64)
            for name in wanted
        )
    return replace(found, frame=frame, asks=Battles.from_frame(frame, name=found.name))


def _counts(found: Recorded, frame: pl.DataFrame, side: str) -> list[Counts] | None:
    """What is counted of this side's answers, a row each; None where the file holds neither words nor counts."""
    if f"answer_{side}" in frame.columns:
        return [_of_words(words or "") for words in frame[f"answer_{side}"].to_list()]
    if not found.paths or "record" not in frame.columns:
        return None
    rows = [row for path in found.paths for row in read(path).rows]
    stem = next((stem for stem in ANSWERS if f"{stem}_{side}" in rows[0]), None)
    if stem is None and not is_mapping(rows[0].get("conv_metadata")):
        return None
    records: list[int] = frame["record"].to_list()
    kept = [rows[record] for record in records]
    if stem is None:
        return [_of_metadata(mapping(row.get("conv_metadata")), side) for row in kept]
    return [_of_words(words_of(row.get(f"{stem}_{side}"))) for row in kept]


def _of_words(words: str) -> Counts:
    return {"length": float(len(words))} | markdown_marks(words)


def _of_metadata(metadata: Mapping[str, Any], side: str) -> Counts:
    """Chatbot Arena's own counts: tokens of the assistant, headings by level, list items by kind, bold by mark."""
    tokens = metadata.get(f"sum_assistant_{side}_tokens")
    marks = {
        name: float(sum(mapping(metadata.get(f"{theirs}_count_{side}")).values()))
        for name, theirs in (("headings", "header"), ("lists", "list"), ("bold", "bold"))
    }
    return {"length": None if tokens is None else float(tokens), **marks, "markdown": sum(marks.values())}
