"""Short names for contenders: specs travel in full, but a reader wants `smollm2-135m, best of 4`-like words in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from winsome.errors import BadInput
from winsome.specs import Spec, parse, stem

LONGEST = 42
"""Characters of a short name; a longer one is cut and ends in an ellipsis."""


def labels(contenders: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Full name -> what the page calls it: its own label, else its spec in short; always different from each other."""
    found: dict[str, str] = {}
    for one in contenders:
        name, label = str(one["name"]), str(one.get("label") or one["name"])
        found[name] = _cut(short(name) if label == name else label)
    taken: dict[str, list[str]] = {}
    for name, label in found.items():
        taken.setdefault(label, []).append(name)
    for names in taken.values():
        if len(names) > 1:
            found |= {name: name for name in names}
    return found


def short(name: str) -> str:
    """A spec without what a reader can do without: the model's own name, then its settings."""
    try:
        return _short(parse(name))
    except BadInput:
        return name


def _short(spec: Spec) -> str:
    base = spec.settings.get("base")
    settings = {key: value for key, value in spec.settings.items() if key != "base"}
    head = f"{spec.kind}({_short(parse(str(base)))})" if base is not None else _head(spec)
    told = [
        f"{key}={_short(value) if isinstance(value, Spec) else value}"
        for key, value in sorted(settings.items())
    ]
    return ", ".join([head, *told])


def _head(spec: Spec) -> str:
    if not spec.address:
        return spec.kind
    return stem(PurePath(spec.address).name) if spec.kind == "recorded" else spec.address


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1].rstrip(" ,") + "…"


def relabelled(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """report.json with short names wherever a contender stands in a figure; the list of contenders keeps the full ones."""
    return {
        key: value if key in ("contenders", "run", "suite", "judge") else _renamed(value, names)
        for key, value in document.items()
    }


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, str):
        return value
    if value in names:
        return names[value]
    subject, colon, rest = value.partition(": ")
    return f"{names[subject]}{colon}{rest}" if subject in names else value
