"""The best of n answers imitated, round after round."""

from __future__ import annotations

from winsome.training.online.bon_distill import imitation
from winsome.training.online.method import Method


def expert_iteration(
    *, n: int = 16, rounds: int = 3, loss: str = "sft?mean=token", least: float | None = None
) -> Method:
    """Expert iteration: -log pi(y*), y* the best by reward of n answers of the policy as each of `rounds` rounds finds it.

    Each round answers its own share of the prompts and makes `epochs` passes over what it chose; the weights go on from round to
    round. One round is bon_distill.
    @start: the start's own loss on the chosen answers.
    Minimiser: after each round the law of the best of n of the one before: of rounds r the best of n^r of the start.
    Source: Anthony et al. 2017; for language models Dubois et al. 2023 (AlpacaFarm), section 3; Gulcehre et al. 2023 (ReST).
    """
    return imitation("expert_iteration", n=n, loss=loss, least=least, rounds=rounds)
