"""Bodies of chat completions, whole and broken."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winsome.contenders.reply import Turn, chosen, parsed, turn_of
from winsome.errors import Transient

WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "model": "served-2024-08-06",
    "system_fingerprint": "fp_7",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "m", "reasoning_content": "hm", "refusal": None},
            "logprobs": {
                "content": [
                    {
                        "token": "m",
                        "logprob": -0.25,
                        "bytes": [109],
                        "top_logprobs": [{"token": "m", "logprob": -0.25}, {"token": "M", "logprob": -1.5}],
                    }
                ]
            },
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
}


def reply(**changes: Any) -> dict[str, Any]:
    """WHOLE with fields of its message (`content`, ..), its choice (`finish_reason`, `logprobs`) or itself changed."""
    made = copy.deepcopy(WHOLE)
    for name, value in changes.items():
        choice = made["choices"][0]
        place = made if name in made else choice if name in choice else choice["message"]
        place[name] = value
    return made


def test_every_field_of_a_reply_is_read() -> None:
    turn = turn_of(WHOLE, "host", True)
    assert (turn.text, turn.thinking, turn.finish) == ("m", "hm", "stop")
    assert (turn.tokens_in, turn.tokens_out) == (11, 3)
    assert (turn.served_by, turn.fingerprint) == ("served-2024-08-06", "fp_7")
    assert turn.tokens is not None
    assert turn.tokens.texts == ("m",)
    assert turn.tokens.logprobs == (-0.25,)
    assert dict(turn.tokens.top[0]) == {"m": -0.25, "M": -1.5}


def test_log_probabilities_nobody_asked_for_are_left_out() -> None:
    assert turn_of(WHOLE, "host", False).tokens is None


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("tool_calls", "stop"),
        ("length", "length"),
        ("content_filter", "filtered"),
        ("eos", "stop"),
        (None, "stop"),
        (7, "stop"),
    ],
)
def test_finish_reasons(reason: Any, finish: str) -> None:
    assert turn_of(reply(finish_reason=reason), "host", False).finish == finish


def test_tool_calls_are_kept() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = turn_of(reply(content=None, tool_calls=[call, "junk"], finish_reason="tool_calls"), "host", False)
    assert (turn.text, turn.tool_calls, turn.finish) == ("", (call,), "stop")


def test_thinking_is_kept_apart_from_the_answer() -> None:
    inline = turn_of(reply(content="\n<think>so m?\n</think>\n\nM", reasoning_content=None), "host", False)
    assert (inline.text, inline.thinking) == ("M", "so m?")
    cut = turn_of(reply(content="<think>so m", reasoning_content=None, finish_reason="length"), "host", False)
    assert (cut.text, cut.thinking, cut.finish) == ("", "so m", "length")
    other_name = turn_of(reply(reasoning_content=None, reasoning="hm hm"), "host", False)
    assert other_name.thinking == "hm hm"


def test_content_in_parts_is_joined() -> None:
    parts = [
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    assert turn_of(reply(content=parts), "host", False).text == "ab"


def test_a_refusal_is_a_filtered_answer() -> None:
    turn = turn_of(reply(content=None, refusal="I cannot help with that."), "host", False)
    assert (turn.text, turn.finish) == ("I cannot help with that.", "filtered")


def test_an_empty_answer_that_took_a_token_is_an_answer_and_one_that_took_none_is_not() -> None:
    assert turn_of(reply(content="", reasoning_content=None), "host", False) == Turn(
        "", "stop", tokens_in=11, tokens_out=3, served_by="served-2024-08-06", fingerprint="fp_7"
    )
    nothing = reply(content=None, reasoning_content=None, usage={"prompt_tokens": 11, "completion_tokens": 0})
    with pytest.raises(Transient, match="host: the reply is empty"):
        turn_of(nothing, "host", False)


@pytest.mark.parametrize("choices", [[], None, {}, [None], [{}], [{"message": None}], "x"])
def test_a_reply_without_a_choice_is_transient(choices: Any) -> None:
    with pytest.raises(Transient, match="host: the reply holds no choice"):
        turn_of(reply(choices=choices), "host", False)


@pytest.mark.parametrize(
    "broken", [None, {}, {"content": None}, {"content": []}, {"content": [{"token": "m"}]}]
)
def test_log_probabilities_that_are_missing_for_a_token_are_none_at_all(broken: Any) -> None:
    assert turn_of(reply(logprobs=broken), "host", True).tokens is None


def test_of_two_ids_with_one_text_the_likelier_is_kept() -> None:
    top = [{"token": "a", "logprob": -1.0}, {"token": "a", "logprob": -3.0}, {"token": "a", "logprob": None}]
    content = [{"token": "a", "logprob": -1.0, "top_logprobs": top}]
    tokens = turn_of(reply(logprobs={"content": content}), "host", True).tokens
    assert tokens is not None
    assert dict(tokens.top[0]) == {"a": -1.0}


@pytest.mark.parametrize(
    "counts", [None, {}, {"prompt_tokens": "11", "completion_tokens": -1}, {"prompt_tokens": True}]
)
def test_tokens_that_were_not_counted_are_unknown_not_zero(counts: Any) -> None:
    turn = turn_of(reply(usage=counts), "host", False)
    assert (turn.tokens_in, turn.tokens_out) == (None, None)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [found for key, below in inner for found in places(below, (*path, key))]


@given(st.sampled_from(places(WHOLE)[1:]), JUNK, st.booleans())
def test_a_reply_with_any_field_changed_is_a_turn_or_transient(
    path: tuple[Any, ...], junk: Any, drop: bool
) -> None:
    made = copy.deepcopy(WHOLE)
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = junk
    try:
        turn = turn_of(made, "host", True)
    except Transient:
        return
    assert isinstance(turn.text, str)
    assert turn.tokens is None or all(isinstance(p, float) for p in turn.tokens.logprobs)


@given(st.integers(0, len(orjson.dumps(WHOLE)) - 1), st.one_of(st.none(), st.integers(0, 255)))
def test_a_body_cut_or_changed_at_any_byte_is_a_turn_or_transient(at: int, byte: int | None) -> None:
    whole = orjson.dumps(WHOLE)
    body = whole[:at] if byte is None else whole[:at] + bytes([byte]) + whole[at + 1 :]
    with suppress(Transient):
        assert isinstance(turn_of(parsed(body, "host"), "host", True), Turn)


def test_a_constrained_choice_is_taken_out_of_its_json() -> None:
    assert chosen('{"choice": "B"}') == "B"
    for text in ("B", '{"choice": 3}', '{"other": "B"}', "[", ""):
        assert chosen(text) == text


def test_half_an_emoji_is_replaced_not_refused():
    body = b'{"choices": [{"message": {"content": "ok \\ud83d"}, "finish_reason": "length"}], "model": "m \\ud83d\\ude00"}'
    reply = parsed(body, "host")
    assert reply["choices"][0]["message"]["content"] == "ok \ufffd"
    assert reply["model"] == "m \U0001f600"
