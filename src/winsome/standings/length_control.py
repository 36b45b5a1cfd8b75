"""Length-controlled win rate: what the win rate would be if both sides were equally long.

For each contender against the baseline a logistic regression of its share y on x = (tanh z, d, 1), where
z = (length of the baseline's answer - length of the contender's) / its standard deviation (ddof 1), and d the
instruction's difficulty; the figure is the mean of sigmoid(w_d d + w_1), that is at z = 0. Other covariates (markdown
marks) enter as length does. Where the difficulty was not estimated there is no such term.
Source: Dubois et al. 2024, "Length-controlled AlpacaEval", and the model as published there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from winsome.errors import BadInput
from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, dense, sums
from winsome.standings.intervals import ClusteredMean, check_level
from winsome.standings.laws import expit
from winsome.standings.length_diagnostics import doubts, extrapolation, prompt_at, without_each
from winsome.standings.logistic import Likelihood, choose_penalty, fit_l1, fit_newton
from winsome.standings.sides import ClusterBy, Sided, check_rankable, sided
from winsome.standings.table import Extra, Standings
from winsome.standings.tabulate import Figure, tabulate, with_groups
from winsome.standings.win_rate import means


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was measured once for a suite and judge: difficulties, and the baseline's own gamed versions.

    difficulty: by prompt. The gamed rows [rows] (the baseline told to be verbose or concise, against itself) hold the
    fit near a pure length effect: they enter with `weight` each and features (tanh length, difficulty, 0).
    sums: (sum y tanh z, sum y d) over them, all that the likelihood needs; shares: their y, needed only to choose C.
    """

    difficulty: Mapping[str, float]
    gamed_length: Floats
    gamed_difficulty: Floats
    sums: tuple[float, float]
    shares: Floats | None = None
    weight: float = 0.1


def length_controlled(
    battles: Battles,
    *,
    baseline: str,
    covariates: Sequence[str] = ("length",),
    calibration: Calibration | None = None,
    penalty: Literal["none", "l1", "l1-cv"] = "none",
    c: float = 21.544346900318832,
    cluster: ClusterBy = "prompt",
    level: float = 0.95,
    by: Literal["category"] | None = None,
    baseline_row: bool = True,
) -> Standings:
    """Win rates in per cent against `baseline` at equal `covariates`, with score intervals from the fit's sandwich.

    Each row carries win_rate and discrete_win_rate, length_coefficient with its error (negative: longer answers win),
    longer and shorter (shares of the answers, against the baseline's), extrapolation (the words of the flag where nearly all
    are on one side, else None), influence (the largest change of the figure, in points, when one prompt is dropped, by one
    step of the fit) with influential_prompt, and lc_standard_error, the published std(prediction) / sqrt(n), which leaves
    the error of the fit out (None without difficulties, where all predictions are one). A covariate that never differs enters no fit and has no coefficient. penalty: none; l1 with `c`, the inverse strength of
    scikit-learn; l1-cv picks it by 5-fold cross-validation from ten values in 1e-4 .. 1e4 (needs the gamed labels).
    A contender has no estimate, and a warning says so, where its fit is not identified: separation, or every answer on
    one side of the baseline's length and no gamed rows. Raises BadInput for a covariate or a difficulty that is missing.
    """
    check_level(level)
    check_rankable(battles)
    base = battles.code_of(baseline)
    if not covariates:
        raise BadInput("length control without a covariate; name one, as in --control length")
    if penalty not in ("none", "l1", "l1-cv"):
        raise BadInput(f"penalty {penalty!r} is unknown; use none, l1 or l1-cv")
    if penalty == "l1-cv" and (calibration is None or calibration.shares is None):
        raise BadInput("penalty l1-cv needs the labels of the gamed rows; give the original df_gamed.csv")
    if penalty == "l1" and not 0 < c < np.inf:
        raise BadInput(f"C {c} is not a positive number")

    def standings(part: Battles, group: str) -> Standings:
        gaps = np.stack([part.difference(name) for name in covariates], axis=1)
        difficulty = None if calibration is None else _difficulty(part, calibration)
        views = [
            view.against(None if code == base else base) for code, view in enumerate(sided(part, cluster))
        ]
        figures: dict[int, Figure] = {}
        notes: list[str] = []
        for code, view in enumerate(views):
            if code == base or not len(view.share):
                continue
            used = view.take(view.scored)
            hard = None if difficulty is None else difficulty[used.row]
            gap = gaps[used.row] * np.where(used.first, -1.0, 1.0)[:, None]
            try:
                mean, extra, changes = _fitted(used, gap, hard, covariates, calibration, penalty, c)
            except _NotIdentified as reason:
                figures[code] = Figure(None)
                notes.append(
                    f"{part.names[code]}: not identified, no figure at equal {covariates[0]}: {reason}"
                )
                continue
            flags = [extrapolation(gap[:, place], name) for place, name in enumerate(covariates)]
            most = int(np.argmax(np.abs(changes)))
            extra |= {
                "extrapolation": flags[0],
                "influence": float(100 * changes[most]),
                "influential_prompt": prompt_at(part, used, most),
            }
            figures[code] = Figure(mean, None, extra)
            notes += [f"{part.names[code]}: {flag}" for flag in flags if flag is not None]
            notes += doubts(part.names[code], mean, extra)
        return tabulate(
            part,
            "lc",
            views,
            figures,
            baseline=base,
            baseline_row=baseline_row,
            level=level,
            group=group,
            warnings=notes,
        )

    return with_groups(battles, standings, by)


class _NotIdentified(Exception):
    pass


def _fitted(
    used: Sided,
    gap: Floats,
    difficulty: Floats | None,
    covariates: Sequence[str],
    calibration: Calibration | None,
    penalty: str,
    c: float,
) -> tuple[ClusteredMean, dict[str, Extra], Floats]:
    """The figure of one contender, its further columns, and by how much it changes without each prompt [prompts].

    gap: [rows, covariates], baseline's value minus the contender's; difficulty: [rows].
    """
    if not len(used.share):
        raise _NotIdentified("it never met the baseline in a scored battle")
    if np.isnan(gap).any():
        lacking = int(np.isnan(gap).any(1).sum())
        raise BadInput(
            f"{lacking} of {len(gap)} battles lack {' or '.join(covariates)}; drop them or fill it in"
        )
    if calibration is None and ((gap > 0).all(0) | (gap < 0).all(0)).any():
        raise _NotIdentified(
            "every answer is on one side of the baseline's length and there are no gamed rows"
        )
    # With gamed rows a length that never differs still has its coefficient, from them.
    kept = [place for place in range(len(covariates)) if calibration is not None or gap[:, place].any()]
    design = _design(gap[:, kept], difficulty, dense(used.cluster)[1])
    likelihood = Likelihood(design, used.weight, design.T @ (used.weight * used.share))
    if calibration is not None:
        likelihood = likelihood.with_rows(*_gamed_rows(calibration, design.shape[1]))
    if penalty == "l1-cv" and calibration is not None and calibration.shares is not None:
        gamed, gamed_weights, _ = _gamed_rows(calibration, design.shape[1])
        c, weights = choose_penalty(
            np.concatenate([gamed, design]),
            np.concatenate([calibration.shares, used.share]),
            np.concatenate([gamed_weights, used.weight]),
        )
    else:
        weights = fit_newton(likelihood) if penalty == "none" else fit_l1(likelihood, c)
    if weights is None:
        raise _NotIdentified(
            "a side won wherever its answer was longer or shorter, or won everything (separation)"
        )
    raw, discrete = means(used)
    mean, errors, prediction, changes = _at_equal(used, raw, design, likelihood, weights, len(kept), penalty)
    extra: dict[str, Extra] = {
        "win_rate": 100 * raw.mean,
        "discrete_win_rate": 100 * discrete,
        "lc_standard_error": float(100 * prediction.std(ddof=1) / np.sqrt(len(prediction)))
        if len(prediction) > 1 and difficulty is not None
        else None,
    }
    for place, name in enumerate(covariates):
        at = kept.index(place) if place in kept else None
        extra[f"{name}_coefficient"] = None if at is None else float(weights[at])
        extra[f"{name}_coefficient_error"] = None if at is None else float(errors[at])
    extra["longer"], extra["shorter"] = float((gap[:, 0] < 0).mean()), float((gap[:, 0] > 0).mean())
    if penalty != "none":
        extra["c"] = c
    return mean, extra, changes


def _design(gap: Floats, difficulty: Floats | None, prompts: int) -> Floats:
    """[rows, p]: tanh of each standardised gap (its sign where all are equal), the difficulty where there is one, and 1."""
    # Of prompts, not of rows: copies of a prompt's rows leave the scale, and so the figure, where it is.
    spread = gap.std(0) * np.sqrt(prompts / (prompts - 1)) if prompts > 1 else np.zeros(gap.shape[1])
    columns = [np.where(spread > 0, np.tanh(gap / np.where(spread > 0, spread, 1.0)), np.sign(gap))]
    columns += [] if difficulty is None else [difficulty[:, None]]
    return np.concatenate([*columns, np.ones((len(gap), 1))], axis=1)


def _gamed_rows(calibration: Calibration, features: int) -> tuple[Floats, Floats, Floats]:
    """Design [rows, p], weights [rows] and weighted sums of share x features [p] of the gamed rows."""
    if features != 3:
        raise BadInput("a calibration knows length alone; leave other covariates or the calibration out")
    design = np.stack(
        [
            np.tanh(calibration.gamed_length),
            calibration.gamed_difficulty,
            np.zeros(len(calibration.gamed_length)),
        ],
        axis=1,
    )
    weights = np.full(len(design), calibration.weight)
    totals = (
        np.array([*calibration.sums, 0.0]) if calibration.shares is None else design.T @ calibration.shares
    )
    return design, weights, calibration.weight * totals


def _at_equal(
    used: Sided,
    raw: ClusteredMean,
    design: Floats,
    likelihood: Likelihood,
    weights: Floats,
    covariates: int,
    penalty: str,
) -> tuple[ClusteredMean, Floats, Floats, Floats]:
    """The mean prediction at equal covariates, the coefficients' sandwich errors [p], the predictions [rows], and the change
    of the mean without each prompt [prompts].

    A row moves the mean through its own prediction and through the fit; both are summed by cluster. The gamed rows are
    taken as known. p coefficients cost p degrees of freedom where a mean costs one.
    """
    equal = design.copy()
    equal[:, :covariates] = 0.0
    prediction = expit(equal @ weights)
    share_of_weight = used.weight / used.weight.sum()
    mean = float(share_of_weight @ prediction)
    information, chance = likelihood.information(weights), expit(design @ weights)
    bread = np.linalg.inv(information)
    scores = design * (used.weight * (used.share - chance))[:, None]
    slope = equal.T @ (share_of_weight * prediction * (1.0 - prediction))
    influence = share_of_weight * (prediction - mean) + scores @ bread @ slope
    local, clusters = dense(used.cluster)
    free = np.ones(len(weights)) if penalty == "none" else (weights != 0.0).astype(np.float64)
    without = without_each(
        design, equal, used.weight, used.share, chance, prediction, information, free, local, clusters
    )
    changes = np.nan_to_num(without - mean)
    if clusters <= design.shape[1]:
        # Nothing is left over to tell the spread: the figure is taken to know what one prompt knows.
        sign = np.where(np.arange(clusters) % 2, -1.0, 1.0)
        residuals = sign * np.sqrt(mean * (1.0 - mean) * np.maximum(0.0, 1.0 - raw.weights) / clusters)
        none = np.full(len(weights), np.nan)
        return ClusteredMean(mean, raw.clusters, raw.weights, residuals, raw.rarer), none, prediction, changes
    scale = np.sqrt((clusters - 1) / (clusters - design.shape[1]))
    by_cluster = np.stack([sums(local, column, clusters) for column in scores.T], axis=1)
    errors = scale * np.sqrt(np.diag(bread @ (by_cluster.T @ by_cluster) @ bread))
    residuals = scale * sums(local, influence, clusters)
    return ClusteredMean(mean, raw.clusters, raw.weights, residuals, raw.rarer), errors, prediction, changes


def _difficulty(battles: Battles, calibration: Calibration) -> Floats:
    """The difficulty of each battle's prompt, [rows]."""
    if battles.cluster is None:
        raise BadInput(
            "a calibration needs the prompt of every battle; give prompt_id or leave the calibration out"
        )
    labels = [*battles.cluster.labels, ""]
    by_label = np.array([*map(calibration.difficulty.get, labels)], np.float64)
    found = by_label[battles.cluster.values]
    if np.isnan(found).any():
        row = int(np.argmax(np.isnan(found)))
        name = labels[int(battles.cluster.values[row])]
        raise BadInput(
            f"row {row + 1}: prompt {name!r} has no difficulty in the calibration; use it for its suite only"
        )
    return found
