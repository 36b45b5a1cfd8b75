"""A simulated model that plays WildBench's judge: it reads the protocol's own prompt and replies with its JSON, like any model.

With a checklist it answers each question about each answer, wrongly with probability `error`, and compares the shares of yes. What it
does without one is its `look`: `own`, the same with those of the questions that come to its mind, each with probability a half;
`question`, whether the answer is right as a whole, misread as often; `impression`, how right it is, with the normal noise of one such
question, sqrt(error (1 - error)). Either way `length_bias` is added for every word.
"""

from __future__ import annotations

import json
import math
import re
from random import Random
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.records import Prompt, digest, user
from winsome.sandbox.actors import Act
from winsome.sandbox.checklists import checklist_of, core_of
from winsome.sandbox.gold import gold
from winsome.sandbox.lexicon import length, words
from winsome.sandbox.worlds import World

VERSION = 1
RECALLED = 0.5
Look = Literal["own", "question", "impression"]
_PART = r"<{} ([0-9a-z]+)>\n(.*?)\n</{} \1>"
_PARTS = {
    name: re.compile(_PART.format(name, name), re.DOTALL)
    for name in ("query", "answer of A", "answer of B", "checklist")
}


def marking(world: World, *, error: float, length_bias: float, tie: float, much: float, look: Look) -> Act:
    """What the marker says: |score of A - score of B| up to `tie` is A=B, above `much` much better."""

    def act(prompt: Prompt, rng: Random) -> list[str]:
        parts = {name: _part(prompt.text, name) for name in _PARTS}
        if parts["query"] is None or parts["answer of A"] is None or parts["answer of B"] is None:
            raise BadInput(
                "marker: reads WildBench's pair prompt alone; name it in checklist?metric=reward&model=(..)"
            )
        asked = Prompt((user(parts["query"]),))
        known = [item.question for item in checklist_of(world, asked)]
        told = (
            None
            if parts["checklist"] is None
            else [q for q in known if f"- {q}\n" in f"{parts['checklist']}\n"]
        )
        if told is None and look == "own":
            told = [question for question in known if rng.random() < RECALLED]
        scores = [
            _score(world, asked, parts[f"answer of {side}"] or "", told, error, look, rng)
            + length_bias * length(words(parts[f"answer of {side}"] or ""))
            for side in "AB"
        ]
        gap = scores[0] - scores[1]
        better = "A" if gap > 0 else "B"
        choice = "A=B" if abs(gap) <= tie else f"{better}{'++' if abs(gap) > much else '+'}"
        return [json.dumps({"analysis": f"A {scores[0]:.2f}, B {scores[1]:.2f}", "choice": choice})]

    return act


def marker_id(world: World, settings: dict[str, Any]) -> str:
    return digest(["marker", VERSION, world.id, settings])


def _part(text: str, name: str) -> str | None:
    found = _PARTS[name].search(text)
    return None if found is None else found[2]


def _score(
    world: World, asked: Prompt, answer: str, told: list[str] | None, error: float, look: Look, rng: Random
) -> float:
    if told is None:
        right = gold(world, asked, answer).right
        if look == "question":
            return float((right == 1.0) != (rng.random() < error))
        return right + math.sqrt(error * (1.0 - error)) * rng.gauss(0.0, 1.0)
    holds = {item.question: item.holds for item in checklist_of(world, asked)}
    core = core_of(world, asked, answer)
    said = [holds[question](core) != (rng.random() < error) for question in told]
    return sum(said) / len(said) if said else 0.5
