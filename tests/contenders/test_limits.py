"""Rate-limit headers as servers send them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from winsome.contenders.limits import Limits, limits_of, retry_after, seconds

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", 20.0),
        ("0.5", 0.5),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("17d", 17 * 86400.0),
        (str(int(NOW) + 42), 42.0),
        (str(int(NOW + 42) * 1000), 42.0),
        ("2027-01-15T08:00:30Z", 30.0),
        (format_datetime(datetime.fromtimestamp(NOW + 7, UTC), usegmt=True), 7.0),
        (str(int(NOW) - 5), 0.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("1s2", None),
        (None, None),
    ],
)
def test_durations_dates_and_unix_times_are_read_as_seconds_from_now(
    text: str | None, expected: float | None
) -> None:
    assert seconds(text, NOW) == expected


@given(st.text(max_size=30))
def test_no_text_is_read_as_a_negative_wait_or_raises(text: str) -> None:
    told = seconds(text, NOW)
    assert told is None or told >= 0.0


def test_what_is_left_is_read_whatever_the_case_of_the_header() -> None:
    headers = CIMultiDict(
        {
            "X-RateLimit-Remaining-Requests": "59",
            "X-RateLimit-Remaining-Tokens": "1490",
            "X-RateLimit-Reset-Requests": "1s",
            "X-RateLimit-Reset-Tokens": "6m0s",
        }
    )
    assert limits_of(headers) == Limits(59, 1490, 1.0)


def test_the_reset_of_what_is_used_up_counts_not_that_of_what_is_left() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "900",
        "x-ratelimit-reset-requests": "17h0m0s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "250ms",
    }
    assert limits_of(headers) == Limits(900, 0, 0.25)


def test_a_server_that_tells_nothing_has_no_limits() -> None:
    assert limits_of({"content-type": "application/json"}) is None
    assert limits_of({"x-ratelimit-remaining-requests": "many"}) is None


def test_other_spellings_of_the_headers_are_known() -> None:
    headers = {"anthropic-ratelimit-tokens-remaining": "12", "anthropic-ratelimit-requests-remaining": "3"}
    assert limits_of(headers) == Limits(3, 12, None)
    assert limits_of({"ratelimit-remaining": "5", "ratelimit-reset": "30"}) == Limits(5, None, 30.0)


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after-ms": "350", "retry-after": "1"}, "", 0.35),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}, "", 9.0),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "9s"}, "", None),
        ({}, "Rate limit reached. Please try again in 1m2.5s. Visit ..", 62.5),
        ({}, 'quota exceeded, "retryDelay": "34s"', 34.0),
        ({}, "Rate limit reached.", None),
    ],
)
def test_the_wait_that_a_refusal_asks_for(
    headers: dict[str, str], message: str, expected: float | None
) -> None:
    assert retry_after(headers, message) == expected
