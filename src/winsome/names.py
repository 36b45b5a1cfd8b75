"""Names that travel: a spec string parsed, and written so that equal specs are equal strings.

    kind:address?key=value&key=(nested?spec=1)&key=[a,b]      http://host:8000/v1#model?key=env:NAME
    path/to/answers.json                                      @contender.yaml      package.module:object?n=8
    world:preset?seed=1#member?k=2                            a member of what stands before #, with settings of its own

`%XX` escapes a character that means something here (`? & ( ) [ ] , % #`). What a name opens is found in `winsome.specs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from winsome.errors import BadInput

_TEXTS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")
FILES = (
    *_TEXTS,
    ".parquet",
    *(text + packed for text in _TEXTS for packed in (".gz", ".zst", ".bz2", ".xz")),
)
"""Endings by which a name is a file's; what is packed in another way than gzip is refused by its reader, which says so."""
_MEANT = {ord(c): quote(c, safe="") for c in (*"?&()[],%#", *map(chr, (*range(32), *range(127, 160))))}
"""Characters that mean something in a name, or that nobody sees, as they are written in a value."""

_DEEPEST = 20
"""Specs within specs; a name that goes deeper is a mistake."""


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


def split(text: str, separator: str, whole: str) -> list[str]:
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
    for piece in split(query, "&", whole):
        key, equals, value = piece.partition("=")
        if not equals or not key or "#" in key:
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
        return [_value(piece, whole) for piece in split(text[1:-1], ",", whole)]
    return unquote(text)
