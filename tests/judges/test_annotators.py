"""A pool of judges: each pair belongs to one of them, all have equal shares, and flips happen as often as they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from tests.judges.scripted import answered, matched, verdicts
from tests.judges.test_ensembles import Fixed, fixed
from winsome.errors import BadInput
from winsome.judges.annotators import annotators
from winsome.protocols import Judge
from winsome.records import Match, Prompt, user

N = 6000


def matches(n: int = N) -> list[Match]:
    found = []
    for i in range(n):
        prompt = Prompt((user(f"Question {i}."),))
        found.append(matched(prompt, answered(prompt, "a", "x"), answered(prompt, "b", "y"), 0, 0))
    return found


async def test_every_pair_belongs_to_one_member_and_all_have_equal_shares() -> None:
    members = tuple(fixed(f"m{n}", 1.0) for n in range(13))
    pool = annotators(members=members)
    assert isinstance(pool, Judge)
    asked = matches()
    found = await verdicts(pool, *asked)
    assert {verdict.judge_id for verdict in found} == {pool.id}
    counts = Counter(verdict.annotator for verdict in found)
    assert set(counts) == {f"a{n:02}" for n in range(1, 14)}
    assert chisquare(list(counts.values())).pvalue > 1e-3
    for member in members:
        assert len(member.seen) == counts[f"a{members.index(member) + 1:02}"]
    # the other order and another repeat of a pair are the same member's
    other = [
        replace(one, order=1, repeat=2, sides=(replace(one.sides[0], seat=1), replace(one.sides[1], seat=0)))
        for one in asked
    ]
    again = await verdicts(pool, *other)
    assert [one.annotator for one in again] == [one.annotator for one in found]
    moved = await verdicts(annotators(members=members, seed=1), *asked)
    assert sum(a.annotator == b.annotator for a, b in zip(found, moved, strict=True)) < N / 8


async def test_labels_are_right_as_often_as_accuracy_and_flip_say() -> None:
    """a (1 - f) + (1 - a) f, within three standard errors of 10^5 labels."""
    accuracy, flip, n = 0.8, 0.25, 100_000
    rng = np.random.default_rng(0)
    asked = [replace(one, repeat=repeat) for one in matches(1000) for repeat in range(n // 1000)]
    right = {one.id: bool(rng.random() < accuracy) for one in asked}

    def say(match: Match) -> float:
        return float(right[match.id])

    pool = annotators(members=(Fixed("m0", say), Fixed("m1", say)), flip=flip)
    found = await verdicts(pool, *asked)
    share = np.mean([verdict.outcome == "win" for verdict in found])
    expected = accuracy * (1 - flip) + (1 - accuracy) * flip
    assert abs(share - expected) < 3 * np.sqrt(expected * (1 - expected) / n)
    turned = [verdict for verdict in found if right[verdict.match] != (verdict.outcome == "win")]
    assert abs(len(turned) / n - flip) < 3 * np.sqrt(flip * (1 - flip) / n)
    assert all(verdict.scores in ((1.0, 0.0), (0.0, 1.0)) for verdict in found)
    assert await verdicts(pool, *asked[:N]) == found[:N]


async def test_what_a_member_cannot_read_stays_unread() -> None:
    pool = annotators(members=(fixed("m0", None), fixed("m1", 0.5)), flip=0.5)
    found = await verdicts(pool, *matches(200))
    by_member = {verdict.annotator: set() for verdict in found}
    for verdict in found:
        by_member[verdict.annotator].add((verdict.outcome, verdict.share))
    assert by_member == {"a01": {("unparsed", None)}, "a02": {("tie", 0.5)}}


def test_mistakes_are_one_line() -> None:
    members = (fixed("m0", 1.0), fixed("m1", 1.0))
    with pytest.raises(BadInput, match=r"flip=0.6 must lie in \[0, 0.5\]"):
        annotators(members=members, flip=0.6)
    with pytest.raises(BadInput, match="1 member is no pool"):
        annotators(members=members[:1])
