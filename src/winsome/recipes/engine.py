"""Steps run one after the other: found in the cache or made, held to the laws, written, recorded."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winsome.errors import BadInput, Fatal, WinsomeError
from winsome.frames import Frames, Kept, ancestors
from winsome.given import is_listed, is_mapping
from winsome.matchmaking.session import Session
from winsome.recipes import cache
from winsome.recipes.cache import Product, Stored
from winsome.recipes.laws import lawful
from winsome.recipes.made import Made, Unfinished, carried, headed, joined, parted, summed
from winsome.recipes.plan import ENTRY, Planned, no_roles
from winsome.recipes.record import Record
from winsome.recipes.references import with_names
from winsome.recipes.rules import Rule, takes_run
from winsome.recipes.schema import converted, role_type
from winsome.records import Suite, Usage, digest, total
from winsome.training.evaluation import looked_at

if TYPE_CHECKING:
    pass

VERSION = 1


@dataclass(frozen=True)
class Here:
    """Where a step stands: within which rounds and arms, and what is in force there."""

    products: Mapping[str, Product]
    names: Mapping[str, str]
    path: str = ""
    shift: int = 0
    carried: frozenset[str] = frozenset()


@dataclass
class Engine:
    """What all steps of one run share."""

    session: Session
    record: Record
    store: Path
    seed: int
    say: Callable[[str], None] = lambda line: None
    trained_on: set[str] = field(default_factory=set[str])
    """Prompts that something was trained on so far, with all that they came from."""

    async def run(self, steps: Sequence[Planned], place: Here) -> dict[str, Product]:
        """The products of `steps` by id, those of `place` before them."""
        products = dict(place.products)
        names = dict(place.names)
        for step in steps:
            here = replace(place, products=products, names=names)
            try:
                products[step.id] = made = await self._step(step, here)
            except (Unfinished, Fatal):
                raise
            except WinsomeError as error:
                raise replace(step.place, step=_path(here, step)).of(error) from None
            for name in filter(None, (step.id, step.alias)):
                names |= named(name, made)
        return products

    async def _step(self, step: Planned, place: Here) -> Product:
        incoming = self._incoming(step, place)
        settings = self._settings(step, place)
        if step.plays:
            clock, before = _clock(), self._spent()
            product = await step.found.function(self, step, place, incoming, **settings)
            self._note(step, place, product, {}, {}, clock, cached=False, usage=self._spent(before))
            return product
        if step.makes_contender:
            self._see_training(incoming)
            self._see_looks(settings)
        # a step that tells its sources apart makes all the frames that go on
        handed_on = {} if step.trait("SEPARATE", False) else incoming
        key = self._key(step, place, incoming, settings)
        folder = (
            self.store / key[:2] / key if step.cache else self.record.folder / "uncached" / _path(place, step)
        )
        clock = _clock()
        held = cache.found(folder) if step.cache else None
        if held is not None:
            own = cache.stored(folder, held)
            product = Product({**handed_on, **own}, held["contenders"], held["facts"])
            self._note(step, place, product, own, held["dropped"], clock, cached=True, usage=Usage())
            return product
        folder.mkdir(parents=True, exist_ok=True)
        before = self._spent()
        made, dropped = await self._made(step, place, incoming, settings, folder)
        self.stop_if_unfinished(step)
        there = {id(frame.table): frame for frame in incoming.values()}
        own = {
            name: cache.adopt(there[id(table)], folder, name)
            if id(table) in there
            else cache.write(folder, name, table)
            for name, table in made.kept.frames.items()
        }
        record = {
            "step": step.id, "kind": step.kind, "key": key, "dropped": dropped, "contenders": dict(made.contenders),
            "frames": {name: {"digest": f.digest, "rows": f.rows} for name, f in own.items()}, "facts": dict(made.facts),
        }  # fmt: skip
        cache.commit(folder, record)
        product = Product({**handed_on, **own}, made.contenders, made.facts)
        self._note(step, place, product, own, dropped, clock, cached=False, usage=self._spent(before))
        return product

    def _incoming(self, step: Planned, place: Here) -> dict[str, Stored]:
        """The frames that reach a step: those of its sources, a later source before an earlier."""
        frames: dict[str, Stored] = {}
        separate = bool(step.trait("SEPARATE", False))
        for source in step.sources:
            for name, frame in place.products[source].frames.items():
                frames[f"{'input' if source == ENTRY else source}.{name}" if separate else name] = frame
        return frames

    def _settings(self, step: Planned, place: Here) -> dict[str, Any]:
        """Parameter -> value, names opened; a rule stands under its key."""

        def open(name: Any, role: str) -> Any:
            return self.session.open(name, role_type(role))

        given = with_names(step.given, place.names)
        roles = step.found.trait("roles", no_roles)(dict(given))
        keys = {k: replace(s, annotation=roles.get(k, s.annotation)) for k, s in step.found.keys.items()}
        own = {k: v for k, v in given.items() if k in keys}
        settings = converted(own, keys, step.place, open)
        if step.rule is not None:
            ruled = converted(with_names(step.rule_given, place.names), step.rule.keys, step.place, open)
            for setting in step.rule.keys.values():
                # a file keeps its name, a step becomes what it told
                if setting.annotation == "Facts" and (
                    held := place.products.get(str(ruled.get(setting.name)))
                ):
                    ruled[setting.name] = dict(held.facts)
            settings[step.found.trait("RULE")] = Rule(step.rule, ruled)
        return settings

    def _key(
        self, step: Planned, place: Here, incoming: Mapping[str, Stored], settings: Mapping[str, Any]
    ) -> str:
        """The name of a result: all that it depends on."""
        identity = step.found.trait("identity")
        return digest(
            {
                "engine": VERSION,
                "kind": step.kind,
                "version": step.found.version,
                "rule": None if step.rule is None else [step.rule.name, step.rule.version],
                "settings": {name: fixed(value) for name, value in settings.items()},
                "is": None if identity is None else identity(dict(settings), self.session),
                "seed": self.seed_of(step, place),
                "common": [step.limit, step.for_each, step.on_error, step.max_error_share],
                "carried": sorted(place.carried & set(step.makes)),
                "frames": {name: frame.digest for name, frame in incoming.items()},
            }
        )

    def seed_of(self, step: Planned, place: Here) -> int:
        """The step's own seed or the recipe's, moved on by the round that it stands in."""
        return (self.seed if step.seed is None else step.seed) + place.shift

    async def _made(
        self,
        step: Planned,
        place: Here,
        incoming: Mapping[str, Stored],
        settings: Mapping[str, Any],
        folder: Path,
    ) -> tuple[Made, dict[str, int]]:
        run = replace(self.session, seed=self.seed_of(step, place), folder=folder)
        frames = {name: frame.table for name, frame in incoming.items()}
        primary = _primary(step, frames)
        cut: dict[str, int] = {}
        if step.limit is not None and primary is not None and frames[primary].height > step.limit:
            cut = {f"over the limit of {step.limit}": frames[primary].height - step.limit}
            frames[primary] = frames[primary].head(step.limit)
        parts = parted(frames, step.for_each) if step.for_each else {"": frames}
        done = [await self._one(step, part, primary, settings, run) for part in parts.values()]
        made = done[0] if len(done) == 1 else joined(done, list(parts))
        made = carried(made, frames, place.carried)
        if step.limit is not None and not step.reads and (first := next(iter(made.kept.frames), None)):
            made, cut = headed(made, first, step.limit)
        return made, summed([made.kept.dropped, cut])

    async def _one(
        self, step: Planned, frames: Frames, primary: str | None, settings: Mapping[str, Any], run: Session
    ) -> Made:
        """What the step's function makes of these frames, once it is lawful."""
        if step.found.own:
            from winsome.recipes.limited import called

            given: Any = await called(step.found, frames, settings, run.seed)
        else:
            more = {"run": run} if takes_run(step.found.function) else {}
            given = step.found.function(frames, **settings, **more)
            given = await given if inspect.isawaitable(given) else given
        made = given if isinstance(given, Made) else Made(given)
        tables = lawful(frames, primary, made.kept, set(step.makes) - set(step.reads))
        self._watch_errors(step, made.kept)
        return replace(made, kept=replace(made.kept, frames=tables))

    def _watch_errors(self, step: Planned, kept: Kept) -> None:
        """Raise where more rows failed than the step allows."""
        failed = {reason: n for reason, n in kept.dropped.items() if reason.startswith("failed")}
        count = sum(failed.values())
        if not count or kept.planned is None:
            return
        most = max(failed, key=lambda reason: failed[reason])
        if step.on_error == "stop":
            raise BadInput(
                f"{count} of {kept.planned} rows failed ({most[:80]}); on_error: row goes on without them"
            )
        if count > step.max_error_share * kept.planned:
            raise BadInput(
                f"{count} of {kept.planned} rows failed, more than max_error_share {step.max_error_share:g} ({most[:70]}); mend it and run again"
            )

    def stop_if_unfinished(self, step: Planned) -> None:
        """Raise where the door was closed while a step was at work, so that half a step is never taken for a whole one."""
        if self.session.door.stopped:
            raise Unfinished(
                f"step {step.id}: stopped early ({self.session.door.stopped}); what was bought is kept, the same command goes on"
            )

    def _see_training(self, incoming: Mapping[str, Stored]) -> None:
        frames = {
            name: frame.table for name, frame in incoming.items() if name in ("prompts", "responses", "pairs")
        }
        rows = next((frames[name] for name in ("pairs", "responses", "prompts") if name in frames), None)
        if rows is not None:
            self.trained_on |= ancestors(frames, rows["prompt_id"].unique().to_list())

    def _see_looks(self, settings: Mapping[str, Any]) -> None:
        """Prompts by which looks chose what training keeps measure it as little as those that it learnt from."""
        rule = next((held for held in settings.values() if isinstance(held, Rule)), None)
        if rule is not None and rule.settings.get("patience"):
            suite: Suite = self.session.open(rule.settings["suite"], Suite)
            chose = looked_at(len(suite.prompts), choosing=True)
            self.trained_on |= {prompt.id for prompt in suite.prompts[:chose]}

    def _spent(self, before: Usage | None = None) -> Usage:
        """What the door has bought so far, or since `before`."""
        now = total(tally.bought for tally in self.session.door.tallies.values())
        if before is None:
            return now
        money = None if now.money is None or before.money is None else now.money - before.money
        return Usage(
            now.calls - before.calls, now.tokens_in - before.tokens_in, now.tokens_out - before.tokens_out, money,
            now.seconds - before.seconds,
        )  # fmt: skip

    def _note(
        self, step: Planned, place: Here, product: Product, own: Mapping[str, Stored], dropped: Mapping[str, int], clock: tuple[float, float],
        *, cached: bool, usage: Usage,
    ) -> None:  # fmt: skip
        row = {
            "step": _path(place, step),
            "kind": step.kind,
            "from": list(step.sources),
            "rows": {name: frame.rows for name, frame in own.items()},
            "dropped": dict(dropped),
            "frames": {name: frame.digest for name, frame in product.frames.items()},
            "contenders": dict(product.contenders),
            "facts": dict(product.facts),
            "cached": cached,
            "seconds": round(_clock()[0] - clock[0], 4),
            "cpu_seconds": round(_clock()[1] - clock[1], 4),
            "usage": usage.payload(),
            "seed": self.seed_of(step, place),
        }
        self.record.end(row, own)
        self.say(_line(row))


def _clock() -> tuple[float, float]:
    """Seconds, and CPU seconds of this process."""
    return time.monotonic(), time.process_time()


def _line(row: Mapping[str, Any]) -> str:
    """A step as a person follows it."""
    rows = ", ".join(f"{n:,} {name}" for name, n in row["rows"].items())
    left = sum(row["dropped"].values())
    most = max(row["dropped"], key=lambda reason: row["dropped"][reason]) if left else ""
    more = " .." if len(row["dropped"]) > 1 else ""
    told = [
        rows,
        f"{left:,} dropped ({most}{more})" if left else "",
        "kept from before" if row["cached"] else f"{row['seconds']:.1f} s",
    ]
    return f"{row['step']}: {'; '.join(part for part in told if part)}"


def named(name: str, made: Product) -> dict[str, str]:
    """@name -> contender of what a step made: `name` its last one, `name.0`, `name.1`, .. all of them in order."""
    if made.contender is None:
        return {}
    return {name: made.contender} | {f"{name}.{n}": held for n, held in enumerate(made.contenders.values())}


def fixed(value: Any) -> Any:
    """A setting as a digest reads it: what was opened by its id, blocks by their fields."""
    if isinstance(value, Rule):
        return [value.name, {name: fixed(v) for name, v in value.settings.items()}]
    if hasattr(value, "full_name"):
        return value.full_name
    if hasattr(value, "id") and hasattr(value, "name"):
        return value.id
    if is_mapping(value):
        return {str(name): fixed(v) for name, v in value.items()}
    if is_listed(value):
        return [fixed(v) for v in value]
    return fixed(vars(value)) if hasattr(value, "__dataclass_fields__") else value


def _path(place: Here, step: Planned) -> str:
    return f"{place.path}{step.id}"


def _primary(step: Planned, frames: Frames) -> str | None:
    """The frame that `limit` cuts and whose rows a step's rows are made of."""
    reads = [name for name in step.reads if name in frames]
    if reads:
        return reads[0]
    # a rule says what it works on, and a recipe may say otherwise
    own = str(step.given.get("frame") or (step.rule.trait("ON", "") if step.rule else ""))
    if own in frames:
        return own
    return next((name for name in ("pairs", "responses", "documents", "prompts") if name in frames), None)
