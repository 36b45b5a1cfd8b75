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
    score_interval,
    score_p_value,
    wald_interval,
)
from winsome.standings.ranking import decided_pairs, decision, possible_ranks, share_difference_p_values
from winsome.standings.sides import ClusterBy, Sided, by_category, check_rankable, dropped, pooled, sided
from winsome.standings.table import Row, Standings


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
    standings = _standings(battles, base, cluster, interval, level, baseline_row, replicates, seed)
    if by is None:
        return standings
    groups: dict[str, tuple[Row, ...]] = {}
    warnings = list(standings.warnings)
    for label, part in by_category(battles):
        found = _standings(part, base, cluster, interval, level, baseline_row, replicates, seed, label)
        groups[label] = found.rows
        warnings += [f"{label}: {warning}" for warning in found.warnings if warning not in standings.warnings]
    return Standings(
        **{
            name: getattr(standings, name)
            for name in ("method", "rows", "baseline", "level", "interval", "dropped")
        },
        decisions=standings.decisions,
        groups=groups,
        warnings=tuple(warnings),
    )


def _standings(
    battles: Battles,
    base: int | None,
    cluster: ClusterBy,
    interval: IntervalKind,
    level: float,
    baseline_row: bool,
    replicates: int,
    seed: int,
    group: str = "",
) -> Standings:
    views = sided(battles, cluster)
    present = [code for code, view in enumerate(views) if len(view.share)]
    unmet = _unmet(views, present, base)
    views = [view.against(None if code == base else base) for code, view in enumerate(views)]
    means = [
        None if code == base or code in unmet or code not in present else _mean(view)
        for code, view in enumerate(views)
    ]
    spread = None
    if interval == "bootstrap":
        spread = bootstrap_win_rates(battles, cluster, baseline=base, replicates=replicates, seed=seed)
    warnings = [*battles.notes, *pooled(battles), *_unmet_warning(battles.names, unmet, base)]
    rows: list[Row] = []
    decisions: list[str] = []
    for code, ranks in zip(present, _ranks(means, base, baseline_row, level, present), strict=True):
        name, mean = battles.names[code], means[code]
        if code == base:
            if baseline_row:
                rows.append(_baseline_row(name, views[code], ranks, group))
            continue
        limits = None
        if mean is not None:
            limits = _limits(mean, interval, level, None if spread is None else spread[:, code])
            if interval == "bootstrap" and limits[1] - limits[0] <= 0:
                limits = score_interval(mean, level)
                warnings.append(f"{name}: the bootstrap has no spread; the score interval stands instead")
            if mean.few_clusters:
                warnings.append(
                    f"{name}: few effective clusters ({mean.effective_clusters:.1f} of {mean.n}, {mean.rarer} hold the "
                    f"rarer outcome): the interval may cover less than {100 * level:g}%"
                )
            sentence = decision(name, mean, level) if base is not None or len(present) == 2 else None
            decisions += [] if sentence is None else [sentence]
        rows.append(_row(name, views[code], mean, limits, ranks, group))
    return Standings(
        method="win-rate",
        rows=tuple(
            sorted(rows, key=lambda row: (row.estimate is None, -(row.estimate or 0.0), row.contender))
        ),
        baseline=None if base is None else battles.names[base],
        level=level,
        interval=interval,
        dropped=dropped(battles),
        warnings=tuple(warnings),
        decisions=tuple(decisions),
    )


def _mean(view: Sided) -> ClusteredMean:
    scored = view.take(view.scored)
    return clustered_mean(scored.share, scored.weight, scored.cluster, scored.opponent)


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
        return percentile_interval(spread, level)
    if kind == "wald":
        return wald_interval(mean, level)
    return bayes_interval(mean, level) if kind == "bayes" else score_interval(mean, level)


def _ranks(
    means: Sequence[ClusteredMean | None],
    base: int | None,
    baseline_row: bool,
    level: float,
    present: Sequence[int],
) -> list[tuple[int, ...]]:
    """The possible ranks of the contenders that are present."""
    p_values = share_difference_p_values(means)
    estimates = np.array([np.nan if mean is None else mean.mean for mean in means])
    if base is not None and baseline_row:
        estimates[base] = 0.5
        against = np.array([np.nan if mean is None else score_p_value(mean) for mean in means])
        p_values[base, :] = p_values[:, base] = against
    ranks = possible_ranks(estimates, decided_pairs(p_values, level))
    return [ranks[code] for code in present]


def _row(
    name: str,
    view: Sided,
    mean: ClusteredMean | None,
    limits: tuple[float, float] | None,
    ranks: tuple[int, ...],
    group: str,
) -> Row:
    scored = view.take(view.scored)
    if mean is None or limits is None:
        clusters = len(np.unique(scored.cluster))
        return Row(name, None, None, None, None, clusters, len(scored.share), view.counts(), (), {}, group)
    discrete = clustered_mean(
        (np.sign(scored.share - 0.5) + 1) / 2, scored.weight, scored.cluster, scored.opponent
    )
    return Row(
        contender=name,
        estimate=100 * mean.mean,
        standard_error=100 * mean.standard_error,
        low=100 * limits[0],
        high=100 * limits[1],
        n=mean.n,
        battles=len(scored.share),
        counts=view.counts(),
        ranks=ranks,
        extra={"discrete_win_rate": 100 * discrete.mean},
        group=group,
    )


def _baseline_row(name: str, view: Sided, ranks: tuple[int, ...], group: str) -> Row:
    scored = view.take(view.scored)
    n = len(np.unique(scored.cluster))
    extra = {"discrete_win_rate": 50.0}
    return Row(name, 50.0, 0.0, 50.0, 50.0, n, len(scored.share), view.counts(), ranks, extra, group)
