"""How far a length-controlled figure can be trusted: whether it extrapolates, and how far one prompt alone moves it.

Without cluster g the gradient at the fitted coefficients b is -s_g, s_g the cluster's summed scores, and the information is
H - H_g; one Newton step gives b_g = b - (H - H_g)^-1 s_g, and the mean prediction over the other rows follows to first order.
Source: Pregibon 1981, "Logistic regression diagnostics".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from winsome.standings.battles import Battles
from winsome.standings.columns import Floats, Ints, sums
from winsome.standings.intervals import ClusteredMean
from winsome.standings.sides import Sided
from winsome.standings.table import Extra

EXTRAPOLATION = 0.95
"""From this share of longer (or shorter) answers on, the figure at equal length is an extrapolation."""

SINGULAR = 1e-12
"""Information whose determinant falls to this share without a prompt leaves coefficients that nothing tells."""


def without_each(
    design: Floats, equal: Floats, weight: Floats, share: Floats, chance: Floats, prediction: Floats,
    information: Floats, free: Floats, cluster: Ints, clusters: int,
) -> Floats:  # fmt: skip
    """[clusters] the weighted mean prediction at `equal` that is left when one cluster is dropped; NaN where nothing is.

    design, equal: features as they are and at equal covariates, [rows, p]; weight, share, chance (fitted) and prediction
    (at equal): [rows]; information: [p, p], of all rows that entered the fit; free: [p] 1 for coefficients that move, 0
    for those that a penalty holds at zero; cluster: codes without gaps [rows].
    """

    def by_cluster(columns: Floats) -> Floats:
        return np.stack([sums(cluster, column, clusters) for column in columns.T], axis=1)

    size = design.shape[1]
    scores = by_cluster(design * (weight * (share - chance))[:, None]) * free
    bend = design.T * (weight * chance * (1.0 - chance))
    own = by_cluster((bend[:, None] * design.T).reshape(size * size, -1).T).reshape(clusters, size, size)
    kept, held = free[:, None] * free, np.eye(size) * (1.0 - free)
    left = (information - own) * kept + held
    # The share of the information's volume that is left, whatever the units of the features.
    whole = np.linalg.det(left) > SINGULAR * np.linalg.det(information * kept + held)
    left[~whole] = np.eye(size)
    step = -np.linalg.solve(left, scores[:, :, None])[:, :, 0]
    slopes = equal * (weight * prediction * (1.0 - prediction))[:, None]
    rest = float(weight.sum()) - sums(cluster, weight, clusters)
    total = float(weight @ prediction) - sums(cluster, weight * prediction, clusters)
    moved = ((slopes.sum(0) - by_cluster(slopes)) * step).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = np.where(whole & (rest > 1e-12 * weight.sum()), (total + moved) / rest, np.nan)
    return np.clip(figures, 0.0, 1.0)


def extrapolation(gap: Floats, covariate: str = "length") -> str | None:
    """The flag where nearly all answers lie on one side of the baseline's; None where both sides are there.

    gap: [rows], the baseline's value minus the contender's.
    """
    more, less = (
        ("longer", "shorter") if covariate == "length" else (f"more {covariate}", f"less {covariate}")
    )
    for words, part in ((more, float((gap < 0).mean())), (less, float((gap > 0).mean()))):
        if part >= EXTRAPOLATION:
            verb = "are" if covariate == "length" else "have"
            return f"{100 * part:.0f}% of the answers {verb} {words}: extrapolation"
    return None


def prompt_at(battles: Battles, used: Sided, place: int) -> str:
    """The name of the prompt with this place among those that entered; its first row, from 1, where prompts have none."""
    row = int(used.row[used.cluster == np.unique(used.cluster)[place]].min())
    code = -1 if battles.cluster is None else int(battles.cluster.values[row])
    return f"row {row + 1}" if battles.cluster is None or code < 0 else str(battles.cluster.labels[code])


def doubts(name: str, mean: ClusteredMean, extra: Mapping[str, Extra]) -> list[str]:
    """The warnings on covariates that enter no fit, and on a prompt that alone moves the figure by more than its error."""
    notes = [
        f"{name}: {key.removesuffix('_coefficient')} never differs from the baseline's: it enters no fit"
        for key, value in extra.items()
        if key.endswith("_coefficient") and value is None
    ]
    influence = extra["influence"]
    if isinstance(influence, float) and abs(influence) > 100 * mean.standard_error:
        notes.append(
            f"{name}: without prompt {str(extra['influential_prompt'])[:60]!r} the figure moves by {influence:+.1f} points, "
            "more than its standard error"
        )
    return notes
