"""Sentence vectors: all-MiniLM-L6-v2, mean-pooled and of unit length, as an Encoder (`embedded:minilm`)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from winsome.errors import Unsupported
from winsome.models.fetch import folder, package, weights_digest
from winsome.models.processor import idle_cores
from winsome.records import Part, Text, digest

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

VERSION = 1
TOKENS = 256
"""Tokens of a text that are read: what the model was trained on."""
WIDTH = 384
KEPT = 20_000
"""Vectors of texts that were encoded before and are kept, 30 MB at most."""


@dataclass(frozen=True, eq=False)
class _Loaded:
    network: Any
    tokenizer: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


class SentenceEncoder:
    """An Encoder of text parts; the weights are loaded when it is first asked, once a process."""

    def __init__(self, weights: str, name: str) -> None:
        self.name = name
        self.id = digest([VERSION, weights_digest(weights), TOKENS])
        self._weights = weights
        self._kept: dict[str, NDArray[float32]] = {}

    async def encode(self, parts: Sequence[Part]) -> NDArray[float32]:
        """Unit vectors, [n, 384]; a text is encoded once. Raises Unsupported for a part that is not text."""
        texts: list[str] = []
        for part in parts:
            if not isinstance(part, Text):
                raise Unsupported(f"{self.name} reads text only, not {part.kind}")
            texts.append(part.text)
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        found = dict(zip(new, await asyncio.to_thread(self.vectors, new), strict=True)) if new else {}
        made = [found[text] if text in found else self._kept[text] for text in texts]
        for text, vector in found.items():
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[text] = vector
        return np.array(made, np.float32).reshape(len(texts), WIDTH)

    def vectors(self, texts: Sequence[str], *, rows: int = 32) -> NDArray[float32]:
        """Unit vectors, [n, 384], `rows` texts at a time sorted by length.

        With rows=1 a text's vector does not depend on the other texts, bit for bit.
        """
        import numpy as np
        import torch

        loaded = _load(self._weights)
        found = np.zeros((len(texts), WIDTH), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        with loaded.lock, torch.inference_mode():
            for start in range(0, len(order), rows):
                held = order[start : start + rows]
                batch = loaded.tokenizer(
                    [texts[i] for i in held],
                    padding=True,
                    truncation=True,
                    max_length=TOKENS,
                    return_tensors="pt",
                )
                mask = batch["attention_mask"][..., None]
                mean = (loaded.network(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
                found[held] = torch.nn.functional.normalize(mean, dim=-1).numpy()
        return found


def embedded(address: str = "minilm", *, name: str = "") -> SentenceEncoder:
    """The embedded sentence encoder; Unsupported with the command to run where its weights are missing."""
    package(address, "encoder")
    folder(address)
    return SentenceEncoder(address, name or f"embedded:{address}")


@cache
def _load(weights: str) -> _Loaded:
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    place = folder(weights)
    torch.set_num_threads(idle_cores())
    network = AutoModel.from_pretrained(place, local_files_only=True)
    return _Loaded(
        network.eval().requires_grad_(False), AutoTokenizer.from_pretrained(place, local_files_only=True)
    )
