"""Minimal pairs: does a model find the right one of two texts likelier? Any set of right and wrong items in groups, by log-probabilities.

Either right and wrong are what stands before one and the same answer (a date, a place, a unit), or two answers after one and the same
text. In every group each right item plays each wrong one, as dates do in `timestress`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import refuse, shown
from winsome.ledger.formats.reading import read
from winsome.suites.temporal_scores import Bools, Floats, Groups, grouped, mean_over_groups
from winsome.suites.timestress import Format, answer_logprobs, local_name

if TYPE_CHECKING:
    from winsome.models.weights import Dtype


@dataclass(frozen=True, eq=False)
class Items:
    """Columns [items]: what is given, what is scored after it, the group's code, whether it is the right one; each item of a group once."""

    groups: tuple[str, ...]
    given: tuple[str, ...]
    answer: tuple[str, ...]
    group: NDArray[np.int32]
    right: Bools


def read_items(
    path: str | Path,
    *,
    group: str,
    right: str,
    wrong: str,
    answer: str | None = None,
    given: str | None = None,
) -> Items:
    """The items of a file of rows, by the names of its columns; `answer` stands after right and wrong, or `given` before them.

    An item that a group names twice counts once. Raises BadInput for a missing or empty field, an item that is right and wrong in one
    group, and unless one of `answer` and `given` is named.
    """
    if (answer is None) == (given is None):
        raise BadInput(
            "minimal pairs: name one of --answer (scored after right and wrong) and --given (stands before them)"
        )
    same = answer or given or ""
    source = read(path)
    codes: dict[str, int] = {}
    seen: dict[tuple[int, str, str], tuple[bool, int]] = {}
    for number, row in enumerate(source.rows, 1):
        for column in (group, right, wrong, same):
            if not str(row.get(column) or "").strip():
                refuse(
                    path,
                    f'record {number} has no "{column}" (found: {", ".join(row)[:80]}); name its columns',
                )
        code = codes.setdefault(str(row[group]), len(codes))
        for column, is_right in ((right, True), (wrong, False)):
            texts = (str(row[column]), str(row[same]))
            before, after = texts if answer else texts[::-1]
            held = seen.setdefault((code, before, after), (is_right, number))
            if held[0] is not is_right:
                refuse(
                    path,
                    f"records {held[1]} and {number} call {shown(row[column])} right and wrong in one group; correct one",
                )
    if not seen:
        refuse(path, "holds no pair; give rows with a right and a wrong text")
    return Items(
        tuple(codes), tuple(_joined(before) for _, before, _ in seen), tuple(after for _, _, after in seen),
        np.array([code for code, _, _ in seen], np.int32), np.array([is_right for is_right, _ in seen.values()]),
    )  # fmt: skip


def _joined(before: str) -> str:
    """With the space that parts it from the answer."""
    return before if before[-1].isspace() else before + " "


def minimal_pairs(
    model: str,
    path: str | Path,
    *,
    group: str,
    right: str,
    wrong: str,
    answer: str | None = None,
    given: str | None = None,
    format: Format = "raw",
    level: float = 0.95,
    dtype: Dtype = "float32",
) -> dict[str, Any]:
    """W and R of a local model over the groups of a file, with intervals over groups, and the ten groups of lowest W.

    Scores are the log-probabilities of the answer alone, summed over its tokens: under `given` a sum favours short answers. Raises as `read_items`, and Unsupported for a model whose weights do not lie here.
    """
    from winsome.models.weights import load

    items = read_items(path, group=group, right=right, wrong=wrong, answer=answer, given=given)
    score = answer_logprobs(load(local_name(model), dtype), items.given, items.answer, format)
    return {"model": model, "format": format, "dtype": dtype, "items": len(items.given)} | figures(
        items, score, level
    )


def figures(items: Items, score: Floats, level: float = 0.95) -> dict[str, Any]:
    """The figures of scores [items]."""
    found: Groups = grouped(score, items.right, items.group, len(items.groups))
    rate = found.win_rate
    chance = found.by_chance
    return {
        "groups": len(items.groups),
        "W": mean_over_groups(rate, level=level),
        "R": mean_over_groups(found.robust(), level=level),
        "R by chance": float(np.nanmean(chance)),
        "worst": [
            {"group": items.groups[int(i)], "W": float(rate[i])} for i in np.argsort(rate, kind="stable")[:10]
        ],
    }
