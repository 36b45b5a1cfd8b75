"""The objectives a second time, in NumPy and float64, from the papers' equations: what the torch ones are held against.

An answer is an array of token log-probabilities with the same under the reference; prompts likewise. Nothing of the package is
used here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Answer:
    """Token log-probabilities under the policy and the reference, of the answer and of its prompt."""

    policy: np.ndarray
    reference: np.ndarray
    prompt: np.ndarray
    prompt_reference: np.ndarray

    @property
    def n(self) -> int:
        return len(self.policy)

    @property
    def ratio(self) -> float:
        return float(np.sum(self.policy) - np.sum(self.reference))

    @property
    def mean(self) -> float:
        return float(np.mean(self.policy))


def ls(z: float) -> float:
    """log(1 / (1 + e^-z)), stable on both sides."""
    return float(-np.logaddexp(0.0, -z))


def sigma(z: float) -> float:
    return float(1.0 / (1.0 + np.exp(-z)))


def smoothed(z: float, e: float) -> float:
    return -(1 - e) * ls(z) - e * ls(-z)


def dpo(
    w: Answer, lo: Answer, *, beta=0.1, label_smoothing=0.0, margin=0.0, m=0.0, nll_weight=0.0, gamma=1.0
) -> float:
    of_policy = float(np.sum(w.policy) - np.sum(lo.policy))
    of_reference = float(np.sum(w.reference) - np.sum(lo.reference))
    z = beta * (of_policy - gamma * of_reference)
    return smoothed(z - margin * m, label_smoothing) - nll_weight * w.mean


def cdpo(w, lo, *, beta=0.1, label_smoothing=0.1) -> float:
    return smoothed(beta * (w.ratio - lo.ratio), label_smoothing)


def robust(w, lo, *, beta=0.1, label_smoothing=0.1) -> float:
    z = beta * (w.ratio - lo.ratio)
    return ((1 - label_smoothing) * -ls(z) - label_smoothing * -ls(-z)) / (1 - 2 * label_smoothing)


def hinge(w, lo, *, beta=0.1) -> float:
    return max(0.0, 1.0 - beta * (w.ratio - lo.ratio))


def ipo(w, lo, *, beta=0.1, norm="sum") -> float:
    d = w.ratio - lo.ratio if norm == "sum" else w.ratio / w.n - lo.ratio / lo.n
    return (d - 1 / (2 * beta)) ** 2


def exo(w, lo, *, beta=0.1, label_smoothing=1e-3) -> float:
    q = sigma(beta * (w.ratio - lo.ratio))
    p = 1 - label_smoothing
    return q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))


def nca(w, lo, *, beta=0.1) -> float:
    a, b = beta * w.ratio, beta * lo.ratio
    return -np.log(sigma(a)) - 0.5 * np.log(1 - sigma(a)) - 0.5 * np.log(1 - sigma(b))


def apo_zero(w, lo, *, beta=0.1) -> float:
    return (1 - sigma(beta * w.ratio)) + sigma(beta * lo.ratio)


def apo_down(w, lo, *, beta=0.1) -> float:
    return sigma(beta * w.ratio) + (1 - sigma(beta * (w.ratio - lo.ratio)))


def bco(w, lo, *, beta=0.1, d=0.0) -> float:
    return -np.log(sigma(beta * w.ratio - d)) - np.log(sigma(-(beta * lo.ratio - d)))


def sppo(w, lo, *, p_w, p_l, beta=1e-3, log_partition=None) -> float:
    eta = 1 / beta
    log_z = eta / 2 if log_partition is None else log_partition
    return 0.5 * ((w.ratio - (eta * p_w - log_z)) ** 2 + (lo.ratio - (eta * p_l - log_z)) ** 2)


def rdpo(w, lo, *, beta=0.1, alpha=0.01) -> float:
    return -ls(beta * (w.ratio - lo.ratio) + alpha * (w.n - lo.n))


def ln_dpo(w, lo, *, beta=2.0) -> float:
    return -ls(beta * (w.ratio / w.n - lo.ratio / lo.n))


def ld_dpo(w, lo, *, beta=0.1, alpha=0.4) -> float:
    shared = min(w.n, lo.n)

    def part(a: Answer) -> float:
        d = a.policy - a.reference
        return float(d[:shared].sum() + alpha * d[shared:].sum())

    return -ls(beta * (part(w) - part(lo)))


def simpo(w, lo, *, beta=2.0, gamma=1.0) -> float:
    return -ls(beta * (w.mean - lo.mean) - gamma)


def cpo(w, lo, *, beta=0.1, alpha=1.0, nll_norm="mean", loss_type="sigmoid", norm="sum") -> float:
    kept = w.mean if nll_norm == "mean" else w.policy.sum()
    d = w.policy.sum() - lo.policy.sum() if norm == "sum" else w.mean - lo.mean
    first = {
        "sigmoid": -ls(beta * d),
        "hinge": max(0.0, 1.0 - beta * d),
        "ipo": (d - 1 / (2 * beta)) ** 2,
    }[loss_type]
    return first - alpha * kept


def slic(w, lo, *, delta=1.0, regulariser=0.1) -> float:
    return max(0.0, delta - w.policy.sum() + lo.policy.sum()) - regulariser * w.policy.sum()


def orpo(w, lo, *, odds_weight=0.1, nll_span="answer") -> float:
    def odds(a: Answer) -> float:
        p = np.exp(a.mean)
        return p / (1 - p)

    tokens = w.policy if nll_span == "answer" else np.concatenate([w.prompt, w.policy])
    return -np.mean(tokens) - odds_weight * ls(np.log(odds(w) / odds(lo)))


def dpop(w, lo, *, beta=0.3, penalty=50.0) -> float:
    return -ls(beta * (w.ratio - lo.ratio - penalty * max(0.0, -w.ratio)))


def dpo_shift(w, lo, *, beta=0.1, shift=0.95) -> float:
    return -ls(beta * (w.ratio - shift * lo.ratio))


def dpo_nll(w, lo, *, beta=0.1, alpha=1.0) -> float:
    return -ls(beta * (w.ratio - lo.ratio)) - alpha * w.policy.sum() / w.n


def dove(w, lo, *, beta=0.1) -> float:
    joint = [a.ratio + float((a.prompt - a.prompt_reference).sum()) for a in (w, lo)]
    return -ls(beta * (joint[0] - joint[1]))


def kto(answer, *, label, z0, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0) -> float:
    if label:
        return desirable_weight * (1 - sigma(beta * (answer.ratio - z0)))
    return undesirable_weight * (1 - sigma(beta * (z0 - answer.ratio)))


def rrhf(answers, scores, *, nll_weight=1.0) -> float:
    total = 0.0
    for a, s in zip(answers, scores, strict=True):
        for b, t in zip(answers, scores, strict=True):
            if s > t:
                total += max(0.0, b.mean - a.mean)
    best = answers[int(np.argmax(scores))]
    return total - nll_weight * best.policy.sum()


def pro(answers, scores, *, nll_weight=0.05, temperature="one") -> float:
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked, s = [answers[i] for i in order], np.asarray(scores, float)[order]
    total = 0.0
    for k in range(len(ranked) - 1):
        heat = np.ones(len(ranked))
        if temperature == "gap":
            heat = np.array([1.0 if i <= k else 1 / (s[k] - s[i]) for i in range(len(ranked))])
            heat[k] = heat[k + 1 :].min()
        mass = [np.exp(ranked[i].mean / heat[i]) for i in range(k, len(ranked))]
        total -= np.log(mass[0] / sum(mass))
    return total - nll_weight * ranked[0].mean
