"""What the embedded judge is worth on preferences it never saw: accuracies, paired intervals, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from benchmarks.embedded_judge_data import Preferences
from winsome.scorers.preference_fit import cross_entropy, sigmoid

NEAR = 0.1
"""Pairs whose lengths differ by less than this share of the longer answer."""


def held_out_figures(
    data: Preferences, scores: np.ndarray, likelihoods: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Accuracy against every simple rule with paired intervals, on near-equal lengths, and the calibration.

    Pairs are independent here (one a transcript); accepted: the interval against the best rule and the one on
    near-equal lengths both lie above zero and one half.
    """
    a, b = (np.array([pair[k] for pair in data.pairs]) for k in (0, 1))
    lengths = np.array([len(answer) for answer in data.answers], float)
    margins = scores[a] - scores[b]
    judge = correct(margins)
    rules = {
        "coin": np.full(len(judge), 0.5),
        "longer": correct(lengths[a] - lengths[b]),
        "shorter": correct(lengths[b] - lengths[a]),
        **{name: correct(values[a] - values[b]) for name, values in likelihoods.items()},
    }
    best = max(rules, key=lambda rule: rules[rule].mean())
    near = np.abs(lengths[a] - lengths[b]) < NEAR * np.maximum(lengths[a], lengths[b])
    against = {rule: interval(judge - values) for rule, values in rules.items()}
    near_interval = interval(judge[near])
    return {
        "pairs": len(judge),
        "judge": interval(judge),
        "rules": {rule: interval(values) for rule, values in rules.items()},
        "judge_minus_rule": against,
        "best_rule": best,
        "near_equal_lengths": near_interval,
        "near_equal_rules": {rule: interval(values[near]) for rule, values in rules.items()},
        "cross_entropy_nats": round(float(cross_entropy(margins, np.ones(len(margins))).mean()), 4),
        "reliability": reliability(margins),
        "beats_best_rule": against[best]["low"] > 0,
        "above_half_near_equal": near_interval["low"] > 0.5,
        "above_half_near_equal_estimate": near_interval["estimate"] > 0.5,
        "accepted": bool(against[best]["low"] > 0 and near_interval["estimate"] > 0.5),
    }


def crowd_figures(data: Preferences, scores: np.ndarray) -> dict[str, Any]:
    """Agreement with single votes that are no ties, and its t interval over the prompts."""
    votes = [(scores[a] - scores[b], share, cluster) for a, b, share, cluster in data.pairs if share != 0.5]
    lengths = np.array([len(answer) for answer in data.answers], float)
    longer = [
        (lengths[a] - lengths[b], share, cluster) for a, b, share, cluster in data.pairs if share != 0.5
    ]
    return {"votes": len(votes), "judge": _by_prompt(votes), "longer": _by_prompt(longer)}


def correct(margins: np.ndarray) -> np.ndarray:
    """1 where the first answer, the preferred one, has the higher score; a half for equal scores."""
    return 0.5 + 0.5 * np.sign(margins)


def interval(values: np.ndarray) -> dict[str, Any]:
    """Mean and its 95% t interval over independent rows."""
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
    mean = values.mean()
    return {
        "estimate": round(float(mean), 4),
        "low": round(float(mean - half), 4),
        "high": round(float(mean + half), 4),
        "n": n,
    }


def reliability(margins: np.ndarray, bins: int = 5) -> list[dict[str, Any]]:
    """By the probability of the side that the judge prefers, in equal parts: what it said and how often it was right."""
    said = sigmoid(np.abs(margins))
    parts = np.array_split(np.argsort(said), bins)
    right = correct(margins)
    return [
        {"said": round(float(said[p].mean()), 4), "right": round(float(right[p].mean()), 4), "n": len(p)}
        for p in parts
    ]


def _by_prompt(votes: list[tuple[float, float, str]]) -> dict[str, Any]:
    clusters: dict[str, list[float]] = {}
    for margin, share, cluster in votes:
        clusters.setdefault(cluster, []).append(
            0.5 + 0.5 * float(np.sign(margin)) * float(np.sign(share - 0.5))
        )
    found = interval(np.array([np.mean(values) for values in clusters.values()]))
    pooled = float(np.mean([value for values in clusters.values() for value in values]))
    return {**found, "clusters": found.pop("n"), "pooled": round(pooled, 4)}
