"""The match browser's data: one light row a contest for the list, the rest in blocks that are unpacked when looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.ledger.store import Ledger
from winsome.records import OUTCOMES, Outcome, Prompt
from winsome.report.folder import Finished
from winsome.report.labels import labels
from winsome.report.texts import Blocks, block, numbered, of_prompt, of_response

if TYPE_CHECKING:
    import polars as pl

HEAD = 110
"""Characters of a prompt in the list."""

SHORT_ID = 12
"""Characters of a contest's id in links; more where two contests would share them."""

MIRROR: dict[Outcome, Outcome] = {"win": "loss", "loss": "win"}


@dataclass(frozen=True)
class Matches:
    """The script elements of the browser, and how many contests and texts they hold."""

    elements: tuple[str, ...]
    contests: int
    texts: int


def matches(run: Finished, ledger: Ledger) -> Matches:
    """The blocks `index` (columns, a row a contest), `t0..` (texts) and `d0..` (what was asked of each contest).

    Contests keep the plan's order; with a baseline it stands on the right. Texts that the ledger lacks are null.
    """
    baseline = run.record.get("baseline")
    groups = _groups(run.asks)
    texts, details = Blocks("t"), Blocks("d")
    prompts = _Heads(ledger)
    prompt_number = numbered(run.asks["prompt"], prompts.look_up, of_prompt, texts)
    said = _in_order(groups)
    response_number = numbered(said, ledger.responses, of_response, texts)
    texts.close()
    outcomes = _outcomes(run.contests)
    judges = run.asks["judge"].drop_nulls().unique(maintain_order=True).to_list()
    names, categories, heads = _Labels(), _Labels(), _Labels()
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "id",
            "a",
            "b",
            "category",
            "head",
            "prompt",
            "text_a",
            "text_b",
            "words",
            "outcome",
            "share",
        )
    }
    short = _short([rows[0]["contest"] for rows in groups])
    for rows in groups:
        first = rows[0]
        swap = first["a"] == baseline
        sides = ("b", "a") if swap else ("a", "b")
        columns["id"].append(first["contest"][:short])
        columns["a"].append(names.of(first[sides[0]]))
        columns["b"].append(names.of(first[sides[1]]))
        columns["category"].append(categories.of(first["category"]) if first["category"] else -1)
        columns["head"].append(heads.of(prompts.heads.get(first["prompt"], "")))
        columns["prompt"].append(prompt_number.get(first["prompt"], -1))
        columns["text_a"].append(_text(rows, f"response_{sides[0]}", response_number))
        columns["text_b"].append(_text(rows, f"response_{sides[1]}", response_number))
        asks = [_ask(row, swap, judges, response_number) for row in rows]
        columns["words"].append([number for ask in asks for number in ask["words"] if number >= 0])
        seen = [_seen(outcomes, first["contest"], judge, first[sides[0]]) for judge in judges or [None]]
        columns["outcome"].append([outcome for outcome, _ in seen])
        columns["share"].append([share for _, share in seen])
        details.add(
            {"contest": first["contest"], "item": first.get("item"), "lang": first.get("lang"), "asks": asks},
            300 * len(asks),
        )
    details.close()
    called = labels(run.record["contenders"])
    index = {
        "names": [called.get(name, name) for name in names.labels], "categories": categories.labels, "heads": heads.labels, "judges": judges,
        "outcomes": OUTCOMES, "columns": columns,
        "texts": texts.count, "text_blocks": texts.starts, "detail_blocks": details.starts,
    }  # fmt: skip
    return Matches((block("index", index), *details.elements, *texts.elements), len(groups), texts.count)


class _Labels:
    """Names numbered as they come."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._numbers: dict[str, int] = {}

    def of(self, label: str) -> int:
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]


class _Heads:
    """Looks prompts up and keeps the head of each for the list, so that the prompts themselves need not be kept."""

    def __init__(self, ledger: Ledger) -> None:
        self.heads: dict[str, str] = {}
        self._ledger = ledger

    def look_up(self, ids: Sequence[str]) -> Mapping[str, Prompt]:
        found = self._ledger.prompts(ids)
        self.heads |= {id: " ".join(prompt.text[: 4 * HEAD].split())[:HEAD] for id, prompt in found.items()}
        return found


Ask = Mapping[str, Any]


def _groups(asks: pl.DataFrame) -> list[list[Ask]]:
    """The asks of each contest, contests in the order of their first ask."""
    groups: dict[str, list[Ask]] = {}
    for row in asks.iter_rows(named=True):
        groups.setdefault(row["contest"], []).append(row)
    return list(groups.values())


def _in_order(groups: Sequence[Sequence[Ask]]) -> list[str | None]:
    """Every response in the order in which the browser comes upon it, so that a contest's texts lie close together."""
    said: list[str | None] = []
    for rows in groups:
        said += [row[side] for row in rows for side in ("response_a", "response_b")]
        said += [id for row in rows for id in row["evidence"] or ()]
    return said


def _text(rows: Sequence[Ask], column: str, numbers: Mapping[str, int]) -> int:
    return next((numbers[row[column]] for row in rows if row[column] in numbers), -1)


def _ask(row: Ask, swap: bool, judges: Sequence[str], numbers: Mapping[str, int]) -> dict[str, Any]:
    share, outcome = row["share"], row["outcome"]
    return {
        "order": row["order"],
        "repeat": row["repeat"],
        "judge": judges.index(row["judge"]) if row["judge"] is not None else -1,
        "left_seat": 1 - row["seat_a"] if swap else row["seat_a"],
        "outcome": OUTCOMES.index(MIRROR.get(outcome, outcome) if swap else outcome),
        "share": None if share is None else round(1 - share if swap else share, 4),
        "reason": row["reason"] or "",
        "words": [numbers.get(id, -1) for id in row["evidence"] or ()],
        "match": row["match"],
        "served_by": row["served_by"] or "",
        "cached": bool(row.get("cached")),
        "seconds": row.get("seconds"),
        "money": row.get("money"),
    }


def _outcomes(contests: pl.DataFrame) -> dict[tuple[str, str | None], tuple[str, Outcome, float | None]]:
    """(contest, judge) -> the name of side a, the outcome and share; judge None is whichever judged it last."""
    judge = contests["judge"].to_list() if "judge" in contests.columns else [None] * contests.height
    found: dict[tuple[str, str | None], tuple[str, Outcome, float | None]] = {}
    columns = (contests[name].to_list() for name in ("contest", "model_a", "outcome", "share"))
    for contest, a, outcome, share, by in zip(*columns, judge, strict=True):
        found[contest, by] = found[contest, None] = (a, outcome, share)
    return found


def _seen(
    outcomes: Mapping[tuple[str, str | None], tuple[str, Outcome, float | None]],
    contest: str,
    judge: str | None,
    left: str,
) -> tuple[int, float | None]:
    """The contest's outcome (its place in OUTCOMES) and share by this judge, seen from the left side."""
    found = outcomes.get((contest, judge)) or outcomes.get((contest, None))
    if found is None:
        return OUTCOMES.index("not asked"), None
    a, outcome, share = found
    if a == left:
        return OUTCOMES.index(outcome), None if share is None else round(share, 4)
    return OUTCOMES.index(MIRROR.get(outcome, outcome)), None if share is None else round(1 - share, 4)


def _short(ids: Sequence[str]) -> int:
    length = SHORT_ID
    while len({id[:length] for id in ids}) < len(set(ids)):
        length += 4
    return length
