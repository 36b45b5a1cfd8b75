"""winsome plan --detect 3%: how many prompts a difference needs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, points, share, whole_number

if TYPE_CHECKING:
    from winsome.audit.designs import Design

EPILOG = "--detect 3% tells a win rate of 53% from 50%; a pilot is a run of two contenders, by folder or id, or a file of their verdicts."


def add(parser: Parser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        choices=("prompts", "labels"),
        default="prompts",
        metavar="prompts|labels",
        help="prompts that a difference needs (default), or people's labels beside a judge's scores",
    )
    parser.add_argument(
        "--detect",
        type=_points,
        metavar="P%",
        help="points of win rate beyond 50, such as 3%%",
    )
    parser.add_argument(
        "--power", type=share, default=0.9, metavar="P", help="chance to see it (default 0.9)"
    )
    parser.add_argument(
        "--level", type=share, default=0.95, metavar="P", help="coverage of the interval (default 0.95)"
    )
    parser.add_argument(
        "--pairs",
        choices=("both-orders", "one"),
        help="the orders in which a pair is shown (default: both designs are listed)",
    )
    parser.add_argument(
        "--repeats", type=whole_number(), default=1, metavar="N", help="asks in each order (default 1)"
    )
    parser.add_argument(
        "--contenders",
        type=whole_number(2),
        default=2,
        metavar="N",
        help="how many meet one baseline, itself counted (default 2)",
    )
    parser.add_argument(
        "--pilot",
        metavar="RUN|FILE",
        help="a finished run, or a file of verdicts: its variance and correlation are used",
    )
    parser.add_argument(
        "--contender", metavar="NAME", help="of a pilot with more than two: who is told from the baseline"
    )
    parser.add_argument(
        "--rival",
        metavar="NAME",
        help="with --pilot and --contender: tell the two apart, both against the run's baseline",
    )
    parser.add_argument("--judge", metavar="NAME", help="who compares, for tokens and money")
    labels = parser.add_argument_group(
        "labels (--pilot is a run of people with --assist, or a file of human and synthetic)"
    )
    labels.add_argument(
        "--half-width", type=points, metavar="P%", help="the wanted interval is estimate -+ P points"
    )
    labels.add_argument(
        "--pairs-at-hand",
        type=whole_number(),
        metavar="N",
        help="pairs with a score (default those of the pilot)",
    )
    labels.add_argument(
        "--usd-per-label", type=_usd, metavar="USD", help="what one person's label of a pair costs"
    )
    labels.add_argument(
        "--leave-out",
        type=whole_number(3),
        metavar="K",
        help="with --parameters: the cost of K reward models tuned to the people, each without one of K contenders",
    )
    labels.add_argument("--parameters", metavar="N", help="of each of those reward models, such as 8e9")
    options.everywhere(parser)


def run(args: Namespace) -> int:
    from winsome.audit.designs import designs, paired_design, pilot_of, pilot_of_verdicts, price_of
    from winsome.errors import BadInput

    if args.what == "labels":
        from winsome.cli.people import plan_labels

        return plan_labels(args)
    if args.detect is None:
        raise BadInput("missing: --detect; give the points of win rate beyond 50, such as --detect 3%")
    if args.rival is not None and (args.pilot is None or args.contender is None):
        raise BadInput(
            "--rival needs --pilot RUN and --contender NAME: their difference is planned from a run"
        )
    price = None if args.judge is None else price_of(args.judge, args.ledger)
    pilot = None
    if args.pilot is not None:
        from winsome.api import run_folder

        file = Path(args.pilot)
        folder = file if file.is_file() and args.rival is None else run_folder(args.pilot)
        if args.rival is not None:
            pair = paired_design(
                folder,
                args.contender,
                args.rival,
                args.detect,
                power=args.power,
                level=args.level,
                price=price,
            )
            _show([pair], args, None)
            return 0
        pilot = (pilot_of_verdicts if folder == file and file.is_file() else pilot_of)(folder, args.contender)
    found = designs(
        args.detect,
        power=args.power,
        level=args.level,
        orders=args.pairs,
        repeats=args.repeats,
        contenders=args.contenders,
        pilot=pilot,
        price=price,
    )
    _show(found, args, pilot)
    return 0


def _show(found: list[Design], args: Namespace, pilot: Any) -> None:
    if args.json:
        output.emit(
            {"pilot": None if pilot is None else vars(pilot), "designs": [vars(design) for design in found]}
        )
    else:
        _print(found, args, pilot)


def _print(found: list[Design], args: Namespace, pilot: Any) -> None:
    console = output.result()
    aim = f"a win rate of {50 + args.detect:g}% from 50%"
    if args.rival is not None:
        aim = f"{args.contender} from {args.rival} where their win rates differ by {args.detect:g} points"
    console.print(f"To tell {aim} with power {args.power:g} at {100 * args.level:g}%:")
    if args.rival is not None:
        console.print("from the pilot's paired differences: what is hard or easy for both cancels")
    elif pilot is not None:
        console.print(
            f"pilot: variance of one ask {pilot.variance:.3f}, correlation within a prompt {pilot.correlation:.2f} "
            f"({pilot.asks:,} asks on {pilot.prompts:,} prompts)"
        )
    else:
        console.print("no pilot: every ask a win or a loss, the asks of a prompt alike; the worst case")
    table = output.table("design", "prompts", "asks", "calls", "tokens", "money")
    for design in found:
        tokens = "–" if design.tokens is None else f"{design.tokens / 1e6:.1f}M"
        usd = "–" if design.money is None else output.money(design.money)
        table.add_row(
            design.name, f"{design.prompts:,}", f"{design.asks:,}", f"{design.calls:,}", tokens, usd
        )
    console.print(table)
    if args.judge is None:
        console.print("calls are those of the judge; --judge NAME adds tokens and money")


def _usd(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise ArgumentTypeError(f'"{text}" is no price in US dollars')
    return value


def _points(text: str) -> float:
    return round(100.0 * points(text), 12)
