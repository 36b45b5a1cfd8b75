"""Contenders compared on unseen prompts: the figure that a method is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome.errors import BadInput
from winsome.frames import prompts_of
from winsome.given import is_listed
from winsome.protocols import Contender, Judge
from winsome.recipes.blocks import Drawing
from winsome.recipes.cache import Product, Stored
from winsome.recipes.steps.generate import drawn
from winsome.records import Suite

if TYPE_CHECKING:
    from winsome.recipes.engine import Engine, Here
    from winsome.recipes.plan import Planned

VERSION = 1
READS: tuple[str, ...] = ()
PLAYS = True
TAKES = ("from", "as", "seed", "for_each")
"""Keys of every step that it takes."""
PLANNED = ("strata", "length_controlled", "game")


async def match(
    engine: Engine,
    step: Planned,
    place: Here,
    incoming: Mapping[str, Stored],
    *,
    a: tuple[Contender, ...],
    b: Contender,
    judge: Judge | None = None,
    suite: Suite | None = None,
    both_orders: bool = True,
    prompts: int | None = None,
    sampling: Drawing | None = None,
    allow_same_judge: bool = False,
    allow_seen: bool = False,
) -> Product:
    """Standings of the contenders `a` against the baseline `b`, as `winsome compare` makes them, with a report of their own.

    suite: the prompts (default those that reach the step); prompts: the first so many. judge: default the suite's. allow_same_judge: the
    judge may also have rated what was trained on; without it that is an error. allow_seen: likewise prompts that were trained on.
    """
    from winsome.matchmaking.compare import compared
    from winsome.matchmaking.settings import Settings

    asked = _suite(step, incoming, suite, prompts)
    session = replace(
        engine.session, seed=engine.seed_of(step, place), folder=engine.record.folder / "matches"
    )
    judging = (
        judge if judge is not None else None if asked.judge is None else session.open(asked.judge, Judge)
    )
    if judging is None:
        raise BadInput("no judge; give judge: a name, or a suite that has one")
    if not allow_seen:
        _refuse_seen(asked, engine.trained_on)
    names = list(dict.fromkeys([*(contender.name for contender in a), b.name]))
    if len(names) < 2:
        raise BadInput(f"a and b are both {b.name}; compare it with another")
    settings = Settings(
        judging.name, asked, b.name, "baseline", orders=None if both_orders else 1,
        sampling=drawn(sampling, 1, (), session.seed), seed=session.seed,
    )  # fmt: skip
    labels = {
        name: label or id for id, made in place.products.items() for label, name in made.contenders.items()
    }
    facts: dict[str, Any] = {}
    for part, held in _parts(asked, step.for_each).items():
        found = await compared(
            session, names, replace(settings, suite=held), engine.record.command, quiet=True
        )
        engine.stop_if_unfinished(step)
        _label(found.folder / "run.json", labels)
        entry = {
            "step": f"{place.path}{step.id}",
            "part": part,
            "folder": str(found.folder.relative_to(engine.record.folder)),
            "figure": found.standings.name,
            "judge": judging.name,
            "labels": labels,
            "complete": found.complete,
            "standings": found.standings.payload(),
        }
        engine.record.matches.append(entry)
        facts[part or "all"] = entry["folder"]
    return Product(incoming, {}, facts)


def _parts(suite: Suite, column: str | None) -> dict[str, Suite]:
    """The suite whole, or once for each value of a facet of its prompts."""
    if column is None:
        return {"": suite}
    values = sorted({prompt.facets[column] for prompt in suite.prompts if column in prompt.facets})
    if not values:
        raise BadInput(f'for_each: no prompt of {suite.full_name} has a facet "{column}"')
    return {
        value: replace(
            suite,
            name=f"{suite.name}/{column}={value}",
            prompts=[p for p in suite.prompts if p.facets.get(column) == value],
        )
        for value in values
    }


def _label(record: Path, labels: Mapping[str, str]) -> None:
    """Let the page call what the recipe made by the recipe's own words."""
    held = orjson.loads(record.read_bytes())
    held["contenders"] = [
        one | {"label": labels.get(one["name"], one["label"])} for one in held["contenders"]
    ]
    draft = record.with_name(".run.json")
    draft.write_bytes(orjson.dumps(held, option=orjson.OPT_INDENT_2))
    draft.replace(record)


def _suite(step: Planned, incoming: Mapping[str, Stored], suite: Suite | None, prompts: int | None) -> Suite:
    """The suite named, or the prompts that reach the step as one."""
    if suite is None:
        if "prompts" not in incoming:
            raise BadInput("no prompts; give suite: a name, or a step that loads prompts in from")
        frame = incoming["prompts"]
        suite = Suite(
            f"{step.id}-prompts", frame.digest[:8], prompts_of(frame.table), source="the recipe's own prompts"
        )
    return suite if prompts is None else replace(suite, prompts=suite.prompts[:prompts])


def identities(thing: Any) -> set[str]:
    """All that a judge or a scorer may be known by: its id, its weights', and those of what it reads with."""
    found = {str(thing.id), *map(str, getattr(thing, "weights", ()))}
    for part in ("scorer", "model", "inner", "base"):
        inner = getattr(thing, part, None)
        if inner is not None and hasattr(inner, "id"):
            found |= identities(inner)
    for part in ("members", "judges", "models"):
        inner = getattr(thing, part, ())
        if is_listed(inner):
            found |= set().union(*(identities(one) for one in inner if hasattr(one, "id")))
    return found


def refuse_selectors(
    step: Planned, settings: Mapping[str, Any], raters: Mapping[str, set[str]], session: Any
) -> None:
    """Raise BadInput where the judge, or what it reads with, rated rows in a step before, and where it turns labels round.

    raters: step -> identities.
    """
    judge, suite = settings.get("judge"), settings.get("suite")
    if judge is None and suite is not None and getattr(suite, "judge", None):
        judge = session.open(suite.judge, Judge)
    if judge is not None and getattr(judge, "flips", 0.0) > 0:
        raise step.place.bad(
            f"judge {judge.name[:70]} turns a share {judge.flips:g} of its labels round, which only those that teach may be; drop flip"
        )
    if settings.get("allow_same_judge") or judge is None or not hasattr(judge, "id"):
        return
    own = identities(judge)
    for rater, known in raters.items():
        if own & known:
            raise step.place.bad(
                f"judge {judge.name[:50]} also selected (step {rater}), which flatters; name another, or allow_same_judge: true"
            )


def _refuse_seen(suite: Suite, trained_on: set[str]) -> None:
    seen = sum(prompt.id in trained_on or bool(trained_on & set(prompt.parents)) for prompt in suite.prompts)
    if seen:
        raise BadInput(
            f"{seen} of {len(suite.prompts)} prompts were trained on, by lineage; match on others (split=test), or allow_seen: true"
        )
