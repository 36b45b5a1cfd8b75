"""Settings as they stand in a recipe become what their annotations say; a mistake names the file, the step, the key and a way out."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from winsome import protocols, records, specs
from winsome.errors import BadInput, WinsomeError
from winsome.given import is_listed, is_mapping
from winsome.names import split
from winsome.recipes.blocks import BLOCKS
from winsome.specs import Setting, settings_of

NAMED = ("Contender", "Judge", "Scorer", "Encoder", "Suite")
"""Annotations whose value is a name that is opened."""

WIDTH = 200
"""Characters of an error's line, at most."""

Open = Callable[[Any, str], Any]
"""(name as written, role) -> the object, or something that stands for it."""


@dataclass(frozen=True)
class Place:
    """Where a mistake stands: the recipe's file or name, and the step."""

    recipe: str
    step: str = ""

    def bad(self, what: str) -> BadInput:
        return BadInput(self.line(what))

    def of(self, error: WinsomeError) -> WinsomeError:
        """An error of something that a step names, told of the step."""
        line = str(error)
        return error if line.startswith(f"{self.recipe}: ") else type(error)(self.line(line))

    def line(self, what: str) -> str:
        """`what` with its place, in one line of at most 200 characters: lists of what is known go first."""
        where = f"{self.recipe}: step {self.step}" if self.step else self.recipe
        whole = f"{where}: {what.removeprefix(f'{self.step}: ')}"
        if len(whole) > WIDTH and " (known: " in whole:
            whole = whole[: whole.rindex(" (known: ")]
        return whole if len(whole) <= WIDTH else f"{whole[: WIDTH - 3]}..."


def near(wanted: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` and what is known, short enough for one line."""
    names = sorted(known)
    close = difflib.get_close_matches(str(wanted), names, 1, 0.5)
    listed = ", ".join(names)
    listed = listed if len(listed) <= 70 else listed[:70].rpartition(",")[0] + " .."
    return (f'; did you mean "{close[0]}"?' if close else "") + f" (known: {listed or 'none'})"


def keys_of(function: Callable[..., Any]) -> dict[str, Setting]:
    """Key -> setting of a step or rule; a parameter `from_` is the key `from`, for words that Python keeps to itself."""
    return {name.rstrip("_"): setting for name, setting in settings_of(function).items()}


def check_keys(given: Mapping[str, Any], known: Iterable[str], place: Place, what: str = "key") -> None:
    """Raise BadInput for a key that nobody knows, with the nearest one."""
    names = list(known)
    for key in given:
        if key not in names:
            raise place.bad(f'no {what} "{key}"{near(key, names)}')


def required(given: Mapping[str, Any], known: Mapping[str, Setting], place: Place) -> None:
    """Raise BadInput for a key without default that is not given."""
    for key, setting in known.items():
        if key not in given and setting.default is inspect.Parameter.empty:
            raise place.bad(f'key "{key}" is missing; add {key}: ({setting.annotation})')


def converted(
    given: Mapping[str, Any], known: Mapping[str, Setting], place: Place, open: Open
) -> dict[str, Any]:
    """Parameter -> value, each of the given keys read by its annotation."""
    return {known[key].name: value_of(value, known[key], place, open) for key, value in given.items()}


def value_of(value: Any, setting: Setting, place: Place, open: Open, prefix: str = "") -> Any:
    """One value by its setting's annotation; BadInput where it is none of what the annotation allows."""
    options = split(setting.annotation.replace(" ", ""), "|", setting.annotation)
    key = prefix + setting.name.rstrip("_")
    if value is None:
        if "None" in options:
            return None
        raise place.bad(f"{key} has no value; give one or drop the key")
    options = [option for option in options if option != "None"]
    for option in options:
        try:
            return _one(value, option, key, place, open)
        except _Other:
            continue
    allowed = _words(options[0])
    wanted = f"one of {', '.join(allowed)}" if allowed else " or ".join(map(_shown, options))
    hint = near(str(value), allowed).partition(" (known")[0] if allowed else ""
    raise place.bad(f"{key}: {_short(value)} is not {wanted}{hint}")


class _Other(Exception):
    """A value is not of this kind; another may fit."""


def _one(value: Any, option: str, key: str, place: Place, open: Open) -> Any:
    if option in NAMED:
        if isinstance(value, str | Mapping) or hasattr(value, option):
            return open(value, option)
        raise _Other
    if option in BLOCKS:
        return _block(value, option, key, place, open)
    inner = option.partition("[")[2].removesuffix("]")
    if option.startswith(("tuple[", "Sequence[", "list[")):
        kind = Setting(key, inner.removesuffix(",..."), inspect.Parameter.empty)
        items = value if is_listed(value) else [value]
        return tuple(value_of(item, kind, place, open) for item in items)
    if option.startswith(("dict[", "Mapping[")):
        if not is_mapping(value):
            raise _Other
        kind = Setting(key, inner.partition(",")[2], inspect.Parameter.empty)
        return {str(name): value_of(item, kind, place, open) for name, item in value.items()}
    return _plain(value, option)


def _block(value: Any, option: str, key: str, place: Place, open: Open) -> Any:
    if not is_mapping(value):
        raise _Other
    known = keys_of(BLOCKS[option])
    check_keys(value, known, place, f"key of {key}")
    required(value, known, place)
    made = {known[k].name: value_of(v, known[k], place, open, f"{key}.") for k, v in value.items()}
    return BLOCKS[option](**made)


def _plain(value: Any, option: str) -> Any:
    words = _words(option)
    if words:
        if str(value) not in words:
            raise _Other
        return str(value)
    if option == "Any":
        return value
    if option == "bool":
        if not isinstance(value, bool):
            raise _Other
        return value
    if option in ("int", "float"):
        return _number(value, option)
    if isinstance(value, Mapping | list | tuple):
        raise _Other
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any, option: str) -> float | int:
    # 5e-7 without a point is text to YAML, and a number to everybody else
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Other
    try:
        number = float(value)
    except ValueError:
        raise _Other from None
    if number != number or (option == "int" and number != int(number)):
        raise _Other
    return int(number) if option == "int" else number


def _words(option: str) -> list[str]:
    return re.findall(r"[\"']([^\"']*)[\"']", option) if option.startswith("Literal[") else []


_SAID = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}


def _shown(option: str) -> str:
    return _SAID.get(option, f"a {option.lower()}'s name" if option in NAMED else f"of the form {option}")


def _short(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if len(text) <= 40 else f'"{text[:38]}.."'


def role_type(role: str) -> type[Any]:
    """The protocol or record that a role is opened as."""
    return getattr(protocols, role, None) or getattr(records, role)


def is_name(option: str) -> bool:
    """Whether an annotation asks for a name that is opened."""
    return any(part in NAMED for part in re.findall(r"\w+", option))


def opens(name: Any, role: str) -> bool:
    """Whether a kind of that name exists in `role`."""
    return specs.factory_of(specs.parse(name), role) is not None
