"""What a kind of task offers: how it is drawn, asked, read back, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from winsome.sandbox.grammar import Grammar
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.targets import Target

Slots = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """`draw` fills the slots that every template may use, `target` is what answers them, `topic` what they are about.

    `draw` gives None for the template to choose one at random.
    """

    name: str
    grammar: Grammar
    draw: Callable[[Random, Ground], tuple[int | None, dict[str, str]]]
    target: Callable[[Slots, Ground], Target]
    topic: Callable[[Slots], str]


@dataclass(frozen=True)
class Task:
    """A question with its slots; `template` does not matter to what answers it."""

    kind: Kind
    slots: Slots
    template: int = 0

    def turns(self) -> tuple[str, ...]:
        """The question's turns: the user's first and last, the assistant's between."""
        return self.kind.grammar.ask(self.template, self.slots)
