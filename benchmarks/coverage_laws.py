"""The laws under which intervals are simulated: what a verdict's share is, how prompts hang together, who beats whom.

Each function draws a batch of experiments with a known truth; p is the true win rate of each experiment, [experiments].
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit, ndtr, ndtri

from winsome.standings.battles import Battles, outcome_of
from winsome.standings.columns import Codes, Floats, Ints
from winsome.standings.strengths import fit

LOWEST, HIGHEST = 0.02, 0.98
Share = Literal["wins and losses", "20% ties", "50% ties", "graded"]
TIES: dict[Share, float] = {"wins and losses": 0.0, "20% ties": 0.2, "50% ties": 0.5}


def rates(rng: np.random.Generator, experiments: int) -> Floats:
    """True win rates, uniform over 2% to 98%."""
    return rng.uniform(LOWEST, HIGHEST, experiments)


def shares(rng: np.random.Generator, law: Share, p: Floats, n: int) -> Floats:
    """[experiments, n] independent shares with mean p.

    Ties come with chance 4 t p (1 - p), t = 20% or 50% (reached at p = 1/2), and leave the mean where it is; graded shares are
    Beta(2 p, 2 (1 - p)), whose variance is a third of a win's.
    """
    mean = p[:, None]
    if law == "graded":
        return rng.beta(2.0 * mean, 2.0 * (1.0 - mean), (len(p), n))
    tied = 4.0 * TIES[law] * mean * (1.0 - mean)
    u = rng.random((len(p), n))
    return np.where(u < mean - tied / 2.0, 1.0, np.where(u < mean + tied / 2.0, 0.5, 0.0))


def cluster_sizes(rng: np.random.Generator, law: str, clusters: int) -> Ints:
    """Rows of each cluster: "1 to 50, one at 20%" (uniform, the first grown to a fifth of the rows) or "K each"."""
    if law.endswith(" each"):
        return np.full(clusters, int(law.removesuffix(" each")), np.int32)
    sizes = rng.integers(1, 51, clusters).astype(np.int32)
    sizes[0] = max(1, round(float(sizes[1:].sum()) / 4.0))
    return sizes


def clustered_wins(rng: np.random.Generator, p: float, sizes: Ints, correlation: float) -> Ints:
    """Wins in each cluster: its chance is Beta with mean p, so that two rows of a cluster correlate by `correlation`."""
    strength = 1.0 / correlation - 1.0
    return rng.binomial(sizes, rng.beta(p * strength, (1.0 - p) * strength, len(sizes))).astype(np.int32)


def paired(rng: np.random.Generator, law: Share, p: Floats, n: int) -> Floats:
    """[experiments, 2, n] shares of two contenders with means p [experiments, 2]; a prompt that is easy for one is for both.

    Normal scores of a prompt correlate by 1/2.
    """
    common = rng.normal(size=(len(p), 1, n))
    u = ndtr(np.sqrt(0.5) * common + np.sqrt(0.5) * rng.normal(size=(len(p), 2, n)))
    mean = p[:, :, None]
    tied = 4.0 * TIES[law] * mean * (1.0 - mean)
    return np.where(u < mean - tied / 2.0, 1.0, np.where(u < mean + tied / 2.0, 0.5, 0.0))


def pair_of_contenders(share: Floats, prompt: Ints | None = None) -> Battles:
    """Battles of contenders x and y against base on the same prompts; share: [2, n], prompt: [n], None for one a row."""
    n = share.shape[1]
    each = np.arange(n, dtype=np.int32) if prompt is None else prompt
    flat = share.ravel()
    return Battles(
        names=("x", "y", "base"),
        a=np.repeat(np.array([0, 1], np.int32), n),
        b=np.full(2 * n, 2, np.int32),
        share=flat,
        outcome=outcome_of(flat),
        weight=np.ones(2 * n),
        cluster=Codes(np.tile(each, 2), [str(k) for k in range(int(each.max()) + 1)]),
    )


def clustered_pairs(rng: np.random.Generator, p: Floats, sizes: Ints, correlation: float) -> Battles:
    """Battles of x and y against base, as many rows a prompt each as `sizes`; p: the two true win rates.

    Normal scores correlate by `correlation` within a prompt, whoever answers.
    """
    prompt = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    rows = len(prompt)
    common = rng.normal(size=len(sizes))[prompt]
    own = rng.normal(size=(2, rows))
    u = ndtr(np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own)
    return pair_of_contenders((u < p[:, None]).astype(np.float64), prompt)


def with_lengths(
    rng: np.random.Generator, p: float, sizes: Ints, graded: bool, correlation: float = 0.0
) -> Battles:
    """Battles of x against base whose log odds are logit(p) + effect tanh(length difference), effect normal.

    sizes: rows of each prompt; normal scores of its wins correlate by `correlation`. Graded shares are independent.
    """
    prompt = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    n = len(prompt)
    lengths = rng.normal(300.0, 100.0, (n, 2)) + rng.normal(0.0, 40.0) * np.array([1.0, 0.0])
    gap = lengths[:, 0] - lengths[:, 1]
    chance = expit(np.log(p / (1.0 - p)) + rng.normal() * np.tanh(gap / gap.std(ddof=1)))
    common = rng.normal(size=len(sizes))[prompt]
    u = ndtr(np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * rng.normal(size=n))
    share = rng.beta(2.0 * chance, 2.0 * (1.0 - chance)) if graded else (u < chance).astype(np.float64)
    return Battles(
        names=("x", "base"),
        a=np.zeros(n, np.int32),
        b=np.ones(n, np.int32),
        share=share,
        outcome=outcome_of(share),
        weight=np.ones(n),
        cluster=Codes(prompt, [str(k) for k in range(len(sizes))]),
        covariates={"length": lengths},
    )


def chances(rng: np.random.Generator, contenders: int, circular: float) -> Floats:
    """[K, K] chance that row beats column: strengths normal, and on top a circular part that no strengths explain."""
    strength = rng.normal(0.0, 0.7, contenders)
    twist = np.triu(rng.normal(0.0, circular, (contenders, contenders)), 1) if circular else 0.0
    odds = strength[:, None] - strength[None, :] + twist - np.transpose(twist)
    return expit(odds)


def arena(rng: np.random.Generator, chance: Floats, sizes: Ints, tied: float, spread: float) -> Battles:
    """Battles of random pairs, as many rows a prompt as `sizes`; on a prompt each contender moves by `spread` x normal.

    A share `tied` of the rows are ties. The moves work on normal scores; `expected` knows the mean that they leave.
    """
    size, prompt = len(chance), np.repeat(np.arange(len(sizes)), sizes)
    rows = len(prompt)
    a = rng.integers(0, size, rows)
    b = (a + rng.integers(1, size, rows)) % size
    effects = spread * rng.normal(size=(len(sizes), size))
    score = ndtri(chance[a, b]) + effects[prompt, a] - effects[prompt, b]
    won = ndtr(score)
    u, draw = rng.random(rows), rng.random(rows)
    share = np.where(draw < tied, 0.5, (u < won).astype(np.float64))
    return Battles(
        names=tuple(f"m{k}" for k in range(size)),
        a=a.astype(np.int32),
        b=b.astype(np.int32),
        share=share,
        outcome=outcome_of(share),
        weight=np.ones(rows),
        cluster=Codes(prompt.astype(np.int32), [str(k) for k in range(len(sizes))]),
    )


def expected(chance: Floats, tied: float, spread: float) -> Floats:
    """The strengths [K], mean 0, that Bradley-Terry gives to endlessly many battles of `arena`."""
    own = np.eye(len(chance), dtype=np.bool_)
    mean = ndtr(ndtri(chance) / np.sqrt(1.0 + 2.0 * spread**2))
    share = np.where(own, 0.0, (1.0 - tied) * mean + tied / 2.0)
    strength, _ = fit(share)
    return strength - strength.mean()
