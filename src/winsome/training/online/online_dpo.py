"""Pairs of the policy's own answers, made anew in every phase, under any objective over pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput, Fatal
from winsome.training.objective import objective as opened
from winsome.training.online.method import Learnt, Method, chosen_units, usable
from winsome.training.online.rollouts import Rollouts

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray


def online_dpo(
    *,
    loss: str = "dpo?beta=0.1",
    pair: Literal["best_worst", "first_two"] = "best_worst",
    margin: float = 0.0,
) -> Method:
    """Online DPO: -log sigmoid(beta D) on pairs of fresh answers, the one of higher reward chosen.

    pair: of each group the best against the worst answer, or the first two drawn (Guo et al.: two draws and no more). Pairs whose
    rewards differ by no more than `margin` are left out. loss: any objective over pairs, such as ipo?beta=0.1 or sppo?beta=0.05; its
    columns are score_chosen, score_rejected, margin (their difference), and chosen_probability, rejected_probability: the rewards,
    where they are shares of wins. Its reference `last` is the policy that drew.
    @start: the objective's own value.
    Source: Guo et al. 2024 (OAIF), algorithm 1; best against worst: Dong et al. 2024.
    """
    lowered = opened(loss)
    if lowered.needs.roles != ("chosen", "rejected"):
        raise BadInput(
            f"online_dpo: {lowered.name} does not learn from pairs; name an objective over pairs, such as dpo"
        )
    if margin < 0.0:
        raise BadInput(f"online_dpo: margin={margin} must be at least 0")

    def made(rollouts: Rollouts) -> Learnt:
        held = rollouts.only(usable(rollouts, 2))
        chosen, rejected = pairs(held, pair, margin)
        if not len(chosen):
            raise Fatal(
                "online_dpo: no two answers of a prompt differ in reward; raise --draws, or look at the reward"
            )
        scores = {"chosen": held.reward[chosen], "rejected": held.reward[rejected]}
        columns = {f"score_{role}": values for role, values in scores.items()}
        columns |= {f"{role}_probability": values for role, values in scores.items()}
        columns["margin"] = scores["chosen"] - scores["rejected"]
        return chosen_units(held, {"chosen": chosen, "rejected": rejected}, columns)

    # A run is found again by its objective's settings; at their defaults these two add nothing to them.
    own = {k: v for k, v in (("pair", pair), ("margin", margin)) if v not in ("best_worst", 0.0)}
    held = replace(lowered, settings={**lowered.settings, **{f"online_{k}": v for k, v in own.items()}})
    return Method(held, made, draws=2 if pair == "first_two" else 4, least=2, ratios=False)


def pairs(
    rollouts: Rollouts, pair: Literal["best_worst", "first_two"], margin: float
) -> tuple[NDArray[int64], NDArray[int64]]:
    """The numbers of the chosen and of the rejected answer of each group whose rewards differ by more than `margin`."""
    import numpy as np

    chosen: list[int] = []
    rejected: list[int] = []
    for group in np.unique(rollouts.groups):
        rows = np.flatnonzero(rollouts.groups == group)
        rows = rows[:2] if pair == "first_two" else rows
        reward = rollouts.reward[rows]
        best, worst = rows[reward.argmax()], rows[reward.argmin()]
        if rollouts.reward[best] - rollouts.reward[worst] > margin:
            chosen.append(int(best))
            rejected.append(int(worst))
    return np.asarray(chosen, np.int64), np.asarray(rejected, np.int64)
