"""Whom the others are measured against: one contender, several that the figure pools, or one for each category of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from winsome.errors import BadInput
from winsome.matchmaking.schedule import Pairing, Schedule
from winsome.names import FILES, Spec, parse, stem
from winsome.records import Prompt
from winsome.standings.battles import Battles

Named = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Baselines:
    """`by_prompt`: for each prompt the numbers of the contenders it is measured against. `label` names them in figures."""

    label: str
    numbers: tuple[int, ...]
    by_prompt: Sequence[tuple[int, ...]]

    @property
    def pooled(self) -> bool:
        return len(self.numbers) > 1

    def contests(self, contenders: int) -> int:
        """How many contests `schedule` asks."""
        return (contenders - len(self.numbers)) * sum(map(len, self.by_prompt))

    def schedule(self, prompts: int, contenders: int, seed: int = 0, rounds: int = 1) -> Schedule:
        """Everybody who is no baseline meets the baselines of every prompt, in one round."""
        others = [c for c in range(contenders) if c not in self.numbers]
        yield [
            Pairing(prompt, c, b) for prompt in range(prompts) for c in others for b in self.by_prompt[prompt]
        ]

    def pool(self, battles: Battles, names: Sequence[str]) -> Battles:
        """The battles with all baselines under the one `label`."""
        if not self.pooled:
            return battles
        merged = {names[number] for number in self.numbers}
        kept = tuple(name for name in battles.names if name not in merged)
        place = {name: code for code, name in enumerate((*kept, self.label))}
        new = np.array([place.get(name, len(kept)) for name in battles.names], np.int32)
        return replace(battles, names=(*kept, self.label), a=new[battles.a], b=new[battles.b])


def wanted_names(baseline: Named) -> list[str]:
    """The names that `baseline` holds, each once."""
    if isinstance(baseline, str):
        return [baseline]
    return list(dict.fromkeys(baseline.values() if isinstance(baseline, Mapping) else baseline))


def lacking(baseline: Named, contenders: Sequence[str]) -> list[str]:
    """Those baselines of a suite that are no contender yet and can be opened: paths, addresses and kinds."""
    specs = [parse(name) for name in contenders]
    return [
        name
        for name in wanted_names(baseline)
        if not any(stands_for(spec, name) for spec in specs)
        and (":" in name or "/" in name or name.lower().endswith(FILES))
    ]


def stands_for(spec: Spec, wanted: str) -> bool:
    """Whether a contender's name is `wanted`: the same spec, or its file, folder or model is called so."""
    own = {str(spec), spec.address, stem(spec.address.rstrip("/").rpartition("/")[2]), _model(spec)}
    return wanted in own or _same_spec(spec, wanted)


def _same_spec(spec: Spec, wanted: str) -> bool:
    try:
        return str(parse(wanted)) == str(spec)
    except BadInput:
        return False


def _model(spec: Spec) -> str:
    """What a contender calls itself by ?model=, else nothing."""
    model: Any = spec.settings.get("model", "")
    return model if isinstance(model, str) else ""


def of_suite(baseline: Named, contenders: Sequence[str], prompts: Sequence[Prompt], suite: str) -> Baselines:
    """The baselines of a suite among `contenders` (canonical names).

    Raises BadInput where one of them takes no part, or none of the others is left to be measured.
    """
    specs = [parse(name) for name in contenders]
    number: dict[str, int] = {}
    for wanted in wanted_names(baseline):
        found = next((n for n, spec in enumerate(specs) if stands_for(spec, wanted)), None)
        if found is None:
            raise BadInput(
                f"suite {suite[:40]} measures against {wanted[:60]}, which takes no part: add its answers, "
                f"name a stand-in by --baseline, or give --schedule all"
            )
        number[wanted] = found
    numbers = tuple(dict.fromkeys(number.values()))
    if len(numbers) == len(contenders):
        raise BadInput(f"suite {suite}: every contender is a baseline; add one to be measured")
    if isinstance(baseline, Mapping):
        by_prompt = [_of_category(baseline, prompt, number, suite) for prompt in prompts]
    else:
        by_prompt = [numbers] * len(prompts)
    return Baselines(" + ".join(contenders[n] for n in numbers), numbers, by_prompt)


def _of_category(
    baseline: Mapping[str, str], prompt: Prompt, number: Mapping[str, int], suite: str
) -> tuple[int, ...]:
    category = prompt.facets.get("category", "")
    if category not in baseline:
        where = prompt.item or prompt.id[:8]
        raise BadInput(
            f'suite {suite}: prompt {where} has category "{category}", which has no baseline; name one'
        )
    return (number[baseline[category]],)


def single(name: str, contenders: Sequence[str], prompts: int) -> Baselines:
    """The one contender `name` as everybody's baseline."""
    number = contenders.index(name)
    return Baselines(name, (number,), [(number,)] * prompts)
