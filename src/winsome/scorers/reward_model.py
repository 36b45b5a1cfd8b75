"""A reward model in transformers' sequence-classification form: one number a dialogue, higher is better."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from winsome.errors import BadInput, Unsupported
from winsome.models.render import dialogue_ids
from winsome.models.weights import LocalModel, absent, identity, resolved_dtype
from winsome.records import Prompt, Response, Scores, digest

VERSION = 1


class RewardModel:
    """A Scorer over whole dialogues rendered with the model's own chat template."""

    partial = False

    def __init__(self, weights: str, *, rows: int, dtype: Literal["float32", "bfloat16"], name: str) -> None:
        self.name = name
        self.weights = (weights,)
        self._rows = rows
        self._dtype = dtype
        self._model: LocalModel | None = None
        self.id = digest([VERSION, identity(weights), dtype])

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """The model's output for each answer; NaN with a reason for a failed answer and for one over the context.

        Raises Unsupported where the model has no chat template or more than one output.
        """
        return await asyncio.to_thread(self._scores, prompts, responses)

    def _scores(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        import torch

        model = self._model = self._model or self._load()
        values = [float("nan")] * len(responses)
        reasons: dict[int, str] = {}
        rows: dict[int, list[int]] = {}
        for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            if response.finish == "failed":
                reasons[i] = "the answer failed"
                continue
            ids = dialogue_ids(model, prompt, response)
            if len(ids) > model.context:
                reasons[i] = f"{len(ids)} tokens, {self.weights[0]} holds {model.context}"
            else:
                rows[i] = ids
        order = sorted(rows, key=lambda i: len(rows[i]))
        with model.lock, torch.inference_mode():
            for start in range(0, len(order), self._rows):
                held = order[start : start + self._rows]
                batch = model.tokenizer.pad({"input_ids": [rows[i] for i in held]}, return_tensors="pt")
                outputs = model.network(**batch.to(model.device)).logits.float()
                for i, value in zip(held, outputs[:, 0].tolist(), strict=True):
                    values[i] = value
        return Scores(tuple(values), reasons)

    def _load(self) -> LocalModel:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.weights[0])
            network = AutoModelForSequenceClassification.from_pretrained(
                self.weights[0], dtype=getattr(torch, self._dtype)
            )
        except (OSError, ValueError) as error:
            raise absent(f"reward_model:{self.weights[0]}", error) from None
        if network.config.num_labels != 1:
            raise Unsupported(
                f"reward_model:{self.weights[0]}: has {network.config.num_labels} outputs, a reward model has 1; check the name"
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        network.config.pad_token_id = tokenizer.pad_token_id
        device = "cuda" if torch.cuda.is_available() else "cpu"
        context = getattr(network.config, "max_position_embeddings", None) or 2048
        return LocalModel(
            self.weights[0], network.to(device).eval().requires_grad_(False), tokenizer, context, device
        )


def reward_model(
    address: str,
    *,
    rows: int = 16,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    name: str = "",
) -> RewardModel:
    """A transformers folder or hub name with one output, as a Scorer; `rows` dialogues are scored at a time."""
    if not address:
        raise BadInput("reward_model: names no model; write reward_model:NAME_OR_PATH")
    return RewardModel(
        address, rows=rows, dtype=resolved_dtype(dtype), name=name or f"reward_model:{address}"
    )
