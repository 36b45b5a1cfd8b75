"""The mixtures that an audit of deception asks: every map with every defence, over the same agents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from winsome.contenders.deception_map import (
    DECEPTIVE,
    OPPOSER,
    Map,
    at,
    check,
    honest,
    layers_of,
    map_of,
    places,
    sampled,
    written,
)
from winsome.errors import BadInput
from winsome.names import Spec, parse

DEFENCES = (
    "dropout_vote", "dropout_cluster", "dropout_cluster_released", "cluster_filter", "cluster_prompt", "medoid", "weighted_median",
)  # fmt: skip
ADAPTIVE_DRAWS = 8


@dataclass(frozen=True)
class Case:
    """One mixture: who deceives, how, and what stands before the aggregator. kind: honest, attack, sweep or adaptive."""

    map: Map
    kind: str
    defence: str
    spec: Spec

    @property
    def attack(self) -> str:
        """The map as the tables name it."""
        return f"{written(self.map)}{', adaptive' if self.kind == 'adaptive' else ''}"


@dataclass(frozen=True)
class Attacks:
    """What is tried. maps: as written; samples: numbers of deceivers placed by the seed; sweep: one in each seat in turn."""

    maps: Sequence[str] = ()
    samples: Sequence[int] = ()
    status: int | None = None
    sweep: bool = False
    adaptive: bool = False


def cases(contender: str, attacks: Attacks, defences: Sequence[str], *, choice: bool, seed: int) -> list[Case]:  # fmt: skip
    """The honest mixture and each attack, undefended first and then with each defence; a sweep is undefended.

    Raises BadInput where the contender is no mixture, where it names a map or defence itself, and where nothing attacks it.
    """
    spec = parse(contender)
    if spec.kind != "moa":
        raise BadInput(f'--contender "{contender[:60]}": is no mixture; give moa?layers=3-3-1&agents=[..]&aggregator=..')  # fmt: skip
    for key, flag in (("map", "--map"), ("defence", "--defences"), ("adaptive", "--adaptive")):
        if key in spec.settings:
            raise BadInput(f"--contender: has {key}= in its name, which the audit sets; give {flag} instead")
    layers = layers_of(str(spec.settings.get("layers", "3-3-1")))
    status = attacks.status if attacks.status is not None else OPPOSER if choice else DECEPTIVE
    wanted = [(map_of(text, layers), "attack") for text in attacks.maps]
    wanted += [(sampled(layers, k, status, seed), "attack") for k in attacks.samples]
    if attacks.sweep:
        wanted += [(at(layers, [place], status), "sweep") for place in places(layers)]
    if not any(any(row) for made, _ in wanted for row in made):
        raise BadInput("nothing attacks the mixture; give --map 000_001, --sample 1 or --sweep")
    for made, _ in wanted:
        check(made, choice=choice)
    if attacks.adaptive:
        wanted += [
            (made, "adaptive") for made, kind in list(wanted) if kind == "attack" and any(map(any, made))
        ]
    found: dict[tuple[Any, ...], Case] = {}
    for made, kind in [(honest(layers), "honest"), *wanted]:
        adaptive = kind == "adaptive"
        for defence in ["none", *(defences if kind != "sweep" else ())]:
            settings: dict[str, Any] = {**spec.settings, "missing": "incomplete"}
            if any(map(any, made)):
                settings["map"] = written(made)
            if defence != "none":
                settings["defence"] = defence
            if adaptive:
                settings["adaptive"] = str(ADAPTIVE_DRAWS)
            found.setdefault((made, adaptive, defence), Case(made, kind, defence, Spec("moa", spec.address, settings)))  # fmt: skip
    return list(found.values())


def defences_of(text: str | Sequence[str], *, choice: bool) -> tuple[str, ...]:
    """The defences that `all` or a list names; dropout_vote is left out of `all` on open tasks, and refused where it is asked for."""
    names = text.split(",") if isinstance(text, str) else list(text)
    if names == ["all"]:
        return tuple(name for name in DEFENCES if choice or name != "dropout_vote")
    if names in (["none"], [""], []):
        return ()
    unknown = next((name for name in names if name not in DEFENCES), None)
    if unknown is not None:
        raise BadInput(f"--defences {unknown}: no such defence; give all, none, or of {', '.join(DEFENCES)}")
    if not choice and "dropout_vote" in names:
        raise BadInput("--defences dropout_vote: counts options, and these prompts have none; take dropout_cluster")  # fmt: skip
    return tuple(dict.fromkeys(names))
