"""winsome card J --against human.csv: what a judge is worth against people. winsome card world:PRESET: a world's card."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share, whole_number

HOLES = 3
EPILOG = (
    "FILE is a sheet (prompt, answer_a, answer_b, winner, optional annotator, category), match_id and winner against the "
    "ledger, or, with --pairs, id and winner beside a table of id, prompt and two answers. Reports of runs with this judge link "
    "its card."
)


def add(parser: Parser) -> None:
    parser.add_argument(
        "judge",
        metavar="JUDGE",
        help="embedded:judge, an endpoint, a rule; a file of its verdicts; a card to show; world:PRESET",
    )
    parser.add_argument("--against", metavar="FILE", help="what people said of pairs of answers")
    parser.add_argument("--pairs", metavar="FILE", help="the words that the votes' ids stand for")
    plan = parser.add_argument_group("plan")
    plan.add_argument(
        "--orders", type=int, choices=(1, 2), help="orders in which a pair is shown (default 2)"
    )
    plan.add_argument(
        "--repeats",
        type=whole_number(),
        default=1,
        metavar="N",
        help="asks in each order; 2 measure consistency (default 1)",
    )
    plan.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N pairs only (default all)"
    )
    plan.add_argument(
        "--cluster",
        choices=("prompt", "pair", "annotator"),
        default="prompt",
        help="votes of one depend on each other (default prompt)",
    )
    plan.add_argument(
        "--level", type=share, default=0.95, metavar="P", help="coverage of intervals (default 0.95)"
    )
    plan.add_argument(
        "--allow-mixed-judge", action="store_true", help="go on although two model ids answered as the judge"
    )
    plan.add_argument(
        "--allow-degenerate", action="store_true", help="go on although the judge gives nearly one label"
    )
    plan.add_argument(
        "--dry-run", action="store_true", help="print the plan and what it may cost; ask nothing"
    )
    plan.add_argument("--out", metavar="FILE", help="write the card here too")
    options.asking(parser)
    options.everywhere(parser)


def run(args: Namespace) -> int:
    if args.against is None and args.judge.startswith("world:"):
        from winsome.cli import world_card

        return world_card.run(args)
    from winsome.matchmaking.judge_cards import read_card

    if args.against is None and Path(args.judge).suffix == ".json":
        record = read_card(args.judge)
    else:
        made = _made(args)
        if made is None:
            return 0
        record = made
    if args.out:
        from winsome.ledger.formats.writing import write_bytes

        write_bytes(Path(args.out), _json(record))
    if args.json:
        output.emit(record)
    else:
        from winsome.report.card import CardPage

        output.result().print(CardPage(record))
    outcomes = record["outcomes"]
    return HOLES if any(outcomes[name] for name in ("unparsed", "void", "not asked")) else 0


def _made(args: Namespace) -> dict[str, object] | None:
    """A fresh card; None where only the plan was wanted."""
    from winsome.audit.cards import card
    from winsome.errors import BadInput
    from winsome.matchmaking.preflight import Estimate

    if args.against is None:
        raise BadInput("card needs people's votes: winsome card JUDGE --against FILE")
    if Path(args.judge).is_file():
        from winsome.audit.cards import recorded_card

        kept = recorded_card(
            args.judge,
            against=args.against,
            pairs=args.pairs,
            cluster=args.cluster,
            level=args.level,
            ledger=args.ledger,
            command=options.typed(args),
        )
        return dict(kept.record)

    def gate(estimate: Estimate) -> bool:
        if not args.quiet:
            output.tell(f"judge: {estimate.loads[-1].name}")
            for line in estimate.lines():
                output.tell(line)
        if args.dry_run:
            raise _PlanShown
        return True

    try:
        found = card(
            args.judge,
            against=args.against,
            pairs=args.pairs,
            orders=args.orders,
            repeats=args.repeats,
            limit=args.limit,
            cluster=args.cluster,
            level=args.level,
            allow_mixed_judge=args.allow_mixed_judge,
            allow_degenerate=args.allow_degenerate,
            command=options.typed(args),
            confirm=gate,
            **options.asked(args),
        )
    except _PlanShown:
        return None
    if not args.quiet:
        output.tell(f"card: {found.path}")
    return dict(found.record)


class _PlanShown(Exception):
    pass


def _json(record: object) -> bytes:
    import orjson

    return orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n"
