"""What is true in a world: one holder for every year, and exact Bayes."""

from __future__ import annotations

import itertools

import pytest

from winsome.sandbox.kinds.programs import trace
from winsome.sandbox.kinds.stories import coded, told
from winsome.sandbox.lexicon import FINDINGS, ILLNESSES, YEARS
from winsome.sandbox.worlds import World


def test_every_office_has_one_holder_in_every_year():
    ground = World.of("instruction", seed=9).ground
    for facts in ground.by_place.values():
        years = [year for fact in facts for year in fact.years]
        assert years == list(YEARS)


def test_the_posterior_is_the_joint_enumerated():
    ground = World.of("diagnosis", seed=3).ground
    joint = {}
    for illness, shown in itertools.product(
        ILLNESSES, itertools.product((False, True), repeat=len(FINDINGS))
    ):
        p = ground.prior[illness]
        for finding, there in zip(FINDINGS, shown, strict=True):
            p *= ground.likelihood[illness, finding] if there else 1 - ground.likelihood[illness, finding]
        joint[illness, shown] = p
    assert sum(joint.values()) == pytest.approx(1.0, abs=1e-10)
    known = {"fever": True, "rash": False, "pain": True}
    match = {
        key: p
        for key, p in joint.items()
        if all(key[1][FINDINGS.index(f)] == there for f, there in known.items())
    }
    whole = sum(match.values())
    posterior = ground.posterior(known)
    for illness in ILLNESSES:
        share = sum(p for (i, _), p in match.items() if i == illness) / whole
        assert posterior[illness] == pytest.approx(share, abs=1e-10)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("set 3 ; add 2 ; double", [3, 5, 10]),
        ("set 9 ; half ; take 4 ; add 8", [9, 4, 0, 8]),
    ],
)
def test_programs_run_and_are_told(code, values):
    assert trace(code) == values
    assert coded(told(code)) == code
