"""Statements of fact in a text, and which of them are grounded: true in the world that the text speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from winsome.sandbox.grammar import choice
from winsome.sandbox.knowledge import RELATIONS
from winsome.sandbox.lexicon import CATEGORIES, CITIES, DUTIES, JOBS, NAMES, words
from winsome.sandbox.worlds import World

OFFICE = re.compile(
    rf"(?P<holder>{choice(NAMES)}) was the (?P<relation>{choice(RELATIONS)}) of (?P<city>{choice(CITIES)})"
    r"(?: from (?P<first>\d+) to (?P<last>\d+)| in (?P<year>\d+))"
)
TOOL = re.compile(
    rf"to (?P<duty>{choice(DUTIES)}) , a (?P<job>{choice(JOBS)}) takes (?P<tool>{choice(CATEGORIES['tools'])})"
)


@dataclass(frozen=True)
class Statement:
    """Its words, whether it is true in the world, and whether the world's documents may tell it (`known`)."""

    text: str
    grounded: bool
    known: bool


def statements(world: World, text: str) -> list[Statement]:
    """What a text in the world's own language says of offices and tools, in order.

    An office is grounded where its holder held it in every year named; a tool where the occupation takes it for that duty.
    """
    said = " ".join(words(text))
    found = [(place.start(), _office(world, place)) for place in OFFICE.finditer(said)]
    found += [(place.start(), _tool(world, place)) for place in TOOL.finditer(said)]
    return [statement for _, statement in sorted(found, key=lambda one: one[0])]


def _office(world: World, found: re.Match[str]) -> Statement:
    first, last = (int(found[name] or found["year"]) for name in ("first", "last"))
    facts = world.ground.by_place[found["city"], found["relation"]]
    terms = [fact.years for fact in facts if fact.value == found["holder"]]
    true = first <= last and any(first in years and last in years for years in terms)
    return Statement(found[0], true, facts[0].known)


def _tool(world: World, found: re.Match[str]) -> Statement:
    true = world.ground.tools[found["job"], found["duty"]] == found["tool"]
    return Statement(found[0], true, found["job"] not in world.ground.held_out)
