"""A language world: prompts whose right answers are known exactly, generated from knobs and a seed.

`World.of("instruction", seed=1).prompts(500, "test")` are the same prompts in every process. What is right is never written into
a prompt: `World.reading` finds it again in the prompt's words, so no frame can leak it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import product
from random import Random
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.records import Message, Prompt, Text, digest
from winsome.sandbox import knobs as knobs_
from winsome.sandbox import manner
from winsome.sandbox.kinds import Kind, Task, kinds
from winsome.sandbox.knobs import Knobs
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import (
    CATEGORIES,
    CITIES,
    COUNTS,
    DUTIES,
    FINDINGS,
    ILLNESSES,
    JOBS,
    MARKS,
    MOST,
    NAMES,
    THINGS,
    YEARS,
    joined,
    words,
)
from winsome.sandbox.people import Person, people, told
from winsome.sandbox.targets import REFUSAL, Parts, Target
from winsome.sandbox.tongues import Tongue
from winsome.specs import Spec

VERSION = 2
Split = Literal["train", "validation", "test"]
SPLITS: dict[str, range] = {"train": range(8), "validation": range(8, 9), "test": range(9, 10)}
"""Split -> the tenths of all prompts that belong to it, by the digest of their words: no prompt is in two splits."""
THEN = "; then "
"""Joins the tasks of a prompt that needs several skills."""
ATTEMPTS = 1000
"""Draws in a row that are no new prompt of the split before its kinds of task count as spent."""
KEPT = 50_000
"""Readings remembered at most."""


@dataclass(frozen=True)
class Reading:
    """What a prompt asks. `tasks` is empty for an unclear prompt."""

    tasks: tuple[Task, ...]
    tongue: Tongue
    person: Person | None = None

    @property
    def clear(self) -> bool:
        return bool(self.tasks)


@dataclass(frozen=True)
class World:
    """A preset with its knobs; `name` opens the same world anywhere."""

    preset: str
    knobs: Knobs
    _readings: dict[str, Reading] = field(default_factory=dict[str, Reading], compare=False, repr=False)

    @staticmethod
    def of(preset: str, **changed: Any) -> World:
        """The world of a preset with some knobs changed; BadInput for an unknown preset, knob value or kind of task."""
        world = World(preset, knobs_.preset(preset, changed))
        kinds(world.knobs.kinds)
        return world

    @property
    def name(self) -> str:
        return str(Spec("world", self.preset, knobs_.changed(self.preset, self.knobs)))

    @cached_property
    def id(self) -> str:
        return digest([VERSION, knobs_.unlike_default(self.knobs)])

    @cached_property
    def base_id(self) -> str:
        """Covers only what a base is trained on: worlds that differ in labels, tastes or costs share their bases."""
        own = {k: v for k, v in knobs_.unlike_default(self.knobs).items() if k not in knobs_.AFTER_TRAINING}
        return digest([VERSION, own])

    @cached_property
    def ground(self) -> Ground:
        return Ground(self.knobs)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        return kinds(self.knobs.kinds)

    @cached_property
    def people(self) -> tuple[Person, ...]:
        return people(self.knobs)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every word of the world's own language, in alphabetical order."""
        numbers = [str(number) for number in range(MOST + 1)] + [str(year) for year in YEARS]
        own = {
            *THINGS, *CATEGORIES, *NAMES, *CITIES, *JOBS, *DUTIES, *FINDINGS, *ILLNESSES, *COUNTS, *MARKS, *numbers,
            *REFUSAL, *manner.VOCABULARY, *words(PERSONA), *words(THEN), *_FUNCTION_WORDS,
        }  # fmt: skip
        # Documents hold forms and programs whatever the prompts ask for.
        for kind in (*self.kinds, *kinds(("formats", "programs"))):
            own |= kind.grammar.vocabulary
            for expression in kind.grammar.slots.values():
                own |= set(words(_plain(expression)))
        return tuple(sorted(own))

    @cached_property
    def tongues(self) -> tuple[Tongue, ...]:
        return tuple(
            Tongue(number, self.words, self.knobs.overlap, self.knobs.seed)
            for number in range(self.knobs.languages)
        )

    def prompts(self, n: int, split: Split = "test") -> list[Prompt]:
        """The first `n` prompts of a split, no two with the same words; BadInput where the world has no more."""
        stream = self.stream(split)
        return [next(stream) for _ in range(n)]

    def stream(self, split: Split = "test") -> Iterator[Prompt]:
        """The prompts of a split one after the other, each new.

        What repeats or belongs to another split is drawn again with the same language and kinds of task, so that these keep
        their shares until one of them has no new prompt left.
        """
        seen: set[int] = set()
        left = {tongue.number: self._combinations() for tongue in self.tongues}
        number = 0
        while any(left.values()):
            rng = Random(f"{self.knobs.seed}/{split}/{number}")
            item = f"{split}/{number}"
            number += 1
            tongue = self.tongue(rng) if split == "train" else rng.choice(self.tongues)
            if not left[tongue.number]:
                continue
            chosen = rng.choice(left[tongue.number])
            person = rng.choice(self.people) if self.people else None
            unclear = rng.random() < self.knobs.unclear
            for _ in range(ATTEMPTS):
                tasks = [self._task(rng, kind) for kind in chosen]
                if split != "test" and any(task.slots.get("job") in self.ground.held_out for task in tasks):
                    continue
                turns = self._turns(tasks, tongue, rng, unclear)
                system = None if person is None else PERSONA.format(name=person.name)
                key = _digest(system, turns)
                if key % 10 in SPLITS[split] and key not in seen:
                    seen.add(key)
                    yield _prompt(tasks, turns, tongue, person, split, item)
                    break
            else:
                left[tongue.number].remove(chosen)
        raise BadInput(
            f"{self.name}: its {split} split has only {len(seen)} different prompts; ask for fewer"
        )

    def reading(self, prompt: Prompt) -> Reading:
        """What `prompt` asks, read from its words alone; a prompt of another source reads as unclear."""
        found = self._readings.get(prompt.id)
        if found is None:
            if len(self._readings) >= KEPT:
                self._readings.clear()
            found = self._readings[prompt.id] = self._read(prompt)
        return found

    def target(self, reading: Reading) -> Target:
        """What answers a clear prompt."""
        targets = tuple(task.kind.target(task.slots, self.ground) for task in reading.tasks)
        return targets[0] if len(targets) == 1 else Parts(targets)

    def tongue(self, rng: Random) -> Tongue:
        """A language of the training data: the later the rarer by Zipf's law with exponent `language_skew`."""
        if not self.knobs.language_skew:
            return rng.choice(self.tongues)
        weights = [(tongue.number + 1.0) ** -self.knobs.language_skew for tongue in self.tongues]
        return rng.choices(self.tongues, weights)[0]

    def in_test(self, turns: Sequence[str]) -> bool:
        """Whether a question in the world's own language belongs to the test or validation split."""
        return _digest(None, turns) % 10 not in SPLITS["train"]

    def _combinations(self) -> list[tuple[Kind, ...]]:
        """The kinds of task that stand together in one prompt; only tasks of one turn can be joined."""
        single = [kind for kind in self.kinds if self.knobs.skills == 1 or not kind.grammar.dialogue]
        if not single:
            raise BadInput(f"{self.name}: no kind of task fits one turn; use skills=1 or another kind")
        return list(product(single, repeat=self.knobs.skills))

    def _task(self, rng: Random, kind: Kind) -> Task:
        template, slots = kind.draw(rng, self.ground)
        return Task(kind, slots, rng.randrange(len(kind.grammar.templates)) if template is None else template)

    def _turns(self, tasks: Sequence[Task], tongue: Tongue, rng: Random, unclear: bool) -> tuple[str, ...]:
        turns = tasks[0].turns() if len(tasks) == 1 else (THEN.join(task.turns()[0] for task in tasks),)
        if unclear:
            turns = self._muddled(turns, rng)
        if tongue.number:
            turns = tuple(joined(tongue.say(words(turn))) for turn in turns)
        return turns

    def _muddled(self, turns: tuple[str, ...], rng: Random) -> tuple[str, ...]:
        """The turns with their last one spoilt so that it reads as no task: a gap, a contradiction, or noise."""
        while True:
            held = words(turns[-1])
            how = rng.choice(("gap", "contradiction", "noise"))
            if how == "gap":
                start = rng.randrange(len(held))
                held = held[:start] + held[start + rng.randint(1, 3) :]
            elif how == "contradiction":
                held += [
                    "no",
                    ",",
                    rng.choice(("do", "say", "give")),
                    "not",
                    "that",
                    "but",
                    rng.choice(THINGS),
                ]
            else:
                held = [rng.choice(THINGS) if rng.random() < 0.4 else word for word in held]
            spoilt = (*turns[:-1], joined(held))
            if held and not self._tasks(spoilt):
                return spoilt

    def _read(self, prompt: Prompt) -> Reading:
        asked, person = told(prompt.text, self.people)
        if person is None:
            person = next((p for p in self.people if prompt.system == PERSONA.format(name=p.name)), None)
        turns = [words(message.text) for message in prompt.messages[:-1]] + [words(asked)]
        # A language is told by the words that only it has; an unclear prompt is of the one that knows most of it.
        foreign = [sum(tongue.understand(turn)[1] for turn in turns) for tongue in self.tongues]
        for tongue in sorted(self.tongues, key=lambda tongue: foreign[tongue.number]):
            meant = [" ".join(tongue.understand(turn)[0]) for turn in turns]
            if foreign[tongue.number] == 0 and (tasks := self._tasks(meant)):
                return Reading(tasks, tongue, person)
        return Reading((), self.tongues[foreign.index(min(foreign))], person)

    def _tasks(self, turns: Sequence[str]) -> tuple[Task, ...]:
        if self.knobs.skills > 1:
            parts = " ".join(words(turns[0])).split(" ".join(words(THEN)))
            found = [self._single((part,)) for part in parts] if len(parts) == self.knobs.skills else []
            return tuple(task for task in found if task) if all(found) else ()
        task = self._single(turns)
        return () if task is None else (task,)

    def _single(self, turns: Sequence[str]) -> Task | None:
        for kind in self.kinds:
            if (slots := kind.grammar.read(turns)) is not None:
                return Task(kind, slots)
        return None


PERSONA = "You talk with {name}."
_FUNCTION_WORDS = tuple(
    words(
        "a in into of no not that but do say give the was from to takes for you your are is like likes none wrong missing"
        " repeated extra order number topic at mend name faults draft language"
    )
)
"""Words of unclear prompts, of documents, and of what critics, revisers and translators are told and say."""


def _plain(expression: str) -> str:
    """The literal words of a slot's expression."""
    import re

    return re.sub(r"\\[a-zA-Z]|\[[^\]]*\]|\(\?[:P][^)|]*?|[^a-zA-Z]", " ", expression)


def _prompt(
    tasks: Sequence[Task],
    turns: Sequence[str],
    tongue: Tongue,
    person: Person | None,
    split: Split,
    item: str,
) -> Prompt:
    facets = {
        "category": "+".join(task.kind.name for task in tasks),
        "node": "+".join(task.kind.topic(task.slots) for task in tasks),
        "lang": tongue.name,
        "split": split,
    }
    if person is not None:
        facets["user"] = person.name
    roles = ("user", "assistant")
    return Prompt(
        tuple(Message(roles[place % 2], (Text(turn),)) for place, turn in enumerate(turns)),
        system=None if person is None else PERSONA.format(name=person.name),
        facets=facets,
        item=item,
    )


def _digest(system: str | None, turns: Sequence[str]) -> int:
    """64 bits of a prompt's words."""
    text = "\n".join([system or "", *(" ".join(words(turn)) for turn in turns)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
