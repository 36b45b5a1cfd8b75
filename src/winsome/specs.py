"""What a name opens: the kind that its room offers, made with its settings; own code; bridges to a judge.

Only `open_spec` imports other rooms, and only the one that a spec names. The names themselves are in `winsome.names`.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from winsome.errors import BadInput, Unsupported
from winsome.names import FILES, Spec, masked, parse, split, stem

__all__ = [
    "FILES", "ROOMS", "Setting", "Spec", "call", "factory_of", "kinds", "masked", "open_spec", "parse", "settings_given", "settings_of",
    "stem",
    "unknown_kind",
]  # fmt: skip

ROOMS: Mapping[str, tuple[str, ...]] = {
    "Contender": ("winsome.contenders", "winsome.decoding", "winsome.agents", "winsome.sandbox"),
    "Judge": ("winsome.judges", "winsome.scorers", "winsome.sandbox"),
    "Scorer": ("winsome.scorers", "winsome.sandbox"),
    "Encoder": ("winsome.models",),
    "Suite": ("winsome.suites", "winsome.sandbox"),
    "Objective": ("winsome.training",),
    "OnlineMethod": ("winsome.training",),
    "RewardObjective": ("winsome.training",),
    "Trainer": ("winsome.training",),
}
"""Role -> rooms whose `KINDS` (role -> kind -> "module:object") may hold it."""

BRIDGES = (("Scorer", "by_score", "scorer"), ("Contender", "pairwise", "model"))
"""How what is no judge judges: role, the kind of judge, and that kind's setting which takes it."""

INJECTED = ("run", "name", "frames")
"""Keyword parameters that the opener fills in: never settings."""

_SECRET = re.compile(r"(?:^|_)(?:key|secret|password|token)$", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """One keyword of a kind: its annotation as written, and its default (`inspect.Parameter.empty`: required)."""

    name: str
    annotation: str
    default: Any


def settings_of(factory: Callable[..., Any]) -> dict[str, Setting]:
    """The settings of a kind: its keyword-only parameters but the injected ones."""
    found: dict[str, Setting] = {}
    for p in inspect.signature(factory).parameters.values():
        if p.kind is p.KEYWORD_ONLY and p.name not in INJECTED:
            annotation = (
                p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, "__name__", "str")
            )
            found[p.name] = Setting(p.name, annotation, p.default)
    return found


def kinds(role: str) -> dict[str, str]:
    """Kind -> "module:object" of everything that can be opened in `role`."""
    table: dict[str, str] = {}
    for room in ROOMS[role]:
        table |= importlib.import_module(room).KINDS.get(role, {})
    return table


def factory_of(spec: Spec, role: str) -> Callable[..., Any] | None:
    """The function that makes `spec` in `role`; None where no such kind exists there."""
    if _is_own(spec):
        return _own_code(spec)
    place = kinds(role).get(_kind(spec))
    if place is None:
        return None
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _kind(spec: Spec) -> str:
    """The entry of `KINDS` that a spec names: a member (world:labels#annotator) is a kind of its own, "world#annotator"."""
    scheme, server, _ = spec.kind.partition("://")
    _, hash_, member = spec.address.rpartition("#")
    if hash_ and not server and any(kind.startswith(f"{scheme}#") for role in ROOMS for kind in kinds(role)):
        return f"{scheme}#{member}"
    return scheme


def _listed(names: Iterable[str]) -> str:
    """Names in one short line."""
    return _cut(", ".join(sorted(names)) or "none")


def _cut(text: str) -> str:
    """A list of names that leaves room for the rest of a line."""
    return text if len(text) <= 90 else text[:90].rpartition(",")[0] + " .."


def _brief(spec: Spec) -> str:
    """A spec as an error names it: a long one, such as a mixture of many contenders, by its beginning."""
    shown = masked(spec)
    return shown if len(shown) <= 90 else f"{shown[:60]}.."


def _is_own(spec: Spec) -> bool:
    return "." in spec.kind and "://" not in spec.kind


def _own_code(spec: Spec) -> Callable[..., Any]:
    name = f"{spec.kind}:{spec.address}"
    try:
        made = getattr(importlib.import_module(spec.kind), spec.address)
    except Exception as error:  # whatever a module of somebody's own raises
        why = f"{type(error).__name__}: {error}"
        raise BadInput(f"{name} cannot be imported ({why[:100]}); check module and object") from None
    if not callable(made):
        raise BadInput(f"{name} is a {type(made).__name__}; name a function or class that makes the object")
    return made


def unknown_kind(spec: Spec, role: str) -> BadInput:
    """The error for a kind that no room has, with the nearest name."""
    wanted = _kind(spec)
    known = [kind for kind in sorted(kinds(role)) if ("#" in kind) == ("#" in wanted)]
    near = difflib.get_close_matches(wanted, known, 1, 0.5)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return BadInput(f'"{masked(spec)}": no {role.lower()} kind "{wanted}"{hint} (known: {_listed(known)})')


def call(factory: Callable[..., Any], spec: Spec, run: Any) -> Any:
    """What `factory` makes of a spec's address and settings; each setting is converted by its annotation.

    A setting annotated with a role (Contender, Judge, Scorer, Encoder) takes a nested spec, opened through `run`.
    """
    arguments = settings_given(factory, spec, run)
    parameters = inspect.signature(factory).parameters
    if "run" in parameters:
        arguments["run"] = run
    if "name" in parameters:
        arguments["name"] = str(spec)
    takes_address = any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters.values())
    address = _address(spec)
    if takes_address:
        return factory(address, **arguments)
    if address:
        raise BadInput(f'"{_brief(spec)}": {spec.kind} takes no address; drop ":{spec.address}"')
    return factory(**arguments)


def settings_given(factory: Callable[..., Any], spec: Spec, run: Any = None) -> dict[str, Any]:
    """The settings that a spec gives to `factory`, each converted by its annotation.

    Raises BadInput for one that `factory` does not have, for a wrong value, and where one without default is missing.
    """
    known = settings_of(factory)
    arguments: dict[str, Any] = {}
    for key, value in spec.settings.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise BadInput(f'"{_brief(spec)}": no setting "{key}"{hint} (known: {_listed(known)})')
        if isinstance(value, str) and _SECRET.search(key) and value and not value.startswith("env:"):
            raise BadInput(
                f"{spec.kind}: {key}= takes no secret, names travel: export it and write {key}=env:NAME"
            )
        arguments[key] = _converted(value, known[key], spec, run)
    for key, setting in known.items():
        if key not in arguments and setting.default is inspect.Parameter.empty:
            raise BadInput(f'"{_brief(spec)}": setting "{key}" is missing; add {key}=..')
    return arguments


def _address(spec: Spec) -> str:
    """What a kind gets as its address: base#model of a server, nothing for own code (the object is the kind)."""
    if "://" in spec.kind:
        return f"{spec.kind}#{spec.address}"
    return "" if _is_own(spec) else spec.address


def _converted(value: Any, setting: Setting, spec: Spec, run: Any) -> Any:
    options = split(setting.annotation.replace(" ", ""), "|", setting.annotation)
    if "None" in options and value in (None, "none", "None"):
        return None
    options = [option for option in options if option != "None"]
    role = next((option for option in options if option in ROOMS), None)
    if role is not None:
        from winsome import protocols, records

        return run.open(value, getattr(protocols, role, None) or getattr(records, role))
    if options[0].startswith(("tuple[", "Sequence[", "list[")):
        inner = options[0].partition("[")[2].removesuffix("]").removesuffix(",...")
        items = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        return tuple(_converted(item, Setting(setting.name, inner, None), spec, run) for item in items)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    for option in options:
        try:
            return _plain(value, option)
        except ValueError:
            continue
    wanted = (
        f"none of {_cut(', '.join(_allowed(options[0])))}"
        if _allowed(options[0])
        else f"no {' or '.join(options)}"
    )
    raise BadInput(f'"{_brief(spec)}": {setting.name}={value} is {wanted}')


_TRUTH = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def _plain(value: Any, annotation: str) -> Any:
    """`value` as its annotation has it; ValueError where it is something else."""
    text = str(value)
    if isinstance(value, list):
        raise ValueError
    if annotation == "bool":
        if text.lower() not in _TRUTH:
            raise ValueError
        return _TRUTH[text.lower()]
    if annotation == "int":
        return int(text)
    if annotation == "float":
        number = float(text)
        if number != number:
            raise ValueError
        return number
    if annotation.startswith("Literal[") and text not in _allowed(annotation):
        raise ValueError
    return text


def _allowed(annotation: str) -> list[str]:
    """The words that a Literal allows; none for any other annotation."""
    return re.findall(r"[\"']([^\"']*)[\"']", annotation) if annotation.startswith("Literal[") else []


def open_spec(spec: Spec, role: str, run: Any) -> Any:
    """What `spec` names in `role`, made by its kind; a Contender or Scorer is bridged to a Judge.

    Raises BadInput for unknown kinds, settings and values; Unsupported where the kind exists but not in this role.
    """
    factory = factory_of(spec, role)
    if factory is None and role == "Judge":
        for other, bridge, key in BRIDGES:
            if factory_of(spec, other) is not None:
                return open_spec(Spec(bridge, "", {key: spec}), role, run)
    if factory is None:
        elsewhere = [r.lower() for r in ROOMS if r != role and factory_of(spec, r) is not None]
        if elsewhere:
            raise Unsupported(f'"{_brief(spec)}" is a {" and a ".join(elsewhere)}, not a {role.lower()}')
        raise unknown_kind(spec, role)
    opened = call(factory, spec, run)
    return _fitting(opened, spec, role, run) if _is_own(spec) else opened


_OFFERED = {
    "Contender": ("name", "id", "batch", "answer"),
    "Judge": ("name", "id", "sides", "ordered", "judge"),
    "Scorer": ("name", "id", "partial", "score"),
    "Encoder": ("name", "id", "encode"),
    "Suite": ("full_name", "prompts"),
}


def _fitting(opened: Any, spec: Spec, role: str, run: Any) -> Any:
    """What own code made, if it offers what its role needs; as a Judge its bridge where it rates or answers instead."""
    lacks = [name for name in _OFFERED[role] if not hasattr(opened, name)]
    if not lacks:
        return opened
    if role == "Judge":
        for other, bridge, key in BRIDGES:
            if all(hasattr(opened, name) for name in _OFFERED[other]):
                return open_spec(Spec(bridge, "", {key: spec}), role, run)
    raise BadInput(
        f'"{_brief(spec)}" is no {role.lower()}: what it makes has no {", ".join(lacks)}; add them'
    )
