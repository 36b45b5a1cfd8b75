"""Judges, and juries made of them, ranked by their agreement with people beyond chance; cost and ties stand beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from winsome.audit.asked_pairs import Asked, ask_pairs, recorded_pairs
from winsome.audit.judge_entrants import refuse_twice
from winsome.audit.measures import FIRST, SECOND, TIE, labels
from winsome.audit.people import People, read_people
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.budget import Budget
from winsome.matchmaking.door import Door
from winsome.matchmaking.families import shared_family
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Judge
from winsome.standings.agreement import (
    Agreement,
    accuracy,
    cohen_kappa,
    pairwise_agreement,
    rating_counts,
)
from winsome.standings.battles import CODE
from winsome.standings.columns import Codes
from winsome.standings.dawid_skene import dawid_skene
from winsome.standings.intervals import clustered_mean, t_quantile

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
UNREAD = -1
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Entrant:
    """A judge's labels on the gold pairs (-1: none), shares where it gave them; money and seconds of one pair, None: unknown."""

    name: str
    kind: str
    label: Ints
    share: Floats
    flips: float | None = None
    money: float | None = None
    seconds: float | None = None
    warning: str = ""


@dataclass(frozen=True, eq=False)
class Gold:
    """The plurality of people's votes on each pair: `label` [pairs], -1 where no label leads alone; `cluster` [pairs]."""

    people: People
    label: Ints
    cluster: Ints

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.label != UNREAD


def gold_of(people: People, cluster: str = "prompt") -> Gold:
    """The unique plurality of each pair's votes; BadInput where people gave one label only, so that kappa has no meaning."""
    table = rating_counts(people.pair, labels(people.share), len(people.pairs), 3)
    most = table.max(1)
    alone = (table == most[:, None]).sum(1) == 1
    label = np.where(alone, table.argmax(1), UNREAD).astype(np.int32)
    if len(set(label[alone].tolist())) < 2:
        raise BadInput(
            f"{people.name}: people gave one label only, so kappa is not defined; add pairs with another"
        )
    prompts = Codes.of([pair.prompt.id for pair in people.pairs]).values
    return Gold(people, label, prompts if cluster == "prompt" else np.arange(len(label), dtype=np.int32))


def entrant_of(name: str, asked: Asked, *, known: bool = True, warning: str = "") -> Entrant:
    """What a judge said of the gold pairs; `known`: whether its cost and orders were seen here."""
    share = asked.contests.share
    label = np.where(asked.contests.scored, labels(share), UNREAD).astype(np.int32)
    flips = money = seconds = None
    if known and asked.usage:
        judged = asked.contests.scored & ~asked.ruled
        if int(asked.asks["order"].n_unique()) > 1 and judged.any():
            flips = float((asked.contests.outcome[judged] == CODE["inconsistent"]).mean())
        paid = [usage.money for usage in asked.usage]
        money = None if None in paid else math.fsum(m for m in paid if m is not None) / len(share)
        seconds = math.fsum(usage.seconds for usage in asked.usage) / len(share)
    return Entrant(name, "single", label, share, flips, money, seconds, warning)


def juries(members: Sequence[Entrant], gold: Gold, seed: int = 0) -> list[Entrant]:
    """The members' votes pooled: majority, mean share, Dawid-Skene, and weights measured on other folds of the pairs."""
    votes = np.stack([member.label for member in members], axis=1)
    unknown = any(member.money is None for member in members)
    money = None if unknown else math.fsum(member.money or 0.0 for member in members)
    timed = any(member.seconds is None for member in members)
    seconds = None if timed else math.fsum(member.seconds or 0.0 for member in members)
    pools = {
        "majority": _majority(votes),
        "mean": _mean(members),
        "dawid-skene": _dawid_skene(votes),
        "weighted": _weighted(votes, gold, seed),
    }
    blank = np.full(len(votes), np.nan)
    return [
        Entrant(f"jury of {len(members)} by {pool}", "jury", label, blank, None, money, seconds)
        for pool, label in pools.items()
    ]


def _majority(votes: Ints) -> Ints:
    counts = np.stack([(votes == label).sum(1) for label in (SECOND, TIE, FIRST)], axis=1)
    most = counts.max(1)
    alone = (counts == most[:, None]).sum(1) == 1
    found = np.where(alone, counts.argmax(1), TIE)
    return np.where(most > 0, found, UNREAD).astype(np.int32)


def _mean(members: Sequence[Entrant]) -> Ints:
    shares = np.stack([np.where(member.label == UNREAD, np.nan, member.share) for member in members], axis=1)
    read = ~np.isnan(shares)
    total = np.where(read, shares, 0.0).sum(1) / np.maximum(read.sum(1), 1)
    label = np.where(np.isclose(total, 0.5, atol=1e-12), TIE, np.where(total > 0.5, FIRST, SECOND))
    return np.where(read.any(1), label, UNREAD).astype(np.int32)


def _dawid_skene(votes: Ints) -> Ints:
    found = dawid_skene(votes, 3)
    return np.where((votes >= 0).any(1), found.label, UNREAD).astype(np.int32)


def _weighted(votes: Ints, gold: Gold, seed: int) -> Ints:
    """Log-odds of each member's accuracy on sided pairs of the other folds; folds part the pairs at random."""
    fold = np.random.default_rng(seed).permutation(len(votes)) % FOLDS
    label = np.full(len(votes), UNREAD, np.int32)
    for held in range(FOLDS):
        train = (fold != held) & gold.known & (gold.label != TIE)
        odds = np.array([_log_odds(votes[train, m], gold.label[train]) for m in range(votes.shape[1])])
        sign = np.where(votes == FIRST, 1.0, np.where(votes == SECOND, -1.0, 0.0))
        weight = (sign * odds).sum(1)
        found = np.where(np.isclose(weight, 0.0), TIE, np.where(weight > 0, FIRST, SECOND))
        here = (fold == held) & (votes >= 0).any(1)
        label[here] = found[here]
    return label


def _log_odds(votes: Ints, gold: Ints) -> float:
    sided = (votes != TIE) & (votes != UNREAD)
    right = float((votes[sided] == gold[sided]).sum())
    wrong = float(sided.sum()) - right
    return math.log((right + 1.0) / (wrong + 1.0))


def row(entrant: Entrant, gold: Gold, level: float = 0.95) -> dict[str, Any]:
    """The figures of one entrant against the gold: three labels, then only pairs where both name a side.

    tie_rate is the entrant's own; unread counts gold pairs without a label. Figures are None where nothing is left.
    """
    read = gold.known & (entrant.label != UNREAD)
    sided = read & (gold.label != TIE) & (entrant.label != TIE)

    def figures(rows: NDArray[np.bool_], categories: int) -> dict[str, Any]:
        if not rows.any():
            return {"agreement": None, "kappa": None, "n": 0}
        ours, theirs, cluster = entrant.label[rows], gold.label[rows], gold.cluster[rows]
        return {
            "agreement": accuracy(ours, theirs, cluster, level=level).payload(),
            "kappa": cohen_kappa(ours, theirs, cluster, categories=categories, level=level).payload(),
            "n": int(rows.sum()),
        }

    return {
        "judge": entrant.name,
        "kind": entrant.kind,
        "all": figures(read, 3),
        "sided": figures(sided, 3),
        "tie_rate": float((entrant.label[read] == TIE).mean()) if read.any() else None,
        "unread": int((gold.known & (entrant.label == UNREAD)).sum()),
        "flips": entrant.flips,
        "money": entrant.money,
        "seconds": entrant.seconds,
        "warning": entrant.warning,
    }


def difference(first: Entrant, second: Entrant, gold: Gold, level: float = 0.95) -> dict[str, float] | None:
    """Agreement of `first` minus that of `second` on pairs that both read, with a clustered paired interval."""
    rows = gold.known & (first.label != UNREAD) & (second.label != UNREAD)
    if not rows.any():
        return None
    gap = (first.label[rows] == gold.label[rows]).astype(np.float64) - (
        second.label[rows] == gold.label[rows]
    )
    half = clustered_mean((gap + 1.0) / 2.0, np.ones(len(gap)), gold.cluster[rows])
    estimate, error = 2.0 * half.mean - 1.0, 2.0 * half.standard_error
    reach = error * t_quantile(half.df, level) if math.isfinite(error) and error > 0 else 0.0
    return {"estimate": estimate, "low": estimate - reach, "high": estimate + reach}


def ranked(
    entrants: Sequence[Entrant], gold: Gold, *, delta: float = 0.02, level: float = 0.95
) -> dict[str, Any]:
    """All entrants by agreement, each with its paired difference to the first; the cheapest that is not worse by `delta`."""
    if not entrants:
        raise BadInput("no judge to rank; name at least one by --judges")
    rows = [(row(entrant, gold, level), entrant) for entrant in entrants]
    rows.sort(key=lambda pair: -_estimate(pair[0]))
    best = rows[0][1]
    table = [found | {"behind": difference(entrant, best, gold, level)} for found, entrant in rows]
    priced = [
        found
        for found in table
        if found["money"] is not None and found["behind"] and found["behind"]["low"] > -delta
    ]
    cheapest = min(priced, key=lambda found: (found["money"], found["seconds"]), default=None)
    people = gold.people
    ratings = rating_counts(people.pair, labels(people.share), len(people.pairs), 3)
    ceiling = (
        pairwise_agreement(ratings, gold.cluster, level=level).payload()
        if (ratings.sum(1) >= 2).any()
        else None
    )
    between = [
        {"first": a.name, "second": b.name, **_between(a, b, gold, level)}
        for a, b in combinations(entrants, 2)
        if a.kind == b.kind == "single"
    ]
    return {
        "gold": {
            "name": people.name, "pairs": len(people.pairs), "with_plurality": int(gold.known.sum()), "votes": len(people.pair),
            "tie_rate": float((gold.label[gold.known] == TIE).mean()), "agreement_of_two_people": ceiling,
        },
        "level": level,
        "delta": delta,
        "judges": table,
        "suggested": None if cheapest is None else cheapest["judge"],
        "between": between,
    }  # fmt: skip


def _estimate(found: Mapping[str, Any]) -> float:
    agreement = found["all"]["agreement"]
    return -1.0 if agreement is None else agreement["estimate"]


def _between(a: Entrant, b: Entrant, gold: Gold, level: float) -> dict[str, Any]:
    rows = (a.label != UNREAD) & (b.label != UNREAD)
    if not rows.any():
        return {"agreement": None, "kappa": None, "n": 0}
    one, two, cluster = a.label[rows], b.label[rows], gold.cluster[rows]
    kappa: Agreement = cohen_kappa(one, two, cluster, categories=3, level=level)
    return {
        "agreement": accuracy(one, two, cluster, level=level).payload(),
        "kappa": kappa.payload(),
        "n": int(rows.sum()),
    }


def tournament(
    judges: Sequence[str],
    *,
    gold: str | Path,
    pairs: str | Path | None = None,
    with_juries: bool = True,
    delta: float = 0.02,
    level: float = 0.95,
    cluster: str = "prompt",
    strict: bool = False,
    limit: int | None = None,
    budget: str | None = None,
    concurrency: int = 64,
    rpm: int | None = None,
    tpm: int | None = None,
    engine: Any = "local",
    seed: int = 0,
    ledger: str | Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Judges (names, or files of their verdicts) ranked against people's votes, and, of two or more, the juries they make.

    gold, pairs: files as `people.read_people` takes them. strict: BadInput where a judge is of the family of a model it judges.
    BadInput where a judge is named twice.
    """
    refuse_twice(judges)
    with Ledger.open(ledger) as store:
        people = read_people(gold, pairs, store).limited(limit)
        found = gold_of(people, cluster)
        files = {name: read_people(name, pairs, store) for name in judges if Path(name).is_file()}
        door = Door(store, Budget.of(budget), concurrency, rpm, tpm)
        session = Session(door, seed, Path(".winsome"), engine)

        async def work() -> list[Entrant]:
            try:
                return [
                    await _entered(session, name, files.get(name), people, strict, quiet) for name in judges
                ]
            finally:
                await session.close()

        entrants = finish(work(), lambda: door.stop("interrupted"))
    pooled = juries(entrants, found, seed) if with_juries and len(entrants) > 1 else []
    return ranked([*entrants, *pooled], found, delta=delta, level=level)


async def _entered(
    session: Session, name: str, verdicts: People | None, people: People, strict: bool, quiet: bool
) -> Entrant:
    models = sorted({answer.contender for pair in people.pairs for answer in pair.answers})
    family = shared_family(name, models)
    warning = f"judge and {family[1]} are both {family[0]}" if family else ""
    if warning and strict:
        raise BadInput(f"{Path(name).name}: {warning}: it may prefer its own; leave it out, or drop --strict")
    if verdicts is not None:
        return entrant_of(Path(name).name, recorded_pairs(people, verdicts), known=False, warning=warning)
    judge = session.open(name, Judge)
    asked = await ask_pairs(session, judge, people, allow_degenerate=True, quiet=quiet)
    return entrant_of(judge.name, asked, warning=warning)
