"""Faults are planted where they are said to be, and found there again."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.sandbox.faults import TYPES, Fault, find, plant
from winsome.sandbox.knobs import PRESETS
from winsome.sandbox.targets import Exactly, SomeOf
from winsome.sandbox.worlds import World

WORLD = World.of("fault", seed=1, kinds=(*PRESETS["instruction"].kinds, "steps"))
PROMPTS = WORLD.prompts(120)


def case(number: int, seed: int):
    target = WORLD.target(WORLD.reading(PROMPTS[number]))
    return target, target.right(Random(seed))


@given(st.integers(0, 119), st.integers(0, 10**6))
@settings(deadline=None)
def test_a_right_answer_has_no_fault_and_a_spoilt_one_has(number, seed):
    target, core = case(number, seed)
    assert find(target, core) == []
    spoilt = plant(target, core, Random(seed))
    if spoilt is not None:
        assert target.rate(spoilt[0]) < 1.0
        assert find(target, spoilt[0])


def test_every_type_can_be_planted_and_is_found_by_its_name_and_near_its_place():
    """A planted fault reads as itself; where one edit has two readings (a wrong item in a list lacks one) both count."""
    planted, named, placed = Counter(), Counter(), Counter()
    for number in range(len(PROMPTS)):
        for seed, kind in enumerate(TYPES):
            target, core = case(number, seed)
            if not isinstance(target, (Exactly, SomeOf)):
                continue
            spoilt = plant(target, core, Random(seed), kind)
            if spoilt is None:
                continue
            found = find(target, spoilt[0])
            planted[kind] += 1
            named[kind] += kind in {fault.kind for fault in found}
            # A list has no place where an item is missing.
            placed[kind] += (kind == "missing" and isinstance(target, SomeOf)) or any(
                abs(fault.place - spoilt[1].place) <= 1 for fault in found
            )
    assert set(planted) == set(TYPES)
    assert min(planted.values()) >= 10
    for kind in TYPES:
        assert placed[kind] >= 0.8 * planted[kind], (kind, placed, planted)
        assert named[kind] >= 0.8 * planted[kind], (kind, named, planted)


def test_faults_of_hand_made_answers():
    steps = Exactly(("3", "5", "10", "7"))
    assert find(steps, ["3", "6", "10", "7"]) == [Fault("number", 1)]
    assert find(steps, ["3", "10", "7"]) == [Fault("missing", 1)]
    assert find(steps, ["3", "5", "5", "10", "7"])[0].kind == "repeated"
    assert find(steps, ["3", "10", "5", "7"]) == [Fault("order", 1)]
    assert find(steps, ["3", "5", "10", "7", "cat"]) == [Fault("extra", 4)]
    assert find(steps, ["3", "5", "cat", "7"]) == [Fault("topic", 2)]
    pets = SomeOf(2, frozenset({"cat", "dog", "fox"}))
    assert find(pets, ["cat", ",", "pear"]) == [Fault("topic", 2)]
    assert find(pets, ["cat", ",", "cat"]) == [Fault("repeated", 2), Fault("missing", 3)]
    assert find(pets, ["cat", ",", "dog", ",", "fox"]) == [Fault("extra", 4)]
    assert find(pets, ["cat", ",", "wolf"]) == [Fault("wrong", 2)]
    assert find(pets, []) == [Fault("missing", 0), Fault("missing", 0)]
