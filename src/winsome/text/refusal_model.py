"""A linear model over an answer's opening and end and its request, which tells the type of a refusal where its words leave it open.

Its features are hashed words and word pairs of the answer's first 60 words (those of the first ten once more, by themselves), the words of
its last 60, those of the request (once more where the answer declines: then they tell the reason), and a few counts of the grammar in
`winsome.text.refusals`. The weights ship beside this file; `benchmarks.refusal_classifier` makes them.
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
ASKED_FIRST, ASKED_LAST = 40, 30
"""Words of a request that are read at its start, and at its end."""
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


def request_places(request: str, declines: bool) -> list[int]:
    """The hashed places of a request's first and last words, each once; q: asked, d: asked of an answer that declines."""
    words = request.split()
    read = set(_words(words[:ASKED_FIRST] + words[ASKED_FIRST:][-ASKED_LAST:]))
    found = [f"q{word}" for word in read]
    found += [f"d{word}" for word in read] if declines else []
    return sorted({zlib.crc32(one.encode()) % SIZE for one in found})


def row(text: str, request: str, counts: Sequence[float], scale: float) -> NDArray[float32]:
    """An answer as numbers [SIZE + len(counts)]: the vectors of its places and its request's, then the grammar's counts.

    scale: the length of the answer's vector; the request's is a third of that. counts: the first is whether the answer declines.
    """
    import numpy as np

    found = np.zeros(SIZE + len(counts), np.float32)
    for at, length in _vectors(text, request, counts, scale):
        found[at] += length
    found[SIZE:] = counts
    return found


def likeliest(text: str, request: str, counts: Sequence[float]) -> str:
    """The type with the largest score, by the weights that ship."""
    weights, offsets, scale, kinds = _shipped()
    scores = weights[SIZE:].T @ list(counts) + offsets
    for at, length in _vectors(text, request, counts, scale):
        scores = scores + weights[at].sum(0) * length
    return kinds[int(scores.argmax())]


def _vectors(text: str, request: str, counts: Sequence[float], scale: float) -> list[tuple[list[int], float]]:
    """(places, the number that each of them has) of the answer and of its request."""
    both = ((places(text), scale), (request_places(request, counts[0] > 0.0), scale / 3.0))
    return [(at, length / len(at) ** 0.5) for at, length in both if at]


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
