"""Statements are counted exactly: all of a clean world's own, none of the false ones planted among them."""

from __future__ import annotations

from random import Random

import pytest

from winsome.sandbox.documents import documents
from winsome.sandbox.lexicon import NAMES
from winsome.sandbox.statements import statements
from winsome.sandbox.worlds import World


@pytest.mark.parametrize("preset", ["instruction", "skill"])
def test_a_worlds_documents_say_only_what_is_true_and_known(preset):
    world = World.of(preset, seed=2, known=0.6)
    found = [s for document in documents(world, 2000) for s in statements(world, document.text)]
    assert len(found) > 400
    assert all(s.grounded and s.known for s in found)


def test_planted_falsehoods_are_the_ungrounded_ones():
    world = World.of("instruction", seed=3)
    rng = Random(0)
    said: list[str] = []
    truth: list[bool] = []
    for fact in world.ground.facts:
        true = rng.random() < 0.5
        holders = {f.value for f in world.ground.by_place[fact.entity, fact.relation]}
        name = fact.value if true else rng.choice([name for name in NAMES if name not in holders])
        said.append(f"{name} was the {fact.relation} of {fact.entity} in {rng.choice(fact.years)}.")
        truth.append(true)
    assert [s.grounded for s in statements(world, " Surely, ".join(said))] == truth


def test_years_beyond_a_term_are_not_grounded():
    world = World.of("instruction", seed=3)
    fact = next(f for f in world.ground.facts if f.years.stop < 1990)
    office = f"{fact.value} was the {fact.relation} of {fact.entity}"
    first, last = fact.years.start, fact.years.stop - 1
    texts = [
        f"{office} from {first} to {last}",
        f"{office} from {first} to {last + 1}",
        f"{office} in {last + 1}",
    ]
    assert [statements(world, text)[0].grounded for text in texts] == [True, False, False]
    assert statements(world, f"{office} from {last} to {first}")[0].grounded is (first == last)


def test_facts_outside_the_known_share_are_told_apart():
    world = World.of("instruction", seed=1, known=0.5)
    said = [
        (f, f"{f.value} was the {f.relation} of {f.entity} in {f.years.start}") for f in world.ground.facts
    ]
    assert [statements(world, text)[0].known for _, text in said] == [f.known for f, _ in said]
    assert 0.3 < sum(f.known for f, _ in said) / len(said) < 0.7
