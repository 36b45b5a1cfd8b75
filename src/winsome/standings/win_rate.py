"""Win rate: the mean share of a contender, with ties a half, against a baseline or over all its opponents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.bootstrap import bootstrap_win_rates, percentile_interval
from winsome.standings.columns import Floats
from winsome.standings.intervals import (
    KINDS,
    ClusteredMean,
    IntervalKind,
    bayes_interval,
    check_level,
    clustered_mean,
    clustered_quantile,
    score_interval,
    wald_interval,
)
from winsome.standings.sides import ClusterBy, Sided, check_rankable, sided
from winsome.standings.table import Standings
from winsome.standings.tabulate import Figure, tabulate, with_groups


def win_rate(
    battles: Battles,
    *,
    baseline: str | None = None,
    cluster: ClusterBy = "prompt",
    interval: IntervalKind = "sandwich",
    level: float = 0.95,
    by: Literal["category"] | None = None,
    baseline_row: bool = True,
    replicates: int = 1000,
    seed: int = 0,
) -> Standings:
    """Win rates in per cent: the weighted mean share against `baseline`, or the mean over opponents without one.

    Each row carries `discrete_win_rate` beside the estimate (a share above a half counts 1, below 0, a half 1/2), n
    clusters, counts by outcome and possible ranks (pairwise score tests, Holm). standard_error is
    std(ddof=1) / sqrt(n) where clusters are single rows. The baseline's own row is 50 with standard error 0.
    A contender that never met the baseline, or not all opponents, is named in the warnings and has no estimate.
    cluster: rows of one prompt (or annotator) count as dependent; "none" takes rows as independent.
    interval: sandwich (the score interval of `intervals`), wald, bayes, or bootstrap over clusters (`replicates`, `seed`).
    Raises BadInput for an unknown baseline or setting, several aspects, or no scored battle.
    """
    check_level(level)
    if interval not in KINDS:
        raise BadInput(f"interval {interval!r} is unknown; use {', '.join(KINDS)}")
    check_rankable(battles)
    base = None if baseline is None else battles.code_of(baseline)

    def standings(part: Battles, group: str) -> Standings:
        views = sided(part, cluster)
        present = [code for code, view in enumerate(views) if len(view.share)]
        unmet = _unmet(views, present, base)
        views = [view.against(None if code == base else base) for code, view in enumerate(views)]
        spread = None
        if interval == "bootstrap":
            spread = bootstrap_win_rates(part, cluster, baseline=base, replicates=replicates, seed=seed)
        warnings = _unmet_warning(part.names, unmet, base)
        figures: dict[int, Figure] = {}
        for code in present:
            if code == base:
                continue
            if code in unmet:
                figures[code] = Figure(None)
                continue
            mean, discrete = means(views[code])
            limits = _limits(mean, interval, level, None if spread is None else spread[:, code])
            if not limits[0] < limits[1]:
                limits = score_interval(mean, level)
                warnings.append(
                    f"{part.names[code]}: {interval} finds no spread; the score interval stands instead"
                )
            figures[code] = Figure(mean, limits, {"discrete_win_rate": 100 * discrete})
        return tabulate(
            part,
            "win-rate",
            views,
            figures,
            baseline=base,
            baseline_row=baseline_row,
            level=level,
            interval=interval,
            group=group,
            warnings=warnings,
        )

    return with_groups(battles, standings, by)


def means(view: Sided) -> tuple[ClusteredMean, float]:
    """The mean share with what its interval needs, and the mean of the shares rounded to win, tie and loss."""
    scored = view.take(view.scored)
    rounded = (np.sign(scored.share - 0.5) + 1) / 2
    mean = clustered_mean(scored.share, scored.weight, scored.cluster, scored.opponent)
    return mean, clustered_mean(rounded, scored.weight, scored.cluster, scored.opponent).mean


def _unmet(views: Sequence[Sided], present: Sequence[int], base: int | None) -> dict[int, list[int]]:
    """For each contender without an estimate, the opponents that it should have met and never did."""
    unmet: dict[int, list[int]] = {}
    for code in present:
        expected = [other for other in ([base] if base is not None else present) if other != code]
        met = set(np.unique(views[code].opponent[views[code].scored]).tolist())
        missing = [other for other in expected if other not in met]
        if missing:
            unmet[code] = missing
    return unmet


def _unmet_warning(names: Sequence[str], unmet: dict[int, list[int]], base: int | None) -> list[str]:
    if base is not None:
        return [
            f"{names[code]}: never met the baseline {names[base]} in a scored battle: no estimate"
            for code in unmet
        ]
    pairs = sorted(
        {(min(code, other), max(code, other)) for code, others in unmet.items() for other in others}
    )
    if not pairs:
        return []
    shown = ", ".join(f"{names[i]} and {names[j]}" for i, j in pairs[:3]) + (", .." if len(pairs) > 3 else "")
    return [f"{len(pairs)} pairs never met ({shown}): no mean over opponents; use --method bt or a baseline"]


def _limits(
    mean: ClusteredMean, kind: IntervalKind, level: float, spread: Floats | None
) -> tuple[float, float]:
    if spread is not None:
        # The clusters of a mean hold their shares of its weight: the same quantile as that of its score interval, expanded.
        return percentile_interval(
            spread, level, clustered_quantile(np.arange(mean.n, dtype=np.int32), mean.weights, level)
        )
    if kind == "wald":
        return wald_interval(mean, level)
    return bayes_interval(mean, level) if kind == "bayes" else score_interval(mean, level)
