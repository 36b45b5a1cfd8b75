"""A world's texts without instructions: statements, questions with their answers, programs with their traces, markup; and dirt.

Documents are clean but for the world's knobs of dirt, each of which spoils a known share; what was done to one is in its gold
columns, which no step may read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Literal

from winsome.records import digest
from winsome.sandbox.kinds import TASKS, Task
from winsome.sandbox.kinds.formats import FORMS, formed
from winsome.sandbox.kinds.programs import program, trace
from winsome.sandbox.kinds.stories import told
from winsome.sandbox.lexicon import CATEGORIES, COUNTS, DUTIES, JOBS, NAMES, THINGS, joined, words
from winsome.sandbox.worlds import World

if TYPE_CHECKING:
    from polars import DataFrame

Class = Literal["text", "program", "markup"]
Dirt = Literal["clean", "duplicate", "near duplicate", "boilerplate", "wrong language", "leak"]
BOILERPLATE = ("thank", "you", "!", "anything", "else", "?", "good", "day", ",", "dear", "friend", ".")


@dataclass(frozen=True)
class Document:
    """One text. `dirt` is gold: what was planted in it; `parents` are the ids of the documents it was made from."""

    text: str
    lang: str
    kind: Class
    dirt: Dirt = "clean"
    parents: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return digest([self.text, self.lang])


def documents(world: World, n: int) -> list[Document]:
    """The first `n` documents of the world."""
    return list(islice(stream(world), n))


def stream(world: World) -> Iterator[Document]:
    """The world's documents one after the other, without end."""
    knobs = world.knobs
    leaks = world.stream("test")
    written: list[Document] = []
    shares = (knobs.duplicates, knobs.near_duplicates, knobs.boilerplate, knobs.wrong_language, knobs.leaks)
    number = 0
    while True:
        rng = Random(f"document/{knobs.seed}/{number}")
        number += 1
        fresh = _clean(world, rng)
        dirt: Dirt = rng.choices(
            ("duplicate", "near duplicate", "boilerplate", "wrong language", "leak", "clean"),
            (*shares, max(0.0, 1.0 - sum(shares))),
        )[0]
        if dirt in ("duplicate", "near duplicate") and not written:
            dirt = "clean"
        document = fresh
        if dirt == "duplicate":
            document = replace(source := rng.choice(written), dirt=dirt, parents=(source.id,))
        elif dirt == "near duplicate":
            source = rng.choice(written)
            held = words(source.text)
            held[rng.randrange(len(held))] = rng.choice(THINGS)
            document = replace(source, text=joined(held), dirt=dirt, parents=(source.id,))
        elif dirt == "boilerplate":
            document = replace(fresh, text=f"{joined(BOILERPLATE)} {fresh.text}", dirt=dirt)
        elif dirt == "wrong language":
            # Labelled as one language, written in another.
            document = replace(
                fresh, lang=rng.choice([f"l{k}" for k in range(-1, knobs.languages)]), dirt=dirt
            )
            if document.lang == fresh.lang:
                document = replace(document, lang="l-1")
        elif dirt == "leak":
            prompt = next(leaks)
            right = world.target(reading).right(rng) if (reading := world.reading(prompt)).clear else []
            text = " ".join([*(message.text for message in prompt.messages), joined(right)])
            document = Document(text, prompt.facets["lang"], "text", dirt, (prompt.id,))
        if dirt == "clean":
            written.append(document)
        yield document


def _clean(world: World, rng: Random) -> Document:
    tongue = world.tongue(rng)
    share = world.knobs.program_share
    kind: Class = rng.choices(("text", "program", "markup"), (1 - share, share, 0.25))[0]
    held = {"text": _text, "program": _program, "markup": _markup}[kind](world, rng)
    return Document(joined(tongue.say(held)), tongue.name, kind)


def _text(world: World, rng: Random) -> list[str]:
    ground, how = world.ground, rng.randrange(5)
    if how == 0:
        known = [fact for fact in ground.facts if fact.known]
        if known:
            fact = rng.choice(known)
            first, last = fact.years.start, fact.years.stop - 1
            return words(f"{fact.value} was the {fact.relation} of {fact.entity} from {first} to {last}.")
    if how == 1:
        job = rng.choice([job for job in JOBS if job not in ground.held_out])
        duty = rng.choice(DUTIES)
        return words(f"to {duty}, a {job} takes {ground.tools[job, duty]}.")
    if how == 2:
        category = ground.topic(rng)
        held = ", ".join(rng.sample(CATEGORIES[category], rng.randint(3, 6)))
        return words(f"{category}: {held}.")
    return _question(world, rng)


def _question(world: World, rng: Random) -> list[str]:
    """A question of one of the world's kinds that is not a test prompt, with its answer."""
    from winsome.sandbox.demonstrations import known

    while True:
        kind = rng.choice(world.kinds)
        template, slots = kind.draw(rng, world.ground)
        task = Task(kind, slots, rng.randrange(len(kind.grammar.templates)) if template is None else template)
        if (
            known(world, task)
            and slots.get("job") not in world.ground.held_out
            and not world.in_test(task.turns())
        ):
            return [*words(" ".join(task.turns())), *kind.target(slots, world.ground).right(rng), "."]


def _program(world: World, rng: Random) -> list[str]:
    code = program(rng, rng.randint(1, 4))
    steps = [f"{line} : {value}" for line, value in zip(code.split(" ; "), trace(code), strict=True)]
    held = words(" ; ".join(steps) + " .")
    if rng.random() < world.knobs.coupling and TASKS["stories"] in world.kinds:
        held += words(f"{rng.choice(NAMES)} {told(code)} {trace(code)[-1]} .")
    return held


def _markup(world: World, rng: Random) -> list[str]:
    items = rng.sample(CATEGORIES[world.ground.topic(rng)], rng.randint(2, 4))
    form = rng.choice(FORMS)
    return [*items, *words(form), ":", *formed(items, form), ".", COUNTS[len(items)], "."]


def frame(found: Sequence[Document]) -> DataFrame:
    """The documents frame: doc_id, text, lang, class, source, licence, parent_ids, and the gold column `_gold_dirt`."""
    import polars as pl

    return pl.DataFrame(
        {
            "doc_id": [document.id for document in found],
            "text": [document.text for document in found],
            "lang": [document.lang for document in found],
            "class": [document.kind for document in found],
            "source": ["world"] * len(found),
            "licence": ["Apache-2.0"] * len(found),
            "parent_ids": [list(document.parents) for document in found],
            "_gold_dirt": [document.dirt for document in found],
        },
        schema_overrides={"parent_ids": pl.List(pl.String)},
    )
