"""winsome diff A B: why two figures differ."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from winsome.cli import options, output
from winsome.cli.parsing import Parser, share

if TYPE_CHECKING:
    from winsome.audit.difference import Difference

EPILOG = (
    "A and B are run folders, report.json files, or outputs of winsome rank --json; only run folders hold what can be paired. Of two models "
    "that winsome train made, by their names or folders, it says in which settings, data and packages their training differs."
)


def add(parser: Parser) -> None:
    parser.add_argument("first", metavar="A", help="a figure: run folder, report.json, or rank --json")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument(
        "--level", type=share, default=0.95, metavar="P", help="coverage of intervals (default 0.95)"
    )
    options.everywhere(parser)


def run(args: Namespace) -> int:
    from winsome.audit.difference import difference
    from winsome.training.difference import record_of, unlike

    trained = [record_of(name) for name in (args.first, args.second)]
    if trained[0] is not None and trained[1] is not None:
        _print_trained(unlike(trained[0], trained[1]), args.json)
        return 0
    found = difference(args.first, args.second, level=args.level)
    if args.json:
        output.emit(found.payload())
    else:
        _print(found, args.level)
    return 0


def _print_trained(found: list[tuple[str, str, str]], as_json: bool) -> None:
    if as_json:
        output.emit({"unlike": [{"field": name, "a": first, "b": second} for name, first, second in found]})
        return
    if not found:
        print("Both were trained alike: same start, data, settings, seed and packages.")
        return
    table = output.table("what differs", "A", "B")
    for row in found:
        table.add_row(*row)
    output.result().print(table)


def _print(found: Difference, level: float) -> None:
    console = output.result()
    if found.unlike:
        table = output.table("what differs", "A", "B")
        for aspect, first, second in found.unlike:
            table.add_row(aspect, _shown(first), _shown(second))
        console.print(table)
    else:
        console.print("Both figures have one name and one make-up.")
    if found.prompts is not None:
        first, common, second = found.prompts
        console.print(f"prompts: {common:,} in both, {first:,} only in A, {second:,} only in B")
    for names, where in ((found.only_first, "A"), (found.only_second, "B")):
        if names:
            console.print(f"only in {where}: {', '.join(names)[:160]}")
    for one in found.paired:
        console.print()
        console.print(f"{one.contender}: {_number(one.first)} in A, {_number(one.second)} in B")
        if one.on_common is not None and one.low is None:
            console.print(
                f"  the same verdicts on what both have ({one.cells:,} contests, {one.n:,} prompts)"
            )
        elif one.on_common is not None:
            console.print(
                f"  on what both have ({one.cells:,} contests, {one.n:,} prompts): {one.on_common:+.2f} points, "
                f"{100 * level:g}% interval {one.low:+.2f} to {one.high:+.2f}; {one.changed:,} verdicts changed"
            )
        for part, points in one.parts.items():
            if abs(points) >= 0.005:
                console.print(f"  {points:+.2f} points from {part}")
    if not found.comparable:
        console.print(
            "\nThe figures are unlike: only the paired difference above compares contenders, not the estimates."
            if any(one.on_common is not None for one in found.paired)
            else "\nThe figures differ in what is told above, so the difference of the estimates says nothing of the contenders."
        )
    for note in found.notes:
        output.tell(f"note: {note}")


def _shown(value: Any) -> str:
    return "not said" if value is None else str(value)


def _number(value: float | None) -> str:
    return "no figure" if value is None else f"{value:.2f}"
