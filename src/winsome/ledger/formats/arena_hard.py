"""Arena-Hard-Auto, v0.1 and v2: questions, model answers, judgments.

v0.1 counts by question_id with turns of {content}; v2 by uid with prompt or messages. A judgment holds two games: in the
first the baseline is shown as A, in the second as B. Source: github.com/lmarena/arena-hard-auto.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.ledger.formats.complaints import listed, shown
from winsome.ledger.formats.fields import (
    ID,
    Answer,
    facets_of,
    items,
    label,
    mapping,
    needed,
    optional,
    present,
    prompt_of,
    wrong,
)
from winsome.ledger.formats.reading import Row, Source
from winsome.ledger.formats.tables import conversation
from winsome.ledger.formats.tables import prompts as table_prompts
from winsome.ledger.formats.writing import write_rows
from winsome.records import Prompt, user

if TYPE_CHECKING:
    import polars as pl

BASELINES = {
    "arena-hard-v0.1": "gpt-4-0314",
    "hard_prompt": "o3-mini-2025-01-31",
    "creative_writing": "gemini-2.0-flash-001",
}
"""Category -> the baseline of the published protocol, for judgments that do not name theirs."""

SHARES = {
    "A>>B": 1.0, "A>B": 1.0, "A=B": 0.5, "A<B": 0.0, "A<<B": 0.0,
    "B>>A": 0.0, "B>A": 0.0, "B=A": 0.5, "B<A": 1.0, "B<<A": 1.0,
}  # fmt: skip
"""Label -> the share of the answer shown as A."""


def prompts(source: Source) -> list[Prompt]:
    """The questions of either version."""
    return [_question(source, place) for place in range(len(source.rows))]


def _question(source: Source, place: int) -> Prompt:
    row = source.rows[place]
    label(source, place, "uid", "question_id")
    if not present(row, ("turns",)):
        return (
            table_prompts(Source(source.path, [row]))[0] if row.get("prompt") else _no_prompt(source, place)
        )
    first, *rest = turns_of(source, place, row.get("turns"))
    return prompt_of(first, row, follow_ups=tuple(user(turn) for turn in rest))


def _no_prompt(source: Source, place: int) -> Any:
    return needed(source, place, "prompt", "turns")


def turns_of(source: Source, place: int, turns: Any) -> tuple[str, ...]:
    """The texts of turns, each a text or an object with content."""
    texts: list[Any] = [
        mapping(turn).get("content") if isinstance(turn, dict) else turn for turn in items(turns)
    ]
    if not texts or not all(isinstance(words, str) for words in texts):
        wrong(
            source, place, f'has {shown(turns)} in "turns"; give a list of texts or of objects with content'
        )
    return tuple(texts)


def answers(source: Source) -> list[Answer]:
    """The answers of either version; a choice of v0.1 is a sample."""
    found: list[Answer] = []
    for place, row in enumerate(source.rows):
        if present(row, ("choices",)):
            found += choices(source, place)
        else:
            found.append(_talk(source, place))
    return found


def choices(source: Source, place: int) -> list[Answer]:
    """The choices of an answer in FastChat's form, without the question's words."""
    row = source.rows[place]
    item, model = label(source, place, *ID), label(source, place, "model_id", "model")
    values = items(row.get("choices"))
    if not values or not all(isinstance(choice, dict) for choice in values):
        wrong(
            source, place, f'has {shown(row.get("choices"))} in "choices"; give a list of objects with turns'
        )
    return [
        Answer(place + 1, turns_of(source, place, mapping(choice).get("turns")), None, item, model, sample)
        for sample, choice in enumerate(values)
    ]


def _talk(source: Source, place: int) -> Answer:
    row = source.rows[place]
    item, model = label(source, place, *ID), label(source, place, "model", "model_id")
    messages = needed(source, place, "messages")
    _, told, last = conversation(source, place, messages)
    asked = [message for message in told if message.role == "user"]
    said = [message.text for message in told if message.role == "assistant"]
    prompt = Prompt((asked[0],), follow_ups=tuple(asked[1:]), facets=facets_of(row), item=item)
    return Answer(place + 1, None if last is None else (*said, last), prompt, item, model)


def judgments(source: Source, baseline: str | None = None) -> pl.DataFrame:
    """Verdicts, a row a game: model_a is the model, model_b the baseline, order 0 the game that shows the baseline first.

    extent is 2 for >> and <<, 1 for > and <, 0 for a tie; a game without a label has share null (outcome unparsed).
    """
    import polars as pl

    rows = [row for place in range(len(source.rows)) for row in _games(source, place, baseline)]
    schema = {"share": pl.Float64, "extent": pl.Float64, "order": pl.Int32, "reason": pl.String}
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=schema)


def _games(source: Source, place: int, baseline: str | None) -> list[Row]:
    row = source.rows[place]
    model, item = label(source, place, "model"), label(source, place, *ID)
    category = optional(row, "category")
    against = baseline or optional(row, "baseline") or BASELINES.get(category or "arena-hard-v0.1")
    if against is None:
        wrong(source, place, f'names no "baseline" and category {shown(category)} has none; add the field')
    games = items(row.get("games"))
    if not games:
        wrong(source, place, f'has {shown(row.get("games"))} in "games"; give a list of objects with score')
    if len(games) > 2:
        wrong(
            source,
            place,
            f'has {len(games)} in "games"; give the two orders, repeats as records of their own',
        )
    rows: list[Row] = []
    for order, game in enumerate(games):
        share, extent = _share(source, place, order, game)
        rows.append(
            {
                "model_a": model,
                "model_b": against,
                "share": share if share is None or order == 1 else 1 - share,
                "extent": extent,
                "prompt_id": item,
                "category": category or "arena-hard-v0.1",
                "judge": optional(row, "judge"),
                "order": order,
                "reason": _words(mapping(game).get("judgment")),
            }
        )
    return rows


def _words(judgment: Any) -> str | None:
    words = mapping(judgment).get("answer") if isinstance(judgment, dict) else judgment
    return words if isinstance(words, str) else None


def _share(source: Source, place: int, order: int, game: Any) -> tuple[float | None, float | None]:
    """The share of the answer shown as A and the extent of the win."""
    if game is None:
        return None, None
    if not isinstance(game, dict) or "score" not in game:
        wrong(source, place, f"has no score in game {order + 1}; add it, null where the judge gave none")
    score = mapping(game)["score"]
    if score is None:
        return None, None
    if not isinstance(score, str) or score not in SHARES:
        wrong(
            source, place, f"has score {shown(score)} in game {order + 1}; use one of {listed(list(SHARES))}"
        )
    share = SHARES[score]
    return share, 0.0 if share == 0.5 else float(len(score) - 2)


def write_answers(path: Path | str, answers: Iterable[Answer], version: str = "v2") -> int:
    """Writes answers in the form of `version` (v0.1: choices; v2: messages); returns how many records."""
    if version == "v0.1":
        return write_rows(
            path,
            [
                choices_row(Path(path), answer, [{"content": t} for t in answer.turns or ()])
                for answer in answers
            ],
        )
    return write_rows(path, [_talk_row(Path(path), answer) for answer in answers])


def choices_row(path: Path, answer: Answer, turns: list[Any]) -> Row:
    """An answer as FastChat's tools read it."""
    if answer.item is None or not turns:
        raise BadInput(
            f"{path}: answer {answer.record} has no id or no words; this format needs both: leave it out"
        )
    return {"question_id": answer.item, "model_id": answer.model, "choices": [{"index": 0, "turns": turns}]}


def _talk_row(path: Path, answer: Answer) -> Row:
    if answer.item is None or answer.prompt is None or not answer.turns:
        raise BadInput(
            f"{path}: answer {answer.record} has no id, prompt or words; this format needs them: leave it out"
        )
    asked = [message.text for message in (answer.prompt.messages[-1], *answer.prompt.follow_ups)]
    messages: list[Row] = []
    for words, turn in zip(asked, answer.turns, strict=True):
        messages += [{"role": "user", "content": words}, {"role": "assistant", "content": {"answer": turn}}]
    return {"uid": answer.item, "model": answer.model, "messages": messages}


def write_judgments(path: Path | str, verdicts: pl.DataFrame, version: str = "v2") -> int:
    """Writes verdicts with prompt_id, order and share as judgments, two games a record; returns how many records.

    An extent of 2 or more becomes >> or <<. Raises BadInput for shares that no label stands for.
    """
    records: dict[tuple[Any, ...], Row] = {}
    for place, row in enumerate(verdicts.to_dicts()):
        key = (row["prompt_id"], row["model_a"], row["model_b"], row.get("judge"))
        named = (
            {"uid": row["prompt_id"], "category": row.get("category")}
            if version == "v2"
            else {"question_id": row["prompt_id"]}
        )
        record = records.setdefault(
            key,
            named
            | {
                "judge": row.get("judge"),
                "model": row["model_a"],
                "baseline": row["model_b"],
                "games": [None, None],
            },
        )
        record["games"][int(row["order"])] = {
            "score": _label(Path(path), place, row["share"], row.get("extent"), int(row["order"])),
            "judgment": row.get("reason"),
        }
    return write_rows(path, records.values())


def _label(path: Path, place: int, share: float | None, extent: float | None, order: int) -> str | None:
    if share is None:
        return None
    if share not in (0.0, 0.5, 1.0):
        raise BadInput(
            f"{path}: verdict {place + 1} has share {share:g}; Arena-Hard knows 0, 0.5 and 1: export a table"
        )
    if share == 0.5:
        return "A=B"
    sign = ">" if (share == 1.0) == (order == 1) else "<"
    return f"A{sign * (2 if (extent or 1) >= 2 else 1)}B"
