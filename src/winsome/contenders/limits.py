"""What a server's reply headers say about its rate limits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NAMES = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_YEAR_2001 = 1e9


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left before the server says stop; None where it did not tell.

    `reset_seconds`: until what is used up comes back (the longest of those at zero), else the shortest reset told.
    """

    requests_left: int | None = None
    tokens_left: int | None = None
    reset_seconds: float | None = None


def limits_of(headers: Mapping[str, str]) -> Limits | None:
    """The limits told by `headers` (case-insensitive); None where they tell none."""
    told: list[tuple[str, int, float | None]] = []
    for left_name, reset_name in _NAMES:
        left = headers.get(left_name)
        if left is not None and re.fullmatch(r"\d{1,15}(\.\d+)?", left.strip()):
            told.append((left_name, int(float(left)), seconds(headers.get(reset_name))))
    if not told:
        return None
    requests = [left for name, left, _ in told if "tokens" not in name]
    tokens = [left for name, left, _ in told if "tokens" in name]
    empty = [reset for _, left, reset in told if left == 0 and reset is not None]
    resets = [reset for _, _, reset in told if reset is not None]
    reset = max(empty) if empty else min(resets, default=None)
    return Limits(min(requests, default=None), min(tokens, default=None), reset)


def retry_after(headers: Mapping[str, str], message: str = "") -> float | None:
    """Seconds that a refusal asks to wait: its Retry-After, a spent limit's reset, or words such as "try again in 2s"."""
    milliseconds = headers.get("retry-after-ms", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000.0
    told = seconds(headers.get("retry-after"))
    if told is not None:
        return told
    limits = limits_of(headers)
    if limits is not None and 0 in (limits.requests_left, limits.tokens_left):
        return limits.reset_seconds
    words = re.search(r"(?:try again in|retry in|retryDelay\W+)\s*((?:\d+(?:\.\d+)?(?:ms|[dhms]))+)", message)
    return seconds(words.group(1)) if words else None


def seconds(text: str | None, now: float | None = None) -> float | None:
    """Seconds from now (>= 0) that `text` means: "20", "6m0s", "120ms", a date of HTTP or RFC 3339, or a Unix time.

    None where it is none of these. `now` is a Unix time in seconds.
    """
    if text is None:
        return None
    text = text.strip()
    now = time.time() if now is None else now
    if re.fullmatch(r"\d{1,15}(\.\d+)?", text):
        value = float(text)
        if value > 1000 * _YEAR_2001:
            value /= 1000.0
        return max(0.0, value - now) if value > _YEAR_2001 else value
    if text and not _PARTS.sub("", text):
        return sum(_durations(text))
    date = _date(text)
    return None if date is None else max(0.0, date.timestamp() - now)


def _durations(text: str) -> Iterator[float]:
    for number, unit in _PARTS.findall(text):
        yield float(number) * _UNITS[unit]


def _date(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None
