"""The figures of `benchmarks.system_038` as plain numbers with intervals, from log-probabilities and win shares."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.standings.intervals import clustered_mean, score_interval
from winsome.standings.ranking_accuracy import difficulty, four_groups, ranked_right

Floats = NDArray[np.float64]
DRAWS = 2000


def share(values: Floats) -> dict[str, Any]:
    """Mean of shares in per cent with its score interval; values of different prompts."""
    if not len(values):
        return {"estimate": None, "low": None, "high": None, "n": 0}
    mean = clustered_mean(values, np.ones(len(values)), np.arange(len(values), dtype=np.int32))
    low, high = score_interval(mean)
    return {"estimate": 100 * mean.mean, "low": 100 * low, "high": 100 * high, "n": len(values)}


def four(before: Floats, after: Floats) -> dict[str, int]:
    """Pairs by (right before, right after); log-probabilities [pairs, 2]."""
    return four_groups(ranked_right(*before.T), ranked_right(*after.T))


def slope(x: Floats, y: Floats) -> dict[str, float]:
    """Least-squares slope of y on x with the interval of its sandwich error."""
    centred = x - x.mean()
    total = float((centred**2).sum())
    estimate = float((centred * y).sum() / total)
    rest = y - y.mean() - estimate * centred
    error = float(np.sqrt((centred**2 * rest**2).sum()) / total)
    return {
        "estimate": estimate,
        "low": estimate - 1.96 * error,
        "high": estimate + 1.96 * error,
        "n": len(x),
    }


def turned(before: Floats, after: Floats, beta: float) -> dict[str, Any]:
    """Of the pairs that the reference ranks wrong: the share that is right now, by tenths from the easiest to the hardest."""
    error = before[:, 1] - before[:, 0]
    wrong = error > 0
    needed = difficulty(-error[wrong], beta)
    right = (after[wrong, 0] > after[wrong, 1]).astype(np.float64)
    rank = np.empty(len(needed))
    rank[np.argsort(-needed, kind="stable")] = np.arange(len(needed))
    tenth = np.floor(10 * rank / len(needed)) + 1
    rows = [
        {
            "tenth": k,
            "needed": float(needed[tenth == k].mean()),
            "error": float(error[wrong][tenth == k].mean()),
        }
        | share(right[tenth == k])
        for k in range(1, 11)
    ]
    return {"of": share(right), "tenths": rows, "trend": slope(tenth, 100 * right)}


def ranks(before: Floats, lengths: Floats, after: Floats) -> dict[str, Any]:
    """R, R by token, R of the reference, implicit-reward accuracy and the four groups."""
    return {
        "R": share(ranked_right(*after.T)),
        "R_token": share(ranked_right(*(after / lengths).T)),
        "R_reference": share(ranked_right(*before.T)),
        "implicit": share(ranked_right(after[:, 0] - before[:, 0], after[:, 1] - before[:, 1])),
        "groups": four(before, after),
    }


def arm_row(
    gamma: float, seed: int, steps: Sequence[int], before: Floats, lengths: Floats, after: Sequence[Floats], held: Floats,
    out: Sequence[Floats], won: Sequence[Floats], kl: Sequence[float], losses: Sequence[float], beta: float,
) -> dict[str, Any]:  # fmt: skip
    """One training: of every checkpoint ranks of training pairs, turned pairs, R of other pairs, win rate, KL and loss."""
    return {
        "gamma": gamma, "seed": seed, "pairs": len(before), "wrong": int((before[:, 1] > before[:, 0]).sum()),
        "held_reference": share(ranked_right(*held.T)),
        "checkpoints": [
            {
                "update": step, "loss": losses[k], **ranks(before, lengths, after[k]), "turned": turned(before, after[k], beta),
                "held": share(ranked_right(*out[k].T)), "won": share(won[k]), "kl": kl[k],
            }
            for k, step in enumerate(steps)
        ],
    }  # fmt: skip


def hard_row(
    arm: str, seed: int, won: Floats, kl: float, needed: Floats, before: Floats, after: Floats
) -> dict[str, Any]:
    """One arm of chosen pairs: its win rate, KL, how hard its pairs are, and R of all pairs."""
    return {
        "arm": arm, "seed": seed, "pairs": len(needed), "needed": [float(np.quantile(needed, q)) for q in (0.0, 0.5, 1.0)],
        "won": share(won), "kl": kl, "R": share(ranked_right(*after.T)), "R_reference": share(ranked_right(*before.T)),
    }  # fmt: skip


def nearness(work: Path, pairs_: str = "out", kind: str = "gamma", seed: int = 0) -> dict[str, Any] | None:
    """Correlation of R (`pairs_` out: of other prompts; after: of training) with the win rate over the checkpoints of all runs of a kind,
    in the third nearest to the start by KL and in the farthest, and their difference; intervals from prompts drawn anew, the same in all."""
    files = sorted(work.glob(f"{kind}-*.npz"))
    if len(files) < 3:
        return None
    points: list[tuple[float, Floats, Floats, int]] = []
    for file in files:
        with np.load(file) as found:
            group = int(file.stem.rpartition("-")[2])
            # Seeds start from different R on different pairs: what a run added is compared.
            start = ranked_right(*found["held" if pairs_ == "out" else "before"].T)
            points += [
                (float(kl), ranked_right(*out.T) - start, won, group)
                for kl, out, won in zip(found["kl"], found[pairs_], found["won"], strict=True)
            ]
    kl = np.array([point[0] for point in points])
    third = np.argsort(np.argsort(kl)) * 3 // len(kl)
    draw = np.random.default_rng(seed)
    pairs = {group: len(right) for _, right, _, group in points}
    games = len(points[0][2])

    def correlations(again: bool) -> list[float]:
        pick = draw.integers(games, size=games) if again else np.arange(games)
        picks = {group: draw.integers(n, size=n) if again else np.arange(n) for group, n in pairs.items()}
        rank = np.array([right[picks[group]].mean() for _, right, _, group in points])
        win = np.array([won[pick].mean() for _, _, won, _ in points])
        found = [float(np.corrcoef(rank[third == k], win[third == k])[0, 1]) for k in range(3)]
        whole = float(np.corrcoef(rank, win)[0, 1])
        return [*found, found[0] - found[2], whole]

    told = correlations(again=False)
    drawn = np.array([correlations(again=True) for _ in range(DRAWS)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    names = ("nearest third", "middle third", "farthest third", "nearest less farthest", "all checkpoints")
    edges = [(float(kl[third == k].min()), float(kl[third == k].max())) for k in range(3)]
    return {
        "checkpoints": len(points), "runs": len(files), "prompts": games, "pairs": sum(pairs.values()), "kl": edges,
        "correlation": {
            name: {"estimate": told[k], "low": float(low[k]), "high": float(high[k])} for k, name in enumerate(names)
        },
    }  # fmt: skip
