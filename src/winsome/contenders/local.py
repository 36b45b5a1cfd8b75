"""Models on this machine as contenders: `embedded:smollm2-135m?system=..` and `hf:NAME_OR_PATH?dtype=..`.

A call of hundreds of prompts is one batch whose slots are refilled; each answer is given out the moment it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput, WinsomeError
from winsome.models.fetch import folder, package
from winsome.models.render import check_template, prompt_ids, read_text, template_of
from winsome.models.weights import LocalModel, identity, load, resolved_dtype
from winsome.records import (
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

if TYPE_CHECKING:
    from winsome.models.sampler import Drawn, Request, Sampler

VERSION = 1
DEFAULTS = Sampling(temperature=0.7, top_p=1.0, max_tokens=512, seed=0)
"""Where neither the name nor the caller says."""
BATCH = 1024
"""Draws in one call: their slots are refilled until the last ones, so a call should hold many times as many."""


def embedded(
    address: str = "smollm2-135m",
    *,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    slots: int = 64,
    name: str = "",
) -> LocalContender:
    """A model that ships in a package, as a contender; it never reaches the network.

    `slots`: answers that are written at the same time. Raises Unsupported with the command to run where the weights are missing.
    """
    package(address, "causal")
    folder(address)
    return LocalContender(address, dtype=dtype, slots=slots, name=name or f"embedded:{address}")


def hf(
    address: str,
    *,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    template: str | None = None,
    slots: int = 64,
    name: str = "",
) -> LocalContender:
    """A transformers folder or hub name as a contender; `template` (@file) replaces the tokenizer's chat template.

    Code from the hub never runs. Raises BadInput where the name cannot be loaded.
    """
    if not address:
        raise BadInput("hf: names no model; write hf:NAME_OR_PATH")
    return LocalContender(address, dtype=dtype, template=template, slots=slots, name=name or f"hf:{address}")


@dataclass
class _Dialogue:
    """One draw of one prompt while its turns are being answered."""

    prompt: Prompt
    sample: int
    turns: list[Message] = field(default_factory=list[Message])
    usage: Usage = Usage()
    cut: bool = False

    def take(self, drawn: Drawn) -> None:
        """The next turn's answer."""
        prefix = "" if self.turns else self.prompt.prefix
        self.turns.append(assistant(prefix + drawn.text))
        self.usage += Usage(1, len(drawn.request.ids), drawn.tokens, 0.0, drawn.seconds)
        self.cut |= drawn.finish == "length"

    def longer(self) -> Prompt:
        """The dialogue so far, ending with the follow-up that is to be answered next."""
        said = [m for pair in zip(self.turns, self.prompt.follow_ups, strict=False) for m in pair]
        return replace(self.prompt, messages=(*self.prompt.messages, *said), prefix="")


class LocalContender:
    """Local weights that answer, with DEFAULTS where the caller leaves a setting open.

    `weights` is the embedded name, folder or hub name they are loaded from, in `dtype`.
    """

    batch = BATCH

    def __init__(
        self,
        weights: str,
        *,
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        template: str | None = None,
        slots: int = 64,
        name: str,
    ) -> None:
        if slots < 1:
            raise BadInput(f'"{name}": slots={slots} must be at least 1')
        self.name = name
        self.weights = weights
        self._template = None if template is None else read_text(template)
        self.dtype: Literal["float32", "bfloat16"] = resolved_dtype(dtype)
        self._slots = slots
        self._model: LocalModel | None = None
        self._digest = identity(weights)
        self.id = digest(
            [
                VERSION,
                self._digest,
                self.dtype,
                self._template,
                DEFAULTS.asked(),
            ]
        )

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt as it ends; a prompt that cannot be read gives failed responses.

        Raises Unsupported before the first answer where the model has no chat template.
        """
        answers = await asyncio.to_thread(self._answers, list(prompts), sampling)
        while (ended := await asyncio.to_thread(next, answers, None)) is not None:
            for response in ended:
                yield response

    def _answers(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[list[Response]]:
        from winsome.models.draw import Draw
        from winsome.models.sampler import Sampler

        model = self._model = self._model or load(self.weights, self.dtype)
        template_of(model, self._template)
        if self._template is None:
            check_template(model, self.weights, self.name)
        settings = sampling.over(DEFAULTS)
        if settings.choices or settings.schema is not None:
            raise BadInput(
                f'"{self.name}": answers held to choices or a schema need an endpoint that supports them'
            )
        draw = Draw(
            temperature=DEFAULTS.temperature or 0.0 if settings.temperature is None else settings.temperature,
            top_p=settings.top_p or 1.0,
            top_k=settings.top_k,
            stop=settings.stop,
            logprobs=settings.logprobs,
        )
        sampler = Sampler(model, draw, seed=settings.seed or 0, slots=self._slots)
        return self._draws(model, sampler, prompts, sampling, settings.max_tokens or 1)

    def _draws(
        self,
        model: LocalModel,
        sampler: Sampler,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        max_tokens: int,
    ) -> Iterator[list[Response]]:
        dialogues: dict[tuple[str, int], _Dialogue] = {}
        places: dict[str, Prompt] = {prompt.id: prompt for prompt in prompts}
        failed: list[Response] = []
        for prompt in places.values():
            for sample in sampling.samples:
                dialogues[prompt.id, sample] = _Dialogue(prompt, sample)
            try:
                sampler.add(self._request(model, prompt, 0, sampling.samples, max_tokens))
            except WinsomeError as error:
                failed += [
                    self._failed(dialogues.pop((prompt.id, k)), sampling, str(error))
                    for k in sampling.samples
                ]
        if failed:
            yield failed
        steps = sampler.steps()
        while True:
            with model.lock:
                ended = next(steps, None)
            if ended is None:
                return
            responses: list[Response] = []
            for drawn in ended:
                prompt_id = drawn.request.name.partition("/")[0]
                dialogue = dialogues[prompt_id, drawn.sample]
                dialogue.take(drawn)
                turn = len(dialogue.turns)
                if turn > len(dialogue.prompt.follow_ups):
                    responses.append(self._response(model, dialogue, sampling, drawn))
                    del dialogues[prompt_id, drawn.sample]
                    continue
                try:
                    sampler.add(
                        self._request(model, dialogue.longer(), turn, (drawn.sample,), max_tokens, prompt_id)
                    )
                except WinsomeError as error:
                    del dialogues[prompt_id, drawn.sample]
                    responses.append(self._failed(dialogue, sampling, f"turn {turn + 1}: {error}"))
            if responses:
                yield responses

    def _response(self, model: LocalModel, dialogue: _Dialogue, sampling: Sampling, last: Drawn) -> Response:
        prompt_id = dialogue.prompt.id
        return Response(
            prompt=prompt_id,
            contender=self.name,
            key=response_key(prompt_id, self.id, sampling, dialogue.sample),
            sample=dialogue.sample,
            messages=tuple(dialogue.turns),
            finish="length" if dialogue.cut else "stop",
            usage=dialogue.usage,
            served_by=f"{self.weights} {self.dtype}",
            fingerprint=self._digest[:16],
            tokens=_tokens(model, last) if last.logprobs else None,
        )

    def _request(
        self,
        model: LocalModel,
        prompt: Prompt,
        turn: int,
        samples: Sequence[int],
        max_tokens: int,
        named: str | None = None,
    ) -> Request:
        from winsome.models.sampler import Request

        ids = prompt_ids(model, prompt, template=self._template)
        room = model.context - len(ids)
        if room < 1:
            raise BadInput(
                f"the prompt has {len(ids)} tokens, {model.name} holds {model.context}; shorten it"
            )
        return Request(f"{named or prompt.id}/{turn}", ids, tuple(samples), min(max_tokens, room))

    def _failed(self, dialogue: _Dialogue, sampling: Sampling, error: str) -> Response:
        prompt_id = dialogue.prompt.id
        return Response(
            prompt=prompt_id,
            contender=self.name,
            key=response_key(prompt_id, self.id, sampling, dialogue.sample),
            sample=dialogue.sample,
            finish="failed",
            error=error,
            usage=dialogue.usage,
            served_by=f"{self.weights} {self.dtype}",
        )


def _tokens(model: LocalModel, drawn: Drawn) -> Tokens:
    def text(token: int) -> str:
        return str(model.tokenizer.decode([token]))

    return Tokens(
        texts=tuple(text(token) for token in drawn.ids),
        logprobs=drawn.logprobs,
        top=tuple({text(token): value for token, value in top.items()} for top in drawn.top),
        ids=drawn.ids,
    )
