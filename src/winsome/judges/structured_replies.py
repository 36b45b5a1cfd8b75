"""Verdicts as JSON by a schema, for servers that hold a reply to one: the fields hold what a protocol's reader reads.

A reply that is no such object, from a server that ignores the schema, is read as the protocol reads any reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from winsome.errors import BadInput
from winsome.judges.protocol import Protocol
from winsome.judges.verdict_slot import Read, Reading
from winsome.records import Sampling, Tokens

LABELS: dict[str, tuple[str, ...]] = {
    "letter": ("A", "B"),
    "arena_hard": ("[[A>>B]]", "[[A>B]]", "[[A=B]]", "[[B>A]]", "[[B>>A]]"),
    "mt_bench_pair": ("[[A]]", "[[B]]", "[[C]]"),
    "reference_pair": ("[[A]]", "[[B]]", "[[C]]"),
    "mt_bench_single": tuple(f"[[{grade}]]" for grade in range(1, 11)),
}
"""Protocol -> what its verdict may be."""
BRIEF = 64
"""Tokens up to which a protocol leaves no room for an analysis before its verdict."""


def labelled(row: Protocol, sampling: Sampling) -> tuple[Protocol, Sampling]:
    """The protocol and its sampling with a schema of `analysis` and `verdict`; BadInput where the verdict is no label.

    Log-probabilities are not asked for: those of a constrained token say little of what the model would have said.
    """
    if row.name not in LABELS:
        raise BadInput(
            f"protocol={row.name}: its verdict is no label but token probabilities; leave out structured"
        )
    fields = {"verdict": LABELS[row.name]}
    return _held(row, sampling, fields, "{verdict}")


def one_score(row: Protocol, sampling: Sampling, scale: int) -> tuple[Protocol, Sampling]:
    """The protocol and its sampling with a schema of `analysis` and `score`, 0 to `scale`."""
    return _held(row, sampling, {"score": _grades(scale)}, "Score: {score}")


def two_scores(row: Protocol, sampling: Sampling, scale: int) -> tuple[Protocol, Sampling]:
    """The protocol and its sampling with a schema of `analysis`, `score_a` and `score_b`, 0 to `scale` each."""
    return _held(row, sampling, {"score_a": _grades(scale), "score_b": _grades(scale)}, "A: {score_a}, B: {score_b}")  # fmt: skip


def schema(fields: Mapping[str, tuple[str, ...]], brief: bool) -> dict[str, Any]:
    """The JSON schema of an object with `analysis` (unless brief) and each field, one of its values."""
    properties: dict[str, Any] = {} if brief else {"analysis": {"type": "string"}}
    properties |= {name: {"type": "string", "enum": list(values)} for name, values in fields.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}  # fmt: skip


def _held(
    row: Protocol, sampling: Sampling, fields: Mapping[str, tuple[str, ...]], form: str
) -> tuple[Protocol, Sampling]:
    brief = sampling.max_tokens is not None and sampling.max_tokens <= BRIEF
    asked = replace(sampling, schema=schema(fields, brief), logprobs=None)
    return replace(
        row, read=partial(_read, fields=fields, form=form, otherwise=row.read), logprobs=None
    ), asked


def _read(
    text: str,
    tokens: Tokens | None,
    cut: bool,
    *,
    fields: Mapping[str, tuple[str, ...]],
    form: str,
    otherwise: Read,
) -> Reading:
    try:
        found: Any = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return otherwise(text, tokens, cut)
    if not isinstance(found, dict) or not any(name in found for name in fields):
        return otherwise(text, tokens, cut)
    held = cast(dict[str, Any], found)
    said = {name: str(held.get(name)).strip() for name in fields}
    for name, values in fields.items():
        if said[name] not in values:
            return Reading(problem=f"no verdict: {name} {said[name][:30]} is not among those asked for", again=True)  # fmt: skip
    return otherwise(form.format(**said), None, False)


def _grades(scale: int) -> tuple[str, ...]:
    return tuple(str(grade) for grade in range(scale + 1))
