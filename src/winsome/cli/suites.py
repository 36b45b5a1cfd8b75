"""winsome suites ACTION: the prompts that ship, those in a file, a new file to fill in."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, whole_number

PROMPTS_SHOWN = 10
HOLES = 3
WORDS_SHOWN = 90
DTYPES = ("auto", "float32", "bfloat16")
PRECISION = "precision of the weights (default float32; bfloat16 is faster and blurs likelihoods)"


def add(parser: Parser) -> None:
    parser.set_defaults(action="list")
    options.everywhere(parser)
    actions = parser.add_subparsers(metavar="ACTION", dest="action", parser_class=Parser)
    listing = actions.add_parser(
        "list",
        help="all suites, those that ship and those read from a file (the default)",
        description="All suites: what each measures, its licence, and how to get what does not ship.",
    )
    show = actions.add_parser("show", help="what a suite holds", description="What a suite holds.")
    show.add_argument("suite", metavar="NAME|FILE", help="a shipped suite or a file of prompts")
    new = actions.add_parser(
        "new", help="start a file of prompts", description="Write a commented file of prompts to fill in."
    )
    new.add_argument("file", metavar="FILE", help="where to; its name ends in .jsonl")
    timestress = actions.add_parser(
        "timestress",
        help="right dates against wrong ones, by a local model's likelihood",
        description="Does a local model find an answer likelier under dates at which it was right than under others?",
    )
    timestress.add_argument("--model", metavar="NAME", help="embedded:smollm2-135m, a folder, a hub name")
    timestress.add_argument(
        "--against", metavar="NAME", help="a second model: how much higher W and R are, paired by fact"
    )
    timestress.add_argument("--plan-for", metavar="N,..", help=options.PLAN_FOR)
    timestress.add_argument(
        "--facts", metavar="FILE", help="a facts file, or the published statements (default those that ship)"
    )
    timestress.add_argument(
        "--format",
        choices=("raw", "chat"),
        default="raw",
        help="plain text, or the chat template (default raw)",
    )
    timestress.add_argument(
        "--precisions", default="Y,M,D", metavar="P,..", help="of year, month and day (default Y,M,D)"
    )
    timestress.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N facts only (default all)"
    )
    timestress.add_argument(
        "--until",
        type=whole_number(),
        metavar="YEAR",
        help="the end of facts that still hold (default: refuse them)",
    )
    timestress.add_argument("--dtype", choices=DTYPES, default="float32", help=PRECISION)
    pairs = actions.add_parser(
        "minimal-pairs",
        help="right texts against wrong ones in a file of yours, by a local model's likelihood",
        description="Does a local model find the right one of two texts likelier? Win and sweep rate over the groups of a file.",
    )
    pairs.add_argument("file", metavar="FILE", help="rows with a group, a right and a wrong text")
    pairs.add_argument(
        "--model", required=True, metavar="NAME", help="embedded:smollm2-135m, a folder, a hub name"
    )
    for name, what in (
        ("group", "what pairs belong to, such as the fact"), ("right", "the right texts"), ("wrong", "the wrong texts")
    ):  # fmt: skip
        pairs.add_argument(f"--{name}", default=name, metavar="COLUMN", help=f"{what} (default {name})")
    pairs.add_argument("--answer", metavar="COLUMN", help="what stands after right and wrong, and is scored")
    pairs.add_argument(
        "--given", metavar="COLUMN", help="what stands before right and wrong, which are then scored"
    )
    pairs.add_argument(
        "--format",
        choices=("raw", "chat"),
        default="raw",
        help="plain text, or the chat template (default raw)",
    )
    pairs.add_argument("--dtype", choices=DTYPES, default="float32", help=PRECISION)
    build = actions.add_parser(
        "build",
        help="a suite like WildBench from your own chat log",
        description="Filter a chat log, rate its requests, write a checklist for each: a suite like WildBench of your own.",
    )
    build.add_argument("log", metavar="FILE", help="dialogues: messages with role and content")
    build.add_argument(
        "--out", required=True, metavar="FILE", help="where to; .jsonl, read by wildbench?path=FILE"
    )
    build.add_argument(
        "--checklists",
        action="append",
        required=True,
        metavar="NAME",
        help="a model that writes checklists; may be given again",
    )
    build.add_argument(
        "--difficulty",
        action="append",
        default=[],
        metavar="NAME",
        help="a model that rates difficulty; may be given again",
    )
    build.add_argument(
        "--near", metavar="NAME", help="leave out near-duplicates by an encoder, such as embedded:minilm"
    )
    build.add_argument("--hardest", type=whole_number(), metavar="N", help="keep the N hardest (default all)")
    build.add_argument(
        "--limit", type=whole_number(), metavar="N", help="the first N dialogues only (default all)"
    )
    options.asking(build)
    for action in (listing, show, new, timestress, pairs, build):
        options.everywhere(action)


def run(args: Namespace) -> int:
    actions = {
        "list": _list, "show": _show, "new": _new, "timestress": _timestress, "minimal-pairs": _minimal_pairs, "build": _build
    }  # fmt: skip
    return actions[args.action or "list"](args)


def _list(args: Namespace) -> int:
    from winsome.suites import list_suites

    cards = list_suites()
    if args.json:
        output.emit({"suites": [card.payload() for card in cards]})
        return 0
    table = output.table("suite", "what it measures", "figure", "licence", "prompts", whole="suite")
    for card in cards:
        held = "ship" if card.ships else "by path"
        count = "" if card.prompts is None else f"{card.prompts:,}, "
        table.add_row(card.name, card.about, card.figure, card.licence, f"{count}{held}")
    output.result().print(table)
    if not args.quiet:
        for card in cards:
            if card.get:
                output.tell(f"{card.name}: {card.get}")
    return 0


def _show(args: Namespace) -> int:
    import winsome
    from winsome.suites import describe, list_suites

    by_itself = next(
        (card for card in list_suites() if card.name == args.suite and card.judge == "likelihood"), None
    )
    if by_itself is not None:
        if args.json:
            output.emit(by_itself.payload())
        else:
            print(f"{by_itself.name}: {by_itself.about}")
        return 0
    suite: winsome.Suite = winsome.open(args.suite, "suite", ledger=args.ledger, seed=args.seed)
    found = describe(suite)
    if args.json:
        output.emit(
            found | {"items": [{"id": p.item, "prompt": p.text, **dict(p.facets)} for p in suite.prompts]}
        )
        return 0
    print(f"{suite.full_name}: {found['prompts']} prompts; {_categories(found)}")
    names = (
        "licence",
        "source",
        "languages",
        "turns",
        "with_reference_answer",
        "judge",
        "baseline",
        "figure",
        "orders",
        "seats",
        "empty",
        "failed",
        "equal",
        "max_characters",
    )
    for name in names:
        if found[name]:
            print(f"  {name.replace('_', ' ')}: {_shown(found[name])}")
    for prompt in suite.prompts[:PROMPTS_SHOWN]:
        words = " ".join(prompt.text.split())
        print(f"  - {words[:WORDS_SHOWN]}{' ..' if len(words) > WORDS_SHOWN else ''}")
    if len(suite.prompts) > PROMPTS_SHOWN:
        print(f"  .. and {len(suite.prompts) - PROMPTS_SHOWN} more (--json gives them all)")
    return 0


def _new(args: Namespace) -> int:
    from winsome.suites import new_suite

    path = new_suite(args.file)
    if args.json:
        output.emit({"file": str(path)})
    elif not args.quiet:
        print(f"{path}: write one prompt a line, then: winsome compare A B --suite {path} --judge J")
    return 0


def _build(args: Namespace) -> int:
    from winsome.suites.wildbench_build import built, write_tasks

    found = built(
        args.log, writers=args.checklists, raters=args.difficulty, encoder=args.near, hardest=args.hardest, limit=args.limit,
        **options.asked(args),
    )  # fmt: skip
    write_tasks(args.out, found)
    told = {"tasks": len(found.tasks), "left_out": dict(found.left_out), "unread": dict(found.unread)}
    if args.json:
        output.emit({"out": args.out, **told})
    elif not args.quiet:
        for why, count in found.left_out.most_common():
            output.tell(f"left out: {count:,} {why}")
        for what, count in found.unread.items():
            output.tell(f"could not be read: {count:,} replies on {what}")
        print(
            f"{args.out}: {len(found.tasks):,} tasks; winsome compare A B --suite 'wildbench?path={args.out}' --judge J"
        )
    return HOLES if found.unread else 0


def _timestress(args: Namespace) -> int:
    from winsome.errors import BadInput
    from winsome.suites.temporal_dates import PRECISIONS
    from winsome.suites.timestress import timestress

    precisions: list[Any] = args.precisions.split(",")
    if not set(precisions) <= set(PRECISIONS):
        raise BadInput(f"--precisions {args.precisions[:40]}: give some of Y,M,D")
    if args.plan_for is not None:
        from winsome.models.forward_cost import parameters_of
        from winsome.suites.timestress import timestress_cost

        cost = timestress_cost(
            parameters_of(args.plan_for), facts=args.facts, precisions=precisions, limit=args.limit, until=args.until,
            seed=args.seed,
        )  # fmt: skip
        if args.json:
            output.emit(cost.payload())
        else:
            print(cost.line("statements"))
        return 0
    if args.model is None:
        raise BadInput("winsome suites timestress needs --model NAME, or --plan-for N")
    found = timestress(
        args.model, facts=args.facts, format=args.format, precisions=precisions, limit=args.limit, until=args.until,
        seed=args.seed, dtype=args.dtype, against=args.against,
    )  # fmt: skip
    if args.json:
        output.emit(found)
        return 0
    console = output.result()
    console.print(
        f"{found['model']}: {found['facts']:,} facts, {found['statements']:,} statements, format {found['format']}"
    )
    table = output.table("precision", "win rate W", "sweep rate R", "R by chance", "facts without a pair")
    for name in (*found["precisions"], "all"):
        line = found[name]
        chance = line.get("R by chance")
        table.add_row(
            name,
            _interval(line["W"]),
            _interval(line["R"]),
            "–" if chance is None else f"{chance:.2%}",
            str(line["W"]["without"]),
        )
    console.print(table)
    for name, line in found.get("difference", {}).items():
        console.print(f"less {found['against']}, {name}: W {_points(line['W'])}, R {_points(line['R'])}")
    console.print(
        "lowest win rates: " + "; ".join(f"{row['fact']} {row['W']:.0%}" for row in found["worst"][:5])
    )
    return 0


def _minimal_pairs(args: Namespace) -> int:
    from winsome.suites.minimal_pairs import minimal_pairs

    found = minimal_pairs(
        args.model, args.file, group=args.group, right=args.right, wrong=args.wrong, answer=args.answer, given=args.given,
        format=args.format, dtype=args.dtype,
    )  # fmt: skip
    if args.json:
        output.emit(found)
        return 0
    console = output.result()
    console.print(
        f"{found['model']}: {found['groups']:,} groups, {found['items']:,} texts, format {found['format']}"
    )
    console.print(f"win rate W {_interval(found['W'])}")
    console.print(f"sweep rate R {_interval(found['R'])}, by chance {found['R by chance']:.2%}")
    console.print(
        "lowest win rates: " + "; ".join(f"{row['group']} {row['W']:.0%}" for row in found["worst"][:5])
    )
    return 0


def _points(figure: dict[str, Any]) -> str:
    """A difference in points with its interval."""
    if figure["estimate"] is None:
        return "–"
    low, high = (100 * figure[k] for k in ("low", "high"))
    return f"{100 * figure['estimate']:+.1f} points ({low:+.1f} to {high:+.1f}, n {figure['n']})"


def _interval(figure: dict[str, Any]) -> str:
    if figure["estimate"] is None:
        return "–"
    return f"{figure['estimate']:.1%} ({figure['low']:.1%} to {figure['high']:.1%}, n {figure['n']})"


def _categories(suite: dict[str, Any]) -> str:
    return _shown(suite["categories"]) if suite["categories"] else "no categories"


def _shown(value: Any) -> str:
    return (
        ", ".join(f"{count} {name}" for name, count in value.items())
        if isinstance(value, dict)
        else str(value)
    )
