"""Steps run once for each arm: ablations and controls under one budget."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.given import is_listed, is_mapping
from winsome.recipes.cache import Product, Stored
from winsome.recipes.schema import Place, near

if TYPE_CHECKING:
    from winsome.recipes.engine import Engine, Here
    from winsome.recipes.plan import Planned

VERSION = 1
READS: tuple[str, ...] = ()
PLAYS = CONTENDER = True


async def sweep(
    engine: Engine,
    step: Planned,
    place: Here,
    incoming: Mapping[str, Stored],
    *,
    arms: dict[str, Any],
    equal: Literal["tokens", "examples", "calls"] | None = None,
    seeds: int = 1,
    baseline: str = "",
) -> Product:
    """The contenders of all arms, as @ID.0, @ID.1, .. in order, labelled by what differs; frames are those that reached the sweep.

    arms: {step.key: [values]}, of which several make every combination; or arms by name, {name: {step.key: value}}. seeds: repeats of every arm with the seed moved on; arms of one
    repeat share it. equal: what all arms must spend alike: `examples` trained on, `tokens` or `calls` bought; where they do not, that is
    an error. baseline: the arm that the others are controls of or for, by its label.
    """
    from winsome.recipes.plan import ENTRY

    contenders: dict[str, str] = {}
    facts: dict[str, Any] = {}
    spent: dict[str, int] = {}
    for arm, body in step.variants.items():
        for repeat in range(seeds):
            label = arm if seeds == 1 else f"{arm}, seed {repeat + 1}"
            here = replace(
                place,
                products={**place.products, ENTRY: Product(incoming)},
                path=f"{place.path}{step.id}/{label}/",
                shift=place.shift + 1000 * repeat,
            )
            first = len(engine.record.steps)
            products = await engine.run(body, here)
            own = [products[inner.id] for inner in body]
            trained = [made.contender for made in own if made.contender is not None]
            if trained:
                contenders[label] = trained[-1]
            facts[label] = own[-1].facts
            spent[label] = _spent(engine.record.steps[first:], equal)
    if equal and len(set(spent.values())) > 1:
        told = ", ".join(f"{label}: {n}" for label, n in spent.items())
        raise BadInput(f"arms do not spend equal {equal} ({told[:110]}); cut the larger ones, or drop equal")
    return Product(
        incoming, contenders, {"arms": facts, "baseline": baseline, **({equal: spent} if equal else {})}
    )


def variants(settings: Mapping[str, Any], place: Place) -> dict[str, dict[str, Any]]:
    """Arm -> what of the body is changed in it; BadInput where there are none, or a baseline is no arm."""
    arms = settings["arms"]
    if not is_mapping(arms) or not arms:
        raise place.bad("arms: names no value; write arms: {step.key: [first, second]}")
    if all(is_mapping(value) for value in arms.values()):
        made = {str(name): dict(value) for name, value in arms.items()}
    else:
        if not all(is_listed(values) and values for values in arms.values()):
            raise place.bad("arms: give every key a list of values, or every arm a name and its changes")
        made = {}
        for values in itertools.product(*arms.values()):
            changes = dict(zip(arms, values, strict=True))
            made[", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in changes.items())] = changes
    baseline = settings.get("baseline")
    if baseline and baseline not in made:
        raise place.bad(f'baseline: no arm "{baseline}"{near(baseline, made)}')
    return made


def _spent(steps: list[dict[str, Any]], what: str | None) -> int:
    if what == "examples":
        return sum(_examples(step["facts"].get("trained_on", {})) for step in steps)
    if what == "tokens":
        return sum(step["usage"]["tokens_in"] + step["usage"]["tokens_out"] for step in steps)
    return sum(step["usage"]["calls"] for step in steps) if what == "calls" else 0


def _examples(rows: Mapping[str, int]) -> int:
    return next((rows[name] for name in ("pairs", "responses") if name in rows), 0)
