"""A Run: the seed, folder, ledger and door of one invocation, and what its specs have opened."""

from __future__ import annotations

import datetime
import math
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from winsome import specs
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Asked, Door
from winsome.protocols import Contender
from winsome.records import Sampling

T = TypeVar("T")

COMMON = ("system", "temperature", "top_p", "top_k", "max_tokens", "seed")
"""Settings that every contender takes; the door applies them, so that no kind has to."""


DEEPEST = 20
"""Contenders within contenders; more come only of a file that names itself."""


@dataclass
class Session:
    """The Run of the frame. `engine` names where contenders and scorers work: "local", or "ray" for a cluster."""

    door: Door
    seed: int = 0
    folder: Path = Path(".winsome")
    engine: str = "local"
    opened: dict[tuple[str, str, bool], Any] = field(default_factory=dict[tuple[str, str, bool], Any])
    _within: int = 0

    @property
    def ledger(self) -> Ledger:
        return self.door.ledger

    def open(self, spec: str | Mapping[str, Any] | specs.Spec, role: type[T]) -> T:
        """The object that `spec` names in `role`. Equal names and equal ids share one object, so weights load once.

        What is opened within another (a decoder's base, a judge's model) is counted apart from a contender of that name.
        """
        parsed = specs.parse(spec)
        place = (role.__name__, str(parsed), self._within > 0)
        if place not in self.opened:
            self.opened[place] = self._open(parsed, role.__name__)
        return cast(T, self.opened[place])

    def asked(self, spec: str | Mapping[str, Any] | specs.Spec) -> Asked:
        """The contender that `spec` names, with what the door knows of it."""
        return cast(Asked, self.open(spec, Contender))

    def _open(self, spec: specs.Spec, role: str) -> Any:
        if role != "Contender":
            return self._shared(spec, role)
        settings, system = _common(spec)
        inner = self._shared(spec.without(COMMON), role)
        return self.door.through(inner, str(spec), system, settings, within=self._within > 0)

    def _shared(self, spec: specs.Spec, role: str) -> Any:
        """The object of `spec`, the one already opened where names are equal, or ids where it computes by itself.

        Key, timeout and price of a server are not in its id, so servers are shared by their whole name.
        """
        place = (role, f"inner {spec}", False)
        if place in self.opened:
            return self.opened[place]
        if self._within >= DEEPEST:
            raise BadInput(
                f'"{specs.masked(spec)[:80]}": opens more than {DEEPEST} deep; does a file name itself?'
            )
        self._within += 1
        try:
            thing = self._placed(spec, role)
        finally:
            self._within -= 1
        if hasattr(thing, "id") and not getattr(thing, "host", ""):
            thing = self.opened.setdefault((role, f"id {thing.id}", False), thing)
        self.opened[place] = thing
        return thing

    def _placed(self, spec: specs.Spec, role: str) -> Any:
        """The object here, or its proxy on the cluster where the engine is Ray and the kind computes by itself."""
        if self.engine == "ray":
            from winsome.matchmaking.ray_engine import remote

            return remote(spec, role, self)
        return specs.open_spec(spec, role, self)

    async def close(self) -> None:
        """Free claims, connections and workers."""
        await self.door.close()
        for thing in {id(o): o for o in self.opened.values()}.values():
            inner = thing.inner if isinstance(thing, Asked) else thing
            close = getattr(inner, "close", None)
            if close is not None:
                await close()
        self.opened.clear()


_NUMBERS: tuple[tuple[str, Callable[[str], float], Callable[[float], bool], str], ...] = (
    ("temperature", float, lambda t: 0.0 <= t < math.inf, "from 0"),
    ("top_p", float, lambda p: 0.0 < p <= 1.0, "above 0, at most 1"),
    ("top_k", int, lambda k: 1 <= k < 2**63, "from 1"),
    ("max_tokens", int, lambda n: 1 <= n < 2**63, "from 1"),
    ("seed", int, lambda s: abs(s) < 2**63, "of 64 bits, without a fraction"),
)


def _common(spec: specs.Spec) -> tuple[Sampling, str | None]:
    """The door's settings in a contender's spec: how it samples, and its system text (`@file`: the file's text)."""
    given = {key: value for key, value in spec.settings.items() if key in COMMON and value != "none"}
    shown = specs.masked(spec)
    numbers: dict[str, Any] = {}
    for key, convert, allowed, wanted in _NUMBERS:
        if key in given:
            try:
                numbers[key] = convert(str(given[key]))
            except ValueError:
                raise BadInput(f'"{shown}": {key}={given[key]} is no number; give one {wanted}') from None
            if not allowed(numbers[key]):
                raise BadInput(f'"{shown}": {key}={given[key]} is out of range; give a number {wanted}')
    system = given.get("system")
    if not isinstance(system, str | None):
        raise BadInput(f'"{shown}": system is no text; escape brackets as %28 and %5B, or give system=@file')
    if system is not None and system.startswith("@"):
        path = Path(system[1:])
        try:
            system = path.read_text("utf-8-sig").strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            raise BadInput(
                f'"{shown}": system text {path} cannot be read ({why}); give a UTF-8 file'
            ) from None
    return Sampling(**numbers), system


def new_folder(root: Path, names: str) -> Path:
    """A fresh run folder `<date>-<slug>-<4 hex>` below `root`."""
    slug = re.sub(r"[^a-z0-9]+", "-", names.lower()).strip("-")[:40].strip("-") or "run"
    day = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")
    folder = root / f"{day}-{slug}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True)
    return folder
