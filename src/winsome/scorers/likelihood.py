"""How likely a local model finds an answer: its log-probability after the prompt, a token or in all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from winsome.errors import WinsomeError
from winsome.models.fetch import PACKAGES, folder, package
from winsome.models.forward import token_logprobs
from winsome.models.render import answer_ids, prompt_ids, template_of
from winsome.models.weights import LocalModel, identity, load, resolved_dtype
from winsome.records import Prompt, Response, Scores, digest

VERSION = 1
FEATURES = ("answer log-probability",)
"""What this scorer reads of the model; the embedded judge reads none of it."""


class LikelihoodScorer:
    """A Scorer: mean log-probability in nats a token (`per` token), or the sum (`per` answer), end of turn included."""

    partial = True

    def __init__(
        self,
        weights: str,
        *,
        per: Literal["token", "answer"],
        dtype: Literal["float32", "bfloat16"],
        name: str,
    ) -> None:
        self.name = name
        self.label = f"likelihood per {per} of {weights}"
        self.weights = (weights,)
        self._per = per
        self._dtype: Literal["float32", "bfloat16"] = dtype
        self._model: LocalModel | None = None
        self.id = digest([VERSION, identity(weights), dtype, per])

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """One value a response; NaN with a reason for a failed answer and for one that does not fit the context.

        A cut answer (finish length) is read without the end of turn, so it is not blamed for not ending.
        """
        return await asyncio.to_thread(self._scores, prompts, responses)

    def _scores(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        model = self._model = self._model or load(self.weights[0], self._dtype)
        template_of(model)
        values = [float("nan")] * len(responses)
        reasons: dict[int, str] = {}
        # One prompt a call: a value depends on the answers beside it, never on which other prompts share the batch.
        by_prompt: dict[str, list[int]] = {}
        for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            if response.finish == "failed":
                reasons[i] = "the answer failed"
            else:
                by_prompt.setdefault(prompt.id, []).append(i)
        for held in by_prompt.values():
            for i, value in self._of_one_prompt(
                model, prompts[held[0]], {i: responses[i] for i in held}, reasons
            ):
                values[i] = value
        return Scores(tuple(values), reasons)

    def _of_one_prompt(
        self, model: LocalModel, prompt: Prompt, responses: dict[int, Response], reasons: dict[int, str]
    ) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        rendered = prompt_ids(model, prompt)
        answers: dict[int, list[int]] = {}
        for i, response in responses.items():
            text = response.text.removeprefix(prompt.prefix)
            ids = answer_ids(model, text)
            ids = ids[:-1] if response.finish == "length" else ids
            if not ids:
                reasons[i] = "the answer has no tokens"
            elif len(rendered) + len(ids) > model.context:
                reasons[i] = (
                    f"{len(rendered) + len(ids)} tokens with the prompt, {model.name} holds {model.context}"
                )
            else:
                answers[i] = ids
        try:
            with model.lock:
                logprobs = token_logprobs(model, [rendered] * len(answers), list(answers.values()))
        except WinsomeError as error:
            reasons.update(dict.fromkeys(answers, str(error)))
            return found
        for i, logs in zip(answers, logprobs, strict=True):
            found.append((i, float(logs.mean() if self._per == "token" else logs.sum())))
        return found


def likelihood(
    address: str = "smollm2-135m",
    *,
    per: Literal["token", "answer"] = "token",
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    name: str = "",
) -> LikelihoodScorer:
    """Likelihood under an embedded model, a transformers folder or a hub name; higher is likelier.

    Raises Unsupported with the command to run where embedded weights are missing.
    """
    if address in PACKAGES:
        package(address, "causal")
        folder(address)
    return LikelihoodScorer(
        address, per=per, dtype=resolved_dtype(dtype), name=name or f"likelihood:{address}"
    )
