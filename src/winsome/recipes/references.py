"""@name within a setting: a contender that a step made, or one of the recipe's own names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from winsome.given import is_listed, is_mapping

REFERENCE = re.compile(r"(?<![^(=\[,])@([A-Za-z_][\w-]*(?:\.\d+)?)(?=$|[)\],&?])")
"""@id within a name: the contender that a step made, or one of the recipe's `names`."""


def references(value: Any) -> Iterator[str]:
    """The @names within a setting, however deep."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif is_mapping(value):
        for inner in value.values():
            yield from references(inner)
    elif is_listed(value):
        for inner in value:
            yield from references(inner)


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """A setting with every @name that `names` knows replaced, in brackets where it stands within another name."""
    if isinstance(value, str):
        if REFERENCE.fullmatch(value):
            return names.get(value[1:], value)

        def put(match: re.Match[str]) -> str:
            name = names.get(match[1])
            if name is None:
                return match[0]
            bracketed = match.start() > 0 and match.string[match.start() - 1] == "("
            return name if bracketed or not re.search(r"[?&,\[\]]", name) else f"({name})"

        return REFERENCE.sub(put, value)
    if is_mapping(value):
        return {key: with_names(inner, names) for key, inner in value.items()}
    if is_listed(value):
        return [with_names(inner, names) for inner in value]
    return value
