"""Rows from files, suites and worlds."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput, Unsupported
from winsome.frames import (
    Frames,
    Kept,
    is_gold,
    kept,
    of_rows,
    pair_id,
    prompt_row,
    response_row,
    row_id,
    schema,
    settled,
)
from winsome.names import FILES, parse
from winsome.protocols import Run
from winsome.recipes.blocks import HoldOut
from winsome.records import Prompt, Response, Sampling, Suite, assistant, digest, response_key, user

if TYPE_CHECKING:
    from polars import DataFrame

VERSION = 1
READS: tuple[str, ...] = ()
STARTS = True
"""It takes no frames unless `from` says so."""
MADE = {
    "prompts": ("prompts",),
    "documents": ("documents",),
    "pairs": ("prompts", "responses", "pairs"),
    "demonstrations": ("prompts", "responses"),
}
WORLD_ROWS = 1_000
"""Documents and demonstrations that are taken of a world where nothing says how many."""


def load(
    frames: Frames,
    *,
    source: str,
    kind: Literal["prompts", "documents", "pairs", "demonstrations", "records", "threads"] = "prompts",
    rows: int | None = None,
    rename: dict[str, str] | None = None,
    split: str | None = None,
    hold_out: HoldOut | None = None,
    require_licence: tuple[str, ...] = (),
    run: Run,
) -> Kept:
    """The rows of a file, a suite (`basics`, `world:instruction?split=train`) or a world's documents and demonstrations.

    rows: at most so many. rename: {a file's column: a frame's column}. split: only rows of this split. hold_out: rows left out by the
    values of a column. require_licence: licences that documents may have. Columns that say what is true of a world are never read.
    """
    import polars as pl

    made = _read(source, kind, rows, rename or {}, run)
    first = MADE[kind][0]
    table = made[first]
    reasons: dict[str, Any] = {}
    if split is not None:
        reasons[f"not of split {split}"] = pl.col("split") != split
    if hold_out is not None:
        if hold_out.by not in table.columns:
            raise BadInput(
                f'load {source}: hold_out: no column "{hold_out.by}"; {first} have {", ".join(table.columns)[:90]}'
            )
        reasons["held out"] = pl.col(hold_out.by).is_in(list(hold_out.values)).fill_null(False)
    if require_licence and kind == "documents":
        reasons["licence not allowed"] = ~pl.col("licence").is_in(list(require_licence))
    done = kept(first, table, reasons)
    if not done.frames[first].height:
        raise BadInput(
            f"load {source}: no rows are left of {table.height} ({', '.join(done.dropped) or 'empty'})"
        )
    return Kept({**made, **done.frames}, done.dropped, planned=sum(t.height for t in made.values()))


def makes(settings: dict[str, Any]) -> tuple[str, ...]:
    """The frames that a kind of rows becomes."""
    return MADE.get(settings.get("kind", "prompts"), ())


MAKES = makes
MAY_MAKE = ("prompts", "documents")


def check(settings: dict[str, Any], run: Run) -> None:
    """Raise BadInput or Unsupported for what is not there, before anything runs."""
    source, kind = settings["source"], settings.get("kind", "prompts")
    if kind not in MADE:
        raise Unsupported(f'load: kind "{kind}" is not built yet (there are: {", ".join(MADE)})')
    if source.startswith("hub:"):
        raise Unsupported(
            f"load: {source}: data sets of the hub are not built yet; save it as a file and name that"
        )
    if _is_file(source):
        if not Path(source).is_file():
            raise BadInput(
                f"load: {source}: not there; check the path (it is taken from the folder you are in)"
            )
    elif kind == "prompts" or source.startswith("world:"):
        run.open(source, Suite)
    else:
        raise BadInput(f"load: {source}: {kind} come from a file or from a world; name one")


def identity(settings: dict[str, Any], run: Run) -> Any:
    """What of the source a cached result depends on: a file's content, a suite's version."""
    source = settings["source"]
    if _is_file(source):
        return hashlib.blake2b(Path(source).read_bytes(), digest_size=16).hexdigest()
    return run.open(source, Suite).full_name


def _is_file(source: str) -> bool:
    return source.lower().endswith(FILES) and not source.startswith("world:")


def _read(source: str, kind: str, rows: int | None, rename: dict[str, str], run: Run) -> dict[str, DataFrame]:
    if kind == "prompts" and not rename:
        suite = run.open(source, Suite)
        made = [prompt_row(prompt, suite.full_name) for prompt in suite.prompts[:rows]]
        return {"prompts": of_rows("prompts", _each_once(made, "prompt_id"))}
    if source.startswith("world:"):
        return _of_world(source, kind, rows)
    from winsome.ledger.formats.reading import read

    found = [
        {rename.get(name, name): value for name, value in row.items() if not is_gold(name)}
        for row in islice(read(Path(source)).rows, rows)
    ]
    if kind == "documents":
        return {
            "documents": of_rows(
                "documents", [_document(row, source, place) for place, row in enumerate(found, 1)]
            )
        }
    return _asked_and_answered(found, kind, source)


def _each_once(rows: list[dict[str, Any]], id: str) -> list[dict[str, Any]]:
    return list({row[id]: row for row in rows}.values())


def _document(row: dict[str, Any], source: str, place: int) -> dict[str, Any]:
    text = row.get("text")
    if not isinstance(text, str):
        raise BadInput(
            f'{source}: record {place} has no "text" (found: {", ".join(row)[:60]}); use rename: {{theirs: text}}'
        )
    known = {name: row.get(name) for name in schema("documents") if name not in ("doc_id", "parent_ids")}
    return {
        **known,
        "doc_id": row_id(["document", text]),
        "source": row.get("source") or source,
        "parent_ids": [],
    }


def _asked_and_answered(rows: list[dict[str, Any]], kind: str, source: str) -> dict[str, DataFrame]:
    """Prompts and answers, and pairs, of rows that have the words themselves."""
    sides = ("chosen", "rejected") if kind == "pairs" else ("output",)
    prompts: dict[str, dict[str, Any]] = {}
    answers: dict[str, dict[str, Any]] = {}
    pairs: list[dict[str, Any]] = []
    for place, row in enumerate(rows, 1):
        missing = [name for name in ("prompt", *sides) if not isinstance(row.get(name), str)]
        if missing:
            raise BadInput(
                f'{source}: record {place} has no "{missing[0]}" (found: {", ".join(row)[:60]}); use rename: {{theirs: {missing[0]}}}'
            )
        facets = {
            n: str(row[n])
            for n in ("lang", "user", "node", "category", "level", "split")
            if row.get(n) is not None
        }
        prompt = Prompt((user(row["prompt"]),), system=row.get("system"), facets=facets)
        prompts.setdefault(prompt.id, prompt_row(prompt, source))
        made = [_human(prompt.id, row[side], source, place) for side in sides]
        answers |= {answer.id: response_row(answer, row.get("lang")) for answer in made}
        if kind == "pairs":
            pairs.append(
                {
                    "prompt_id": prompt.id,
                    "chosen_id": made[0].id,
                    "rejected_id": made[1].id,
                    "lang": row.get("lang"),
                }
            )
    tables = {
        "prompts": of_rows("prompts", list(prompts.values())),
        "responses": of_rows("responses", list(answers.values())),
    }
    if kind == "pairs":
        import polars as pl

        found = pl.DataFrame(pairs).with_columns(pair_id().alias("pair_id"), pl.lit("recorded").alias("rule"))
        tables["pairs"] = settled("pairs", found).unique("pair_id", keep="first", maintain_order=True)
    return tables


def _human(prompt: str, text: str, source: str, place: int) -> Response:
    key = response_key(prompt, digest(["human", source, text]), Sampling(), 0)
    return Response(prompt, "human", key, messages=(assistant(text),), provenance="human")


def _of_world(source: str, kind: str, rows: int | None) -> dict[str, DataFrame]:
    from winsome.sandbox import documents
    from winsome.sandbox.demonstrations import demonstrations
    from winsome.sandbox.members import opened

    spec = parse(source)
    rows = rows or int(spec.settings.get("n", WORLD_ROWS))
    world = opened(str(spec.without(("n", "start", "split"))))
    if kind == "documents":
        found = islice(documents.stream(world), rows)
        made = [
            {"text": d.text, "class": getattr(d, "kind", None), "lang": getattr(d, "lang", None)}
            for d in found
        ]
        held = [_document(row, source, place) for place, row in enumerate(made, 1)]
        return {"documents": of_rows("documents", _each_once(held, "doc_id"))}
    if kind != "demonstrations":
        raise Unsupported(
            f"load: {source}: a world has prompts, documents and demonstrations; name one of them"
        )
    shown = list(islice(demonstrations(world), rows))
    return {
        "prompts": of_rows("prompts", [prompt_row(prompt, source) for prompt, _ in shown]),
        "responses": of_rows("responses", [response_row(_human(p.id, text, source, 0)) for p, text in shown]),
    }
