"""What a status other than 200 means: wait, try again, mend something, or this one prompt cannot be answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from winsome.contenders.limits import retry_after
from winsome.errors import Fatal, RateLimited, Transient, WinsomeError

_WINDOW = re.compile(
    r"context[ _](?:length|window|size)|maximum (?:context|input|prompt|sequence) length|prompt is too long"
    r"|too many (?:input )?tokens|input (?:is )?too long|exceeds? the (?:model'?s )?(?:maximum|max|limit|available)"
    r"|context_length_exceeded|exceed_context_size|max_model_len|reduce the length",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|model_not_available|invalid_model|not a valid model"
    r"|model\b.{0,120}?(?:does not exist|not found|not available|not supported|is unknown)|unknown model",
    re.IGNORECASE | re.DOTALL,
)
_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|balance|credits?|funds)|billing_(?:hard_limit|not_active)", re.IGNORECASE
)
_SCHEMA = re.compile(r"response_format|json_schema|guided_json|structured output", re.IGNORECASE)
_FILTER = re.compile(r"content[_ ](?:filter|policy)|invalid_prompt|moderation|ResponsibleAI", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A prompt that the server will not answer however often it is asked; becomes a Response, never an exception."""

    finish: Literal["failed", "filtered"]
    error: str


class ModelMissing(Fatal):
    """The server knows no model of that name, or no chat at that address."""


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, host: str, key_name: str | None, secret: str | None
) -> WinsomeError | Unanswered:
    """What to raise, or to answer, for a reply with `status` >= 300; no line holds the key's value."""
    message, code = _told(body)
    message = scrubbed(message, secret)
    said = f"{message} ({code})" if code and code not in message else message
    line = f"{host}: {status}" + (f" {_short(said)}" if said else "")
    if status in (401, 403):
        return Fatal(_no_entry(status, host, key_name, message))
    if status == 402 or (status in (400, 429) and _QUOTA.search(said)):
        return Fatal(
            f"{host}: the quota of this key is used up ({status}); add credit or name another key: {_short(said, 60)}"
        )
    if status == 429:
        return RateLimited(line, retry_after(headers, message))
    if status in (503, 529) and (wait := retry_after(headers)) is not None:
        return RateLimited(line, wait)
    if status in (408, 409, 425) or status >= 500:
        return Transient(line)
    if status in (400, 413, 422) and (_WINDOW.search(said) or status == 413):
        return Unanswered("failed", f"context window: {_short(message or 'the request is too long')}")
    if status == 400 and _FILTER.search(said):
        return Unanswered("filtered", f"filtered by the server: {_short(said)}")
    if status in (400, 422, 501) and _SCHEMA.search(said):
        return Fatal(
            f"{host}: holds no reply to a JSON schema ({status}); leave out structured: {_short(said, 80)}"
        )
    if status in (404, 405) or _MODEL.search(said):
        return ModelMissing(line)
    if 300 <= status < 400:
        where = scrubbed(headers.get("location", "elsewhere"), secret).partition("?")[0]
        return Fatal(f"{host}: the address moved ({status}) to {_short(where, 100)}; name that one")
    return Fatal(line)


def scrubbed(text: str, secret: str | None) -> str:
    """`text` on one line without `secret`, nor a word that starts or ends like it (servers quote keys half masked)."""
    text = " ".join(text.split())
    if not secret:
        return text
    text = text.replace(secret, "[key]")
    if len(secret) >= 12:
        ends = f"{re.escape(secret[:5])}|{re.escape(secret[-4:])}"
        text = re.sub(rf"[^\s\"']*(?:{ends})[^\s\"']*", "[key]", text)
    return text


def _short(text: str, most: int = 140) -> str:
    return text if len(text) <= most else text[: most - 2].rstrip() + " .."


def _no_entry(status: int, host: str, key_name: str | None, message: str) -> str:
    if key_name is None:
        return f"{host}: asks for a key ({status}); export one and name it: ?key=env:NAME"
    if status == 401:
        return f"{host}: the key in {key_name} is not accepted (401); export the right one, or name another with key=env:NAME"
    return f"{host}: the key in {key_name} may not do this (403): {_short(message, 80) or 'no reason given'}; check its rights"


def _told(body: bytes) -> tuple[str, str]:
    """(message, code) of an error body in any of the shapes in use; the body's own words where it is no JSON."""
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return re.sub(r"<[^>]*>", " ", body[:2000].decode("utf-8", "replace")), ""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return str(value)[:500] if isinstance(value, str) else "", ""
    error = value.get("error", value)
    if not isinstance(error, dict):
        return str(error), ""
    message = error.get("message", error.get("detail", ""))
    if isinstance(message, list):
        message = "; ".join(str(m.get("msg", m)) if isinstance(m, dict) else str(m) for m in message)
    codes = [str(error[name]) for name in ("code", "type", "status") if isinstance(error.get(name), str)]
    return str(message), " ".join(dict.fromkeys(codes))
