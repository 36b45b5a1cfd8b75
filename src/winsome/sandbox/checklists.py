"""Checklists of a world's tasks: yes/no questions about an answer, each of which the world can answer exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from winsome.records import Prompt
from winsome.sandbox.lexicon import CATEGORIES, CATEGORY_OF, words
from winsome.sandbox.manner import read_manner
from winsome.sandbox.targets import Exactly, SomeOf, Target
from winsome.sandbox.worlds import World

LONGEST = 8
"""Words of a right answer that are asked after, one question each."""
_JOINTS = frozenset((",", "and", "."))


@dataclass(frozen=True)
class Item:
    """`holds` says of an answer's core, its manner taken away, whether the question is to be answered with yes."""

    question: str
    holds: Callable[[Sequence[str]], bool]


def checklist_of(world: World, prompt: Prompt) -> tuple[Item, ...]:
    """The questions of a prompt's task; none where it is unclear, or its answer is neither a list nor certain words."""
    reading = world.reading(prompt)
    return _items(world.target(reading)) if reading.clear else ()


def core_of(world: World, prompt: Prompt, text: str) -> list[str]:
    """The words of an answer that its task is about."""
    return read_manner(world.reading(prompt).tongue.understand(words(text))[0])[1]


def _items(target: Target) -> tuple[Item, ...]:
    if isinstance(target, SomeOf):
        category = CATEGORY_OF[min(target.members)]
        items = (
            Item(f"Does it name {target.count} things?", lambda said: len(_things(said)) == target.count),
            Item("Does it name nothing twice?", lambda said: len(set(_things(said))) == len(_things(said)) > 0),
            Item(
                f"Is everything that it names one of the {category}?",
                lambda said: bool(_things(said)) and all(CATEGORY_OF.get(one) == category for one in _things(said)),
            ),
        )  # fmt: skip
        excluded = frozenset(CATEGORIES[category]) - target.members
        if not excluded:
            return items
        return (*items, Item("Does it leave out what was excluded?", lambda said: not excluded & set(said)))
    if isinstance(target, Exactly):
        kept = target.words[:LONGEST]
        asked = [
            Item(f'Is word {n} "{word}"?', _stands(n, word, target.marks)) for n, word in enumerate(kept, 1)
        ]
        size = len(target.words)
        return (
            *asked,
            Item(f"Is it {size} words long?", lambda said: len(_plain(said, target.marks)) == size),
        )
    return ()


def _things(said: Sequence[str]) -> list[str]:
    return [word for word in said if word not in _JOINTS]


def _plain(said: Sequence[str], marks: bool) -> list[str]:
    held = list(said[:-1]) if said and said[-1] == "." else list(said)
    return held if marks else [word for word in held if word != ","]


def _stands(place: int, word: str, marks: bool) -> Callable[[Sequence[str]], bool]:
    return lambda said: _plain(said, marks)[place - 1 : place] == [word]
