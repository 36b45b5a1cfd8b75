"""The best of several answers imitated: once from the start, or round after round from the policy as it then is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput, Fatal
from winsome.training.objective import Objective
from winsome.training.objective import objective as opened
from winsome.training.online.method import Learnt, Method, chosen_units, usable
from winsome.training.online.online_dpo import pairs
from winsome.training.online.rollouts import Rollouts

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray


def bon_distill(*, n: int = 16, loss: str = "sft?mean=token", least: float | None = None) -> Method:
    """Best-of-n distillation: -log pi(y*), y* the answer of highest reward among n of the start's, of equal ones the first.

    All prompts are answered once, by the start; `epochs` passes over the chosen answers follow. least: an answer whose reward is
    lower is left out. loss: sft, or an objective over pairs, which then reads the best against the worst (bonbon, ipo ..).
    @start: the start's own loss on the chosen answers.
    Minimiser: the law of the best of n, p(y) = F(R(y))^n - F(R(y)-)^n on each level of reward, F the start's law of rewards.
    Source: Stiennon et al. 2020, appendix G; Gui et al. 2024, eq. 3; Yang et al. 2024.
    """
    return imitation("bon_distill", n=n, loss=loss, least=least, rounds=1)


def imitation(name: str, *, n: int, loss: str, least: float | None, rounds: int) -> Method:
    """The method that imitates the best of `n` answers in `rounds` phases."""
    if n < 2 or rounds < 1:
        raise BadInput(f"{name}: n={n} chooses nothing, give 2 or more; rounds={rounds} must be at least 1")
    lowered = opened(loss)
    paired = lowered.needs.roles == ("chosen", "rejected")
    if not paired and (lowered.needs.roles != ("response",) or lowered.needs.columns):
        raise BadInput(
            f"{name}: {lowered.name} neither imitates answers nor learns from pairs; name sft, or one over pairs"
        )
    settings: dict[str, Any] = {**lowered.settings, "n": n, "least": least, "rounds": rounds}
    held = Objective(f"{name}, {lowered.name}", settings, lowered.needs, lowered.losses, lowered.step_sums)

    def made(rollouts: Rollouts) -> Learnt:
        known = rollouts.only(usable(rollouts))
        if paired:
            chosen, rejected = pairs(known, "best_worst", 0.0)
            rows = {"chosen": chosen, "rejected": rejected}
        else:
            chosen = best(known)
            rows = {"response": chosen}
        if least is not None:
            good = known.reward[chosen] >= least
            rows = {role: numbers[good] for role, numbers in rows.items()}
        first = next(iter(rows.values()))
        if not len(first):
            raise Fatal(f"{name}: no answer is worth imitating; lower least, or look at the reward")
        return chosen_units(known, rows, {"reward": known.reward[first]})

    return Method(held, made, draws=n, ratios=False, rounds=rounds)


def best(rollouts: Rollouts) -> NDArray[int64]:
    """The number of each group's answer of highest reward, of equal ones the first drawn."""
    import numpy as np

    found: list[int] = []
    for group in np.unique(rollouts.groups):
        rows = np.flatnonzero(rollouts.groups == group)
        found.append(int(rows[rollouts.reward[rows].argmax()]))
    return np.asarray(found, np.int64)
