"""A linear model over an answer's opening and end, which tells the type of a refusal where its words leave it open.

Its features are hashed words and word pairs of the first 60 words (those of the first ten once more, by themselves), the words of the
last 60, and a few counts of the grammar in `winsome.text.refusals`. The weights ship beside this file; `benchmarks.refusal_classifier`
makes them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

WEIGHTS = "refusal_weights.npz"
SIZE = 8192
"""Places that words and pairs are hashed to."""
EDGE = 60
"""Words at each end that are read."""
FIRST = 10
"""Words at the start that count once more by themselves."""
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[?.!,:]")


def places(text: str) -> list[int]:
    """The hashed places of an answer's words and pairs, each once, below SIZE; h: head, s: start, e: end."""
    words = text.split()
    head = _words(words[:EDGE])
    found = [f"h{word}" for word in head] + [f"h{a} {b}" for a, b in pairwise(head)]
    found += [f"s{word}" for word in head[:FIRST]]
    found += [f"s{a} {b}" for a, b in pairwise(head[: FIRST + 1])]
    found += [f"e{word}" for word in _words(words[EDGE:][-EDGE:])]
    return sorted({zlib.crc32(one.encode()) % SIZE for one in found})


def row(text: str, counts: Sequence[float], scale: float) -> NDArray[float32]:
    """An answer as numbers [SIZE + len(counts)]: its places as a vector of length `scale`, then the grammar's counts."""
    import numpy as np

    found = np.zeros(SIZE + len(counts), np.float32)
    at = places(text)
    if at:
        found[at] = scale / len(at) ** 0.5
    found[SIZE:] = counts
    return found


def likeliest(text: str, counts: Sequence[float]) -> str:
    """The type with the largest score, by the weights that ship."""
    weights, offsets, scale, kinds = _shipped()
    at = places(text)
    scores = weights[SIZE:].T @ list(counts) + offsets
    if at:
        scores = scores + weights[at].sum(0) * (scale / len(at) ** 0.5)
    return kinds[int(scores.argmax())]


def kept(weights: NDArray[float32], offsets: NDArray[float32], scale: float, kinds: Sequence[str]) -> dict[str, NDArray[Any]]:  # fmt: skip
    """What the file of weights holds. weights: [SIZE + counts, kinds]; stored in half precision, as they are used."""
    import numpy as np

    return {
        "weights": weights.astype(np.float16), "offsets": offsets.astype(np.float16),
        "scale": np.array(scale, np.float32), "kinds": np.array(list(kinds)),
    }  # fmt: skip


@lru_cache(maxsize=1)
def _shipped() -> tuple[NDArray[float32], NDArray[float32], float, tuple[str, ...]]:
    import numpy as np

    with resources.as_file(resources.files("winsome.text") / WEIGHTS) as path, np.load(path) as held:
        kinds = tuple(str(kind) for kind in held["kinds"])
        return held["weights"].astype(np.float32), held["offsets"].astype(np.float32), float(held["scale"]), kinds  # fmt: skip


def _words(words: Sequence[str]) -> list[str]:
    return _WORD.findall(" ".join(words).lower().replace("’", "'"))
