"""Sentence vectors: of unit length, a text encoded once, the same in any order."""

from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import Unsupported
from winsome.models import encoders
from winsome.models.encoders import SentenceEncoder, embedded
from winsome.records import Blob, Text


async def test_a_text_is_encoded_once_and_vectors_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = embedded()
    asked: list[list[str]] = []

    def vectors(self: SentenceEncoder, texts: list[str]) -> np.ndarray:
        asked.append(list(texts))
        found = np.zeros((len(texts), encoders.WIDTH), np.float32)
        found[np.arange(len(texts)), [len(text) for text in texts]] = 1.0
        return found

    monkeypatch.setattr(SentenceEncoder, "vectors", vectors)
    monkeypatch.setattr(encoders, "KEPT", 2)
    first = await encoder.encode([Text("a"), Text("bb"), Text("a")])
    again = await encoder.encode([Text("bb"), Text("ccc"), Text("a")])
    assert asked == [["a", "bb"], ["ccc"]]
    assert first.argmax(1).tolist() == [1, 2, 1]
    assert again.argmax(1).tolist() == [2, 3, 1]
    # two are kept, the oldest goes first
    await encoder.encode([Text("a"), Text("ccc")])
    assert asked[2:] == [["a"]]
    assert (await encoder.encode([])).shape == (0, encoders.WIDTH)
    with pytest.raises(Unsupported, match="reads text only, not image"):
        await encoder.encode([Blob("image", "0" * 64, "image/png")])
