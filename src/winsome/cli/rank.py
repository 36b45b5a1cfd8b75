"""winsome rank FILE..: standings from verdicts that exist already."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share

FORMATS = {
    "alpacaeval": "alpaca_eval_annotations",
    "arena-hard": "arena_hard_judgments",
    "mt-bench": "mt_bench_pairs",
    "wildbench": "wildbench_pairs",
    "battles": "battles",
    "human": "human_sheet",
}
"""Flag -> the format that it forces."""


def add(parser: Parser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="verdicts: the format is recognised from the content"
    )
    parser.add_argument(
        "--method",
        choices=("win-rate", "bt"),
        help="win rate or Bradley-Terry (default the format's own figure)",
    )
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help="the contender that all are measured against (default the file's, else none)",
    )
    parser.add_argument("--no-baseline-row", action="store_true", help="leave the baseline's own row out")
    parser.add_argument("--by", choices=("category",), help="a figure for each category too")
    parser.add_argument(
        "--interval",
        choices=("sandwich", "wald", "bootstrap", "bayes"),
        default="sandwich",
        help="how win rates' intervals are made (default sandwich)",
    )
    parser.add_argument(
        "--cluster",
        choices=("prompt", "annotator", "none"),
        default="prompt",
        help="rows that are not independent share this (default prompt)",
    )
    parser.add_argument(
        "--level",
        type=share,
        default=0.95,
        metavar="P",
        help="coverage of intervals, above 0 to 1 (default 0.95)",
    )
    group = parser.add_argument_group("files of a format forced, instead of FILE")
    for flag in FORMATS:
        group.add_argument(
            f"--{flag}", nargs="+", metavar="FILE", help=f"read as {FORMATS[flag].replace('_', ' ')}"
        )
    options.everywhere(parser)


def run(args: Namespace) -> int:
    import winsome

    files, form = _files(args)
    standings = winsome.rank(
        *files,
        method=args.method,
        baseline=args.baseline,
        by=args.by,
        interval=args.interval,
        cluster=args.cluster,
        level=args.level,
        baseline_row=not args.no_baseline_row,
        format=form,
        seed=args.seed,
    )
    if args.json:
        output.emit(standings.payload())
    else:
        from winsome.report.terminal import standings_table

        console = output.result()
        console.print(standings_table(standings))
        for group, rows in standings.groups.items():
            part = replace(
                standings, name=f"{args.by}: {group}", rows=rows, groups={}, warnings=(), decisions=()
            )
            console.print(standings_table(part))
    if args.method is None and not args.quiet:
        output.tell(f"method: {standings.method}, the format's own figure; --method chooses another")
    return 0


def _files(args: Namespace) -> tuple[list[str], str | None]:
    """The files and the format that a flag forces; BadInput for none or for several formats."""
    from winsome.errors import BadInput

    forced = {flag: getattr(args, flag.replace("-", "_")) for flag in FORMATS}
    given = {flag: files for flag, files in forced.items() if files}
    if len(given) + bool(args.files) != 1:
        raise BadInput(
            "rank needs files of one format: winsome rank FILE.., or one flag such as --battles FILE"
        )
    if args.files:
        return args.files, None
    ((flag, files),) = given.items()
    return files, FORMATS[flag]
