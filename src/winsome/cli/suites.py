"""winsome suites ACTION: the prompts that ship, those in a file, a new file to fill in."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser

PROMPTS_SHOWN = 10
WORDS_SHOWN = 90


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
    for action in (listing, show, new):
        options.everywhere(action)


def run(args: Namespace) -> int:
    return {"list": _list, "show": _show, "new": _new}[args.action or "list"](args)


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
    from winsome.suites import describe

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


def _categories(suite: dict[str, Any]) -> str:
    return _shown(suite["categories"]) if suite["categories"] else "no categories"


def _shown(value: Any) -> str:
    return (
        ", ".join(f"{count} {name}" for name, count in value.items())
        if isinstance(value, dict)
        else str(value)
    )
