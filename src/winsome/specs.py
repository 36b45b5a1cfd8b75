"""Names that travel: parse a spec string, write it canonically, open what it names.

    kind:address?key=value&key=(nested?spec=1)&key=[a,b]      http://host:8000/v1#model?key=env:NAME
    path/to/answers.json                                      @contender.yaml      package.module:object?n=8
    world:preset?seed=1#member?k=2                            a member of what stands before #, with settings of its own

`%XX` escapes a character that means something here (`? & ( ) [ ] , %`). Only `open_spec` imports other rooms, and only the one
that a spec names.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from winsome.errors import BadInput, Unsupported

ROOMS: Mapping[str, tuple[str, ...]] = {
    "Contender": ("winsome.contenders", "winsome.decoding", "winsome.sandbox"),
    "Judge": ("winsome.judges", "winsome.sandbox"),
    "Scorer": ("winsome.scorers", "winsome.sandbox"),
    "Encoder": ("winsome.models",),
    "Suite": ("winsome.suites", "winsome.sandbox"),
}
"""Role -> rooms whose `KINDS` (role -> kind -> "module:object") may hold it."""

BRIDGES = (("Scorer", "by_score", "scorer"), ("Contender", "pairwise", "model"))
"""How what is no judge judges: role, the kind of judge, and that kind's setting which takes it."""

FILES = (".json", ".jsonl", ".csv", ".tsv", ".parquet", ".json.gz", ".jsonl.gz", ".csv.gz")
INJECTED = ("run", "name")
"""Keyword parameters that the opener fills in: never settings."""

_MEANT = {ord(c): quote(c, safe="") for c in (*"?&()[],%#", *map(chr, (*range(32), *range(127, 160))))}
"""Characters that mean something in a name, or that nobody sees, as they are written in a value."""

_DEEPEST = 20
"""Specs within specs; a name that goes deeper is a mistake."""

_SECRET = re.compile(r"(?:^|_)(?:key|secret|password|token)$", re.IGNORECASE)


@dataclass(frozen=True)
class Spec:
    """A parsed name. Values are strings, lists or nested specs, however they were written down."""

    kind: str
    address: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        """The canonical form: settings sorted, so equal specs are equal strings."""
        mark = "#" if "://" in self.kind else ":"
        of, hash_, member = self.address.rpartition("#")
        # what stands before a member's # is the canonical text of a name already
        # and a # that no ? precedes needs no escape: world:labels#gold is written as it is read.
        address = (
            f"{of if '?' in of else _escaped(of)}#{_escaped(member)}" if hash_ else _escaped(self.address)
        )
        head = f"{self.kind}{mark}{address}" if address else self.kind
        pairs = "&".join(f"{key}={_written(self.settings[key])}" for key in sorted(self.settings))
        return f"{head}?{pairs}" if pairs else head

    def without(self, names: Sequence[str]) -> Spec:
        kept = {key: value for key, value in self.settings.items() if key not in names}
        return Spec(self.kind, self.address, kept)


def stem(file: str) -> str:
    """A file's name without the endings that say only what kind of file it is (`gpt-4.1.model_outputs.json.gz`: gpt-4.1)."""
    for ending in (*sorted(FILES, key=len, reverse=True), ".model_outputs", ".annotations"):
        file = file.removesuffix(ending)
    return file


def masked(spec: Spec | str) -> str:
    """`spec` as it may be shown: a secret written into it by mistake is left out."""
    return re.sub(r"(?i)((?:key|secret|password|token)=)(?!env:)[^&)#\s]+", r"\1..", str(spec))


def _written(value: Any) -> str:
    if isinstance(value, Spec):
        return f"({value})"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_written(v) for v in value) + "]"  # pyright: ignore[reportUnknownVariableType]
    return _escaped(_plain_text(value))


def _plain_text(value: Any) -> str:
    """A value of a mapping as a name has it: true, 0.5, none."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    inner = text.strip()
    start = text.index(inner)
    ends = text[:start], text[start + len(inner) :]
    return quote(ends[0], safe="") + inner.translate(_MEANT) + quote(ends[1], safe="")


def parse(text: str | Mapping[str, Any] | Spec) -> Spec:
    """The spec that `text` (a string, or the equal mapping `{kind: .., key: ..}`) names; BadInput where it is malformed."""
    if isinstance(text, Spec):
        return text
    if isinstance(text, Mapping):
        return _from_mapping(text)
    text = text.strip()
    if not text:
        raise BadInput("empty name: give a contender or judge such as embedded:smollm2-135m or answers.json")
    head, query = _split_query(text)
    if head.startswith("@") and head.endswith((".yaml", ".yml")):
        written = _from_mapping(_read_yaml(Path(head[1:])))
        return Spec(written.kind, written.address, {**written.settings, **_settings(query, text)})
    if text.startswith(("http://", "https://")):
        return _server(text)
    if re.match(r"[A-Za-z]:[\\/]", text):
        return Spec("recorded", head, _settings(query, text))
    if text.lower().endswith(FILES) and "?" not in text and not re.match(r"[a-z_]+:", text):
        return Spec("recorded", text)
    whole, member = _cut(text, "#")
    if member and "?" in whole and re.match(r"[a-z_]+:", whole):
        inner = parse(whole)
        name, query = _split_query(member)
        return Spec(inner.kind, f"{str(inner).partition(':')[2]}#{name}", _settings(query, text))
    kind, colon, address = head.partition(":")
    if "/" in kind or "\\" in kind or (not colon and kind.lower().endswith(FILES)):
        return Spec("recorded", head, _settings(query, text))
    if not re.fullmatch(r"[A-Za-z_][\w.]*", kind):
        raise BadInput(
            f'"{masked(text)}" is no name: write kind:address?key=value, an http address, or a path; quote the name'
        )
    return Spec(kind, unquote(address), _settings(query, text))


def _server(text: str) -> Spec:
    base, rest = _cut(text, "#")
    if not rest:
        base, query = _split_query(base)
        return Spec(base.rstrip("/"), "", _settings(query, text))
    if "?" in base:
        raise BadInput(
            f'"{masked(text)}": settings stand after the model; write http://host:8000/v1#model?key=value'
        )
    model, query = _split_query(rest)
    return Spec(base.rstrip("/"), unquote(model), _settings(query, text))


def _from_mapping(mapping: Mapping[str, Any]) -> Spec:
    if "kind" not in mapping:
        raise BadInput(
            f'a spec written as a mapping needs "kind" (found: {", ".join(map(str, mapping)) or "nothing"})'
        )
    settings = {str(k): _nested(v) for k, v in mapping.items() if k not in ("kind", "address")}
    kind = str(mapping["kind"])
    if kind.startswith("@"):
        raise BadInput(f'kind "{kind}" is a file; name a kind such as http or best_of_n')
    head = parse(kind)
    return Spec(head.kind, str(mapping.get("address", head.address)), {**head.settings, **settings})


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _from_mapping(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [_nested(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value if isinstance(value, Spec) else _plain_text(value)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text("utf-8-sig"))
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the path of a YAML file after @"
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}: line {mark.line + 1}" if mark else f"{path}:"
        raise BadInput(f"{where} is not YAML; write kind: and its settings, one a line") from None
    if not isinstance(loaded, Mapping):
        raise BadInput(f"{path}: holds no mapping; write kind: and its settings, one a line")
    return loaded  # pyright: ignore[reportUnknownVariableType]


def _split_query(text: str) -> tuple[str, str]:
    return _cut(text, "?")


def _cut(text: str, mark: str) -> tuple[str, str]:
    """What stands before and after the first `mark` outside all brackets; nothing after where there is none."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == mark and depth == 0:
            return text[:i], text[i + 1 :]
    return text, ""


def _split(text: str, separator: str, whole: str) -> list[str]:
    """Pieces of `text` between separators that stand outside all brackets."""
    pieces, opened, start, matched = list[str](), list[str](), 0, True
    for i, character in enumerate(text):
        if character in "([":
            opened.append(character)
        elif character in ")]":
            matched = matched and bool(opened) and opened.pop() + character in ("()", "[]")
        elif character == separator and not opened:
            pieces.append(text[start:i])
            start = i + 1
        if len(opened) > _DEEPEST:
            raise BadInput(f'"{masked(whole)[:60]}..": brackets within brackets, more than {_DEEPEST} deep')
    if opened or not matched:
        raise BadInput(f'"{masked(whole)}": brackets do not match (was it cut by the shell? quote the name)')
    return [*pieces, text[start:]] if text else []


def _settings(query: str, whole: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for piece in _split(query, "&", whole):
        key, equals, value = piece.partition("=")
        if not equals or not key:
            raise BadInput(
                f'"{masked(whole)}": "{masked(piece)}" is no key=value (was it cut by the shell? quote the name)'
            )
        if key in settings:
            raise BadInput(f'"{masked(whole)}": "{key}" is given twice; keep one')
        settings[key] = _value(value, whole)
    return settings


def _value(text: str, whole: str) -> Any:
    if text.startswith("(") and text.endswith(")"):
        return parse(text[1:-1])
    if text.startswith("[") and text.endswith("]"):
        return [_value(piece, whole) for piece in _split(text[1:-1], ",", whole)]
    return unquote(text)


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
    text = ", ".join(sorted(names)) or "none"
    return text if len(text) <= 90 else text[:90].rpartition(",")[0] + " .."


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
    known = settings_of(factory)
    arguments: dict[str, Any] = {}
    for key, value in spec.settings.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise BadInput(f'"{masked(spec)}": no setting "{key}"{hint} (known: {_listed(known)})')
        if isinstance(value, str) and _SECRET.search(key) and value and not value.startswith("env:"):
            raise BadInput(
                f"{spec.kind}: {key}= takes no secret, names travel: export it and write {key}=env:NAME"
            )
        arguments[key] = _converted(value, known[key], spec, run)
    for key, setting in known.items():
        if key not in arguments and setting.default is inspect.Parameter.empty:
            raise BadInput(f'"{masked(spec)}": setting "{key}" is missing; add {key}=..')
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
        raise BadInput(f'"{masked(spec)}": {spec.kind} takes no address; drop ":{spec.address}"')
    return factory(**arguments)


def _address(spec: Spec) -> str:
    """What a kind gets as its address: base#model of a server, nothing for own code (the object is the kind)."""
    if "://" in spec.kind:
        return f"{spec.kind}#{spec.address}"
    return "" if _is_own(spec) else spec.address


def _converted(value: Any, setting: Setting, spec: Spec, run: Any) -> Any:
    options = _split(setting.annotation.replace(" ", ""), "|", setting.annotation)
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
        f"none of {', '.join(_allowed(options[0]))}" if _allowed(options[0]) else f"no {' or '.join(options)}"
    )
    raise BadInput(f'"{masked(spec)}": {setting.name}={value} is {wanted}')


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
            raise Unsupported(f'"{masked(spec)}" is a {" and a ".join(elsewhere)}, not a {role.lower()}')
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
        f'"{masked(spec)}" is no {role.lower()}: what it makes has no {", ".join(lacks)}; add them'
    )
