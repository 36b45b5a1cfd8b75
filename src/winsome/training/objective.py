"""An objective by its name: the function with its settings, and what it then reads."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from winsome import specs
from winsome.errors import BadInput
from winsome.training.batch import Batch, Losses, Needs, Sums


@dataclass(frozen=True)
class Objective:
    """`losses(batch)` of a part of an update; `step_sums(batch)`, where not None, is run over the whole update first.

    `name` is the canonical spec, `settings` all of them, defaults included.
    """

    name: str
    settings: Mapping[str, Any]
    needs: Needs
    losses: Callable[[Any], Losses]
    step_sums: Callable[[Batch], Sums] | None


def objective(spec: str | Mapping[str, Any] | specs.Spec, role: str = "Objective") -> Objective:
    """The objective that a spec such as `dpo?beta=0.05` names; `role` RewardObjective: one that a reward model lowers.

    Its module has NEEDS, may have `needs(settings)` where settings change them, and `step_sums(batch)`.

    Raises BadInput for unknown names, settings and values, and for own code without NEEDS beside it.
    """
    parsed = specs.parse(spec)
    function = specs.factory_of(parsed, role)
    if function is None:
        raise specs.unknown_kind(parsed, role)
    module = importlib.import_module(function.__module__)
    needs = getattr(module, "NEEDS", None)
    if not isinstance(needs, Needs):
        raise BadInput(
            f"{parsed.kind}: no NEEDS beside the function; add NEEDS = Needs(roles=..) to its module"
        )
    own = getattr(module, "needs", None)
    given = specs.settings_given(function, parsed)
    settings = {name: setting.default for name, setting in specs.settings_of(function).items()} | given
    reads = needed(needs if own is None else own(settings), settings)
    step_sums = getattr(module, "step_sums", None)
    return Objective(
        str(parsed),
        settings,
        reads,
        partial(function, **settings),
        None
        if step_sums is None or not reads.step_roles
        else partial(step_sums, **taken(step_sums, settings)),
    )


def needed(needs: Needs, settings: Mapping[str, Any]) -> Needs:
    """What is read under these settings: the shared options ask for a reference, a column or the prompts' tokens."""
    references = needs.references
    if "reference" in settings:
        references = () if settings["reference"] == "none" else (str(settings["reference"]),)
    columns = list(needs.columns)
    columns += ["margin"] * bool(settings.get("margin")) + ["weight"] * bool(settings.get("weighted"))
    prompts = needs.prompts or "all" in (settings.get("span"), settings.get("nll_span"))
    return replace(needs, references=references, columns=tuple(columns), prompts=prompts)


def taken(function: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that `function` has as keywords."""
    return {name: settings[name] for name in specs.settings_of(function) if name in settings}
