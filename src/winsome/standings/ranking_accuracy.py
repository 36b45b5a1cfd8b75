"""Does a model rank chosen above rejected: observed, before training, and at the best that training could reach.

With lp the sum of an answer's log-probabilities, alpha the chance that the chosen answer is preferred, and a reference:

    pi*(w) / pi*(l) = [ref(w) / ref(l)] (alpha / (1 - alpha))^(1 / beta)

is the optimum of the preference objective, so the idealised accuracy is the share of pairs that it ranks right.
"""

from __future__ import annotations

import numpy as np

from winsome.standings.columns import Floats


def ranked_right(chosen: Floats, rejected: Floats) -> Floats:
    """1 where chosen > rejected, 0.5 for a tie, 0 else, [pairs]; any two comparable columns."""
    return (chosen > rejected) + 0.5 * (chosen == rejected)


def idealised(reference_gap: Floats, log_odds: Floats, beta: float) -> Floats:
    """1, 0.5 or 0 for each pair at the optimum: reference_gap lp_ref(w) - lp_ref(l), log_odds log(alpha / (1 - alpha))."""
    # An infinite log-odds decides alone; 0 times infinity, at an infinite beta, must not become NaN.
    pull = np.where(log_odds == 0.0, 0.0, log_odds / beta)
    return ranked_right(reference_gap + pull, np.zeros(len(reference_gap)))


def difficulty(reference_gap: Floats, beta: float) -> Floats:
    """-log sigmoid(beta c), c = lp_ref(l) - lp_ref(w): the DPO loss of a pair at or below which it is ranked right.

    The smaller it is, the harder the pair: it falls like exp(-beta c). Stable at any beta c, as the softplus of -beta c.
    """
    return np.logaddexp(0.0, beta * reference_gap)


def dpo_loss(gap: Floats, reference_gap: Floats, beta: float) -> Floats:
    """-log sigmoid(beta (gap - reference_gap)) of each pair; gap: lp(w) - lp(l)."""
    return np.logaddexp(0.0, -beta * (gap - reference_gap))


def posterior_log_odds(wins: Floats, votes: Floats, draws: int = 200, seed: int = 0) -> Floats:
    """log(alpha / (1 - alpha)) by draws from Beta(wins + 1/2, votes - wins + 1/2), [draws, pairs]; ties are half a win.

    A plug-in alpha of a few votes is 0 or 1 for most pairs, and the idealised accuracy then 1 without meaning.
    """
    draw = np.random.default_rng(seed)
    alpha = draw.beta(wins + 0.5, votes - wins + 0.5, (draws, len(wins)))
    alpha = np.clip(alpha, 1e-12, 1.0 - 1e-12)
    return np.log(alpha) - np.log1p(-alpha)


def four_groups(before: Floats, after: Floats) -> dict[str, int]:
    """Counts of pairs by (right before, right after); a tie counts as wrong here."""
    was, now = before == 1.0, after == 1.0
    return {
        "right and stayed right": int((was & now).sum()),
        "wrong and turned right": int((~was & now).sum()),
        "right and turned wrong": int((was & ~now).sum()),
        "wrong and stayed wrong": int((~was & ~now).sum()),
    }
