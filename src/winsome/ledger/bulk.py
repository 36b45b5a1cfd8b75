"""Recorded verdicts from a frame into the ledger: ids hashed in bulk, one prepared statement a table, indexes afterwards.

The ids are those that the records themselves would have (tested), made from columns of text instead of a million objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

import orjson
import polars as pl

from winsome.errors import BadInput
from winsome.ledger import rows as kept
from winsome.ledger.bulk_columns import refuse, verdict_columns
from winsome.ledger.engine import Connection, Engine
from winsome.ledger.rows import Row
from winsome.ledger.statements import Fixed
from winsome.ledger.writer import Writer
from winsome.records import (
    SCORED,
    Prompt,
    Response,
    Sampling,
    assistant,
    digest,
    response_key,
    user,
)

SLICE = 50_000
"""Rows turned into Python objects at once."""

NO_MORE_OF_A_MATCH: Mapping[str, Fixed] = {"notes": None, "parents": None}
NO_MORE_OF_A_VERDICT: Mapping[str, Fixed] = {
    "places": None, "evidence": None, "served_by": "", "calls": 0, "tokens_in": 0, "tokens_out": 0, "money": 0.0, "seconds": 0.0,
}  # fmt: skip
"""What a frame does not tell: equal in all rows, so it is written into the statement and not bound a million times."""

NOT_RECORDED = "words not recorded"
"""The error of a response of which a frame tells only the contender; it is never found as an answer."""


@dataclass(frozen=True)
class Imported:
    """What an import kept: `rows` read, and the rows that each table had not held before."""

    rows: int
    new: Mapping[str, int]


def import_frame(engine: Engine, writer: Writer, frame: pl.DataFrame, *, judge: str, name: str) -> Imported:
    """Keep one verdict a row, all of them or none.

    Columns: model_a, model_b and share (of a, in [0, 1]; null is unparsed) or winner. Optional: prompt (the words), prompt_id,
    answer_a, answer_b, outcome, order, repeat, category, cluster, judge, aspect, annotator, extent, reason. Without prompt and
    prompt_id each row is a prompt of its own. Rows alike in all that names a verdict become its repeats.
    Raises BadInput naming `name`, record and field.
    """
    if frame.height == 0:
        raise BadInput(f"{name}: no verdicts; give a frame with at least one row")
    columns = verdict_columns(frame, judge, name)
    prompts, columns = _prompts(columns, name)
    responses, columns = _responses(columns, prompts)
    columns = _hashed(_repeats(columns, name))
    now = time.time()
    matches = columns.unique("match", keep="first", maintain_order=True)
    tables: dict[str, tuple[Iterable[Row], Mapping[str, Fixed]]] = {
        "prompts": (_rows("prompts", prompts.values()), {}),
        "responses": (_rows("responses", responses.values()), {}),
        "matches": (_sliced(matches, _match_rows), {**NO_MORE_OF_A_MATCH, "created": now}),
        "verdicts": (_sliced(columns, _verdict_rows), {**NO_MORE_OF_A_VERDICT, "created": now}),
    }

    def work(connection: Connection) -> dict[str, int]:
        new: dict[str, int] = {}
        for table, (rows, fixed) in tables.items():
            held = f"SELECT count(*) FROM {table}"
            before = engine.rows(connection, held)[0][0]
            engine.load(connection, table, rows, fixed)
            new[table] = engine.rows(connection, held)[0][0] - before
        return new

    return Imported(frame.height, writer.run(None, work))


def _prompts(columns: pl.DataFrame, name: str) -> tuple[dict[str, Prompt], pl.DataFrame]:
    """Prompts by id; `columns` with the id of each row's prompt as `prompt_key`."""
    label = pl.coalesce("prompt_id", pl.format("record {}", "record"))
    named = columns.with_columns(
        pl.coalesce("prompt", pl.format("[prompt {} of {}: words not recorded]", label, pl.lit(name))).alias(
            "words"
        )
    )
    distinct = named.unique("words", keep="first", maintain_order=True).select(
        "words", "prompt_id", "category"
    )
    prompts: dict[str, Prompt] = {}
    ids: list[str] = []
    for words, item, category in distinct.iter_rows():
        facets = {"category": category} if category else {}
        prompt = Prompt((user(words),), item=item, facets=facets)
        prompts[prompt.id] = prompt
        ids.append(prompt.id)
    keyed = distinct.select("words", pl.Series("prompt_key", ids)).with_row_index("prompt_code")
    return prompts, named.join(keyed, on="words", how="left", maintain_order="left")


def _responses(
    columns: pl.DataFrame, prompts: Mapping[str, Prompt]
) -> tuple[dict[str, Response], pl.DataFrame]:
    """Responses by id; `columns` with id and words' digest of each side's response, and its place in the JSON of a match."""
    sides = [
        columns.select(
            "prompt_code",
            "prompt_key",
            pl.col(f"model_{side}").alias("model"),
            pl.col(f"answer_{side}").alias("answer"),
        )
        for side in "ab"
    ]
    both = pl.concat(sides, rechunk=True).with_row_index("place")  # A gather looks up the chunk of every row.
    # The place of the first equal row stands for the response from here on.
    both = both.with_columns(pl.col("model").cast(pl.Categorical).to_physical().alias("named"))
    first = both.select(pl.col("place").first().over("prompt_code", "named")).to_series()
    # Long words are compared, not sorted into groups, where a contender has but one answer to a prompt.
    if not both["answer"].eq_missing(both["answer"].gather(first)).all():
        both = both.with_columns(pl.col("answer").cast(pl.Categorical).to_physical().alias("said"))
        first = both.select(pl.col("place").first().over("prompt_code", "named", "said")).to_series()
    both = both.with_columns(first.alias("first"))
    distinct = both.filter(pl.col("place") == pl.col("first"))
    responses: dict[str, Response] = {}
    ids, contents, names = list[str](), list[str](), list[str]()
    sampling = Sampling()
    for prompt, model, answer in distinct.select("prompt_key", "model", "answer").iter_rows():
        key = response_key(prompt, model, sampling, 0)
        if answer is None:
            response = Response(
                prompt, model, key, finish="failed", error=NOT_RECORDED, provenance="recorded"
            )
        else:
            response = Response(prompt, model, key, messages=(assistant(answer),), provenance="recorded")
        responses[response.id] = response
        ids.append(response.id)
        contents.append(response.content)
        names.append(_spelled(model))
    made = {"response": pl.Series(ids), "content": pl.Series(contents), "json": pl.Series(names)}
    code = pl.DataFrame({"first": distinct["first"]}).with_row_index("code")
    codes = both.select("first").join(code, on="first", how="left", maintain_order="left")["code"]
    for side, offset in (("a", 0), ("b", columns.height)):
        places = codes.slice(offset, columns.height)
        columns = columns.with_columns(
            places.alias(f"code_{side}"),
            *(made[name].gather(places).alias(f"{name}_{side}") for name in made),
        )
    return responses, columns


def _repeats(columns: pl.DataFrame, name: str) -> pl.DataFrame:
    """`columns` with `repeat`: as given, else the count of equal verdicts before."""
    words = [pl.col(name).cast(pl.Categorical).to_physical() for name in ("judge", "aspect", "annotator")]
    alike = ["code_a", "code_b", "order", *words]
    if "repeat" not in columns.columns:
        return columns.with_columns(
            (pl.col("record").cum_count().over(alike) - 1).cast(pl.Int64).alias("repeat")
        )
    columns = columns.with_columns(pl.col("repeat").fill_null(0))
    twice = columns.select(
        pl.struct([*alike, "repeat"]).is_duplicated() & ~pl.struct([*alike, "repeat"]).is_first_distinct()
    )
    refuse(
        twice.to_series(),
        columns["repeat"],
        name,
        "is a verdict that stands there before; number the repeats",
    )
    return columns


def _hashed(columns: pl.DataFrame) -> pl.DataFrame:
    """`columns` with the ids of contest, match and verdict, as `winsome.records` makes them."""
    columns = columns.with_columns(
        (pl.col("order") % 2).alias("seat_a"), ((pl.col("order") + 1) % 2).alias("seat_b")
    )
    columns = columns.with_columns(
        _digests(columns, '["{}",[[{},"{}"],[{},"{}"]]]', ["prompt_key", "json_a", "response_a", "json_b", "response_b"]).alias("contest"),
        _digests(
            columns.with_columns(
                pl.when(pl.col("seat_a") == 0).then("content_a").otherwise("content_b").alias("first"),
                pl.when(pl.col("seat_a") == 0).then("content_b").otherwise("content_a").alias("second"),
            ),
            '["{}",{{}},["{}","{}"]]', ["prompt_key", "first", "second"],
        ).alias("shown"),
    )  # fmt: skip
    columns = columns.with_columns(
        _digests(columns, '["{}",[{},{}],{},{}]', ["contest", "seat_a", "seat_b", "order", "repeat"]).alias(
            "match"
        )
    )
    columns = columns.with_columns(
        _mapped(columns["judge"], judge_id).alias("judge_id"),
        _mapped(columns["aspect"], _spelled).alias("json_aspect"),
        _mapped(columns["annotator"], _spelled).alias("json_annotator"),
    )
    named = ["match", "judge_id", "json_aspect", "json_annotator"]
    return columns.with_columns(_digests(columns, '["{}","{}",{},{}]', named).alias("verdict"))


def judge_id(judge: str) -> str:
    """The id of a judge of whom only the name was recorded."""
    return digest(["recorded", judge])


def _digests(columns: pl.DataFrame, template: str, names: Sequence[str]) -> pl.Series:
    """What `winsome.records.digest` gives for the JSON that `template` spells, row by row."""
    pieces = template.replace("{{}}", "\0").split("{}")
    spelled: list[pl.Expr] = [pl.lit(pieces[0].replace("\0", "{}"))]
    for name, piece in zip(names, pieces[1:], strict=True):
        spelled += [pl.col(name).cast(pl.String), pl.lit(piece.replace("\0", "{}"))]
    texts = columns.select(pl.concat_str(spelled).cast(pl.Binary)).to_series().to_list()
    return pl.Series([blake2b(text, digest_size=16).hexdigest() for text in texts])


def _spelled(text: str) -> str:
    return orjson.dumps(text).decode()


def _facets(category: str) -> str:
    return orjson.dumps({"category": category}).decode() if category else ""


def _mapped(values: pl.Series, function: Callable[[str], str]) -> pl.Series:
    distinct = values.unique().to_list()
    return values.replace_strict({value: function(value) for value in distinct}, return_dtype=pl.String)


def _rows(table: str, records: Iterable[kept.Record]) -> list[Row]:
    rows: dict[str, list[Row]] = {}
    for record in records:
        kept.add(record, rows)
    return rows[table]


def _sliced(columns: pl.DataFrame, rows: Callable[[pl.DataFrame], Iterator[Row]]) -> Iterator[Row]:
    return chain.from_iterable(map(rows, columns.iter_slices(SLICE)))


def _match_rows(piece: pl.DataFrame) -> Iterator[Row]:
    side = '{"contender":{},"response":"{}","seat":{}}'
    pieces: list[pl.Expr] = []
    for letter, before in (("a", "["), ("b", ",")):
        head, rest = side.split("{}", 1)
        middle, last = rest.split("{}", 1)
        pieces += [
            pl.lit(before + head),
            pl.col(f"json_{letter}"),
            pl.lit(middle),
            pl.col(f"response_{letter}"),
        ]
        pieces += [pl.lit(last.removesuffix("{}}")), pl.col(f"seat_{letter}").cast(pl.String), pl.lit("}")]
    sides = piece.select(pl.concat_str([*pieces, pl.lit("]")])).to_series()
    category = _mapped(piece["category"].fill_null(""), _facets)
    cluster = piece.select(pl.coalesce("cluster", "prompt_key")).to_series()
    return zip(
        *(
            piece[c].to_list()
            for c in ("match", "contest", "shown", "prompt_key", "model_a", "model_b", "order", "repeat")
        ),
        cluster.to_list(),
        sides.to_list(),
        [text or None for text in category.to_list()],
        strict=True,
    )


def _verdict_rows(piece: pl.DataFrame) -> Iterator[Row]:
    scored = pl.Series(piece["outcome"].is_in(list(SCORED)))
    share = piece.select(pl.when(scored).then("share")).to_series().to_list()
    texts = {value: orjson.dumps((value, 1.0 - value)).decode() for value in set(share) if value is not None}
    return zip(
        *(
            piece[c].to_list()
            for c in ("verdict", "match", "judge", "judge_id", "aspect", "annotator", "outcome")
        ),
        share,
        [texts.get(value) for value in share],
        piece["extent"].to_list(),
        piece["reason"].to_list(),
        strict=True,
    )
