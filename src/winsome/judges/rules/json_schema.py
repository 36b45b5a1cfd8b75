"""The answer is JSON that a schema accepts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from winsome.errors import BadInput
from winsome.judges.rules.passing import Rule, rule

VERSION = 1
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n```", re.DOTALL)


def json_schema(*, schema: str | None = None, name: str = "json_schema") -> Rule:
    """A judge by the JSON schema in `schema` (@file), else by the prompt's reference answer as a schema.

    The whole answer must be JSON; one code fence around it is allowed.
    """
    expected = None if schema is None else _read(schema)
    checked: dict[bytes, Any] = {}

    def accepts(text: str, wanted: Any) -> bool:
        key = orjson.dumps(wanted)
        if key not in checked:
            checked[key] = _validator(wanted)
        return valid(text, checked[key])

    return rule("json_schema", VERSION, name, accepts, expected, [])


def valid(text: str, validator: Any) -> bool:
    """Whether `text` is JSON, fenced or bare, that `validator` accepts."""
    fenced = _FENCED.fullmatch(text.strip())
    try:
        value = orjson.loads(fenced[1] if fenced else text)
    except orjson.JSONDecodeError:
        return False
    return validator.is_valid(value)


def _validator(schema: Any) -> Any:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if isinstance(schema, str):
        schema = _parsed(schema, "the prompt's reference_answer")
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise BadInput(f"json_schema: not a JSON schema ({error.message[:80]}); mend it") from None
    return kind(schema)


def _read(schema: str) -> Any:
    if not schema.startswith("@"):
        raise BadInput(f"json_schema: schema={schema[:60]}: give a file as schema=@path")
    try:
        text = Path(schema[1:]).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{schema[1:]}: cannot be read ({error}); give a JSON schema in UTF-8") from None
    expected = _parsed(text, schema[1:])
    _validator(expected)
    return expected


def _parsed(text: str, where: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{where}: is not JSON ({error}); give a JSON schema") from None
