"""Remember what was said in an earlier turn."""

from __future__ import annotations

from random import Random

from winsome.sandbox.grammar import Grammar, choice
from winsome.sandbox.kinds.kind import Kind, Slots
from winsome.sandbox.knowledge import Ground
from winsome.sandbox.lexicon import NAMES, THINGS
from winsome.sandbox.targets import Exactly

QUESTIONS = ("who am i", "what do i like", "what does my friend like", "who is my friend")
GRAMMAR = Grammar(
    (
        "i am {name} and i like {thing}. / hello {name}. / my friend {friend} likes {other}. {question}?",
        "hello, my name is {name}. i like {thing}. / nice to meet you, {name}. / {friend} is my friend and likes {other}."
        " {question}?",
    ),
    {
        "name": choice(NAMES),
        "thing": choice(THINGS),
        "friend": choice(NAMES),
        "other": choice(THINGS),
        "question": choice(QUESTIONS),
    },
)


def draw(rng: Random, ground: Ground) -> tuple[int | None, dict[str, str]]:
    name, friend = rng.sample(NAMES, 2)
    thing, other = rng.sample(THINGS, 2)
    question = rng.choice(QUESTIONS)
    return None, {"name": name, "thing": thing, "friend": friend, "other": other, "question": question}


def target(slots: Slots, ground: Ground) -> Exactly:
    answers = {
        "who am i": ("you", "are", slots["name"]),
        "what do i like": ("you", "like", slots["thing"]),
        "what does my friend like": (slots["friend"], "likes", slots["other"]),
        "who is my friend": ("your", "friend", "is", slots["friend"]),
    }
    return Exactly(answers[slots["question"]])


KIND = Kind("dialogues", GRAMMAR, draw, target, lambda slots: slots["question"])
