"""The vLLM adapter against a double of vLLM's API.

vLLM needs a GPU machine and is not installed where these tests run, so nothing here shows that the engine works with the
adapter. What is tested is the border: a module named `vllm` with the signatures of `LLM.chat`, `SamplingParams`,
`StructuredOutputsParams` and the outputs as they stand in vLLM's public source, which refuses whatever they would not take.
Weights are the identity's business and are left out by a fixture.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from winsome.contenders import vllm as adapter
from winsome.errors import BadInput, Unsupported
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling, response_key, user

WINDOW = 64


@dataclass
class SamplingParams:
    """Fields and defaults of vllm.SamplingParams that the adapter may use."""

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = 16
    logprobs: int | None = None
    structured_outputs: Any = None


@dataclass
class StructuredOutputsParams:
    json: str | dict[str, Any] | None = None
    choice: list[str] | None = None


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class Call:
    messages: list[list[dict[str, Any]]]
    parameters: list[SamplingParams]
    settings: dict[str, Any]
    thread: str


@dataclass
class LLM:
    model: str
    dtype: str = "auto"
    quantization: str | None = None
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.9
    calls: list[Call] = field(default_factory=list[Call])

    def __post_init__(self) -> None:
        if self.model == "broken":
            raise ValueError("weights of an unknown\narchitecture")
        self.llm_engine = SimpleNamespace(
            model_config=SimpleNamespace(max_model_len=self.max_model_len or WINDOW)
        )
        LOADED.append(self)

    def get_default_sampling_params(self) -> SamplingParams:
        return SamplingParams(temperature=0.6, top_k=20)

    def get_tokenizer(self) -> Any:
        def apply_chat_template(
            conversation: Any,
            tools: list[Any] | None = None,
            add_generation_prompt: bool = False,
            continue_final_message: bool = False,
            tokenize: bool = True,
            return_dict: bool = True,
        ) -> list[int]:
            assert tokenize
            assert not return_dict
            assert add_generation_prompt != continue_final_message
            words = sum(len(m["content"].split()) + 2 for m in conversation)
            return [0] * (words + sum(len(str(tool).split()) for tool in tools or ()))

        return SimpleNamespace(apply_chat_template=apply_chat_template)

    def chat(
        self,
        messages: list[list[dict[str, Any]]],
        sampling_params: list[SamplingParams] | None = None,
        use_tqdm: bool = True,
        lora_request: Any = None,
        chat_template: str | None = None,
        chat_template_content_format: str = "auto",
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        tools: list[dict[str, Any]] | None = None,
    ) -> list[Any]:
        assert add_generation_prompt != continue_final_message
        assert sampling_params is not None
        assert len(sampling_params) == len(messages)
        told = {
            "add": add_generation_prompt,
            "go_on": continue_final_message,
            "tools": tools,
            "tqdm": use_tqdm,
        }
        self.calls.append(Call(messages, sampling_params, told, threading.current_thread().name))
        return [_output(m, p) for m, p in zip(messages, sampling_params, strict=True)]


def _output(messages: Sequence[dict[str, Any]], parameters: SamplingParams) -> Any:
    words = [f"{messages[-1]['content'].split()[-1]}", f" {parameters.seed}", " end"]
    words = words[: parameters.max_tokens] if parameters.max_tokens else words
    logprobs = None
    if parameters.logprobs is not None:
        other = Logprob(-2.0, 2, "other")
        logprobs = [
            {i: Logprob(-0.5, 1, word), 99: other, 98: Logprob(-3.0, 3, word)} for i, word in enumerate(words)
        ]
    reason = "length" if parameters.max_tokens == len(words) else "stop"
    answer = SimpleNamespace(
        text="".join(words), token_ids=list(range(len(words))), logprobs=logprobs, finish_reason=reason
    )
    if "abort" in messages[-1]["content"]:
        answer.finish_reason = "abort"
    return SimpleNamespace(prompt_token_ids=[1, 2, 3, 4], outputs=[answer])


LOADED: list[LLM] = []


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("vllm")
    module.__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = LLM, SamplingParams  # type: ignore[attr-defined]
    parameters = ModuleType("vllm.sampling_params")
    parameters.StructuredOutputsParams = StructuredOutputsParams  # type: ignore[attr-defined]
    module.sampling_params = parameters  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", parameters)
    monkeypatch.setattr("winsome.models.weights.identity", lambda name: f"weights of {name}")
    LOADED.clear()
    return module


async def answers(engine: Contender, prompts: Sequence[Prompt], sampling: Sampling) -> list[Response]:
    return [response async for response in engine.answer(prompts, sampling)]


def test_without_vllm_the_way_out_is_named() -> None:
    if "vllm" in sys.modules or importlib.machinery.PathFinder.find_spec("vllm"):
        pytest.skip("vLLM is installed here")
    with pytest.raises(Unsupported, match=r"pip install 'winsome\[vllm\]'"):
        adapter.vllm("some/model", name="vllm:some/model")


async def test_all_draws_of_all_prompts_go_into_one_call(installed: ModuleType) -> None:
    engine = adapter.vllm("some/model", dtype="bfloat16", devices=2, name="vllm:some/model")
    assert isinstance(engine, Contender)
    assert not LOADED
    prompts = [Prompt((user(f"say {i}"),), system="Brief.") for i in range(5)]
    sampling = Sampling(samples=range(2), seed=3, temperature=0.0, max_tokens=8, stop=("\n",))
    found = await answers(engine, prompts, sampling)
    (llm,) = LOADED
    assert (llm.model, llm.dtype, llm.tensor_parallel_size) == ("some/model", "bfloat16", 2)
    (call,) = llm.calls
    assert len(call.messages) == 10
    assert call.messages[0][0] == {"role": "system", "content": "Brief."}
    assert call.thread.startswith("vllm")
    assert {r.key for r in found} == {
        response_key(p.id, engine.id, sampling, s) for p in prompts for s in range(2)
    }
    assert [p.temperature for p in call.parameters] == [0.0] * 10
    assert {p.top_k for p in call.parameters} == {20}
    assert {tuple(p.stop or ()) for p in call.parameters} == {("\n",)}
    assert len({p.seed for p in call.parameters}) == 2
    assert found[0].usage.tokens_in == 4
    assert found[0].usage.tokens_out == 3
    assert found[0].usage.money == 0.0
    await answers(engine, prompts, sampling)
    assert len(LOADED) == 1


async def test_what_is_unset_is_the_models_own_and_no_length_of_16(installed: ModuleType) -> None:
    await answers(adapter.vllm("m", name="vllm:m"), [Prompt((user("say a"),))], Sampling())
    (parameters,) = LOADED[0].calls[0].parameters
    assert (parameters.temperature, parameters.top_k) == (0.6, 20)
    assert (parameters.max_tokens, parameters.seed, parameters.stop, parameters.logprobs) == (
        None,
        None,
        None,
        None,
    )


async def test_dialogues_go_turn_by_turn_together(installed: ModuleType) -> None:
    long = Prompt((user("say a"),), follow_ups=(user("say b"),))
    short = Prompt((user("say c"),))
    found = await answers(adapter.vllm("m", name="vllm:m"), [long, short], Sampling())
    first, second = LOADED[0].calls
    assert [len(c.messages) for c in (first, second)] == [2, 1]
    assert [m["role"] for m in second.messages[0]] == ["user", "assistant", "user"]
    by_prompt = {r.prompt: r for r in found}
    assert [m.text for m in by_prompt[long.id].messages] == ["a None end", "b None end"]
    assert by_prompt[long.id].usage.calls == 2
    assert by_prompt[short.id].text == "c None end"


async def test_a_begun_answer_and_tools_get_calls_of_their_own(installed: ModuleType) -> None:
    begun = Prompt((user("say a"),), prefix="Well, then")
    tool = {"type": "function", "function": {"name": "f"}}
    found = await answers(
        adapter.vllm("m", name="vllm:m"),
        [begun, Prompt((user("say b"),)), Prompt((user("say c"),), tools=(tool,))],
        Sampling(),
    )
    calls = LOADED[0].calls
    assert [(c.settings["go_on"], c.settings["tools"]) for c in calls] == [
        (True, None),
        (False, None),
        (False, [tool]),
    ]
    assert calls[0].messages[0][-1] == {"role": "assistant", "content": "Well, then"}
    assert found[0].text == "Well, thenthen None end"


async def test_log_probabilities_are_those_of_the_sampled_token_and_its_rivals(installed: ModuleType) -> None:
    sampling = Sampling(logprobs=2, max_tokens=1)
    (answer,) = await answers(adapter.vllm("m", name="vllm:m"), [Prompt((user("say a"),))], sampling)
    assert answer.finish == "length"
    assert answer.tokens is not None
    assert (answer.tokens.texts, answer.tokens.logprobs, answer.tokens.ids) == (("a",), (-0.5,), (0,))
    assert dict(answer.tokens.top[0]) == {"a": -0.5, "other": -2.0}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(choices=("A", "B")), StructuredOutputsParams(choice=["A", "B"])),
        (Sampling(schema={"type": "object"}), StructuredOutputsParams(json={"type": "object"})),
    ],
)
async def test_constraints_are_handed_over(installed: ModuleType, sampling: Sampling, expected: Any) -> None:
    await answers(adapter.vllm("m", name="vllm:m"), [Prompt((user("say a"),))], sampling)
    assert LOADED[0].calls[0].parameters[0].structured_outputs == expected


async def test_a_prompt_longer_than_the_window_fails_alone(installed: ModuleType) -> None:
    long, short = Prompt((user("word " * 80),)), Prompt((user("say a"),))
    found = {r.prompt: r for r in await answers(adapter.vllm("m", name="vllm:m"), [long, short], Sampling())}
    assert found[long.id].finish == "failed"
    assert found[long.id].error == f"context window: 82 tokens do not fit into {WINDOW}"
    assert found[short.id].finish == "stop"


async def test_tools_and_a_begun_answer_count_towards_the_window(installed: ModuleType) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "word " * 80}}
    heavy, begun = Prompt((user("say a"),), tools=(tool,)), Prompt((user("say b"),), prefix="word " * 80)
    found = await answers(adapter.vllm("m", name="vllm:m"), [heavy, begun], Sampling())
    assert [response.finish for response in found] == ["failed", "failed"]
    assert not LOADED[0].calls


async def test_an_aborted_answer_is_a_failed_one(installed: ModuleType) -> None:
    (answer,) = await answers(adapter.vllm("m", name="vllm:m"), [Prompt((user("abort"),))], Sampling())
    assert (answer.finish, answer.messages) == ("failed", ())


async def test_weights_that_vllm_cannot_run_are_one_line(installed: ModuleType) -> None:
    with pytest.raises(BadInput, match="weights of an unknown architecture"):
        await answers(adapter.vllm("broken", name="vllm:broken"), [Prompt((user("a"),))], Sampling())


def test_identity_holds_what_changes_answers_and_not_where_they_run(installed: ModuleType) -> None:
    one = adapter.vllm("m", name="a")
    assert one.id == adapter.vllm("m", devices=4, memory=0.5, name="b").id
    assert one.id != adapter.vllm("m", quantization="awq", name="a").id
    assert one.id != adapter.vllm("other", name="a").id
    with pytest.raises(BadInput, match="memory is in"):
        adapter.vllm("m", memory=1.5, name="a")
