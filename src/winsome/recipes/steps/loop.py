"""Steps repeated, each round from what the last one made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from winsome.given import is_listed
from winsome.protocols import Contender
from winsome.recipes.cache import Product, Stored
from winsome.recipes.schema import Place

if TYPE_CHECKING:
    from winsome.recipes.engine import Engine, Here
    from winsome.recipes.plan import Planned

VERSION = 1
READS: tuple[str, ...] = ()
PLAYS = CONTENDER = True
NAMES = ("policy", "start", "initial")
PLANNED = ("every", "fresh", "stop_when", "refresh_reference")


async def loop(
    engine: Engine,
    step: Planned,
    place: Here,
    incoming: Mapping[str, Stored],
    *,
    rounds: int,
    policy: Contender,
    reset_policy_to: Literal["last", "initial"] = "last",
    carry: tuple[str, ...] = (),
    schedule: dict[str, tuple[Any, ...]] | None = None,
    keep_iterates: bool = True,
) -> Product:
    """The last round's contender, and with `keep_iterates` each round's as @ID.0, @ID.1, ..; frames are the last round's.

    Within the body @policy is the contender of the last round (first `policy`), @initial always `policy`, and @start what a training
    begins from: @policy, or with reset_policy_to `initial` always `policy`. carry: frames whose rows stay from round to round; all
    others start each round as they reached the loop. schedule: {step.key: [a value for each round]}. Seeds move on by one a round.
    """
    from winsome.recipes.plan import ENTRY

    frames, now = dict(incoming), policy.name
    iterates: dict[str, str] = {}
    last: Mapping[str, Stored] = {}
    for number, body in enumerate(step.variants.values()):
        begin = now if reset_policy_to == "last" else policy.name
        here = replace(
            place,
            products={**place.products, ENTRY: Product(frames)},
            names={**place.names, "policy": now, "initial": policy.name, "start": begin},
            path=f"{place.path}{step.id}/{number + 1}/",
            shift=place.shift + number,
            carried=place.carried | frozenset(carry),
        )
        products = await engine.run(body, here)
        own = [products[inner.id] for inner in body]
        trained = [made.contender for made in own if made.contender is not None]
        if trained:
            now = trained[-1]
        iterates[f"round {number + 1}"] = now
        last = own[-1].frames
        frames = {**incoming, **{name: last[name] for name in carry if name in last}}
    contenders: dict[str, str] = iterates if keep_iterates else {f"round {rounds}": now}
    return Product({**incoming, **last}, contenders, {"rounds": rounds})


def variants(settings: Mapping[str, Any], place: Place) -> dict[str, dict[str, Any]]:
    """Round -> what of the body is changed in it; BadInput where the schedule does not fit."""
    rounds: Any = settings["rounds"]
    schedule: Mapping[str, Any] = settings.get("schedule") or {}
    if not isinstance(rounds, int) or rounds < 1:
        raise place.bad(f"rounds: {rounds} does nothing; give 1 or more")
    for key, values in schedule.items():
        if not is_listed(values) or len(values) != rounds:
            raise place.bad(f"schedule: {key} needs a list of {rounds} values, one a round")
    return {str(n + 1): {key: values[n] for key, values in schedule.items()} for n in range(rounds)}
