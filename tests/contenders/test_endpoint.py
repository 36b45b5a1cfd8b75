"""The endpoint against a real server on this machine."""

from __future__ import annotations

import asyncio
import gc
import traceback
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.servers.behaviour import FAULTS, Behaviour, Reply, letter
from tests.servers.openai_server import ChatServer, serving
from winsome.contenders.endpoint import Endpoint, http, openai
from winsome.contenders.limits import Limits
from winsome.errors import BadInput, Fatal, RateLimited, Transient, Unsupported, WinsomeError
from winsome.protocols import Contender
from winsome.records import Blob, Message, Prompt, Response, Sampling, Text, response_key, user

QUESTION = Prompt((user("Which is larger, 3 or 5?"),), system="Be brief.")
KEY = "sk-test-0123456789abcdef"


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with serving() as running:
        running.keep_bodies = True
        yield running


def endpoint(server: ChatServer, model: str = "test-model", **settings: Any) -> Endpoint:
    return http(f"{server.base}#{model}", name=f"{server.base}#{model}", **settings)


async def answers(
    contender: Contender, prompt: Prompt = QUESTION, sampling: Sampling | None = None
) -> list[Response]:
    return [response async for response in contender.answer([prompt], sampling or Sampling())]


async def failure(
    contender: Contender, prompt: Prompt = QUESTION, sampling: Sampling | None = None
) -> WinsomeError:
    with pytest.raises(WinsomeError) as caught:
        await answers(contender, prompt, sampling)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    assert KEY not in shown
    assert len(str(caught.value)) <= 200
    return caught.value


async def test_an_answer_carries_what_was_asked_and_what_came_back(server: ChatServer) -> None:
    server.behaviour.served_as = "test-model-0613"
    contender = endpoint(server, price_in=1.0, price_out=10.0)
    assert isinstance(contender, Contender)
    sampling = Sampling(
        temperature=0.5, max_tokens=64, seed=7, logprobs=2, stop=("\n\n",), top_p=0.9, top_k=20
    )
    (answer,) = await answers(contender, sampling=sampling)
    assert answer.key == response_key(QUESTION.id, contender.id, sampling, 0)
    assert (answer.prompt, answer.contender, answer.finish) == (QUESTION.id, contender.name, "stop")
    assert (answer.served_by, answer.fingerprint) == ("test-model-0613", "fp_test")
    assert answer.usage.calls == 1
    assert answer.usage.seconds > 0
    words = answer.text.split()
    assert answer.usage.tokens_out == len(words)
    assert answer.usage.money == pytest.approx((answer.usage.tokens_in + 10 * len(words)) / 1e6)
    assert answer.tokens is not None
    assert "".join(answer.tokens.texts) == answer.text
    assert all(len(top) == 2 for top in answer.tokens.top)
    sent = server.bodies[0]
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which is larger, 3 or 5?"},
    ]
    assert {
        k: sent[k]
        for k in ("temperature", "top_p", "top_k", "max_tokens", "stop", "logprobs", "top_logprobs")
    } == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 20,
        "max_tokens": 64,
        "stop": ["\n\n"],
        "logprobs": True,
        "top_logprobs": 2,
    }


async def test_what_is_unset_is_left_to_the_server(server: ChatServer) -> None:
    await answers(endpoint(server))
    assert set(server.bodies[0]) == {"model", "messages"}


async def test_draws_have_seeds_of_their_own_that_repeat(server: ChatServer) -> None:
    contender = endpoint(server)
    first = await answers(contender, sampling=Sampling(samples=range(3), seed=1))
    again = await answers(contender, sampling=Sampling(samples=range(1, 3), seed=1))
    assert [a.sample for a in first] == [0, 1, 2]
    assert len({body["seed"] for body in server.bodies[:3]}) == 3
    assert [a.text for a in again] == [a.text for a in first[1:]]
    assert [a.id for a in again] == [a.id for a in first[1:]]


async def test_only_what_can_change_an_answer_is_in_the_id(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    plain = endpoint(server)
    assert plain.id == endpoint(server, key="env:SOME_KEY", timeout=5.0, price_in=1.0, price_out=1.0).id
    assert plain.id != endpoint(server, effort="low").id
    assert plain.id != endpoint(server, "other-model").id


async def test_reasoning_effort_is_sent(server: ChatServer) -> None:
    await answers(endpoint(server, effort="low"))
    assert server.bodies[0]["reasoning_effort"] == "low"


async def test_a_pasted_path_reaches_the_server(server: ChatServer) -> None:
    contender = http(f"{server.base}/chat/completions#test-model", name="x")
    assert (await answers(contender))[0].finish == "stop"
    assert contender.id == endpoint(server).id


async def test_thinking_is_not_in_the_answer_and_is_counted(server: ChatServer) -> None:
    server.behaviour.answer = lambda _: Reply("5", thinking="five is more than three")
    (answer,) = await answers(endpoint(server))
    assert (answer.text, answer.thinking) == ("5", "five is more than three")
    assert answer.usage.tokens_out == 6


async def test_unknown_prices_and_uncounted_tokens_are_unknown_money(server: ChatServer) -> None:
    assert (await answers(endpoint(server)))[0].usage.money is None
    server.behaviour.usage = False
    (answer,) = await answers(endpoint(server, price_in=1.0, price_out=1.0))
    assert (answer.usage.money, answer.usage.tokens_in, answer.usage.tokens_out) == (None, 0, 0)


async def test_a_dialogue_is_answered_turn_by_turn(server: ChatServer) -> None:
    prompt = Prompt((user("one"),), follow_ups=(user("two"), user("three")))
    (answer,) = await answers(endpoint(server, price_in=1.0, price_out=1.0), prompt)
    assert len(answer.messages) == 3
    assert answer.usage.calls == 3
    roles = [[message["role"] for message in body["messages"]] for body in server.bodies]
    assert roles == [
        ["user"],
        ["user", "assistant", "user"],
        ["user", "assistant", "user", "assistant", "user"],
    ]
    assert server.bodies[2]["messages"][1]["content"] == answer.messages[0].text
    assert server.bodies[2]["messages"][3]["content"] == answer.messages[1].text
    assert server.bodies[2]["messages"][4]["content"] == "three"
    assert answer.text == answer.messages[2].text


async def test_a_dialogue_that_breaks_goes_on_at_the_turn_that_failed(server: ChatServer) -> None:
    contender = endpoint(server)
    prompt = Prompt((user("one"),), follow_ups=(user("two"),))
    whole = (await answers(contender, prompt))[0]
    server.stats.requests = 0

    def broken_second_turn(body: Any) -> Reply | str:
        if len(body["messages"]) > 1 and server.stats.requests < 3:
            raise RuntimeError("the server stumbles")
        return usual(body)

    usual, server.behaviour.answer = server.behaviour.answer, broken_second_turn
    assert isinstance(await failure(contender, prompt), Transient)
    (answer,) = await answers(contender, prompt)
    assert server.stats.requests == 3
    assert answer.messages == whole.messages
    assert answer.usage.calls == 2
    assert answer.id == whole.id


async def test_a_begun_answer_is_continued(server: ChatServer) -> None:
    server.behaviour.answer = lambda body: "five." if body.get("continue_final_message") else "Because."
    prompt = Prompt((user("3 or 5?"),), prefix="The larger is ", follow_ups=(user("Why?"),))
    (answer,) = await answers(endpoint(server), prompt)
    first, second = server.bodies
    assert first["messages"][-1] == {"role": "assistant", "content": "The larger is "}
    assert (first["continue_final_message"], first["add_generation_prompt"]) == (True, False)
    assert [message.text for message in answer.messages] == ["The larger is five.", "Because."]
    assert second["messages"][1:] == [
        {"role": "assistant", "content": "The larger is five."},
        {"role": "user", "content": "Why?"},
    ]
    assert "continue_final_message" not in second


async def test_a_server_that_echoes_the_begun_words_does_not_double_them(server: ChatServer) -> None:
    server.behaviour.answer = lambda _: "The larger is five."
    (answer,) = await answers(endpoint(server), Prompt((user("3 or 5?"),), prefix="The larger is "))
    assert answer.text == "The larger is five."


async def test_a_host_that_cannot_continue_is_refused_before_it_is_asked() -> None:
    contender = http("https://api.openai.com/v1#gpt-4o", name="x")
    with pytest.raises(Unsupported, match="cannot continue a begun answer"):
        await answers(contender, Prompt((user("a"),), prefix="b"))


async def test_choices_and_schemas_are_asked_for_as_json_schemas(server: ChatServer) -> None:
    server.behaviour.answer = lambda _: '{"choice":"B"}'
    (answer,) = await answers(endpoint(server), sampling=Sampling(choices=("A", "B")))
    assert answer.text == "B"
    form = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert form["properties"]["choice"]["enum"] == ["A", "B"]
    schema = {"type": "object"}
    (answer,) = await answers(endpoint(server), sampling=Sampling(schema=schema))
    assert server.bodies[1]["response_format"]["json_schema"]["schema"] == schema
    assert answer.text == '{"choice":"B"}'
    with pytest.raises(Unsupported, match="ask for one of them"):
        await answers(endpoint(server), sampling=Sampling(choices=("A", "B"), logprobs=5))


async def test_tools_and_their_calls_travel_both_ways(server: ChatServer) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    server.behaviour.answer = lambda _: Reply("", finish="tool_calls", tool_calls=(call,))
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    result = Message("tool", (Text("8"),), ({"id": "c0"},))
    asked = Message("assistant", (Text(""),), ({**call, "id": "c0"},))
    prompt = Prompt((user("3 + 5?"), asked, result, user("and again")), tools=(tool,))
    (answer,) = await answers(endpoint(server), prompt)
    assert (answer.finish, answer.messages[0].tool_calls) == ("stop", (call,))
    sent = server.bodies[0]
    assert sent["tools"] == [tool]
    assert sent["messages"][1]["tool_calls"] == [{**call, "id": "c0"}]
    assert sent["messages"][2] == {"role": "tool", "content": "8", "tool_call_id": "c0"}


async def test_a_part_that_is_no_text_is_named(server: ChatServer) -> None:
    prompt = Prompt((Message("user", (Blob("image", "0" * 64, "image/png"),)),))
    with pytest.raises(Unsupported, match="image"):
        await answers(endpoint(server), prompt)
    assert server.stats.requests == 0


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("429", RateLimited, "429 Rate limit reached"),
        ("500", Transient, "500 The server had an error"),
        ("hang", Transient, "no answer within 0.3 s"),
        ("cut", Transient, "the connection broke"),
        ("invalid", Transient, "is no JSON"),
        ("empty", Transient, "holds no choice"),
    ],
)
async def test_every_fault_is_one_attempt_and_one_line(
    server: ChatServer, fault: str, kind: type[WinsomeError], words: str
) -> None:
    server.behaviour.faults, server.behaviour.rate = (fault,), 1.0
    error = await failure(endpoint(server, timeout=0.3))
    assert type(error) is kind
    assert words in str(error)
    assert server.stats.requests == 1
    assert server.stats.faults == {fault: 1}
    if isinstance(error, RateLimited):
        assert error.retry_after == 0.05
    server.behaviour.rate = 0.0
    assert (await answers(endpoint(server)))[0].finish == "stop"


async def test_repeating_what_may_be_repeated_loses_nothing_at_one_fault_in_five(server: ChatServer) -> None:
    server.keep_bodies = False
    server.behaviour.faults, server.behaviour.rate = FAULTS, 0.2
    # few at once and seconds of time: on a busy machine a good answer must not pass for one that hangs
    contender, places = endpoint(server, timeout=4.0), asyncio.Semaphore(20)
    prompts = [Prompt((user(f"question {i}"),)) for i in range(120)]

    async def persistent(prompt: Prompt) -> str:
        while True:
            try:
                async with places:
                    return (await answers(contender, prompt))[0].text
            except (RateLimited, Transient):
                await asyncio.sleep(0)

    texts = await asyncio.gather(*(persistent(prompt) for prompt in prompts))
    stats = server.stats.payload()
    assert stats["answered"] == stats["answered_questions"] == stats["questions"] == 120
    assert stats["requests"] == 120 + sum(stats["faults"].values())
    assert set(stats["faults"]) == set(FAULTS)
    server.behaviour.rate = 0.0
    assert [(await answers(contender, prompt))[0].text for prompt in prompts] == texts


async def test_what_the_server_says_of_its_limits_stands_on_the_contender(server: ChatServer) -> None:
    server.behaviour.requests_a_window, server.behaviour.window = 2, 30.0
    contender = endpoint(server)
    assert contender.limits is None
    await answers(contender)
    assert isinstance(contender.limits, Limits)
    assert contender.limits.requests_left == 1
    await answers(contender)
    error = await failure(contender)
    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert 29.0 < error.retry_after <= 30.0
    assert contender.limits is not None
    assert contender.limits.requests_left == 0


async def test_two_servers_with_two_keys_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_KEY", "first-secret")
    monkeypatch.setenv("SECOND_KEY", "second-secret")
    one, two = Behaviour(keys=frozenset({"first-secret"})), Behaviour(keys=frozenset({"second-secret"}))
    async with serving(one) as first, serving(two) as second:
        a, b = endpoint(first, key="env:FIRST_KEY"), endpoint(second, key="env:SECOND_KEY")
        assert a.host != b.host
        found = await asyncio.gather(answers(a), answers(b))
        assert [len(f) for f in found] == [1, 1]
        crossed = await failure(endpoint(first, key="env:SECOND_KEY"))
        assert isinstance(crossed, Fatal)
        assert "SECOND_KEY" in str(crossed)
        assert "second-secret" not in str(crossed)


async def test_a_server_that_wants_a_key_names_the_setting() -> None:
    async with serving(Behaviour(keys=frozenset({KEY}))) as server:
        error = await failure(endpoint(server))
        assert isinstance(error, Fatal)
        assert "?key=env:NAME" in str(error)


async def test_a_missing_key_is_told_when_it_is_needed(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    contender = endpoint(server, key="env:NO_SUCH_KEY")
    error = await failure(contender)
    assert isinstance(error, BadInput)
    assert "NO_SUCH_KEY" in str(error)
    assert server.stats.requests == 0


async def test_an_unknown_model_offers_the_nearest() -> None:
    async with serving(Behaviour(models=("qwen-7b", "llama-3-8b", "test-model"))) as server:
        error = await failure(endpoint(server, "lama-3-8b"))
        assert isinstance(error, Fatal)
        assert 'no model "lama-3-8b"; did you mean "llama-3-8b"?' in str(error)
        assert "qwen-7b" in str(error)


async def test_a_wrong_path_says_what_an_address_looks_like(server: ChatServer) -> None:
    error = await failure(http(server.base.replace("/v1", "/api") + "#test-model", name="x"))
    assert isinstance(error, Fatal)
    assert "OpenAI-compatible address?" in str(error)


async def test_a_prompt_that_is_too_long_fails_alone() -> None:
    async with serving(Behaviour(context=100)) as server:
        (answer,) = await answers(endpoint(server), Prompt((user("word " * 200),)))
        assert (answer.finish, answer.messages) == ("failed", ())
        assert answer.error is not None
        assert answer.error.startswith("context window: This model's maximum context length is 100")
        assert (await answers(endpoint(server)))[0].finish == "stop"


async def test_a_server_that_is_not_there_is_transient_in_a_run() -> None:
    async with serving() as server:
        contender = endpoint(server)
    error = await failure(contender)
    assert isinstance(error, Transient)
    assert "cannot be reached" in str(error)
    assert "check the address" in str(error)


async def test_https_spoken_to_a_plain_server_says_so(server: ChatServer) -> None:
    error = await failure(http(server.base.replace("http:", "https:") + "#test-model", name="x"))
    assert isinstance(error, Fatal)
    assert "http:// rather than https://" in str(error)


@pytest.mark.parametrize(
    ("address", "settings", "words"),
    [
        ("http://host:1/v1", {}, "names no model"),
        ("http://host:1/v1?key=sk-secret-secret", {}, "names no model"),
        ("http://host:1/v1#m", {"key": "sk-secret-secret"}, "name of an environment variable"),
        ("http://host:1/v1#m", {"timeout": 0.0}, "give seconds above 0"),
        ("http://host:1/v1#m", {"price_in": 1.0}, "give both or neither"),
        ("http://host:1/v1#m", {"price_in": -1.0, "price_out": 1.0}, "from 0"),
        ("http://host:1/v1#m", {"price_in": float("nan"), "price_out": 1.0}, "from 0"),
    ],
)
def test_mistakes_in_a_name_are_one_line_without_the_secret(
    address: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        http(address, name="x", **settings)
    assert "sk-secret" not in str(caught.value)


async def test_openai_takes_base_and_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    missing = openai("gpt-4o", name="openai:gpt-4o")
    assert missing.host == "api.openai.com"
    assert missing.price is not None
    with pytest.raises(BadInput, match="OPENAI_API_KEY is not set"):
        await answers(missing)
    async with serving(Behaviour(keys=frozenset({KEY}))) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base)
        contender = openai("test-model", name="openai:test-model")
        assert contender.price is None
        assert (await answers(contender))[0].finish == "stop"
        assert KEY not in repr(contender) + repr(vars(contender)) + repr(contender.server)


def test_openai_itself_is_asked_for_completion_tokens() -> None:
    contender = http("https://api.openai.com/v1#o3", name="x")
    body = contender.request(QUESTION, Sampling(max_tokens=9), 0)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


async def test_letters_keep_their_probabilities(server: ChatServer) -> None:
    server.behaviour.answer = letter
    (answer,) = await answers(endpoint(server), sampling=Sampling(logprobs=5, max_tokens=1))
    assert answer.tokens is not None
    assert set(answer.tokens.top[0]) == {"m", "M"}
    assert max(answer.tokens.top[0], key=lambda k: answer.tokens.top[0][k]) == answer.text  # type: ignore[union-attr]


def test_every_loop_has_its_own_session_and_none_is_left_open() -> None:
    """One endpoint in two runs that do not close it: neither a session nor a socket is left behind."""
    complaints: list[str] = []

    async def run(contender: Endpoint | None) -> Endpoint:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
        port = contender.server.base.rpartition(":")[2].removesuffix("/v1") if contender else "0"
        async with serving(port=int(port)) as server:
            contender = contender or endpoint(server)
            await asyncio.gather(*(answers(contender, Prompt((user(str(i)),))) for i in range(20)))
        return contender

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        contender = asyncio.run(run(None))
        assert asyncio.run(run(contender)) is contender
        del contender
        gc.collect()
    assert not complaints
    assert not [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)]


def test_closing_twice_and_asking_again_works() -> None:
    async def run() -> None:
        async with serving() as server:
            contender = endpoint(server)
            await answers(contender)
            await contender.close()
            await contender.close()
            await answers(contender)

    asyncio.run(run())
