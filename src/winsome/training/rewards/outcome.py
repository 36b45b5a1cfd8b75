"""What a reward model is worth on pairs that it never saw, beside two judges that read nothing: the longer answer, and a coin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput, Fatal
from winsome.matchmaking.loops import finish
from winsome.protocols import Judge, Run, Scorer
from winsome.records import Match, Prompt, Response, Side, Verdict, assistant, digest
from winsome.training.examples import ROLES, Examples
from winsome.training.rewards.parts import Parts, parts_of
from winsome.training.rewards.regression import shares

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from winsome.training.objective import Objective

SAME = 1e-6
"""Ratings closer than this, for their size, are one."""
BINS = 10


@dataclass(frozen=True)
class RewardOutcome:
    """Of `pairs` held-out pairs of `prompts` prompts. Shares are of pairs, ties a half; intervals are 95%, clustered by prompt.

    accuracy: pairs whose better answer is rated higher; ties: rated alike. longer: accuracy of preferring the longer answer.
    above_longer: accuracy less that of the longer answer, paired. log_loss in nats (a coin has 0.6931), slope: the factor on
    rating differences that would make them log-odds (1 is calibrated), calibration_error: mean distance of chance and share
    over ten bins; null for ratings that are no log-odds. correlation: Pearson's, of rating and target over `answers`, null
    without targets. unread: further pairs of which an answer does not fit the model's context. mean, spread: of the ratings of all
    answers, null where there are none but comparisons.
    parts: accuracy on parts of the pairs, null without pairs.
    """

    pairs: int
    prompts: int
    answers: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    ties: int
    longer: float | None
    longer_interval: tuple[float, float] | None
    above_longer_interval: tuple[float, float] | None
    log_loss: float | None
    slope: float | None
    calibration_error: float | None
    correlation: float | None
    unread: int
    mean: float | None
    spread: float | None
    parts: Parts | None = None

    def lines(self) -> list[str]:
        """What a user is told."""
        told: list[str] = []
        if self.accuracy is not None and self.accuracy_interval and self.longer_interval:
            told.append(
                f"held out: accuracy {_percent(self.accuracy, self.accuracy_interval)}, ties {self.ties} (n = {self.pairs} pairs, "
                f"{self.prompts} prompts)"
            )
            assert self.longer is not None
            assert self.above_longer_interval is not None
            beats = self.above_longer_interval[0] > 0
            told.append(
                f"held out: the longer answer {_percent(self.longer, self.longer_interval)}; "
                f"{'better' if beats else 'NOT better'} than it ({100 * self.above_longer_interval[0]:+.1f} to "
                f"{100 * self.above_longer_interval[1]:+.1f} points, paired)"
            )
        told += self.parts.lines() if self.parts is not None else []
        if self.log_loss is not None and self.calibration_error is not None:
            slope = "" if self.slope is None else f", slope {self.slope:.2f} (1 is calibrated)"
            told.append(
                f"held out: log loss {self.log_loss:.4f} (a coin 0.6931){slope}, calibration error {100 * self.calibration_error:.1f} points"
            )
        if self.correlation is not None:
            told.append(
                f"held out: correlation with the target {self.correlation:.3f} (n = {self.answers} answers)"
            )
        if self.mean is not None and self.spread is not None:
            told.append(f"ratings: mean {self.mean:.3f}, standard deviation {self.spread:.3f}")
        return told


def _percent(share: float, interval: tuple[float, float]) -> str:
    return f"{100 * share:.1f}% ({100 * interval[0]:.1f} to {100 * interval[1]:.1f}%)"


def measured(name: str, objective: Objective, held: Examples, run: Run) -> RewardOutcome:
    """The outcome of the model that `name` opens, on held-out pairs, or on rated answers, of which those to one prompt are paired.

    Raises Fatal where it rates everything alike, or gives a rating that is not finite.
    """
    import numpy as np

    sides, pairs, targets, margins = _units(held, objective)
    if not sides:
        raise BadInput(f"{held.source}: nothing is held out; give more prompts, or a file with --held-out")
    if objective.name.startswith("general_preference"):
        ratings = None
        gaps = _compared(name, sides, pairs, run)
    else:
        ratings = _ratings(name, sides, run)
        gaps = np.array([ratings[a] - ratings[b] for a, b in pairs])
    read = np.isfinite(gaps)
    unread = int((~read).sum())
    pairs, gaps = [pair for pair, held_ in zip(pairs, read, strict=True) if held_], gaps[read]
    margins = None if margins is None else margins[read]
    lengths = np.array([[len(sides[i][1].text) for i in pair] for pair in pairs], float).reshape(-1, 2)
    longer = np.sign(lengths[:, 0] - lengths[:, 1])
    asked = [sides[a][0].id for a, _ in pairs]
    cluster = np.unique(asked, return_inverse=True)[1].astype(np.int32) if pairs else np.zeros(0, np.int32)
    right, by_length = (np.sign(gaps) + 1) / 2, (longer + 1) / 2
    logodds = pairs and objective.name.partition("?")[0] != "regression"
    correlation = None
    if ratings is not None:
        rated = np.isfinite(ratings)
        if targets is not None and np.ptp(targets[rated]) > 0:
            correlation = float(np.corrcoef(ratings[rated], targets[rated])[0, 1])
        ratings = ratings[rated]
    low, high = _interval((right - by_length + 1) / 2, cluster) if pairs else (0.0, 0.0)
    return RewardOutcome(
        pairs=len(pairs),
        prompts=len(set(asked)) if pairs else len({prompt.id for prompt, _ in sides}),
        answers=len(sides),
        accuracy=float(right.mean()) if pairs else None,
        accuracy_interval=_interval(right, cluster) if pairs else None,
        ties=int((gaps == 0).sum()) if pairs else 0,
        longer=float(by_length.mean()) if pairs else None,
        longer_interval=_interval(by_length, cluster) if pairs else None,
        above_longer_interval=(2 * low - 1, 2 * high - 1) if pairs else None,
        log_loss=float(np.logaddexp(0.0, -gaps).mean()) if logodds else None,
        slope=_slope(gaps) if logodds else None,
        calibration_error=calibration_error(gaps) if logodds else None,
        correlation=correlation,
        unread=unread,
        mean=None if ratings is None else float(ratings.mean()),
        spread=None if ratings is None else float(ratings.std(ddof=1)) if len(ratings) > 1 else 0.0,
        parts=parts_of(right, gaps, lengths, margins, cluster) if pairs else None,
    )


Said = tuple[Prompt, Response]


def _units(
    held: Examples, objective: Objective
) -> tuple[list[Said], list[tuple[int, int]], NDArray[float64] | None, NDArray[float64] | None]:
    """The answers, the pairs of their numbers (the better first), what each should be rated, and how far each pair lies apart, where
    that is known."""
    import numpy as np

    sides: list[Said] = []
    pairs: list[tuple[int, int]] = []
    margins: list[float | None] = []
    if held.form == "pairs":
        for row in held.rows:
            first = len(sides)
            sides += [(side.prompt, _answer(side.prompt, side.text)) for side in row.sides]
            if row.sides[0] != row.sides[1]:
                pairs.append((first, first + 1))
                margins.append(_margin(row.numbers))
        known = [margin for margin in margins if margin is not None]
        return sides, pairs, None, np.array(known) if known and len(known) == len(pairs) else None
    attributes = tuple(objective.settings["attributes"])
    weights = shares(attributes, tuple(objective.settings["attribute_weights"]))
    targets: list[float] = []
    by_prompt: dict[str, list[int]] = {}
    for row in held.rows:
        (side,) = row.sides
        by_prompt.setdefault(side.prompt.id, []).append(len(sides))
        sides.append((side.prompt, _answer(side.prompt, side.text)))
        targets.append(sum(w * row.numbers[name] for name, w in zip(attributes, weights, strict=True)))
    for numbers in by_prompt.values():
        pairs += [(i, j) for i in numbers for j in numbers if targets[i] > targets[j]]
    return sides, pairs, np.array(targets), np.array([targets[i] - targets[j] for i, j in pairs])


def _margin(numbers: Mapping[str, float]) -> float | None:
    """How far the data say that a pair lies apart."""
    if "margin" in numbers:
        return numbers["margin"]
    scores = [numbers.get(f"score_{role}") for role in ROLES["pairs"]]
    return None if scores[0] is None or scores[1] is None else scores[0] - scores[1]


def _answer(prompt: Prompt, text: str) -> Response:
    return Response(prompt.id, "held-out", digest([prompt.id, text]), messages=(assistant(text),))


def _ratings(name: str, sides: Sequence[Said], run: Run) -> NDArray[float64]:
    import numpy as np

    scorer: Any = run.open(name, Scorer)
    found = finish(scorer.score([prompt for prompt, _ in sides], [answer for _, answer in sides]))
    values = np.array(found.values)
    _check_finite(name, list(found.reasons.values()), bool(np.isfinite(values).any()))
    seen = values[np.isfinite(values)]
    if np.ptp(seen) <= SAME * (1.0 + np.abs(seen).max()):
        raise Fatal(
            f"{name[:80]}: rates all {len(seen)} held-out answers {seen[0]:.4g}; raise --rate or --epochs, or mend the data"
        )
    return values


def _check_finite(name: str, reasons: Sequence[str], any_read: bool) -> None:
    """Raises Fatal where the model breaks down, or reads nothing of what is held out."""
    broken = next((reason for reason in reasons if "not finite" in reason), None)
    if broken is not None or not any_read:
        why = broken or next(iter(reasons), "nothing was read")
        raise Fatal(
            f"{name[:80]}: gives no rating of held-out answers ({why[:60]}); lower --rate or mend the data"
        )


def _compared(
    name: str, sides: Sequence[Said], pairs: Sequence[tuple[int, int]], run: Run
) -> NDArray[float64]:
    """Log-odds of the first answer of each pair."""
    import numpy as np

    judge: Any = run.open(name, Judge)
    matches = [
        Match(sides[a][0], (Side("chosen", sides[a][1], 0), Side("rejected", sides[b][1], 1)))
        for a, b in pairs
    ]

    async def heard() -> dict[str, Verdict]:
        return {verdict.match: verdict async for verdict in judge.judge(matches)}

    found = finish(heard())
    said = [found[match.id] for match in matches]
    chances = np.array([one.scores[0] if one.scores else math.nan for one in said])
    seen = chances[np.isfinite(chances)]
    _check_finite(name, [one.reason for one in said if not one.scores], len(seen) > 0)
    if (np.abs(seen - 0.5) <= SAME).all():
        raise Fatal(f"{name[:80]}: finds all {len(seen)} held-out pairs equal; raise --rate or --epochs")
    held = chances.clip(1e-12, 1.0 - 1e-12)
    return np.log(held) - np.log1p(-held)


def _interval(share: NDArray[float64], cluster: Any) -> tuple[float, float]:
    import numpy as np

    from winsome.standings.intervals import clustered_mean, score_interval

    return score_interval(clustered_mean(share, np.ones(len(share)), cluster))


def _slope(gaps: NDArray[float64]) -> float | None:
    """None where every pair is right or none is, so that no factor is best."""
    import numpy as np

    from winsome.scorers.preference_fit import calibration_slope

    if (gaps > 0).all() or (gaps < 0).all():
        return None
    return calibration_slope(gaps, np.ones(len(gaps)), np.ones(len(gaps)))


def calibration_error(gaps: NDArray[float64]) -> float:
    """Expected calibration error: mean over pairs of |chance - share right| of the pair's tenth of [0.5, 1], in [0, 1].

    gaps: log-odds [n] of the answer that is better; the favourite's chance is that of |gap|. Source: Naeini et al. 2015.
    """
    import numpy as np

    chance = 1.0 / (1.0 + np.exp(-np.abs(gaps)))
    right = (np.sign(gaps) + 1) / 2
    places = np.minimum(((chance - 0.5) * 2 * BINS).astype(int), BINS - 1)
    total = 0.0
    for place in np.unique(places):
        held = places == place
        total += held.sum() * abs(chance[held].mean() - right[held].mean())
    return float(total / len(gaps))
