"""winsome rank FILE..: standings from verdicts that exist already."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share, whole_number
from winsome.errors import BadInput

if TYPE_CHECKING:
    from winsome.matchmaking.methods import Settings
    from winsome.matchmaking.verdict_files import Recorded
    from winsome.standings.table import Standings

FORMATS = ("alpacaeval", "arena-hard", "mt-bench", "wildbench", "battles", "human")
"""Flags that force a format; each may stand for several files of one family."""

METHODS = (
    "win-rate",
    "lc",
    "bt",
    "bt-davidson",
    "bt-rao-kupper",
    "elo",
    "glicko2",
    "grade-mean",
    "wb-score",
    "wb-reward",
)
EXPORTS = ("alpaca_eval", "arena_hard", "arena_hard_v0.1", "mt_bench", "wildbench", "battles", "human")

EPILOG = (
    "--control names pairs of columns such as length_a and length_b; length, headings, lists, bold and markdown (their sum) are "
    "counted where the file holds the answers."
)


def add(parser: Parser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="verdicts: the format is recognised from the content"
    )
    figure = parser.add_argument_group("figure")
    figure.add_argument(
        "--method",
        choices=METHODS,
        metavar="NAME",
        help=f"{', '.join(METHODS)} (default the format's own figure)",
    )
    figure.add_argument(
        "--baseline",
        metavar="NAME",
        help="the contender that all are measured against (default the file's, else none)",
    )
    figure.add_argument("--no-baseline-row", action="store_true", help="leave the baseline's own row out")
    figure.add_argument(
        "--control",
        default="",
        metavar="NAME,..",
        help="hold these equal, in lc and bt: length, markdown, any pair of columns",
    )
    figure.add_argument("--by", choices=("category",), help="a figure for each category too")
    figure.add_argument("--category", metavar="NAME", help="rows of this category only (default all)")
    figure.add_argument(
        "--aspect", metavar="NAME", help="rows of this aspect only, such as 'turn 1' (default all)"
    )
    spread = parser.add_argument_group("intervals")
    spread.add_argument(
        "--interval",
        choices=("sandwich", "bootstrap", "bayes", "wald"),
        help="of win-rate and bt; wald of win-rate only (default sandwich)",
    )
    spread.add_argument(
        "--cluster",
        choices=("prompt", "annotator", "none"),
        help="rows that are not independent share this (default prompt)",
    )
    spread.add_argument(
        "--level",
        type=share,
        default=0.95,
        metavar="P",
        help="coverage of intervals, above 0 to 1 (default 0.95)",
    )
    own = parser.add_argument_group("of one method")
    own.add_argument(
        "--anchor", type=_anchor, metavar="NAME=RATING", help="bt: this rating is fixed (default mean 1000)"
    )
    own.add_argument(
        "--passes", type=whole_number(), metavar="N", help="elo: mean over N shuffles (default 1, in order)"
    )
    own.add_argument(
        "--penalty", choices=("none", "l1", "l1-cv"), help="lc: none, l1 with --C, l1-cv with --gamed"
    )
    own.add_argument(
        "--C", dest="c", type=_positive, metavar="C", help="lc: inverse strength of l1 (default 21.54)"
    )
    own.add_argument(
        "--gamed", metavar="FILE", help="lc: AlpacaEval's df_gamed.csv; C is then chosen as published"
    )
    own.add_argument(
        "--calibration",
        choices=("auto", "none"),
        default="auto",
        help="lc: difficulties of AlpacaEval 2, where the verdicts are on it (default auto)",
    )
    own.add_argument(
        "--margin",
        type=int,
        choices=(-1, 500, 1000, 1500),
        default=-1,
        help="wb-reward: length margin (default -1, none)",
    )
    out = parser.add_argument_group("what becomes of it")
    out.add_argument(
        "--report", action="store_true", help="write a run folder with the report, as compare does"
    )
    out.add_argument("--open", action="store_true", help="write the report and open it in the browser")
    out.add_argument(
        "--export", nargs=2, metavar=("FORMAT", "FILE"), help=f"write the verdicts as {', '.join(EXPORTS)}"
    )
    group = parser.add_argument_group("files of a format forced, instead of FILE")
    for flag in FORMATS:
        group.add_argument(f"--{flag}", nargs="+", metavar="FILE", help=f"read as {flag}")
    options.everywhere(parser)


def run(args: Namespace) -> int:
    from winsome.matchmaking.methods import ranked
    from winsome.matchmaking.verdict_files import recorded

    files, form = _files(args)
    found = recorded(
        *files,
        format=form,
        baseline=args.baseline,
        aspect=args.aspect,
        category=args.category,
        margin=args.margin,
    )
    standings = ranked(found, args.method, _settings(args))
    if args.json:
        output.emit(standings.payload())
    else:
        _print(standings, args.by)
    if args.method is None and not args.quiet:
        output.tell(f"method: {standings.method}, the format's own figure; --method chooses another")
    if args.export:
        _export(found, *args.export, quiet=args.quiet)
    if args.report or args.open:
        _report(found, standings, args)
    return 0


def _settings(args: Namespace) -> Settings:
    from winsome.matchmaking.methods import Settings
    from winsome.matchmaking.rank import covariates

    return Settings(
        baseline=args.baseline,
        control=covariates(args.control),
        by=args.by,
        interval=args.interval,
        cluster=args.cluster,
        level=args.level,
        anchor=args.anchor,
        baseline_row=not args.no_baseline_row,
        passes=args.passes,
        penalty=args.penalty,
        c=args.c,
        gamed=None if args.gamed is None else Path(args.gamed),
        calibrated=args.calibration == "auto",
        seed=args.seed,
    )


def _print(standings: Standings, by: str | None) -> None:
    from winsome.report.terminal import standings_table

    console = output.result()
    console.print(standings_table(standings))
    for group, rows in standings.groups.items():
        part = replace(standings, name=f"{by}: {group}", rows=rows, groups={}, warnings=(), decisions=())
        console.print(standings_table(part))


def _export(found: Recorded, form: str, place: str, *, quiet: bool) -> None:
    from winsome.ledger.formats.writers import write_verdicts

    if found.frame is None or (found.asks is None and form not in ("mt_bench", "wildbench")):
        raise BadInput(f"{found.name}: holds single grades; export them as mt_bench or wildbench")
    rows = write_verdicts(Path(place), form, found.frame)
    if not quiet:
        output.tell(f"{rows:,} records -> {place}")


def _report(found: Recorded, standings: Standings, args: Namespace) -> None:
    from winsome.api import report_of_verdicts

    page = report_of_verdicts(found, standings, command=options.typed(args), ledger=args.ledger)
    if not args.quiet:
        output.tell(f"report: {page}")
    if args.open:
        from winsome.cli.browser import show

        show(page)


def _files(args: Namespace) -> tuple[list[str], str | None]:
    """The files and the format that a flag forces; BadInput for none or for several formats."""
    forced = {flag: getattr(args, flag.replace("-", "_")) for flag in FORMATS}
    given = {flag: files for flag, files in forced.items() if files}
    if len(given) + bool(args.files) != 1:
        raise BadInput(
            "rank needs files of one format: winsome rank FILE.., or one flag such as --battles FILE"
        )
    if args.files:
        return args.files, None
    ((flag, files),) = given.items()
    return files, flag


def _anchor(text: str) -> dict[str, float]:
    name, _, points = text.rpartition("=")
    try:
        return {name: float(points)} if name else _no_anchor(text)
    except ValueError:
        return _no_anchor(text)


def _no_anchor(text: str) -> dict[str, float]:
    raise ArgumentTypeError(f'"{text}" is no NAME=RATING')


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise ArgumentTypeError(f'"{text}" is no number above 0')
    return value
