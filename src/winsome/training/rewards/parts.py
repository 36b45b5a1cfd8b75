"""Accuracy on parts of held-out pairs: by how much longer the better answer is, by how far the model rates them apart, by how far the
data do. A model that knows length alone is right where the better answer is longer, and wrong where it is shorter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import bool_, float64, int32
    from numpy.typing import NDArray

ALIKE = 0.1
"""Share of the longer answer's characters up to which two are as long."""
PARTS = 3
SHORTER = "shorter"


@dataclass(frozen=True)
class Slice:
    """Of `pairs` pairs to `prompts` prompts, ties a half: accuracy with its 95% interval, clustered by prompt."""

    name: str
    pairs: int
    prompts: int
    accuracy: float
    interval: tuple[float, float]

    def line(self) -> str:
        low, high = self.interval
        return (
            f"{self.name} {100 * self.accuracy:.1f}% ({100 * low:.1f} to {100 * high:.1f}%, n = {self.pairs})"
        )


@dataclass(frozen=True)
class Parts:
    """by_length: pairs whose better answer is longer, as long, or shorter; by_gap: by how far the model rates them apart, from the
    least to the most; by_margin: by how far the data do (`margin`, or the difference of scores; none without).

    length_correlation: Pearson's, of differences in rating and in characters, with Fisher's 95% interval for as many pairs as
    prompts; null where either never differs.
    """

    by_length: tuple[Slice, ...]
    by_gap: tuple[Slice, ...]
    by_margin: tuple[Slice, ...]
    prompts: int
    length_correlation: float | None
    length_correlation_interval: tuple[float, float] | None

    def lines(self) -> list[str]:
        """What a user is told."""
        told = [_told("length", self.by_length)]
        shorter = next((part for part in self.by_length if part.name == SHORTER), None)
        if shorter is not None and shorter.interval[1] < 0.5:
            told.append(
                "it is wrong more often than right where the better answer is the shorter one: it rates length"
            )
        if self.length_correlation is not None and self.length_correlation_interval:
            low, high = self.length_correlation_interval
            told.append(
                f"held out: differences in rating and in length correlate by {self.length_correlation:.2f} ({low:.2f} to {high:.2f}, "
                f"n = {self.prompts} prompts)"
            )
        told.append(_told("how far it rates them apart", self.by_gap))
        return told + ([_told("margin of the data", self.by_margin)] if self.by_margin else [])


def _told(about: str, slices: Sequence[Slice]) -> str:
    return f"held out by {about}: {', '.join(part.line() for part in slices)}"


def parts_of(
    right: NDArray[float64],
    gaps: NDArray[float64],
    lengths: NDArray[float64],
    margins: NDArray[float64] | None,
    cluster: NDArray[int32],
) -> Parts:
    """The parts of n >= 1 pairs: `right` [n] 1, 0 or a half; `gaps` [n] in rating, `lengths` [n, 2] in characters, the better answer
    first; `margins` [n] of the data; `cluster` [n] the prompt."""
    import numpy as np

    prompts = len(np.unique(cluster))
    found = correlation(gaps, lengths[:, 0] - lengths[:, 1], prompts)
    return Parts(
        by_length(right, lengths, cluster),
        by_size(right, np.abs(gaps), cluster),
        () if margins is None else by_size(right, margins, cluster),
        prompts,
        None if found is None else found[0],
        None if found is None else found[1],
    )


def by_length(
    right: NDArray[float64], lengths: NDArray[float64], cluster: NDArray[int32]
) -> tuple[Slice, ...]:
    """Slices of pairs whose better answer is longer, as long, or shorter; `lengths` [n, 2] in characters, the better one's first."""
    import numpy as np

    apart = (lengths[:, 0] - lengths[:, 1]) / np.maximum(lengths.max(1), 1.0)
    parts = {"better one longer": apart > ALIKE, "as long": np.abs(apart) <= ALIKE, SHORTER: apart < -ALIKE}
    return tuple(_slice(name, right, cluster, held) for name, held in parts.items() if held.any())


def by_size(right: NDArray[float64], size: NDArray[float64], cluster: NDArray[int32]) -> tuple[Slice, ...]:
    """Slices of equal numbers of pairs, from the least of `size` [n] to the most; equal sizes stay together."""
    import numpy as np

    edges = np.quantile(size, [part / PARTS for part in range(1, PARTS)]) if len(size) else np.zeros(0)
    place = np.searchsorted(edges, size, side="right")
    found: list[Slice] = []
    for part in np.unique(place):
        held = place == part
        found.append(_slice(f"{size[held].min():.2g} to {size[held].max():.2g}", right, cluster, held))
    return tuple(found)


def correlation(a: NDArray[float64], b: NDArray[float64], n: int) -> tuple[float, tuple[float, float]] | None:
    """Pearson's correlation with Fisher's 95% interval for `n` independent pairs; None where it has none."""
    import numpy as np

    if n < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    found = float(np.corrcoef(a, b)[0, 1])
    z, reach = math.atanh(min(max(found, -0.999999), 0.999999)), 1.959964 / math.sqrt(n - 3)
    return found, (math.tanh(z - reach), math.tanh(z + reach))


def _slice(name: str, right: NDArray[float64], cluster: NDArray[int32], held: NDArray[bool_]) -> Slice:
    import numpy as np

    from winsome.standings.intervals import clustered_mean, score_interval

    found = clustered_mean(right[held], np.ones(int(held.sum())), cluster[held])
    return Slice(
        name, int(held.sum()), len(np.unique(cluster[held])), float(right[held].mean()), score_interval(found)
    )
