"""What drawn contexts say beyond their average: the win rate under each answer, and whether judges agree more once they know who asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from winsome.errors import BadInput
from winsome.standings.agreement import fleiss_kappa
from winsome.standings.columns import Codes, Floats
from winsome.standings.intervals import clustered_mean, score_interval, score_p_value
from winsome.standings.majorities import LOSS, TIE, UNREAD, WIN, majorities
from winsome.standings.ranking import benjamini_hochberg
from winsome.suites.contexts import Contexts, draw

if TYPE_CHECKING:
    from winsome.suites.contextual import InContexts

FEWEST = 10
"""Prompts below which an answer has no row of its own."""

Shares = Sequence[Mapping[str, float]]
"""For each draw, prompt's id -> the first contender's share."""


def by_answer(
    drawn: Shares, contexts: Mapping[str, Contexts], seed: int, level: float = 0.95
) -> list[dict[str, Any]]:
    """A row an answer that was drawn for at least FEWEST prompts: its win rate over those prompts with an interval.

    differs: the rate is not one half, with the expected share of false claims among all rows below 1 - level. Sorted by estimate.
    """
    held: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for number, shares in enumerate(drawn):
        for prompt, share in shares.items():
            if prompt in contexts:
                for pair in draw(contexts[prompt], prompt, number, seed):
                    held.setdefault(pair, []).append((prompt, share))
    rows: list[dict[str, Any]] = []
    for (question, answer), found in held.items():
        cluster = Codes.of([prompt for prompt, _ in found])
        if len(cluster.labels) < FEWEST:
            continue
        mean = clustered_mean(np.array([share for _, share in found]), np.ones(len(found)), cluster.values)
        low, high = score_interval(mean, level)
        rows.append(
            {"question": question, "answer": answer, "estimate": mean.mean, "low": low, "high": high,
             "n": mean.n, "p_value": score_p_value(mean)}
        )  # fmt: skip
    differs = benjamini_hochberg(np.array([row["p_value"] for row in rows]), level)
    told = [row | {"differs": bool(one)} for row, one in zip(rows, differs, strict=True)]
    return sorted(told, key=lambda row: (-row["estimate"], row["question"], row["answer"]))


def judges_together(by_judge: Sequence[InContexts], level: float = 0.95) -> dict[str, Any]:
    """How far judges agree without and in contexts, on the same prompts, from one run a judge with equal contenders, contexts and seed.

    agreement: mean share of judges that give the most frequent verdict; change: in contexts less without, paired by prompt, with
    its interval, over prompts that every judge was read on in every setting. kappa is Fleiss' with even chance, as published;
    agreement_as_published counts a verdict that could not be read as a tie, which the official code does.
    Raises BadInput for fewer than two judges, and where no prompt was read by all.
    """
    if len(by_judge) < 2:
        raise BadInput("agreement needs the runs of two judges or more; give one of each judge")
    plain = [one.plain_shares for one in by_judge]
    drawn = [one.drawn_shares for one in by_judge]
    draws = len(drawn[0])
    prompts = sorted(set.intersection(*(set(shares) for shares in [*plain, *(s for d in drawn for s in d)])))
    if not prompts:
        raise BadInput("no prompt was read by every judge in every setting; see the verdicts of the runs")
    without = _agreed(_votes(plain, prompts))
    within = np.mean(
        [_agreed(_votes([d[k] for d in drawn], prompts)) for k in range(draws)], axis=0, dtype=np.float64
    )
    place = (1.0 + within - without) / 2.0
    mean = clustered_mean(place, np.ones(len(place)), np.arange(len(place), dtype=np.int32))
    low, high = score_interval(mean, level)
    everyone = sorted(set.union(*(set(shares) for shares in [*plain, *(s for d in drawn for s in d)])))
    return {
        "judges": len(by_judge), "prompts": len(prompts), "draws": draws,
        "without context": _together(_votes(plain, everyone)),
        "in context": _together(np.concatenate([_votes([d[k] for d in drawn], everyone) for k in range(draws)])),
        "change": {"estimate": float(within.mean() - without.mean()), "low": 2 * low - 1, "high": 2 * high - 1, "n": len(prompts)},
    }  # fmt: skip


def _votes(shares: Shares, prompts: Sequence[str]) -> NDArray[np.int32]:
    """[prompts, judges] verdicts as codes."""
    codes = {1: WIN, 0: TIE, -1: LOSS}
    return np.array(
        [[codes[int(np.sign(s[p] - 0.5))] if p in s else UNREAD for s in shares] for p in prompts], np.int32
    )


def _counts(votes: NDArray[np.int32]) -> Floats:
    return np.stack([(votes == label).sum(1) for label in (LOSS, TIE, WIN)], axis=1).astype(np.float64)


def _agreed(votes: NDArray[np.int32]) -> Floats:
    return _counts(votes).max(1) / votes.shape[1]


def _together(votes: NDArray[np.int32]) -> dict[str, Any]:
    found = majorities(votes)
    whole = votes[(votes != UNREAD).all(1)]
    kappa = fleiss_kappa(_counts(whole), chance="uniform").estimate if len(whole) else None
    # The official code takes a reply that it cannot read for a tie.
    published = _agreed(np.where(votes == UNREAD, TIE, votes))
    return {
        "agreement": found.agreement, "agreement_as_published": float(published.mean()), "kappa": kappa, "win_rate": found.win_rate, "tie_rate": found.tie_rate,
        "items": found.items, "without_majority": found.without, "unread": found.unread,
    }  # fmt: skip
