"""winsome judges ACTION: which judge agrees best with people, and where a cheap judge will do."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share, whole_number

EPILOG = "FILE is what people said of pairs of answers, as winsome card --against takes it; judges may be files of their verdicts."


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    rank = actions.add_parser(
        "rank",
        help="rank judges, and juries of them, by agreement with people",
        description="Rank judges, and the juries they make, by agreement with people beyond chance, with cost and ties.",
    )
    rank.add_argument(
        "--judges", nargs="+", metavar="JUDGE", default=[], help="judges, or files of their verdicts"
    )
    rank.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        default=[],
        help="models to be tried as judges in every style, scale and set-up",
    )
    rank.add_argument(
        "--styles",
        default="combined",
        metavar="A,B",
        help="of models: direct, independent, combined (default combined)",
    )
    rank.add_argument(
        "--scales", default="10", metavar="N,M", help="of models: scores out of these (default 10)"
    )
    rank.add_argument(
        "--setups", default="single,jury", metavar="A,B", help="single, jury, debate (default single,jury)"
    )
    rank.add_argument(
        "--delta",
        type=share,
        default=0.02,
        metavar="P",
        help="agreement that may be lost for a lower price (default 0.02)",
    )
    rank.add_argument(
        "--strict", action="store_true", help="refuse a judge of the family of a model it judges"
    )
    rank.add_argument(
        "--dry-run", action="store_true", help="print the plan and what it may cost; ask nothing"
    )
    cascade = actions.add_parser(
        "cascade",
        help="cost against accuracy of a cheap judge before a dear one",
        description="Cost against accuracy of a cheap judge before a dear one, for every threshold, against people.",
    )
    cascade.add_argument("--cheap", required=True, metavar="JUDGE", help="judges all")
    cascade.add_argument(
        "--dear", required=True, metavar="JUDGE", help="judges where the cheap one is unsure"
    )
    cascade.add_argument(
        "--costs", default="0,1", metavar="C,D", help="of one verdict of each, in any unit (default 0,1)"
    )
    cascade.add_argument(
        "--delta",
        type=share,
        default=0.02,
        metavar="P",
        help="accuracy that may be lost against the dear judge (default 0.02)",
    )
    for action in (rank, cascade):
        action.add_argument(
            "--gold", required=True, metavar="FILE", help="what people said of pairs of answers"
        )
        action.add_argument("--pairs", metavar="FILE", help="the words that the votes' ids stand for")
        action.add_argument(
            "--limit", type=whole_number(), metavar="N", help="the first N pairs only (default all)"
        )
        action.add_argument(
            "--cluster",
            choices=("prompt", "pair"),
            default="prompt",
            help="what depends on each other (default prompt)",
        )
        action.add_argument(
            "--level", type=share, default=0.95, metavar="P", help="coverage of intervals (default 0.95)"
        )
        options.asking(action)
        options.everywhere(action)


def run(args: Namespace) -> int:
    return {"rank": _rank, "cascade": _cascade}[args.action](args)


def _rank(args: Namespace) -> int:
    from winsome.audit.judge_entrants import entrants
    from winsome.audit.judge_tournament import tournament

    setups = tuple(args.setups.split(","))
    names = [*args.judges, *entrants(args.models, args.styles.split(","), args.scales.split(","), setups)]
    if args.dry_run:
        from dataclasses import asdict

        from winsome.audit.judges_plan import tournament_plan

        planned = tournament_plan(
            names, gold=args.gold, pairs=args.pairs, limit=args.limit, ledger=args.ledger
        )
        if args.json:
            output.emit(asdict(planned))
        else:
            print("\n".join(planned.lines()))
        return 0
    found = tournament(
        names, gold=args.gold, pairs=args.pairs, with_juries="jury" in setups, delta=args.delta, level=args.level,
        cluster=args.cluster, strict=args.strict, limit=args.limit, **options.asked(args),
    )  # fmt: skip
    if args.json:
        output.emit(found)
        return 0
    gold = found["gold"]
    console = output.result()
    console.print(
        f"{gold['name']}: {gold['with_plurality']:,} of {gold['pairs']:,} pairs have a plurality ({gold['votes']:,} votes, "
        f"{gold['tie_rate']:.1%} ties)"
    )
    table = output.table(
        "judge",
        "agreement",
        "kappa",
        "without ties",
        "kappa",
        "ties",
        "unread",
        "flips",
        "behind the first",
        "usd a pair",
    )
    for line in found["judges"]:
        behind = line["behind"]
        table.add_row(
            line["judge"], _figure(line["all"]["agreement"]), _figure(line["all"]["kappa"]), _figure(line["sided"]["agreement"]),
            _figure(line["sided"]["kappa"]), _rate(line["tie_rate"]), str(line["unread"]), _rate(line["flips"]),
            "–" if behind is None else f"{behind['estimate']:+.3f} ({behind['low']:+.3f} to {behind['high']:+.3f})",
            "–" if line["money"] is None else f"{line['money']:.5f}",
        )  # fmt: skip
    console.print(table)
    for line in found["judges"]:
        if line["warning"]:
            output.tell(f"warning: {line['judge']}: {line['warning']}: it may prefer its own")
    if found["suggested"] is not None:
        console.print(
            f"cheapest not worse than the first by more than {found['delta']:g}: {found['suggested']}"
        )
    return 0


def _cascade(args: Namespace) -> int:
    from winsome.audit.judge_cascade import measured_cascade

    found = measured_cascade(
        args.cheap, args.dear, gold=args.gold, pairs=args.pairs, costs=args.costs, delta=args.delta, level=args.level,
        cluster=args.cluster, limit=args.limit, **options.asked(args),
    )  # fmt: skip
    if args.json:
        output.emit(found)
        return 0
    console = output.result()
    console.print(
        f"{found['cheap']} before {found['dear']}: {found['items']:,} pairs on which people name a side"
    )
    table = output.table("sure", "sent on", "cost a pair", "accuracy", "loss against the dear judge", "")
    for point in found["curve"]:
        table.add_row(
            f"{point['sure']:.3f}", f"{point['sent']:.1%}", f"{point['cost']:.4g}",
            f"{point['accuracy']:.3f} ({point['low']:.3f} to {point['high']:.3f})",
            f"{point['loss']:+.3f} ({point['loss_low']:+.3f} to {point['loss_high']:+.3f})",
            "chosen" if point["sure"] == found["chosen"]["sure"] else "",
        )  # fmt: skip
    console.print(table)
    return 0


def _figure(found: dict[str, Any] | None) -> str:
    if found is None or found["estimate"] is None:
        return "–"
    if found["low"] is None:
        return f"{found['estimate']:.3f}"
    return f"{found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
