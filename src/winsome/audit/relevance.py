"""Does an answer fit its own prompt better than the others' prompts: similarity of words against a shuffled-prompt null."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from winsome.audit.copies import words

BUCKETS = 8192
STEM = 5
"""Letters of a word that count, so that its inflections are one."""
NULLS = 1000
"""Other prompts that an answer is compared with, at most."""
FEWEST_WORDS = 80
"""An answer with fewer words, or to a prompt with fewer than 5, may be right and share none with its prompt."""
BEATEN = 0.85
"""Share of other prompts that fit strictly better, from which on a long answer is taken for irrelevant."""


@dataclass(frozen=True, eq=False)
class Relevance:
    """Of answers [n]: `beaten`, the share of other prompts that fit strictly better, and `won`, of those that fit worse.

    irrelevant: long answers that 85% of the other prompts fit better. An answer without regard to prompts wins as many as
    it is beaten by, so the mean of (1 + won - beaten) / 2 is 0.5 for a constant and near 1 for honest answers.
    """

    beaten: NDArray[np.float64]
    won: NDArray[np.float64]
    irrelevant: NDArray[np.bool_]

    @property
    def fit(self) -> NDArray[np.float64]:
        return (1.0 + self.won - self.beaten) / 2.0


def relevance(prompts: Sequence[str], answers: Sequence[str], seed: int = 0) -> Relevance:
    """How well each answer [n] fits its prompt [n], by the cosine of idf-weighted hashed words; n from 2."""
    asked, said = [words(p) for p in prompts], [words(a) for a in answers]
    held = [_counted(p) for p in asked]
    document = np.zeros(BUCKETS)
    for buckets, _ in held:
        document[buckets] += 1.0
    idf = np.log((1.0 + len(prompts)) / (1.0 + document)) + 1e-3
    rows = np.stack([_vector(buckets, count, idf) for buckets, count in held])
    columns = np.stack([_vector(*_counted(a), idf) for a in said])
    own = (rows * columns).sum(1)
    draw = np.random.default_rng(seed)
    others = np.arange(len(prompts)) if len(prompts) <= NULLS else draw.choice(len(prompts), NULLS, False)
    all_fits = columns @ rows[others].T
    different = np.array([[asked[o] != mine for o in others.tolist()] for mine in asked])
    number = np.maximum(different.sum(1), 1)
    beaten = ((all_fits > own[:, None] + 1e-12) & different).sum(1) / number
    won = ((all_fits < own[:, None] - 1e-12) & different).sum(1) / number
    long = np.array([len(a) >= FEWEST_WORDS and len(p) >= 5 for a, p in zip(said, asked, strict=True)])
    return Relevance(beaten, won, long & (beaten >= BEATEN))


def _counted(text: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    codes = np.array([zlib.crc32(word[:STEM].encode("utf-8", "replace")) % BUCKETS for word in text], np.intp)
    buckets, count = np.unique(codes, return_counts=True)
    return buckets, 1.0 + np.log(count)


def _vector(
    buckets: NDArray[np.intp], count: NDArray[np.float64], idf: NDArray[np.float64]
) -> NDArray[np.float32]:
    vector = np.zeros(BUCKETS, np.float32)
    vector[buckets] = count * idf[buckets]
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector
