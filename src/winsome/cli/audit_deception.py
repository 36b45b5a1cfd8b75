"""winsome audit deception: a mixture of agents, honest, attacked and defended."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number


def add(actions: Any) -> Parser:
    """The action's parser among the others."""
    parser: Parser = actions.add_parser(
        "deception",
        help="deceptive agents in a mixture: what they cost, what defences take back and cost",
        description="Put deceivers into a mixture of agents, and measure it honest, attacked and defended on the same references.",
    )
    parser.add_argument(
        "--contender", required=True, metavar="MOA", help="moa?layers=3-3-1&agents=[..]&aggregator=.."
    )
    parser.add_argument(
        "--suite", required=True, metavar="SUITE", help="prompts; those with options are scored by gold_label"
    )
    parser.add_argument("--judge", metavar="JUDGE", help="for open prompts: who compares with the baseline")
    parser.add_argument(
        "--baseline", metavar="CONTENDER", help="whom open prompts are compared with (default the aggregator alone)"
    )  # fmt: skip
    parser.add_argument("--limit", type=whole_number(), metavar="N", help="the first N prompts (default all)")
    parser.add_argument(
        "--published", action="store_true", help="read and drop answers as the published code does"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print calls, price and latency by layer; ask nothing"
    )
    group = parser.add_argument_group("attacks and defences")
    group.add_argument(
        "--map", action="append", default=[], metavar="000_001", help="who deceives, a digit an agent; may be given again"
    )  # fmt: skip
    group.add_argument(
        "--sample", action="append", default=[], type=whole_number(0), metavar="K",
        help="K deceivers at places drawn by the seed; may be given again",
    )  # fmt: skip
    group.add_argument(
        "--status", type=whole_number(1), metavar="S",
        help="of deceivers that are sampled or swept: 1 on open prompts, 2 or 3 with options (default 1, 3)",
    )  # fmt: skip
    group.add_argument("--sweep", action="store_true", help="one deceiver in each seat in turn, undefended")
    group.add_argument(
        "--adaptive", action="store_true", help="each attack again by deceivers that look like the others"
    )
    group.add_argument(
        "--defences", default="all", metavar="LIST", help="all, none, or names joined by commas (default all)"
    )
    options.asking(parser)
    return parser


def run(args: Namespace) -> dict[str, Any]:
    """The audit's record."""
    from winsome.audit.deception import audit_deception

    return audit_deception(
        args.contender,
        suite=args.suite,
        maps=args.map,
        samples=args.sample,
        status=args.status,
        sweep=args.sweep,
        adaptive=args.adaptive,
        defences=args.defences,
        judge=args.judge,
        baseline=args.baseline,
        published=args.published,
        limit=args.limit,
        dry_run=args.dry_run,
        tell=output.tell,
        **options.asked(args),
    )
