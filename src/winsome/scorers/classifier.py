"""A transformers sequence classifier over whole dialogues, as reward models are kept: its outputs for every answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput, Unsupported
from winsome.models.render import check_template, dialogue_ids
from winsome.models.weights import LocalModel, absent
from winsome.records import Prompt, Response

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

DISTINCT = 8
"""Different dialogues from which on equal outputs mean that a model rates nothing."""


class Classifier:
    """The weights of `kind:weights`, loaded when first asked; `rows` dialogues go through at a time."""

    def __init__(self, kind: str, weights: str, *, rows: int, dtype: Literal["float32", "bfloat16"]) -> None:
        self.shown = f"{kind}:{weights}"
        self._weights = weights
        self._rows = rows
        self._dtype = dtype
        self._model: LocalModel | None = None
        self._loading = threading.Lock()

    @property
    def model(self) -> LocalModel:
        with self._loading:
            self._model = self._model or self._load()
        return self._model

    def outputs(
        self, prompts: Sequence[Prompt], responses: Sequence[Response]
    ) -> tuple[NDArray[float64], dict[int, str]]:
        """One row of outputs an answer, [n, k]: NaN with a reason for a failed answer and for one over the context.

        Raises BadInput where many different dialogues all get the same outputs, Unsupported where the model has no chat template.
        """
        import numpy as np
        import torch

        model = self.model
        reasons: dict[int, str] = {}
        held: dict[int, list[int]] = {}
        for i, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            if response.finish == "failed":
                reasons[i] = "the answer failed"
                continue
            ids = dialogue_ids(model, prompt, response)
            if len(ids) > model.context:
                reasons[i] = f"{len(ids)} tokens, {self._weights} holds {model.context}"
            else:
                held[i] = ids
        found = np.full((len(responses), int(model.network.config.num_labels)), np.nan)
        order = sorted(held, key=lambda i: len(held[i]))
        with model.lock, torch.inference_mode():
            for start in range(0, len(order), self._rows):
                rows = order[start : start + self._rows]
                batch = model.tokenizer.pad({"input_ids": [held[i] for i in rows]}, return_tensors="pt")
                found[rows] = model.network(**batch.to(model.device)).logits.double().cpu().numpy()
        for i in (i for i in held if not np.isfinite(found[i]).all()):
            found[i], reasons[i] = np.nan, "the model's output is not finite"
        self._check_spread(found[list(held)], {tuple(ids) for ids in held.values()})
        return found, reasons

    def _check_spread(self, found: NDArray[float64], distinct: set[tuple[int, ...]]) -> None:
        if len(distinct) >= DISTINCT and (found == found[0]).all():
            raise BadInput(
                f"{self.shown}: rates all {len(distinct)} answers {found[0, 0]:.4g}; is its head trained? name another"
            )

    def settings(self) -> Mapping[str, Any]:
        """What config.json says of the outputs where Winsome trained the model; else empty."""
        from winsome.models.fetch import PACKAGES

        place = Path(self._weights).expanduser()
        if self._weights in PACKAGES or not (place / "config.json").is_file():
            return {}
        return json.loads((place / "config.json").read_text("utf-8")).get("winsome_reward", {})

    def record(self) -> Mapping[str, Any]:
        """What training kept beside the weights; empty for models of others."""
        try:
            return json.loads((Path(self._weights).expanduser() / "winsome.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def _load(self) -> LocalModel:
        model = load_classifier(self.shown, self._weights, self._dtype)
        check_template(model, self._weights, self.shown)
        return model


def load_classifier(shown: str, weights: str, dtype: Literal["float32", "bfloat16"]) -> LocalModel:
    """The sequence classifier of a folder or a model's name, ready to pad; `shown` is what messages call it.

    Raises BadInput where its tokenizer is another model's, Unsupported where its head has no weights.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # what is missing is told below, in one line
    try:
        tokenizer = AutoTokenizer.from_pretrained(weights)
        network, told = AutoModelForSequenceClassification.from_pretrained(
            weights, dtype=getattr(torch, dtype), output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise absent(shown, error) from None
    finally:
        logging.set_verbosity(level)
    if told["missing_keys"]:
        raise Unsupported(
            f"{shown}: has no weights for {min(told['missing_keys'])}, so it rates at random; name a trained one"
        )
    known = network.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise BadInput(
            f"{shown}: its tokenizer has {len(tokenizer)} tokens, the model {known}; put its own tokenizer beside it"
        )
    _settle_padding(network, tokenizer)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    context = getattr(network.config, "max_position_embeddings", None) or 2048
    return LocalModel(weights, network.to(device).eval().requires_grad_(False), tokenizer, context, device)


def _settle_padding(network: Any, tokenizer: Any) -> None:
    """Pad with what the model itself takes for padding: its output is read at the last token that is none."""
    config = network.config.get_text_config()
    if config.pad_token_id is not None:
        tokenizer.pad_token_id = config.pad_token_id
    elif tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    config.pad_token_id = network.config.pad_token_id = tokenizer.pad_token_id
