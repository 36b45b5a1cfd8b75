"""Where steps and their rules are found: a role's rooms, own code by module and function, and what is named but not built yet."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from winsome.errors import Unsupported
from winsome.frames import Frames, Kept
from winsome.protocols import Run
from winsome.recipes.own import Own, own
from winsome.recipes.schema import Place, keys_of, near
from winsome.specs import Setting

if TYPE_CHECKING:
    from polars import DataFrame

ROOMS: Mapping[str, str] = {
    "Step": "winsome.recipes",
    "Filter": "winsome.curate",
    "Select": "winsome.curate",
    "Transform": "winsome.curate",
    "PairRule": "winsome.training",
    "Trainer": "winsome.training",
}
"""Role -> the room whose `KINDS` hold its functions."""

PLANNED: Mapping[str, tuple[str, ...]] = {
    "Filter": (
        "consistency", "format", "language_id", "repetition", "refusal", "overlap", "licence", "parse", "ungrounded",
    ),
    "Select": ("embedding_pairs", "percentile_harmonic", "frequency", "diverse", "route"),
    "Transform": ("keywords", "episodes", "shuffle_guides", "pack", "aggregate"),
    "PairRule": (
        "cross_condition", "revised_over_draft", "refined_over_initial", "demo_over_iterates", "language_imbalance",
        "principled", "ladder", "per_user", "elo_extremes",
    ),
    "Trainer": ("sft", "preference", "reward", "router", "pretrain", "rl", "expand"),
    "Step": (),
}  # fmt: skip
"""Names of the field that recipes will have; until their code is there they are said to be missing."""

CALLED = {
    "Filter": "filter rule",
    "Select": "select rule",
    "Transform": "transform op",
    "PairRule": "pair rule",
    "Trainer": "trainer",
    "Step": "step",
}


@dataclass(frozen=True)
class Found:
    """A step's or a rule's function under the name by which a recipe asks for it, or own code that is not imported here."""

    name: str
    code: Callable[..., Any] | Own

    @property
    def own(self) -> Own | None:
        return self.code if isinstance(self.code, Own) else None

    @property
    def function(self) -> Callable[..., Any]:
        assert not isinstance(self.code, Own), "own code runs in a process of its own"
        return self.code

    @cached_property
    def keys(self) -> dict[str, Setting]:
        return self.code.keys if isinstance(self.code, Own) else keys_of(self.code)

    def trait(self, name: str, default: Any = None) -> Any:
        """What the function's module says under `name`; own code says nothing."""
        return (
            default
            if isinstance(self.code, Own)
            else getattr(sys.modules[self.code.__module__], name, default)
        )

    @property
    def version(self) -> str:
        """What a cached result depends on: the module's VERSION, of own code a digest of its files."""
        return self.code.version if isinstance(self.code, Own) else str(self.trait("VERSION", 1))

    @property
    def about(self) -> str:
        return self.code.about if isinstance(self.code, Own) else inspect.getdoc(self.code) or ""


def known(role: str) -> dict[str, str]:
    """Name -> "module:function" of everything of a role."""
    return dict(importlib.import_module(ROOMS[role]).KINDS.get(role, {}))


def find(name: str, role: str, place: Place) -> Found:
    """The function that `name` names in `role`: a kind of its room, or own code as package.module:function.

    Raises Unsupported for a name that is planned, BadInput with the nearest name for one that nobody knows.
    """
    table = known(role)
    if name in table:
        module, _, function = table[name].partition(":")
        try:
            return Found(name, getattr(importlib.import_module(module), function))
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("winsome"):
                raise
            raise Unsupported(f'{_at(place)}{CALLED[role]} "{name}" is not built yet') from None
    if name in PLANNED[role]:
        raise Unsupported(f'{_at(place)}{CALLED[role]} "{name}" is not built yet{_have(table)}')
    if ":" in name:
        return Found(name, own(name, place))
    raise place.bad(f'no {CALLED[role]} "{name}"{near(name, [*table, *PLANNED[role]])}')


def _at(place: Place) -> str:
    return f"{place.recipe}: step {place.step}: " if place.step else f"{place.recipe}: "


def _have(table: Mapping[str, str]) -> str:
    return f" (there are: {', '.join(sorted(table))})" if table else ""


@dataclass(frozen=True)
class Rule:
    """A rule with its settings, as a step gets it."""

    found: Found
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def reads_scores(self) -> bool:
        """Whether its frame must have the column `value`."""
        return self.found.trait("READS", "") == "value"

    @property
    def on(self) -> str:
        """The frame that it works on where the recipe does not say."""
        return self.found.trait("ON", "")

    @property
    def reads_sides(self) -> bool:
        """Whether its frame are pairs with the words, lengths and scores of both answers."""
        return self.found.trait("READS", "") == "sides"

    async def __call__(self, frame: DataFrame, run: Run, frames: Frames | None = None) -> Kept:
        """What it keeps of `frame`; a rule that has a keyword `frames` gets all that reach the step. Own code runs in a process that sees the frame and nothing else of the run."""
        if self.found.own:
            from winsome.recipes.limited import called

            return await called(self.found, {"rows": frame}, self.settings, run.seed)
        given = {**self.settings, "run": run} if takes_run(self.found.function) else dict(self.settings)
        if "frames" in inspect.signature(self.found.function).parameters:
            given["frames"] = frames or {}
        made = self.found.function(frame, **given)
        return await made if inspect.isawaitable(made) else made


def takes_run(function: Callable[..., Any]) -> bool:
    """Whether a function asks for the run."""
    return "run" in inspect.signature(function).parameters
