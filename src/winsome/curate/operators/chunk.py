"""Documents cut into pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from winsome.errors import BadInput
from winsome.frames import Kept, of_rows, row_id

if TYPE_CHECKING:
    from polars import DataFrame

ON = "documents"


def chunk(frame: DataFrame, *, words: int = 256, overlap: int = 0) -> Kept:
    """Pieces of at most `words` words, each beginning `words - overlap` after the last; each names the document it is of.

    An empty document is dropped. Raises BadInput unless 0 <= overlap < words.
    """
    if not 0 <= overlap < words:
        raise BadInput(f"transform chunk: overlap={overlap} must be from 0 to below words={words}")
    rows: dict[str, dict[str, object]] = {}
    empty = 0
    for row in frame.iter_rows(named=True):
        held = (row["text"] or "").split()
        empty += not held
        for start in range(0, max(1, len(held) - overlap), words - overlap):
            if held:
                text = " ".join(held[start : start + words])
                id = row_id(["chunk", row["doc_id"], start, text])
                rows[id] = {**row, "doc_id": id, "text": text, "parent_ids": [row["doc_id"]]}
    return Kept({"documents": of_rows("documents", list(rows.values()))}, {"empty": empty} if empty else {})
