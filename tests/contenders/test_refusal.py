"""Every status that a server may answer with, and what it means."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.contenders.refusal import ModelMissing, Unanswered, refusal, scrubbed
from winsome.errors import Fatal, RateLimited, Transient, WinsomeError

SECRET = "sk-proj-abcdefghijklmnop1234"


def told(status: int, body: Any = None, **headers: str) -> WinsomeError | Unanswered:
    """What `refusal` makes of a status; `retry_after="1"` becomes the header retry-after."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else orjson.dumps(body if body is not None else {})
    return refusal(status, named, raw, "host:8000", "MY_KEY", SECRET)


def openai_error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "code": code, "param": None}}


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 520, 529])
def test_what_may_succeed_later_is_transient(status: int) -> None:
    assert type(told(status, openai_error("overloaded"))) is Transient


def test_a_rate_limit_carries_its_wait() -> None:
    limited = told(429, openai_error("slow down", "rate_limit_exceeded"), retry_after="2.5")
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 2.5
    without = told(429, b"<html>Too many requests</html>")
    assert isinstance(without, RateLimited)
    assert without.retry_after is None


def test_an_overloaded_server_that_names_a_wait_is_a_rate_limit() -> None:
    limited = told(503, openai_error("busy"), retry_after="4")
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 4.0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, openai_error("You exceeded your current quota, check your plan.", "insufficient_quota")),
        (402, openai_error("Insufficient Balance")),
        (429, openai_error("Your account has insufficient credits")),
    ],
)
def test_a_spent_quota_is_final(status: int, body: Any) -> None:
    error = told(status, body)
    assert isinstance(error, Fatal)
    assert "quota" in str(error)


def test_a_limit_a_minute_that_speaks_of_quota_is_still_a_rate_limit() -> None:
    body = [
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota. retry in 34s",
                "status": "RESOURCE_EXHAUSTED",
            }
        }
    ]
    limited = told(429, body)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 34.0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_variable(status: int) -> None:
    error = told(
        status, openai_error(f"Incorrect API key provided: {SECRET[:8]}****{SECRET[-4:]}.", "invalid_api_key")
    )
    assert type(error) is Fatal
    assert "MY_KEY" in str(error)
    assert SECRET[:8] not in str(error)
    assert SECRET[-4:] not in str(error)


def test_a_server_that_wants_a_key_where_none_is_named_says_how_to_name_one() -> None:
    error = refusal(401, {}, b"{}", "host", None, None)
    assert isinstance(error, Fatal)
    assert "?key=env:NAME" in str(error)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, openai_error("The model `x` does not exist", "model_not_found")),
        (404, b"404 page not found"),
        (405, b""),
        (
            400,
            {
                "object": "error",
                "message": "The model `x` does not exist.",
                "type": "NotFoundError",
                "code": 404,
            },
        ),
        (400, openai_error("x is not a valid model ID")),
        (422, {"detail": [{"msg": "Unknown model x"}]}),
    ],
)
def test_a_missing_model_or_address_is_told_apart_from_other_mistakes(status: int, body: Any) -> None:
    assert isinstance(told(status, body), ModelMissing)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai_error("This model's maximum context length is 8192 tokens.", "context_length_exceeded")),
        (
            400,
            {
                "object": "error",
                "message": "The decoder prompt is longer than the maximum model length; reduce the length",
            },
        ),
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                }
            },
        ),
        (413, b"Payload Too Large"),
        (422, openai_error("prompt is too long: 210000 tokens > 200000 maximum")),
    ],
)
def test_a_prompt_that_does_not_fit_fails_alone(status: int, body: Any) -> None:
    answer = told(status, body)
    assert isinstance(answer, Unanswered)
    assert answer.finish == "failed"
    assert answer.error.startswith("context window: ")


def test_a_prompt_that_the_server_filters_is_an_answer() -> None:
    answer = told(400, openai_error("The response was filtered due to the prompt", "content_filter"))
    assert isinstance(answer, Unanswered)
    assert answer.finish == "filtered"


def test_other_mistakes_are_final_with_the_servers_words() -> None:
    error = told(
        400,
        openai_error("Unsupported value: 'temperature' does not support 0.3 with this model." + "x" * 900),
    )
    assert type(error) is Fatal
    assert "'temperature' does not support 0.3" in str(error)


def test_a_moved_address_is_named_without_its_query() -> None:
    error = told(308, b"", location=f"https://new.example/v1/chat/completions?key={SECRET}")
    assert isinstance(error, Fatal)
    assert "https://new.example/v1/chat/completions;" in str(error)


def _shapes() -> st.SearchStrategy[Any]:
    words = st.sampled_from(
        ["context length", "model not found", "insufficient_quota", f"bad key {SECRET}", SECRET, "x" * 500]
    )
    leaf = st.none() | st.integers() | st.booleans() | words | st.text(max_size=20)
    keys = st.sampled_from(["error", "message", "code", "type", "detail", "status", "msg"])
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    )


@given(
    st.integers(300, 599),
    st.one_of(_shapes().map(lambda value: json.dumps(value).encode()), st.binary(max_size=200)),
    st.dictionaries(
        st.sampled_from(["retry-after", "location", "x-ratelimit-remaining-requests"]), st.text(max_size=20)
    ),
)
def test_any_body_gives_one_short_line_without_the_secret(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = refusal(status, headers, body, "host:8000", "MY_KEY", SECRET)
    line = answer.error if isinstance(answer, Unanswered) else str(answer) + repr(answer)
    assert SECRET not in line
    assert "\n" not in (answer.error if isinstance(answer, Unanswered) else str(answer))
    assert len(answer.error if isinstance(answer, Unanswered) else str(answer)) <= 200


def test_half_masked_keys_are_scrubbed_and_other_words_stay() -> None:
    line = scrubbed(f"key {SECRET[:6]}...{SECRET[-4:]} of\n project 'x' is {SECRET}", SECRET)
    assert line == "key [key] of project 'x' is [key]"
    assert scrubbed("a b", None) == "a b"
