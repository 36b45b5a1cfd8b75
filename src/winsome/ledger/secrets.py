"""Keeps keys and passwords out of ledgers, logs and reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

NAMED = re.compile(
    r"(?:^|[_\-.\s])(?:api[_-]?key|apikey|secret|password|passwd|passphrase|credentials?|authorization|cookie|"
    r"(?:access|auth|bearer|hf|refresh|session)[_-]?token|token|private[_-]?key)$",
    re.IGNORECASE,
)
"""Names of fields whose text is a secret unless it only names an environment variable."""

SHAPED = re.compile(
    r"\b(?:sk|rk|pk)[-_][A-Za-z0-9][A-Za-z0-9_\-]{15,}"
    r"|\b(?:hf|gsk|ghp|gho|ghs|ghu|glpat|xai|r8|nvapi|pplx|xox[abprs])[-_][A-Za-z0-9_\-]{16,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_\-]{30,}"
    r"|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}"
)
"""Texts that have the shape of a provider's key."""

BEARER = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/\-]{8,}=*", re.IGNORECASE)
USER_INFO = re.compile(r"\b([a-z][a-z0-9+.\-]*://[^\s:/@?#]*):[^\s/@]*@", re.IGNORECASE)
IN_QUERY = re.compile(
    r"([?&;](?:api[_-]?key|key|token|access_token|password|passwd|secret)=)(?!env:)[^&#\s()\"']+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """`text` with what looks like a key, a bearer token or a URL's password replaced by ***."""
    text = SHAPED.sub(MASK, text)
    text = BEARER.sub(rf"\1 {MASK}", text)
    text = USER_INFO.sub(rf"\1:{MASK}@", text)
    return IN_QUERY.sub(rf"\1{MASK}", text)


def without_secrets(value: Any) -> Any:
    """A copy of JSON-like `value` in which no text looks like a secret, by its shape or by its field's name."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {str(k): _field(str(k), v) for k, v in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [without_secrets(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _field(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and NAMED.search(name) and not value.startswith("env:"):
        return MASK
    return without_secrets(value)
