"""The reference pages that are written by the code itself: commands, kinds with their settings, file formats."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Container, Iterator
from typing import Any

from winsome import specs
from winsome.cli import VERBS
from winsome.cli.command import overview, parser_of
from winsome.ledger.formats import FORMATS

ROLES = {
    "Contender": "Contenders answer prompts.",
    "Judge": "Judges compare answers. A contender named as a judge is put under `pairwise`, a scorer under `by_score`.",
    "Scorer": "Scorers rate one answer, higher is better.",
    "Encoder": "Encoders turn texts into unit vectors.",
    "Suite": "Suites are prompts with the rules that turn verdicts on them into a figure. A path to a file is a suite too.",
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
    return {"reference/cli.md": commands(), "reference/kinds.md": kinds(), "reference/formats.md": formats()}


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
