"""Where steps and their rules are found: a role's rooms, own code by module and function, and what is named but not built yet."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from winsome.errors import Unsupported
from winsome.frames import Kept
from winsome.protocols import Run
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
        "rip", "consistency", "format", "language_id", "repetition", "refusal", "overlap", "licence", "parse", "ungrounded",
        "instag", "prompt_judge", "perplexity", "ifd", "jaccard",
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
    """A step's or a rule's function, under the name by which a recipe asks for it. `own`: it is somebody's own code."""

    name: str
    function: Callable[..., Any]
    own: bool = False

    @cached_property
    def keys(self) -> dict[str, Setting]:
        return keys_of(self.function)

    @property
    def module(self) -> ModuleType:
        return sys.modules[self.function.__module__]

    @cached_property
    def version(self) -> str:
        """What a cached result depends on: the module's VERSION, of own code a digest of its file."""
        if self.own:
            source = inspect.getsourcefile(self.function)
            if source is not None:
                return hashlib.blake2b(Path(source).read_bytes(), digest_size=16).hexdigest()
        return str(getattr(self.module, "VERSION", 1))

    @property
    def about(self) -> str:
        return inspect.getdoc(self.function) or ""


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
    if "." in name and ":" in name:
        return _own(name, place)
    raise place.bad(f'no {CALLED[role]} "{name}"{near(name, [*table, *PLANNED[role]])}')


def _own(name: str, place: Place) -> Found:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as error:  # whatever a module of somebody's own raises
        why = " ".join(f"{type(error).__name__}: {error}".split())[:80]
        raise place.bad(f"{name} cannot be imported ({why}); check module and function") from None
    if not inspect.isfunction(found):
        raise place.bad(f"{name} is no function; name one that takes frames and gives Kept")
    return Found(name, found, own=True)


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
        return getattr(self.found.module, "READS", "") == "value"

    @property
    def on(self) -> str:
        """The frame that it works on where the recipe does not say."""
        return getattr(self.found.module, "ON", "")

    async def __call__(self, frame: DataFrame, run: Run) -> Kept:
        """What it keeps of `frame`. Own code runs in a process that sees the frame and nothing else of the run."""
        if self.found.own:
            from winsome.recipes.limited import called

            return await called(self.found, {"rows": frame}, self.settings, run.seed)
        given = {**self.settings, "run": run} if takes_run(self.found.function) else self.settings
        made = self.found.function(frame, **given)
        return await made if inspect.isawaitable(made) else made


def takes_run(function: Callable[..., Any]) -> bool:
    """Whether a function asks for the run."""
    return "run" in inspect.signature(function).parameters
