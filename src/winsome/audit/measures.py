"""A judge beside people, as figures with intervals: agreement, seat, length, ties, consistency, calibration, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from winsome.audit.asked_pairs import Asked
from winsome.audit.people import People
from winsome.errors import BadInput
from winsome.records import Usage, total
from winsome.standings.agreement import (
    Agreement,
    accuracy,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_agreement,
    rating_counts,
)
from winsome.standings.battles import CODE
from winsome.standings.columns import Codes
from winsome.standings.intervals import clustered_mean, score_interval

if TYPE_CHECKING:
    import polars as pl

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Figure = dict[str, Any]

SECOND, TIE, FIRST = 0, 1, 2
"""Labels of a pair, by which answer was preferred."""
BINS = 5
FEWEST = 20
"""Votes of a category below which it is not shown on its own."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Votes and verdicts side by side, only pairs that the judge itself decided.

    pair, vote, cluster: [votes] pair, label and cluster of each vote; label, share: [pairs] the judge's; used: [pairs].
    """

    pair: Ints
    vote: Ints
    cluster: Ints
    label: Ints
    share: Floats
    used: NDArray[np.bool_]
    pair_cluster: Ints
    longer: Floats
    level: float


def compared(people: People, asked: Asked, *, cluster: str = "prompt", level: float = 0.95) -> Compared:
    """The votes on pairs that the judge decided. cluster: prompt, pair or annotator. Raises BadInput where there are none."""
    share = asked.contests.share
    used = asked.contests.scored & ~asked.ruled
    kept = used[people.pair]
    if not kept.any():
        raise BadInput(
            f"{people.name}: the judge gave no verdict on any of these pairs; see what it replies first"
        )
    prompts = Codes.of([pair.prompt.id for pair in people.pairs]).values
    clusters = {
        "prompt": prompts[people.pair],
        "pair": people.pair,
        "annotator": Codes.of([name or f"vote {n}" for n, name in enumerate(people.annotator)]).values,
    }
    if cluster not in clusters:
        raise BadInput(f'cluster "{cluster}" is unknown; use {", ".join(clusters)}')
    lengths = np.array([[len(answer.text) for answer in pair.answers] for pair in people.pairs])
    return Compared(
        pair=people.pair[kept],
        vote=labels(people.share[kept]),
        cluster=clusters[cluster][kept],
        label=labels(share),
        share=share,
        used=used,
        pair_cluster=np.arange(len(used), dtype=np.int32) if cluster == "pair" else prompts,
        longer=np.sign(lengths[:, 0] - lengths[:, 1]).astype(np.float64),
        level=level,
    )


def labels(share: Floats) -> Ints:
    """SECOND, TIE or FIRST by the first answer's share; NaN counts as TIE and must be left out by the caller."""
    with np.errstate(invalid="ignore"):
        return np.where(share > 0.5, FIRST, np.where(share < 0.5, SECOND, TIE)).astype(np.int32)


def rate(values: Floats, cluster: Ints, level: float) -> Figure | None:
    """The mean of shares with its score interval over clusters; None without rows."""
    if not len(values):
        return None
    mean = clustered_mean(values, np.ones(len(values)), cluster)
    low, high = score_interval(mean, level)
    error = mean.standard_error if mean.n > 1 else None
    figure: Figure = {"estimate": mean.mean, "standard_error": error, "low": low, "high": high}
    return figure | {"n": mean.n, "items": len(values), "few": mean.few_clusters}


def agreement(found: Compared) -> Figure:
    """The judge beside single votes and beside the majority, with the agreement of people among themselves.

    accuracy: votes that name a side, a judge's tie counts a half, so a coin has 0.5. same_label: all votes, three labels.
    """
    judged, level = found.label[found.pair], found.level
    named = found.vote != TIE
    figures: Figure = {
        "accuracy": rate(_right(judged[named], found.vote[named]), found.cluster[named], level),
        "same_label": of(accuracy(judged, found.vote, found.cluster, level=level)),
        "cohen_kappa": of(cohen_kappa(judged, found.vote, found.cluster, categories=3, level=level)),
    }
    counts = rating_counts(found.pair, found.vote, len(found.label), 3)
    top = counts.max(1)
    clear = found.used & (top > 0) & ((counts == top[:, None]).sum(1) == 1)
    majority = counts.argmax(1).astype(np.int32)
    decided = clear & (majority != TIE)
    figures["majority_accuracy"] = rate(
        _right(found.label[decided], majority[decided]), found.pair_cluster[decided], level
    )
    figures["people"] = _people(counts, found)
    with_judge = counts.copy()
    with_judge[np.flatnonzero(found.used), found.label[found.used]] += 1
    figures["krippendorff_alpha"] = tried(
        lambda: krippendorff_alpha(with_judge[found.used], found.pair_cluster[found.used], level=level)
    )
    return figures


def _people(counts: Floats, found: Compared) -> Figure | None:
    """The human-human ceiling; None where no pair has two votes."""
    level, clusters = found.level, found.pair_cluster
    if not (counts.sum(1) >= 2).any():
        return None
    return {
        "accuracy": tried(lambda: pairwise_agreement(counts[:, [SECOND, FIRST]], clusters, level=level)),
        "same_label": tried(lambda: pairwise_agreement(counts, clusters, level=level)),
        "fleiss_kappa": tried(lambda: fleiss_kappa(counts, clusters, level=level)),
        "krippendorff_alpha": tried(lambda: krippendorff_alpha(counts, clusters, level=level)),
    }


def _right(judged: Ints, truth: Ints) -> Floats:
    return np.where(judged == TIE, 0.5, (judged == truth).astype(np.float64))


def of(found: Agreement) -> Figure:
    """An agreement under the names that all figures of a card have."""
    values = found.payload()
    del values["coefficient"], values["warnings"]
    return values | {"few": found.few_clusters}


def tried(figure: Callable[[], Agreement]) -> Figure | None:
    """The figure; None where there is too little for it."""
    try:
        return of(figure())
    except BadInput:
        return None


def position(asks: pl.DataFrame, found: Compared) -> Figure:
    """first_seat: how often the answer seen first wins, over single asks; flips: pairs where each order chose another."""
    import polars as pl

    decided = asks.filter(pl.col("verdict").is_not_null() & pl.col("share").is_not_null())
    seat, share = decided["seat_a"].to_numpy(), labels(decided["share"].to_numpy()) / 2.0
    first = np.where(seat == 0, share, 1.0 - share)
    both = (
        decided.group_by("contest", maintain_order=True)
        .agg(
            pl.col("order").n_unique(),
            ((pl.col("share") > 0.5).any() & (pl.col("share") < 0.5).any()).alias("flip"),
        )
        .filter(pl.col("order") > 1)
    )
    clusters = Codes.of(decided["cluster"].to_list()).values
    return {
        "first_seat": rate(first, clusters, found.level),
        "flips": {"count": int(both["flip"].sum()), "of": both.height},
    }


def length(found: Compared) -> Figure:
    """How often the longer answer is preferred by the judge and by people, and the difference of the two, in points of 1."""
    unequal = found.used & (found.longer != 0)
    judged = np.where(found.longer > 0, found.label, 2 - found.label) / 2.0
    votes = unequal[found.pair]
    turned = np.where(found.longer[found.pair] > 0, found.vote, 2 - found.vote) / 2.0
    difference = rate(
        (1.0 + judged[found.pair][votes] - turned[votes]) / 2.0, found.cluster[votes], found.level
    )
    if difference is not None:
        moved = {name: 2.0 * difference[name] - 1.0 for name in ("estimate", "low", "high")}
        error = difference["standard_error"]
        difference |= moved | {"standard_error": None if error is None else 2.0 * error}
    return {
        "judge": rate(judged[unequal], found.pair_cluster[unequal], found.level),
        "people": rate(turned[votes], found.cluster[votes], found.level),
        "judge_minus_people": difference,
    }


def ties(found: Compared) -> Figure:
    """How often the judge and people call a tie."""
    judged = (found.label[found.used] == TIE).astype(np.float64)
    voted = (found.vote == TIE).astype(np.float64)
    return {
        "judge": rate(judged, found.pair_cluster[found.used], found.level),
        "people": rate(voted, found.cluster, found.level),
    }


def consistency(asks: pl.DataFrame, found: Compared) -> Figure | None:
    """How often two repeats of one ask, in the same order, have the same label; None without repeats."""
    import polars as pl

    decided = asks.filter(pl.col("verdict").is_not_null() & pl.col("share").is_not_null())
    if decided.is_empty() or decided["repeat"].n_unique() < 2:
        return None
    item = (
        decided.select(pl.struct("contest", "order").rank("dense").cast(pl.Int32) - 1).to_series().to_numpy()
    )
    items = int(item.max()) + 1
    counts = rating_counts(item, labels(decided["share"].to_numpy()), items, 3)
    clusters = np.empty(items, np.int32)
    clusters[item] = Codes.of(decided["cluster"].to_list()).values
    return tried(lambda: pairwise_agreement(counts, clusters, level=found.level))


def calibration(found: Compared) -> Figure:
    """What the judge's share promises beside how often votes that name a side agree, by bins of what it said.

    Judges that only name a side say few shares: each is a bin. error: the mean distance of the two, weighted by votes.
    """
    judged = found.label[found.pair]
    used = (judged != TIE) & (found.vote != TIE)
    share = found.share[found.pair][used]
    said, right = np.maximum(share, 1.0 - share), _right(judged[used], found.vote[used])
    cluster = found.cluster[used]
    if not len(said):
        return {"bins": [], "error": None}
    distinct = np.unique(said)
    edges = (
        distinct if len(distinct) <= BINS else np.unique(np.quantile(said, np.linspace(0, 1, BINS + 1)[:-1]))
    )
    place = np.searchsorted(edges, said, side="right") - 1
    bins: list[Figure] = []
    for number in range(len(edges)):
        part = place == number
        figure = rate(right[part], cluster[part], found.level)
        if figure is not None:
            bins.append({"said": float(said[part].mean()), **figure})
    gap = sum(b["items"] * abs(b["said"] - b["estimate"]) for b in bins) / len(said)
    return {"bins": bins, "error": float(gap)}


def cost(asks: pl.DataFrame, usages: Sequence[Usage], seconds: float) -> Figure:
    """What one verdict costs: usd (None: unknown), tokens and seconds, over asks whose purchase is known.

    Local judges report no usage; then seconds are the wall time over the asks, where none came from the ledger.
    """
    bought = [usage for usage in usages if usage.calls]
    asked = int(asks["verdict"].is_not_null().sum())
    if not bought:
        each = seconds / asked if asked and not asks["cached"].any() else None
        return {"verdicts": asked, "money": 0.0, "tokens_in": 0.0, "tokens_out": 0.0, "seconds": each}
    whole, n = total(bought), len(bought)
    return {
        "verdicts": n,
        "money": None if whole.money is None else whole.money / n,
        "tokens_in": whole.tokens_in / n,
        "tokens_out": whole.tokens_out / n,
        "seconds": whole.seconds / n,
    }


def groups(people: People, found: Compared) -> list[Figure]:
    """accuracy, same_label and cohen_kappa by category and language, where a facet has several values."""
    parts: list[Figure] = []
    for facet in ("category", "lang"):
        values = [pair.prompt.facets.get(facet) for pair in people.pairs]
        names = sorted({value for value in values if value})
        if len(names) < 2:
            continue
        of_pair = np.array([names.index(value) if value else -1 for value in values])
        for number, name in enumerate(names):
            rows = of_pair[found.pair] == number
            if rows.sum() < FEWEST:
                continue
            judged, vote, cluster = found.label[found.pair][rows], found.vote[rows], found.cluster[rows]
            named = vote != TIE
            parts.append(
                {
                    "by": facet,
                    "label": name,
                    "accuracy": rate(_right(judged[named], vote[named]), cluster[named], found.level),
                    "same_label": of(accuracy(judged, vote, cluster, level=found.level)),
                    "cohen_kappa": of(cohen_kappa(judged, vote, cluster, categories=3, level=found.level)),
                }
            )
    return parts


def outcomes(asked: Asked) -> dict[str, int]:
    """Pairs by what became of them: decided by the judge, by rule, and those without a verdict by outcome."""
    found = {"judged": int((asked.contests.scored & ~asked.ruled).sum()), "by rule": int(asked.ruled.sum())}
    for outcome in ("unparsed", "void", "not asked"):
        found[outcome] = int(((asked.contests.outcome == CODE[outcome]) & ~asked.ruled).sum())
    return found
