"""winsome ledger ACTION: what is kept, shown, taken out, brought in, checked."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser
from winsome.errors import BadInput

if TYPE_CHECKING:
    import polars as pl

    from winsome.ledger.store import Ledger

ROWS_SHOWN = 50
COLUMNS_SHOWN = 8
"""More columns than these are printed one below the other."""


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    for name, (summary, arguments, _) in ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        arguments(action)
        options.everywhere(action)


def run(args: Namespace) -> int:
    from winsome.ledger.store import Ledger

    with Ledger.open(args.ledger) as ledger:
        return ACTIONS[args.action][2](ledger, args)


def _add_show(parser: Parser) -> None:
    parser.add_argument(
        "id",
        nargs="?",
        metavar="ID",
        help="a record or run, by its id or the first 4 digits and more (default: counts and runs)",
    )


def _show(ledger: Ledger, args: Namespace) -> int:
    from winsome.cli import ledger_view

    if args.id is None:
        found = ledger_view.summary(ledger)
        output.emit(found) if args.json else ledger_view.print_summary(found)
    else:
        found = ledger_view.record(ledger, args.id)
        output.emit(found) if args.json else ledger_view.print_record(found)
    return 0


def _add_query(parser: Parser) -> None:
    parser.add_argument(
        "sql",
        metavar="SQL",
        help="one SELECT; tables: prompts responses matches verdicts runs claims blobs notes links",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the rows: .csv, .jsonl, .json or .parquet (default: printed)"
    )


def _query(ledger: Ledger, args: Namespace) -> int:
    frame = ledger.query(args.sql)
    if args.out is not None:
        _write_frame(Path(args.out), frame)
    if args.json:
        output.emit({"columns": frame.columns, "rows": [list(row) for row in frame.iter_rows()]})
    elif args.out is None:
        console = output.result()
        if frame.width > COLUMNS_SHOWN:
            for number, row in enumerate(frame.head(ROWS_SHOWN).iter_rows(named=True), 1):
                console.print(f"row {number}")
                for name, value in row.items():
                    console.print(f"  {name}: {'' if value is None else value}", soft_wrap=True)
        else:
            table = output.table(*frame.columns)
            for row in frame.head(ROWS_SHOWN).iter_rows():
                table.add_row(*("" if value is None else str(value) for value in row))
            console.print(table)
        if frame.height > ROWS_SHOWN:
            output.tell(f"{frame.height:,} rows, the first {ROWS_SHOWN} shown; --out FILE writes them all")
    return 0


def _add_export(parser: Parser) -> None:
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="where to: .csv, .jsonl or .json, battles also .parquet"
    )
    parser.add_argument(
        "--format",
        choices=("battles", "alpaca_eval", "human", "answers"),
        default="battles",
        help="battles: a verdict a row; alpaca_eval: annotations; human: a blind sheet to fill in; answers: the responses (default battles)",
    )
    parser.add_argument(
        "--run", metavar="RUN", help="only the matches of this run, by folder or id (default all)"
    )
    parser.add_argument("--contender", metavar="NAME", help="answers of this contender only (default all)")


def _export(ledger: Ledger, args: Namespace) -> int:
    from winsome.ledger import export
    from winsome.ledger.formats import alpaca_eval, human, verdict_tables

    matches = None if args.run is None else _matches_of(args.run)
    out = Path(args.out)
    if args.format == "human":
        rows = human.write_sheet(out, export.sheet(ledger, matches))
    elif args.format == "answers":
        rows = _export_answers(ledger, out, args.contender)
    else:
        frame = export.verdicts(ledger, matches, words=args.format == "alpaca_eval")
        if frame.height == 0:
            raise BadInput(
                f"{ledger.url}: no verdicts to export; run winsome compare first, or name another --ledger"
            )
        write = (
            alpaca_eval.write_annotations if args.format == "alpaca_eval" else verdict_tables.write_battles
        )
        rows = write(out, frame)
    if args.json:
        output.emit({"out": str(out), "format": args.format, "rows": rows})
    elif not args.quiet:
        output.tell(f"{rows:,} rows -> {out}")
    return 0


def _matches_of(run: str) -> set[str]:
    import polars as pl

    from winsome.api import run_folder

    asks = pl.read_parquet(run_folder(run) / "asks.parquet", columns=["match"])
    return set(asks["match"].drop_nulls().to_list())


def _export_answers(ledger: Ledger, out: Path, contender: str | None) -> int:
    from winsome.ledger.formats.fields import Answer
    from winsome.ledger.formats.tables import write_answers

    ids = ledger.frame("responses", ("id", "contender"), "finish <> 'failed'")
    if contender is not None:
        known = ids["contender"].unique().to_list()
        if contender not in known:
            from winsome.cli.parsing import nearest

            raise BadInput(f'{ledger.url}: no answers of "{contender}"{nearest(contender, known)}')
        ids = ids.filter(ids["contender"] == contender)
    responses = ledger.responses(ids["id"].to_list())
    prompts = ledger.prompts(response.prompt for response in responses.values())
    rows = [
        Answer(
            place,
            tuple(m.text for m in r.messages),
            prompts[r.prompt],
            prompts[r.prompt].item,
            r.contender,
            r.sample,
        )
        for place, r in enumerate(responses.values(), 1)
        if r.prompt in prompts
    ]
    return write_answers(out, rows)


def _add_import(parser: Parser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="verdicts of any known format, or a human sheet filled in"
    )
    parser.add_argument(
        "--judge", metavar="NAME", help="who judged, where the file does not say (default: the file's name)"
    )


def _import(ledger: Ledger, args: Namespace) -> int:
    from winsome.ledger import export, formats
    from winsome.ledger.formats.reading import first

    rows, new = 0, dict[str, int]()
    for file in args.files:
        name = Path(file).name
        if "match_id" in first(file):
            rows += export.take_sheet(ledger, formats.verdicts(file, format="human_matches"), name)
            continue
        frame = formats.verdicts(file)
        imported = ledger.import_frame(frame, judge=args.judge or name, name=name)
        rows += imported.rows
        for table, count in imported.new.items():
            new[table] = new.get(table, 0) + count
    if args.json:
        output.emit({"rows": rows, "new": new})
    elif not args.quiet:
        output.tell(f"{rows:,} verdicts read; new here: {_listed(new) if new else 'see winsome ledger show'}")
    return 0


def _add_merge(parser: Parser) -> None:
    parser.add_argument(
        "other",
        metavar="LEDGER",
        help="the ledger to copy from (a file or postgresql:// address); it is not changed",
    )


def _merge(ledger: Ledger, args: Namespace) -> int:
    new = ledger.merge(args.other)
    if args.json:
        output.emit({"from": str(args.other), "into": ledger.url, "new": new})
    elif not args.quiet:
        output.tell(f"copied into {ledger.url}: {_listed(new)}")
    return 0


def _verify(ledger: Ledger, args: Namespace) -> int:
    found = ledger.verify()
    if args.json:
        output.emit(
            {
                "ledger": ledger.url,
                "sound": found.sound,
                "counts": found.counts,
                "problems": list(found.problems),
            }
        )
    else:
        for problem in found.problems:
            print(problem)
        if found.sound:
            print(f"{ledger.url}: sound ({_listed(found.counts)})")
    return 0 if found.sound else BadInput.exit_code


def _add_vacuum(parser: Parser) -> None:
    parser.add_argument(
        "--orphans", action="store_true", help="drop what nothing can use too (never a prompt or an answer)"
    )


def _vacuum(ledger: Ledger, args: Namespace) -> int:
    dropped = ledger.vacuum(orphans=args.orphans)
    if args.json:
        output.emit({"ledger": ledger.url, "dropped": dropped})
    elif not args.quiet:
        output.tell(f"{ledger.url}: compacted" + (f"; dropped {_listed(dropped)}" if dropped else ""))
    return 0


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {table}" for table, count in counts.items()) or "nothing"


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    """A frame by the ending of the file's name."""
    from winsome.ledger.formats.writing import write_bytes, write_rows

    if path.suffix == ".parquet":
        import io

        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        write_bytes(path, buffer.getvalue())
    else:
        write_rows(path, frame.to_dicts())


def _nothing(parser: argparse.ArgumentParser) -> None:
    """An action without arguments of its own."""


ACTIONS: dict[str, tuple[str, Any, Any]] = {
    "show": ("counts and runs, or one record with its lineage", _add_show, _show),
    "query": ("the rows that one SELECT finds", _add_query, _query),
    "export": ("verdicts, answers or a human sheet as a file", _add_export, _export),
    "import": ("recorded verdicts from files, or a human sheet filled in", _add_import, _import),
    "merge": ("copy what another ledger holds more", _add_merge, _merge),
    "verify": ("recompute every id, follow every reference", _nothing, _verify),
    "vacuum": ("give unused room back", _add_vacuum, _vacuum),
}
"""Action -> (help, adds its arguments, does it)."""
