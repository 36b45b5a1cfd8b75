"""A recipe checked and put in order before anything runs: every step, rule, key, name, file, frame, column and reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from winsome.errors import Unsupported, WinsomeError
from winsome.frames import COLUMNS
from winsome.given import is_mapping
from winsome.recipes import rules
from winsome.recipes.order import in_order
from winsome.recipes.read import COMMON, Recipe, Written
from winsome.recipes.references import references, with_names
from winsome.recipes.schema import (
    Place,
    check_keys,
    converted,
    near,
    required,
    role_type,
    value_of,
)
from winsome.specs import Setting


@dataclass(frozen=True)
class Planned:
    """A step that may run: its function, its own keys and its rule's, where its frames come from."""

    id: str
    kind: str
    found: rules.Found
    given: Mapping[str, Any]
    rule: rules.Found | None = None
    rule_given: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    alias: str = ""
    seed: int | None = None
    limit: int | None = None
    for_each: str | None = None
    cache: bool = True
    on_error: str = "row"
    max_error_share: float = 0.2
    body: tuple[Written, ...] = ()
    variants: Mapping[str, tuple[Planned, ...]] = field(default_factory=dict[str, tuple["Planned", ...]])
    """What the body is in each round or arm, by its label."""
    place: Place = field(default_factory=lambda: Place(""))

    def trait(self, name: str, default: Any = None) -> Any:
        """What the step's module says of it under `name`, as its settings have it."""
        value = self.found.trait(name, default)
        return value(dict(self.given)) if callable(value) else value

    @property
    def reads(self) -> tuple[str, ...]:
        return self.trait("READS", ())

    @property
    def makes(self) -> tuple[str, ...]:
        return self.trait("MAKES", ())

    @property
    def plays(self) -> bool:
        """Whether the step runs other steps, or a comparison, instead of making frames."""
        return bool(self.found.trait("PLAYS", False))

    @property
    def makes_contender(self) -> bool:
        return bool(self.found.trait("CONTENDER", False))


@dataclass
class Scope:
    """What a step may refer to: frames by step, contenders by name, columns that are there beside the frames' own."""

    frames: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    contenders: set[str] = field(default_factory=set[str])
    last: str = ""
    raters: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def inner(self) -> Scope:
        return Scope(dict(self.frames), set(self.contenders), self.last, self.raters)


ENTRY = "<entry>"
"""The source of a body's first step: the frames that reach its owner."""

_COMMON: Mapping[str, Setting] = {
    "from": Setting("from", "tuple[str,...]", None),
    "as": Setting("as", "str", ""),
    "for_each": Setting("for_each", "str", None),
    "seed": Setting("seed", "int", None),
    "limit": Setting("limit", "int", None),
    "cache": Setting("cache", "bool", True),
    "on_error": Setting("on_error", 'Literal["row","stop"]', "row"),
    "max_error_share": Setting("max_error_share", "float", 0.2),
}


def planned(recipe: Recipe, run: Any) -> tuple[Planned, ...]:
    """The steps of a recipe in the order in which they run; names are opened through `run`, which loads no weights.

    Raises BadInput or Unsupported with one line for the first thing that is wrong.
    """
    scope = Scope(contenders={f"@{name}" for name in recipe.names})
    return steps(recipe.steps, scope, recipe, run)


def steps(written: Sequence[Written], scope: Scope, recipe: Recipe, run: Any) -> tuple[Planned, ...]:
    """Steps in the order in which they run, within a scope that may hold frames and contenders already."""
    names = {step.id: step.id for step in written} | {
        str(s.keys["as"]): s.id for s in written if s.keys.get("as")
    }
    found = [
        _step(step, written[n - 1].id if n else scope.last, names, scope, recipe)
        for n, step in enumerate(written)
    ]
    ordered = in_order(found, recipe.place)
    done: list[Planned] = []
    for step in ordered:
        done.append(_checked(step, scope, recipe, run))
        scope.frames[step.id] = _after(done[-1], scope)
        if done[-1].makes_contender:
            scope.contenders |= {f"@{step.id}"} | ({f"@{step.alias}"} if step.alias else set())
        scope.last = step.id
    return tuple(done)


def _step(step: Written, before: str, names: Mapping[str, str], scope: Scope, recipe: Recipe) -> Planned:
    """A step with its function, its keys parted from those of its rule, and what it refers to."""
    place = Place(recipe.place, step.id)
    found = rules.find(step.kind, "Step", place)
    own = found.keys
    keys = dict(step.keys)
    common = {name: keys.pop(name) for name in COMMON if name in keys and name not in own}
    if found.trait("PLAYS"):
        check_keys(common, found.trait("TAKES", ("from", "as", "seed")), place, f"key of {step.kind}")
    rule, rule_keys = _rule(found, keys, place)
    unbuilt = found.trait("PLANNED", ())
    for key in keys:
        if key in unbuilt and key not in own and (rule is None or key not in rule.keys):
            raise Unsupported(
                f"{recipe.place}: step {step.id}: key {key} of {step.kind} is not built yet; leave it out"
            )
    allowed = [*own, *(rule.keys if rule else ()), *COMMON]
    check_keys(keys, [*allowed, *unbuilt], place)
    repeats = found.trait("variants") is not None
    if repeats and not step.body:
        raise place.bad("has no body; write the steps that it repeats under body:")
    if step.body and not repeats:
        raise place.bad(f"{step.kind} takes no body; move its steps one level up")
    given = {key: value for key, value in keys.items() if key in own}
    rule_given = {key: value for key, value in keys.items() if rule and key in rule.keys and key not in own}
    required(given, {k: s for k, s in own.items() if not (rule and k == rule_keys)}, place)
    if rule is not None:
        required(rule_given, {k: s for k, s in rule.keys.items() if k not in own}, place)
    read = {k: value_of(v, _COMMON[k], place, lambda name, role: name) for k, v in common.items()}
    sources = tuple(
        _source(name, names, scope, place)
        for name in read.get("from") or ((before,) if before and not found.trait("STARTS") else ())
    )
    if not read.get("max_error_share", 0.2) <= 1.0 or read.get("max_error_share", 0.2) < 0.0:
        raise place.bad("max_error_share must lie in [0, 1]")
    if read.get("limit") is not None and read["limit"] < 1:
        raise place.bad(f"limit: {read['limit']} leaves nothing; give 1 or more")
    referred = {name.partition(".")[0] for value in (given, rule_given) for name in references(value)}
    needs = [*sources, *(names[name] for name in referred if name in names)]
    needs += [names[name] for name in _told(rule, rule_given) if name in names and names[name] != step.id]
    return Planned(
        step.id, step.kind, found, given, rule, rule_given, sources, tuple(dict.fromkeys(needs)), read.get("as", ""),
        read.get("seed"), read.get("limit"), read.get("for_each"), read.get("cache", True), read.get("on_error", "row"),
        read.get("max_error_share", 0.2), step.body, place=place,
    )  # fmt: skip


def _rule(found: rules.Found, keys: dict[str, Any], place: Place) -> tuple[rules.Found | None, str]:
    """The rule that a step names, and the key under which it does; it is taken out of `keys`."""
    role = found.trait("RULES")
    if role is None:
        return None, ""
    key = found.trait("RULE")
    setting = found.keys[key]
    name = keys.pop(key, None)
    if name is None:
        name = found.trait("DEFAULT_RULE")
    if not isinstance(name, str):
        raise place.bad(
            f'key "{key}" is missing; name one of {", ".join(sorted(rules.known(role)))[:90]} ({setting.annotation})'
        )
    return rules.find(name, role, place), key


def _told(rule: rules.Found | None, given: Mapping[str, Any]) -> list[str]:
    """What the settings of a rule name that takes the facts of a step."""
    if rule is None:
        return []
    return [
        str(given[key])
        for key, setting in rule.keys.items()
        if setting.annotation == "Facts" and key in given
    ]


def _source(name: str, names: Mapping[str, str], scope: Scope, place: Place) -> str:
    wanted = name.removeprefix("@")
    if wanted in names:
        return names[wanted]
    if wanted in scope.frames:
        return wanted
    raise place.bad(
        f'from: no step "{name}"{near(wanted, [*names, *(n for n in scope.frames if n != ENTRY)])}'
    )


def _checked(step: Planned, scope: Scope, recipe: Recipe, run: Any) -> Planned:
    """The step with its body planned, once its values, names, files, frames and columns are found to be right."""
    from winsome.recipes.steps.match import identities

    place = step.place
    if step.found.trait("BUILT", True) is False:
        raise Unsupported(f"{place.recipe}: step {step.id}: {step.kind} steps are not built yet")
    there = frames_at(step, scope)
    for reference in (*references(step.given), *references(step.rule_given)):
        if f"@{reference.partition('.')[0]}" not in scope.contenders:
            known = [name.removeprefix("@") for name in scope.contenders]
            raise place.bad(
                f"@{reference} names nothing that answers{near(reference, known)}; name a train step"
            )

    def open(name: Any, role: str) -> Any:
        if any(True for _ in references(name)):
            resolved = with_names(name, recipe.names)
            if any(True for _ in references(resolved)):
                return name
            name = resolved
        try:
            return run.open(name, role_type(role))
        except WinsomeError as error:
            raise place.of(error) from None

    for found, given in [(step.found, step.given)] + ([(step.rule, step.rule_given)] if step.rule else []):
        known = {key: setting for key, setting in found.keys.items() if key in given}
        roles = found.trait("roles", no_roles)(dict(given))
        settings = converted(given, {k: _as_role(s, roles) for k, s in known.items()}, place, open)
        for key, setting in known.items():
            _check_words(key, setting, given[key], there, place)
        _check_raters(step, settings, scope, run)
        if step.kind == "train" and isinstance(rated := settings.get("reward"), str):
            rated = with_names(rated, recipe.names)
            # A reward that an earlier step trains is not there yet.
            if not any(True for _ in references(rated)):
                from winsome.training.online.reward import opened

                scope.raters[step.id] = identities(opened(rated, run)[1])
    if step.for_each is not None and not step.plays:
        _check_column("for_each", step.for_each, there, place)
    missing = [frame for frame in step.reads if frame not in there]
    if missing:
        makers = [k for k in rules.known("Step") if missing[0] in _static_makes(k)]
        raise place.bad(
            f"{step.kind} needs the frame {missing[0]}, and there are {', '.join(sorted(there)) or 'none'}; "
            f"put {' or '.join(makers[:3]) or 'a step that makes it'} before"
        )
    check = step.found.trait("check")
    rule_check = step.rule.trait("check") if step.rule else None
    try:
        if check is not None:
            check(dict(step.given), run)
        if rule_check is not None:
            rule_check(dict(step.rule_given))
    except WinsomeError as error:
        raise place.of(error) from None
    if not step.body:
        return step
    inner = scope.inner()
    inner.frames[ENTRY] = there
    inner.last = ENTRY
    inner.contenders |= {f"@{name}" for name in step.found.trait("NAMES", ())}
    variants: dict[str, tuple[Planned, ...]] = {}
    for label, changes in step.found.trait("variants")(dict(step.given), place).items():
        body = changed(step.body, changes, place)
        variants[label] = steps(body, inner.inner(), recipe, run)
    return replace(step, variants=variants)


def changed(body: Sequence[Written], changes: Mapping[str, Any], place: Place) -> tuple[Written, ...]:
    """The steps of a body with the changes (step.key -> value) of a round or an arm; BadInput where a step is not there."""
    made = list(body)
    for dotted, value in changes.items():
        owner, _, path = dotted.partition(".")
        known = [step.id for step in made]
        if owner not in known or not path:
            raise place.bad(f'"{dotted}": no step "{owner}" in the body{near(owner, known)}; write STEP.KEY')
        number = known.index(owner)
        made[number] = replace(made[number], keys=put(made[number].keys, path.split("."), value))
    return tuple(made)


def put(keys: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """`keys` with the value at `path` changed; what it goes through is made a mapping."""
    first, *rest = path
    held = keys.get(first)
    return {**keys, first: put(held if is_mapping(held) else {}, rest, value) if rest else value}


def _check_raters(step: Planned, settings: Mapping[str, Any], scope: Scope, run: Any) -> None:
    """Remember who rates rows, and refuse a match whose judge did."""
    from winsome.recipes.steps.match import identities, refuse_selectors

    if step.kind in ("score", "judge") and hasattr(settings.get("by"), "id"):
        scope.raters[step.id] = identities(settings["by"])
    if step.kind == "match":
        refuse_selectors(step, settings, scope.raters, run)


def no_roles(settings: Mapping[str, Any]) -> dict[str, str]:
    """The roles of a step's names where its annotations say them all."""
    return {}


def _as_role(setting: Setting, roles: Mapping[str, str]) -> Setting:
    """The setting under the role in which its name is opened, where that depends on other keys."""
    role = roles.get(setting.name.rstrip("_"))
    return setting if role is None else Setting(setting.name, role, setting.default)


def frames_at(step: Planned, scope: Scope) -> set[str]:
    """The names of the frames that reach a step."""
    return (
        set[str]().union(*(scope.frames.get(source, set()) for source in step.sources))
        if step.sources
        else set()
    )


def _after(step: Planned, scope: Scope) -> set[str]:
    there = frames_at(step, scope)
    made = set(step.makes)
    for body in step.variants.values():
        made |= set().union(*(set(inner.makes) for inner in walk(body)))
    return there | made


def walk(steps: Sequence[Planned]) -> Iterator[Planned]:
    """All steps, those of bodies after their owner."""
    for step in steps:
        yield step
        for body in step.variants.values():
            yield from walk(body)


def _static_makes(kind: str) -> tuple[str, ...]:
    found = rules.find(kind, "Step", Place(""))
    return found.trait("MAY_MAKE") or found.trait("MAKES", ())


def _check_words(key: str, setting: Setting, value: Any, there: set[str], place: Place) -> None:
    """Raise BadInput for the name of a column or frame that does not reach the step."""
    if not isinstance(value, str):
        return
    if setting.annotation == "Frame" and value:
        if value not in COLUMNS:
            raise place.bad(f'{key}: no frame "{value}"{near(value, COLUMNS)}')
        if value not in there and there:
            raise place.bad(f"{key}: no frame {value} reaches this step{near(value, there)}")
    if setting.annotation == "Column" and value != setting.default:
        _check_column(key, value, there, place)


def _check_column(key: str, column: str, there: set[str], place: Place) -> None:
    known = {name for frame in there for name in COLUMNS.get(frame, ())}
    if column not in known:
        raise place.bad(f'{key}: no column "{column}"{near(column, known)}')
