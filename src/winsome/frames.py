"""Frames: the tables that the steps of a recipe hand on, and the laws that hold for all of them.

Every row has an id made from its content and names the rows it came from, so leaks and held-out parts are decided by lineage and
never by text. A step reads named columns and makes named columns; it never changes a frame that it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput
from winsome.records import Message, Prompt, Response, digest

if TYPE_CHECKING:
    from polars import DataFrame, Expr

Frames = Mapping[str, "DataFrame"]
"""Name -> table; the names are those of `COLUMNS`."""

Facts = str | Mapping[str, Any]
"""A setting of a rule annotated so may name a step before, whose facts it then gets instead."""

GOLD = "_gold"
"""Columns whose names begin so hold what is true of a world; no step may see one."""

MESSAGES = "list[message]"
TEXT, TEXTS, REAL, WHOLE, TRUTH = "text", "list[text]", "float", "int", "bool"

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "prompts": {
        "prompt_id": TEXT, "messages": MESSAGES, "system": TEXT, "prefix": TEXT, "follow_ups": MESSAGES, "lang": TEXT,
        "user": TEXT, "node": TEXT, "category": TEXT, "level": TEXT, "source": TEXT, "split": TEXT, "parent_ids": TEXTS,
    },
    "documents": {
        "doc_id": TEXT, "text": TEXT, "lang": TEXT, "class": TEXT, "source": TEXT, "licence": TEXT, "parent_ids": TEXTS,
    },
    "responses": {
        "response_id": TEXT, "prompt_id": TEXT, "contender": TEXT, "messages": MESSAGES, "lang": TEXT, "sample": WHOLE,
        "n_tokens": WHOLE, "truncated": TRUTH, "provenance": TEXT, "parent_id": TEXT, "key": TEXT,
    },
    "scores": {
        "subject": TEXT, "subject_id": TEXT, "by": TEXT, "aspect": TEXT, "value": REAL, "n_calls": WHOLE, "sd": REAL,
        "unparsed": WHOLE,
    },
    "pairs": {
        "pair_id": TEXT, "prompt_id": TEXT, "chosen_id": TEXT, "rejected_id": TEXT, "rule": TEXT, "margin": REAL,
        "weight": REAL, "condition": TEXT, "user": TEXT, "lang": TEXT,
    },
    "guides": {
        "guide_id": TEXT, "kind": TEXT, "name": TEXT, "text": TEXT, "anchors": TEXTS, "weight": REAL, "veto": TRUTH,
        "parent_id": TEXT,
    },
}  # fmt: skip
"""Frame -> column -> type. The first column is the row's id, but for scores, whose rows are named by all they say of whom."""

PARENTS: Mapping[str, tuple[str, ...]] = {
    "prompts": ("parent_ids",),
    "documents": ("parent_ids",),
    "responses": ("prompt_id", "parent_id"),
    "scores": ("subject_id",),
    "pairs": ("prompt_id", "chosen_id", "rejected_id"),
    "guides": ("parent_id",),
}
"""Frame -> the columns that name the rows a row came from."""


@dataclass(frozen=True)
class Kept:
    """What a step or rule made: its frames, and how many rows it left out for which reason.

    planned: how many rows were to be made, where that is known before (answers asked for, ratings wanted); the rows made and the
    dropped ones then add up to it. None: every row that came in is kept, is named by a row made from it, or is dropped.
    facts: what the run's record should say of it, such as thresholds.
    """

    frames: dict[str, DataFrame] = field(default_factory=dict[str, "DataFrame"])
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    planned: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def schema(frame: str) -> dict[str, Any]:
    """Column -> Polars type of one of the frames."""
    import polars as pl

    message = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
    types: dict[str, Any] = {
        TEXT: pl.String, TEXTS: pl.List(pl.String), MESSAGES: message, REAL: pl.Float64, WHOLE: pl.Int64, TRUTH: pl.Boolean,
    }  # fmt: skip
    return {column: types[kind] for column, kind in COLUMNS[frame].items()}


def id_of(frame: str) -> str:
    """The column that names a row; for scores whom they are of."""
    return "subject_id" if frame == "scores" else next(iter(COLUMNS[frame]))


def of_rows(frame: str, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
    """Rows as one of the frames: columns in order, null where a row has no value; other columns are an error."""
    import polars as pl

    return pl.DataFrame(list(rows), schema=schema(frame), orient="row")


def settled(frame: str, table: DataFrame) -> DataFrame:
    """`table` with every column of the frame, in order and typed; further columns stay behind them."""
    import polars as pl

    wanted = schema(frame)
    if list(table.schema.items())[: len(wanted)] == list(wanted.items()):
        return table
    made = [
        pl.col(name).cast(kind) if name in table.columns else pl.lit(None, kind).alias(name)
        for name, kind in wanted.items()
    ]
    more = [name for name in table.columns if name not in wanted]
    return table.select(*made, *more)


def is_gold(column: str) -> bool:
    """Whether a column holds what is true, however it is capitalised."""
    return column.lower().lstrip().startswith(GOLD)


def without_gold(table: DataFrame) -> DataFrame:
    """The table as a step may see it."""
    return table.drop([column for column in table.columns if is_gold(column)])


def kept(frame: str, table: DataFrame, reasons: Mapping[str, Expr]) -> Kept:
    """The rows for which none of `reasons` (reason -> condition) holds; a row is counted under the first that does.

    A condition that is null holds: what is not known to be good is left out, and counted.
    """
    import polars as pl

    reason: Any = pl.lit(None, pl.String)
    for text, condition in reversed(list(reasons.items())):
        reason = pl.when(condition.fill_null(True)).then(pl.lit(text)).otherwise(reason)
    marked = table.select(reason.alias("reason"))["reason"]
    counts = marked.drop_nulls().value_counts(sort=True)
    return Kept({frame: table.filter(marked.is_null())}, dict(counts.iter_rows()))


def text_of(column: str = "messages") -> Expr:
    """The words of the last of a row's messages."""
    import polars as pl

    return pl.col(column).list.last().struct.field("content")


def with_scores(frames: Frames, subject: str, aspect: str = "", by: str = "") -> DataFrame:
    """The rows of `subject` (responses, prompts, pairs, documents) with the column `value`: the mean of their scores.

    aspect, by: only scores of this aspect or scorer. A row without a score has null. Raises BadInput where nothing was scored.
    """
    import polars as pl

    table = frames[subject]
    if "scores" not in frames:
        raise BadInput(f"{subject} have no scores; put a score or judge step before")
    scores = frames["scores"].filter(pl.col("subject") == subject.removesuffix("s"))
    if aspect:
        scores = scores.filter(pl.col("aspect") == aspect)
    if by:
        scores = scores.filter(pl.col("by") == by)
    if not scores.height and table.height:
        which = "".join([f" of aspect {aspect}" if aspect else "", f" by {by}" if by else ""])
        raise BadInput(f"{subject} have no scores{which}; put a score step before, or name another aspect")
    values = scores.select("subject_id", "value")
    joined = _with_values(table, values, subject)
    if joined.height > table.height:
        values = values.group_by("subject_id").agg(pl.col("value").mean())
        joined = _with_values(table, values, subject)
    return joined


def with_sides(frames: Frames, aspect: str = "", by: str = "") -> DataFrame:
    """The pairs with what is known of their answers: for each side `_text`, `_tokens` (null where unknown), `_value` (null
    without a score) behind the name `chosen` or `rejected`.

    aspect, by: only scores of this aspect or scorer. Raises BadInput where there are no answers.
    """
    import polars as pl

    if "responses" not in frames:
        raise BadInput("pairs have no answers here; hand the responses on too")
    answers = (
        with_scores(frames, "responses", aspect, by)
        if "scores" in frames
        else frames["responses"].with_columns(pl.lit(None, pl.Float64).alias("value"))
    )
    known = answers.select(
        "response_id", text_of().alias("text"), pl.col("n_tokens").alias("tokens"), "value"
    )
    table = frames["pairs"]
    for side in ("chosen", "rejected"):
        named = known.rename({name: f"{side}_{name}" for name in ("text", "tokens", "value")})
        table = table.join(
            named, left_on=f"{side}_id", right_on="response_id", how="left", maintain_order="left"
        )
    return table


def _with_values(table: DataFrame, values: DataFrame, subject: str) -> DataFrame:
    return table.join(
        values, left_on=id_of(subject), right_on="subject_id", how="left", maintain_order="left"
    )


def prompt_row(prompt: Prompt, source: str = "") -> dict[str, Any]:
    """A prompt as a row; BadInput for one with parts other than text, or with tools."""
    if prompt.tools:
        raise BadInput(f"prompt {prompt.id[:12]} has tools, which frames do not hold; leave it out")
    facets = prompt.facets
    return {
        "prompt_id": prompt.id,
        "messages": [_message_row(message, prompt.id) for message in prompt.messages],
        "system": prompt.system,
        "prefix": prompt.prefix or None,
        "follow_ups": [_message_row(message, prompt.id) for message in prompt.follow_ups],
        "source": source or None,
        "parent_ids": list(prompt.parents),
        **{name: facets.get(name) for name in ("lang", "user", "node", "category", "level", "split")},
    }


def _message_row(message: Message, owner: str) -> dict[str, str]:
    payload = message.payload()
    if not isinstance(payload["content"], str) or "tool_calls" in payload:
        raise BadInput(f"{owner[:12]}: a turn holds more than text, which frames do not hold; leave it out")
    return payload


def prompts_of(table: DataFrame) -> list[Prompt]:
    """The records of a frame of prompts, row by row; their ids are those of the rows."""
    facets = [
        name for name in ("lang", "user", "node", "category", "level", "split") if name in table.columns
    ]
    return [
        Prompt(
            tuple(Message.of(message) for message in row["messages"]),
            system=row["system"],
            follow_ups=tuple(Message.of(message) for message in row["follow_ups"] or ()),
            prefix=row["prefix"] or "",
            facets={name: row[name] for name in facets if row[name] is not None},
            parents=tuple(row["parent_ids"] or ()),
        )
        for row in settled("prompts", table).iter_rows(named=True)
    ]


def response_row(response: Response, lang: str | None = None) -> dict[str, Any]:
    """An answer as a row."""
    return {
        "response_id": response.id,
        "prompt_id": response.prompt,
        "contender": response.contender,
        "messages": [_message_row(message, response.id) for message in response.messages],
        "lang": lang,
        "sample": response.sample,
        "n_tokens": response.usage.tokens_out or None,
        "truncated": response.finish == "length",
        "provenance": response.provenance,
        "parent_id": response.parents[0] if len(response.parents) == 1 else None,
        "key": response.key,
    }


def responses_of(table: DataFrame) -> list[Response]:
    """The records of a frame of responses, row by row; their ids are those of the rows."""
    return [
        Response(
            row["prompt_id"],
            row["contender"] or "",
            row["key"] or "",
            row["sample"] or 0,
            tuple(Message.of(message) for message in row["messages"]),
            "length" if row["truncated"] else "stop",
            provenance=row["provenance"] or "original",
            parents=(row["parent_id"],) if row["parent_id"] else (),
        )
        for row in settled("responses", table).iter_rows(named=True)
    ]


def pair_id() -> Expr:
    """The id of a pair: the first half of the chosen answer's and of the rejected one's, both digests of content."""
    import polars as pl

    return pl.col("chosen_id").str.slice(0, 16) + pl.col("rejected_id").str.slice(0, 16)


def row_id(content: Any) -> str:
    """The id of a document, a guide or another row: a digest of its content."""
    return digest(content)


def ancestors(frames: Frames, ids: Sequence[str]) -> set[str]:
    """`ids` and all rows of `frames` that they came from, by lineage."""
    import polars as pl

    links: list[Any] = []
    for name, table in frames.items():
        for column in PARENTS.get(name, ()):
            if column not in table.columns or name == "scores":
                continue
            pairs = table.select(pl.col(id_of(name)).alias("child"), pl.col(column).alias("parent"))
            links.append(pairs.explode("parent") if table.schema[column] == pl.List(pl.String) else pairs)
    found, fresh = set(ids), set(ids)
    above = pl.concat(links).drop_nulls() if links else None
    while fresh and above is not None:
        parents = above.filter(pl.col("child").is_in(list(fresh)))["parent"]
        fresh = set(parents.to_list()) - found
        found |= fresh
    return found
