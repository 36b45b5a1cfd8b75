"""winsome card world:PRESET: what a language world asks, what its judge is worth, how good its bases are; with samples."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from winsome.cli import output


def run(args: Namespace) -> int:
    """Show the card of a world, or with `--json` print it whole."""
    from winsome.sandbox.card import world_card
    from winsome.sandbox.members import opened

    found = world_card(opened(args.judge.partition("#")[0]), args.limit or 1000)
    if args.out:
        from pathlib import Path

        import orjson

        from winsome.ledger.formats.writing import write_bytes

        write_bytes(Path(args.out), orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    if args.json:
        output.emit(found)
    else:
        _show(found)
    return 0


def _show(card: Mapping[str, Any]) -> None:
    console = output.result()
    knobs = ", ".join(f"{name}={value}" for name, value in card["knobs"].items())
    console.print(f"{card['world']}  {card['words']} words, {card['prompts']:,} test prompts looked at")
    console.print(f"knobs: {knobs or 'all at their defaults'}")
    console.print(f"clear: {card['clear']:,}; languages: {_counts(card['languages'])}")
    if card["persons"]:
        console.print("persons (group): " + ", ".join(f"{p['name']} ({p['group']})" for p in card["persons"]))
    judge = card["judge"]
    console.print(
        f"judge {judge['name']}: right over wrong in {judge['right_first']} of {judge['asked']} pairs, "
        f"the same verdict in both orders in {judge['same_in_both_orders']}"
    )
    console.print()
    bases = card["bases"]
    table = output.table("kinds", "prompts", *(f"base {size}" for size in bases), whole="kinds")
    for kinds, count in card["categories"].items():
        table.add_row(
            kinds, f"{count:,}", *(_share(base["sampled"]["kinds"].get(kinds)) for base in bases.values())
        )
    if bases:
        table.add_row("all, weighted equally", "", *(_whole(base["sampled"]) for base in bases.values()))
    console.print(table)
    if bases:
        console.print("A base's figures: share right at temperature 1, 95% interval.")
    console.print()
    for sample in card["samples"]:
        console.print("  / ".join(sample["turns"]))
        console.print(f"    right: {sample['answer'] or 'nothing (the prompt is unclear)'}")


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted.items())


def _share(kind: Mapping[str, float] | None) -> str:
    return "" if kind is None else f"{kind['right']:.1%} [{kind['low']:.1%}, {kind['high']:.1%}]"


def _whole(measured: Mapping[str, float]) -> str:
    return f"{measured['weighted']:.1%} ± {1.96 * measured['weighted_error']:.1%}"
