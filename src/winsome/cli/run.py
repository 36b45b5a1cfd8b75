"""winsome run RECIPE: a whole method, from prompts to a win rate."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from winsome.cli import options, output
from winsome.cli.parsing import Parser

if TYPE_CHECKING:
    from winsome.recipes.estimates import Estimate
    from winsome.recipes.run import Ran

HOLES = 3
EPILOG = (
    "RECIPE is a YAML file or the name of a recipe that ships (winsome run --list). Run the same command again and it goes on where it "
    "stopped. --set takes STEP.KEY=VALUE, names.NAME=VALUE or seed=N."
)


def add(parser: Parser) -> None:
    parser.add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="a recipe's file, or the name of one that ships"
    )
    parser.add_argument("--list", action="store_true", help="list the recipes that ship")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="A.B=C",
        help="change a key, such as generate.n=8; may be given several times",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check the recipe, print its plan and what it may cost; run nothing",
    )
    parser.add_argument(
        "--at",
        choices=("here", "paper"),
        default="here",
        help="with --dry-run: estimate this recipe here, or the published run on 8 GPUs (default here)",
    )
    parser.add_argument(
        "--folder",
        default=".winsome/runs",
        metavar="DIR",
        help="where run folders are made (default .winsome/runs)",
    )
    parser.add_argument(
        "--store",
        metavar="DIR",
        help="where results of steps are kept (default cache, beside the folder of runs)",
    )
    parser.add_argument(
        "--open", action="store_true", help="open the report of the last match in the browser"
    )
    options.asking(parser)
    options.everywhere(parser)
    parser.set_defaults(seed=None)


def run(args: Namespace) -> int:
    from winsome.errors import BadInput

    if args.list:
        _list(args)
        return 0
    if args.recipe is None:
        raise BadInput("run needs a recipe: give a file, or a name of winsome run --list")
    if args.at == "paper" and not args.dry_run:
        raise BadInput("--at paper estimates and runs nothing; add --dry-run")
    if args.dry_run:
        _dry_run(args)
        return 0
    import winsome

    given = options.asked(args)
    del given["quiet"]
    ran = winsome.run(
        args.recipe,
        set=args.set,
        folder=args.folder,
        store=args.store,
        command=options.typed(args),
        say=None if args.quiet else output.tell,
        **given,
    )
    return _end(ran, args)


def _end(ran: Ran, args: Namespace) -> int:
    if args.json:
        output.emit({"folder": str(ran.folder), **ran.record})
    else:
        from winsome.report.terminal import standings_payload

        for match in ran.record["matches"]:
            output.result().print(standings_payload(match["standings"], match["labels"]))
    for warning in ran.record["report"].get("warnings", ()):
        output.tell(f"warning: {warning}")
    if not args.quiet:
        output.tell(f"run: {ran.folder}")
        if ran.matches:
            output.tell(f"report: {ran.folder / 'report.html'}")
    if args.open and ran.matches:
        from winsome.cli.browser import show

        show(ran.folder / "report.html")
    return 0 if all(match["complete"] for match in ran.record["matches"]) else HOLES


def _list(args: Namespace) -> None:
    from winsome.recipes.read import shipped

    found = shipped()
    if args.json:
        output.emit({"recipes": [{"name": name, "about": about} for name, about in found.items()]})
        return
    table = output.table("recipe", "what it does", whole="recipe")
    for name, about in found.items():
        table.add_row(name, about)
    output.result().print(table)


def _dry_run(args: Namespace) -> None:
    from winsome.recipes.estimates import estimate_here
    from winsome.recipes.paper import estimate_paper
    from winsome.recipes.read import read

    written = read(Path(args.recipe) if args.recipe.endswith((".yaml", ".yml")) else args.recipe, args.set)
    made = estimate_paper(written) if args.at == "paper" else estimate_here(written, ledger=args.ledger)
    if args.json:
        output.emit(made.payload())
    else:
        _print(made)


def _print(made: Estimate) -> None:
    console = output.result()
    console.print(f"{made.name} {made.where}")
    table = output.table("step", "makes", "calls", "tokens", "memory", "money", "minutes", whole="step")
    for row in made.rows:
        table.add_row(*row.cells())
    console.print(table)
    for line in made.notes:
        console.print(line)
