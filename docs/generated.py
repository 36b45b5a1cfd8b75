"""The reference pages that are written by the code itself: commands, kinds with their settings, file formats."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from winsome import specs
from winsome.cli import VERBS
from winsome.cli.command import overview, parser_of
from winsome.frames import COLUMNS, PARENTS
from winsome.ledger.formats import FORMATS
from winsome.recipes import read, rules
from winsome.recipes.blocks import BLOCKS
from winsome.recipes.paper import PAPER
from winsome.recipes.schema import Place, keys_of

sys.path.insert(0, str(Path(__file__).parent))

import objectives

ROLES = {
    "Contender": "Contenders answer prompts.",
    "Judge": "Judges compare answers. A contender named as a judge is put under `pairwise`, a scorer under `by_score`.",
    "Scorer": "Scorers rate one answer, higher is better.",
    "Encoder": "Encoders turn texts into unit vectors.",
    "Suite": "Suites are prompts with the rules that turn verdicts on them into a figure. A path to a file is a suite too.",
    "Objective": "Objectives are what training lowers; [their own page](objectives.md) has the equations.",
    "RewardObjective": "What reward models lower; [the page of objectives](objectives.md#reward-models) has the equations.",
    "OnlineMethod": "How training makes units of answers that the policy gives itself; [the page of objectives](objectives.md#online-methods) has the equations.",
    "Trainer": "Trainers make a contender of another one and data; `winsome train` names them.",
}
COMMON = {
    "system": "system text, or `@file` to read it from a file",
    "temperature": "how freely tokens are drawn; 0 is greedy",
    "top_p": "nucleus, above 0 to 1",
    "max_tokens": "tokens of an answer at most",
    "seed": "seed of the draws",
}


def pages() -> dict[str, str]:
    """Place below docs/ -> markdown."""
    return {
        "reference/cli.md": commands(),
        "reference/kinds.md": kinds(),
        "reference/formats.md": formats(),
        "reference/recipes.md": recipes(),
        "reference/objectives.md": objectives.page(),
    }


def commands() -> str:
    """Every command with its help, as argparse prints it."""
    parts = ["# Commands", "", "```text", overview(), "```", ""]
    for verb in VERBS:
        parser = parser_of(verb)
        parts += [f"## winsome {verb}", "", "```text", parser.format_help().rstrip(), "```", ""]
        for name, action in _actions(parser):
            parts += [f"### winsome {verb} {name}", "", "```text", action.format_help().rstrip(), "```", ""]
    return "\n".join(parts)


def _actions(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def kinds() -> str:
    """Every kind of every role with its settings, from the signatures that the command line uses too."""
    parts = [
        "# Kinds and their settings",
        "",
        "What can be named, by the role in which it is asked for. How names are written is told in",
        "[Names](../concepts/names.md). Settings stand after `?`, as in `kind:address?setting=value`.",
        "",
    ]
    for role, about in ROLES.items():
        parts += [f"## {role}s", "", about, ""]
        if role == "Contender":
            parts += [
                "Every contender also takes:",
                "",
                *_table((n, "", "the flag's, else its own", t) for n, t in COMMON.items()),
                "",
            ]
        for kind in sorted(specs.kinds(role)):
            factory = specs.factory_of(
                specs.Spec(kind if kind not in ("http", "https") else f"{kind}://x"), role
            )
            assert factory is not None
            parts += _kind(kind, factory, COMMON if role == "Contender" else ())
    return "\n".join(parts)


def _kind(kind: str, factory: Callable[..., Any], told: Container[str]) -> list[str]:
    settings = [setting for setting in specs.settings_of(factory).values() if setting.name not in told]
    rows = [(s.name, s.annotation, _default(s.default), "") for s in settings]
    return [
        f"### `{kind}`",
        "",
        inspect.getdoc(factory) or "",
        "",
        *(_table(row[:3] for row in rows) if rows else []),
        "",
    ]


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    return "none" if value is None else f"`{value}`"


def _table(rows: Iterator[tuple[str, ...]] | Any) -> list[str]:
    listed = [tuple(row) for row in rows]
    heads = ("setting", "values", "default", "what it does")[: len(listed[0])]
    cells = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, values, *rest in listed:
        written = " | ".join([f"`{name}`", f"`{values}`".replace("|", "\\|") if values else "", *rest])
        cells.append(f"| {written} |")
    return cells


def formats() -> str:
    """The file formats that are recognised by content."""
    rows = "\n".join(f"| `{name}` | {title} |" for name, title in FORMATS.items())
    return (
        "# File formats\n\nFiles are recognised by their fields, not by their names: JSON, JSON lines, CSV, TSV or Parquet, "
        "gzipped or not, in UTF-8.\nA file whose records have different formats is refused with the record's number.\n\n"
        f"| format | what it is |\n|---|---|\n{rows}\n"
    )


EVERY_STEP = {
    "id": "the step's name; default its kind",
    "from": "the steps whose frames it reads; default the step before",
    "as": "another name for what it makes",
    "for_each": "a column of the prompts: the step runs once for each value",
    "seed": "instead of the recipe's; rounds of a loop move it on by one",
    "limit": "rows that are read at most",
    "cache": "false makes it anew each time",
    "on_error": "`row` leaves failed rows out and counts them, `stop` ends the run",
    "max_error_share": "more failed rows than this share end the run; default 0.2",
}
RULES = {
    "Filter": "Rules of filter",
    "Select": "Rules of select",
    "PairRule": "Rules of pair",
    "Transform": "Ops of transform",
    "Trainer": "Trainers",
}


def recipes() -> str:
    """Frames, the keys of every step and of every rule, from the code that runs them."""
    assert set(EVERY_STEP) == set(read.COMMON)
    parts = [
        "# Recipes: frames, steps and keys",
        "",
        f"At the top of a recipe stand {', '.join(f'`{key}`' for key in read.KEYS)}; `winsome` is the version, now {read.VERSION}. `names`",
        "are said once and used as `@name`; what a train, loop, sweep or merge step made is `@ID`, and of several `@ID.0`, `@ID.1`, ..",
        f"Keys of `paper`, for `--dry-run --at paper`: {', '.join(f'`{key}`' for key in PAPER)}.",
        "",
        "## Frames",
        "",
        "| frame | columns (the first names the row) | came from |",
        "|---|---|---|",
        *(
            f"| {name} | {', '.join(f'`{column}`' for column in columns)} | {', '.join(f'`{p}`' for p in PARENTS[name])} |"
            for name, columns in COLUMNS.items()
        ),
        "",
        "## Every step",
        "",
        "| key | what it does |",
        "|---|---|",
        *(f"| `{key}` | {about} |" for key, about in EVERY_STEP.items()),
        "",
    ]
    for kind in rules.known("Step"):
        found = rules.find(kind, "Step", Place("recipes"))
        own = {key: s for key, s in found.keys.items() if key != found.trait("RULE")}
        parts += [f"## `{kind}`", "", found.about, "", *_keys(own)]
        if found.trait("RULE"):
            named = ", ".join(f"`{name}`" for name in sorted(rules.known(found.trait("RULES"))))
            parts += [f"`{found.trait('RULE')}` is one of {named}; its keys stand beside the step's.", ""]
        missing = (
            ["all of it"]
            if found.trait("BUILT", True) is False
            else [f"`{k}`" for k in found.trait("PLANNED", ())]
        )
        if missing:
            parts += [f"Not built yet: {', '.join(missing)}.", ""]
    for role, title in RULES.items():
        parts += [f"## {title}", ""]
        for name in sorted(rules.known(role)):
            found = rules.find(name, role, Place("recipes"))
            parts += [f"### `{name}`", "", found.about, "", *_keys(found.keys)]
        if planned := [name for name in rules.PLANNED[role] if name not in rules.known(role)]:
            parts += [f"Not built yet: {', '.join(f'`{name}`' for name in planned)}.", ""]
    parts += ["## Keys that hold keys", ""]
    for name, block in BLOCKS.items():
        parts += [f"### `{name}`", "", inspect.getdoc(block) or "", "", *_keys(keys_of(block))]
    return "\n".join(parts)


def _keys(settings: Mapping[str, specs.Setting]) -> list[str]:
    rows = [(key, s.annotation, _default(s.default), "") for key, s in settings.items()]
    return [*_table(row[:3] for row in rows), ""] if rows else []
