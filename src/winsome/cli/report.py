"""winsome report [RUN]: the report of a run, written anew."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from winsome.cli import options, output
from winsome.cli.parsing import Parser


def add(parser: Parser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder or id (default the newest below .winsome/runs)"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="where the page goes, report.json beside it (default report.html in the run's folder)",
    )
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    options.everywhere(parser)


def run(args: Namespace) -> int:
    import winsome
    from winsome.api import run_folder

    folder = run_folder(args.run)
    page = winsome.write_report(folder, out=args.out, ledger=args.ledger)
    if args.json:
        import orjson

        output.emit(
            {
                "folder": str(folder),
                "report": str(page),
                "document": orjson.loads(page.with_suffix(".json").read_bytes()),
            }
        )
    elif not args.quiet:
        print(page)
    if args.open:
        from winsome.cli.browser import show

        show(Path(page))
    return 0
