"""Local weights behind the vLLM engine in this process: vllm:Qwen/Qwen2.5-7B-Instruct. vLLM is imported when first asked."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from winsome.contenders.chat import draw_seed, messages_of, rendered
from winsome.errors import BadInput, Transient, Unsupported
from winsome.records import (
    Finish,
    Message,
    Prompt,
    Response,
    Sampling,
    Tokens,
    Usage,
    assistant,
    digest,
    response_key,
)

VERSION = 1
BATCH = 4096
"""Dialogues in one call: the engine schedules among them itself, and gains from having many."""


def vllm(
    model: str,
    *,
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto",
    quantization: str | None = None,
    window: int | None = None,
    devices: int = 1,
    memory: float = 0.9,
    name: str,
) -> Engine:
    """The model of a hub name or folder, run by vLLM.

    `window`: tokens of prompt and answer (None: the model's own); `devices`: GPUs that share the weights; `memory`: share of
    each GPU's memory that may be taken, in (0, 1]. Unsupported where vLLM is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise Unsupported(
            f"vllm:{model}: vLLM is not installed; pip install 'winsome[vllm]', or serve it and use http://.."
        )
    if not 0 < memory <= 1 or devices < 1 or (window is not None and window < 1):
        raise BadInput(f"vllm:{model}: memory is in (0, 1], devices and window are at least 1")
    from winsome.models.weights import identity

    settings = {
        "model": model,
        "dtype": dtype,
        "quantization": quantization,
        "max_model_len": window,
        "tensor_parallel_size": devices,
        "gpu_memory_utilization": memory,
    }
    return Engine(name, digest(["vllm", VERSION, identity(model), dtype, quantization, window]), settings)


@dataclass
class _Dialogue:
    """One draw on its way: what is sent next, and what came."""

    prompt: Prompt
    sample: int
    messages: list[dict[str, Any]]
    turns: list[Message] = field(default_factory=list[Message])
    usage: Usage = Usage()
    finish: Finish = "stop"
    error: str | None = None
    tokens: Tokens | None = None

    @property
    def open(self) -> bool:
        return self.error is None and len(self.turns) <= len(self.prompt.follow_ups)

    @property
    def prefix(self) -> str:
        """The words that the next answer must begin with: the prompt's prefix begins the first one."""
        return "" if self.turns else self.prompt.prefix

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The messages with the answer's begun words."""
        return (
            [*self.messages, {"role": "assistant", "content": self.prefix}] if self.prefix else self.messages
        )


class Engine:
    """A Contender over one vLLM engine, started by its first question and asked from a thread of its own."""

    batch = BATCH

    def __init__(self, name: str, id: str, settings: Mapping[str, Any]) -> None:
        self.name, self.id, self.settings = name, id, settings
        self._thread = ThreadPoolExecutor(1, "vllm")
        self._llm: Any = None

    async def close(self) -> None:
        """Drop the engine and its memory; the next question starts it again."""
        self._llm = None

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt, dialogues turn by turn together.

        A prompt longer than the window is a failed Response. Unsupported for parts that are no text.
        """
        dialogues = [
            _Dialogue(prompt, sample, messages_of(prompt))
            for prompt in prompts
            for sample in sampling.samples
        ]
        loop = asyncio.get_running_loop()
        while going := [dialogue for dialogue in dialogues if dialogue.open]:
            for group in _groups(going):
                await loop.run_in_executor(self._thread, self._turn, group, sampling)
                for dialogue in group:
                    if not dialogue.open:
                        yield self._response(dialogue, sampling)

    def _response(self, dialogue: _Dialogue, sampling: Sampling) -> Response:
        failed = dialogue.error is not None
        return Response(
            prompt=dialogue.prompt.id,
            contender=self.name,
            key=response_key(dialogue.prompt.id, self.id, sampling, dialogue.sample),
            sample=dialogue.sample,
            messages=() if failed else tuple(dialogue.turns),
            finish="failed" if failed else dialogue.finish,
            error=dialogue.error,
            usage=dialogue.usage,
            served_by=self.settings["model"],
            tokens=dialogue.tokens,
        )

    def _turn(self, group: list[_Dialogue], sampling: Sampling) -> None:
        """One answer to each dialogue of `group`, whose tools and whether a prefix is set are the same."""
        llm = self._started()
        fitting = [dialogue for dialogue in group if self._fits(llm, dialogue)]
        if not fitting:
            return
        began = time.perf_counter()
        outputs = llm.chat(
            [dialogue.sent for dialogue in fitting],
            _parameters(llm, fitting, sampling),
            use_tqdm=False,
            add_generation_prompt=not fitting[0].prefix,
            continue_final_message=bool(fitting[0].prefix),
            tools=[dict(tool) for tool in fitting[0].prompt.tools] or None,
        )
        seconds = (time.perf_counter() - began) / len(fitting)
        if len(outputs) != len(fitting):
            raise Transient(f"{self.name}: vLLM gave {len(outputs)} answers to {len(fitting)} questions")
        for dialogue, output in zip(fitting, outputs, strict=True):
            _take(dialogue, output, sampling, seconds)

    def _started(self) -> Any:
        if self._llm is None:
            from vllm import LLM  # pyright: ignore[reportMissingImports]

            given = {key: value for key, value in self.settings.items() if value is not None}
            try:
                self._llm = LLM(**given)
            except (ValueError, OSError) as error:
                raise BadInput(
                    f"{self.name}: vLLM cannot start it ({' '.join(str(error).split())[:100]})"
                ) from None
        return self._llm

    def _fits(self, llm: Any, dialogue: _Dialogue) -> bool:
        """False, and failed, where the dialogue leaves no room for an answer: vLLM would refuse the whole call for it."""
        window = llm.llm_engine.model_config.max_model_len
        sent, tools = dialogue.sent, [dict(tool) for tool in dialogue.prompt.tools]
        # no token is shorter than a byte; 16 a message are more than templates add
        if not tools and sum(len(str(m["content"]).encode()) + 16 for m in sent) < window:
            return True
        ids = llm.get_tokenizer().apply_chat_template(
            sent,
            tools=tools or None,
            add_generation_prompt=not dialogue.prefix,
            continue_final_message=bool(dialogue.prefix),
            tokenize=True,
            return_dict=False,
        )
        length = len(ids)
        if length < window:
            return True
        dialogue.error = f"context window: {length} tokens do not fit into {window}"
        return False


def _groups(dialogues: Sequence[_Dialogue]) -> list[list[_Dialogue]]:
    """Dialogues that one call can take: vLLM has one setting for tools and for going on with a begun answer."""
    groups: dict[bytes, list[_Dialogue]] = {}
    for dialogue in dialogues:
        key = orjson.dumps([bool(dialogue.prefix), [dict(tool) for tool in dialogue.prompt.tools]])
        groups.setdefault(key, []).append(dialogue)
    return list(groups.values())


def _parameters(llm: Any, dialogues: Sequence[_Dialogue], sampling: Sampling) -> list[Any]:
    """Sampling parameters by dialogue; what is unset is the model's own default, and the length only the window's."""
    from vllm import SamplingParams  # pyright: ignore[reportMissingImports]

    own = llm.get_default_sampling_params()
    fields: dict[str, Any] = {
        name: getattr(own, name) for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    }
    asked = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    fields |= {name: value for name, value in asked.items() if value is not None}
    fields |= {
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "logprobs": sampling.logprobs,
    }
    fields |= _structured(sampling)
    seed = sampling.seed
    return [
        SamplingParams(**fields, seed=None if seed is None else draw_seed(seed, dialogue.sample))
        for dialogue in dialogues
    ]


def _structured(sampling: Sampling) -> dict[str, Any]:
    """The constraint on the answer's form, under the name that this vLLM has for it (renamed in 0.11)."""
    if not sampling.choices and sampling.schema is None:
        return {}
    from vllm import sampling_params  # pyright: ignore[reportMissingImports]

    form = {"choice": list(sampling.choices)} if sampling.choices else {"json": dict(sampling.schema or {})}
    if hasattr(sampling_params, "StructuredOutputsParams"):
        return {"structured_outputs": sampling_params.StructuredOutputsParams(**form)}
    return {"guided_decoding": sampling_params.GuidedDecodingParams(**form)}


def _take(dialogue: _Dialogue, output: Any, sampling: Sampling, seconds: float) -> None:
    """Put one answer of the engine into its dialogue."""
    answer = output.outputs[0]
    count = len(answer.token_ids)
    dialogue.usage += Usage(1, len(output.prompt_token_ids or ()), count, 0.0, seconds)
    if answer.finish_reason not in ("stop", "length"):
        dialogue.error = f"vLLM ended the answer early ({answer.finish_reason})"
        return
    turn = assistant(dialogue.prefix + answer.text)
    if answer.finish_reason == "length":
        dialogue.finish = "length"
    if sampling.logprobs is not None and answer.logprobs is not None:
        dialogue.tokens = _tokens(answer, sampling.logprobs)
    follow_ups = dialogue.prompt.follow_ups
    if len(dialogue.turns) < len(follow_ups):
        dialogue.messages = [*dialogue.messages, rendered(turn), rendered(follow_ups[len(dialogue.turns)])]
    dialogue.turns.append(turn)


def _tokens(answer: Any, alternatives: int) -> Tokens:
    texts, values, tops = list[str](), list[float](), list[dict[str, float]]()
    for token, position in zip(answer.token_ids, answer.logprobs, strict=True):
        texts.append(position[token].decoded_token or "")
        values.append(position[token].logprob)
        likeliest = sorted(position.values(), key=lambda entry: -entry.logprob)[:alternatives]
        # reversed, so that of two ids with one text the likelier stays
        tops.append({entry.decoded_token or "": entry.logprob for entry in reversed(likeliest)})
    return Tokens(tuple(texts), tuple(values), tuple(tops), tuple(answer.token_ids))
