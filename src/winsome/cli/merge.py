"""winsome merge A B..: several models of one family as one."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from winsome.cli import options, output
from winsome.cli.parsing import Parser


def add(parser: Parser) -> None:
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="hf:FOLDER or another name of weights; one adapter alone is put into its base",
    )
    parser.add_argument(
        "--method",
        choices=("average", "linear", "slerp"),
        default="average",
        help="all alike, by --weights, or along the sphere between two (default average)",
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, default=[], metavar="W", help="for linear; they sum to 1"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=0.5,
        metavar="T",
        help="for slerp: 0 is the first model, 1 the second (default 0.5)",
    )
    parser.add_argument(
        "--out",
        default=".winsome/training",
        metavar="DIR",
        help="where the folder is made (default .winsome/training)",
    )
    options.everywhere(parser)


def run(args: Namespace) -> int:
    from winsome.ledger.store import Ledger
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.loops import finish
    from winsome.matchmaking.session import Session
    from winsome.training.merge import merge

    with Ledger.open(args.ledger) as ledger:
        session = Session(Door(ledger), args.seed, Path(args.out))
        try:
            name = merge(
                args.models, run=session, method=args.method, weights=tuple(args.weights), share=args.share
            )
        finally:
            finish(session.close())
    if args.json:
        output.emit({"contender": name, "merged": args.models, "method": args.method})
    else:
        print(name)
    return 0
