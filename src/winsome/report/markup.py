"""HTML from nested calls; whatever is not Markup already is escaped, so text cannot become markup."""

from __future__ import annotations

import html
from collections.abc import Iterable

EMPTY = frozenset({"br", "circle", "line", "path", "rect", "input", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, *children: object, **attributes: str | int | float | bool | None) -> Markup:
    """One element. Attributes: `class_` for class, `_` in names for `-`; None and False leave one out, True is bare."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """The children one after the other; lists and generators are opened, None is left out."""
    return Markup("".join(_written(child) for child in children))


def name(text: object) -> Markup:
    """A name that others chose (contender, category, model), set apart so that its script cannot turn the line around."""
    return el("bdi", text)


def _written(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        return html.escape(str(child))
    if isinstance(child, Iterable):
        return join(*child)
    raise TypeError(f"{type(child).__name__} is no child of an element")


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{html.escape(str(value))}"'
