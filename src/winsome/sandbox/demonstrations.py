"""Instructions of the training split with answers: what a base is tuned on. Facts that the world keeps unknown are left out."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from winsome.records import Prompt
from winsome.sandbox.faults import plant
from winsome.sandbox.kinds import Task
from winsome.sandbox.lexicon import joined
from winsome.sandbox.worlds import World


def known(world: World, task: Task) -> bool:
    """Whether what answers a task may be learnt: everything but the facts outside the world's `known` share."""
    if task.kind.name != "facts":
        return True
    facts = world.ground.by_place[task.slots["city"], task.slots["relation"]]
    return facts[0].known


def demonstrations(world: World, faulty: float = 0.0) -> Iterator[tuple[Prompt, str]]:
    """Clear prompts of the training split in order, each with an answer in plain manner and its language.

    A share `faulty` of the answers has one fault planted where there is room for one; the others are right.
    """
    for prompt in world.stream("train"):
        reading = world.reading(prompt)
        if not reading.clear or not all(known(world, task) for task in reading.tasks):
            continue
        rng = Random(f"demonstration/{world.knobs.seed}/{prompt.id}")
        target = world.target(reading)
        core = target.right(rng)
        if rng.random() < faulty:
            spoilt = plant(target, core, rng)
            core = core if spoilt is None else spoilt[0]
        yield prompt, joined(reading.tongue.say(core))
