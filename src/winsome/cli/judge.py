"""winsome judge FILE..: a judge's verdicts on recorded answers, in a file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number

HOLES = 3


def add(parser: Parser) -> None:
    parser.add_argument(
        "answers", nargs="+", metavar="FILE", help="two files of answers or more (their pairs are judged)"
    )
    parser.add_argument(
        "--judge", required=True, metavar="NAME", help="who compares: embedded:judge, an endpoint, a rule"
    )
    parser.add_argument(
        "--out",
        default="verdicts.jsonl",
        metavar="FILE",
        help="verdicts go here: .jsonl, .json, .csv or .parquet (default verdicts.jsonl)",
    )
    parser.add_argument("--suite", metavar="NAME|FILE", help="the prompts (default those of the first file)")
    parser.add_argument(
        "--baseline", metavar="FILE", help="judge every file against this one only (default all pairs)"
    )
    parser.add_argument(
        "--orders",
        type=int,
        choices=(1, 2),
        help="orders in which a pair is shown (default the suite's, as a rule 2)",
    )
    parser.add_argument(
        "--repeats", type=whole_number(), default=1, metavar="N", help="asks in each order (default 1)"
    )
    parser.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N prompts only (default all)"
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="go on although some prompts have no answer"
    )
    parser.add_argument(
        "--allow-mixed-judge", action="store_true", help="go on although two model ids answered as the judge"
    )
    parser.add_argument(
        "--allow-degenerate", action="store_true", help="go on although the judge gives nearly one label"
    )
    options.asking(parser)
    options.everywhere(parser)


def run(args: Namespace) -> int:
    import winsome
    from winsome.ledger.formats.verdict_tables import write_battles

    given = options.asked(args)
    del given["engine"]
    frame = winsome.judge(
        *args.answers,
        judge=args.judge,
        suite=args.suite,
        baseline=args.baseline,
        orders=args.orders,
        repeats=args.repeats,
        limit=args.limit,
        allow_missing=args.allow_missing,
        allow_mixed_judge=args.allow_mixed_judge,
        allow_degenerate=args.allow_degenerate,
        command=options.typed(args),
        **given,
    )
    write_battles(Path(args.out), frame)
    counts = {str(outcome): int(n) for outcome, n in frame["outcome"].value_counts(sort=True).iter_rows()}
    if args.json:
        output.emit({"out": args.out, "asks": frame.height, "counts": counts})
    elif not args.quiet:
        listed = ", ".join(f"{n:,} {outcome}" for outcome, n in counts.items())
        output.tell(
            f"{frame.height:,} asks ({listed}) -> {args.out}; winsome rank {args.out} makes standings of them"
        )
    return HOLES if any(counts.get(outcome) for outcome in ("unparsed", "void", "not asked")) else 0
