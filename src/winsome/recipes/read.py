"""A recipe as it is written: YAML read, its keys checked, `--set` applied.

winsome: 1
name: best-of-n-sft
seed: 0
names: {base: "world:instruction#base?size=0.2M"}
steps:
  - load: {source: "world:instruction?split=train&n=600"}
  - generate: {by: "@base", n: 8}
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from winsome.errors import BadInput
from winsome.given import is_listed, is_mapping
from winsome.recipes.schema import Place, check_keys, near
from winsome.records import digest

VERSION = 1
"""The version of recipes that this code reads."""

KEYS = ("winsome", "name", "about", "seed", "names", "steps", "paper")
COMMON = ("id", "from", "as", "for_each", "seed", "limit", "cache", "on_error", "max_error_share")
"""Keys that every step takes."""


@dataclass(frozen=True)
class Written:
    """One step as written: its kind, its keys, and the steps of its body."""

    id: str
    kind: str
    keys: Mapping[str, Any]
    body: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A recipe as data. `place` is its file or name, as errors say it."""

    name: str
    place: str
    steps: tuple[Written, ...]
    seed: int = 0
    about: str = ""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    paper: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def id(self) -> str:
        return digest(self.source)


def read(recipe: str | Path | Mapping[str, Any], changes: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """The recipe of a file, of a shipped name, or of a mapping, with `changes` ("a.b=c") applied.

    Raises BadInput naming file and key for what is no recipe, of a newer version, or changed where nothing is.
    """
    place, text = _found(recipe)
    written = _parsed(text, place) if isinstance(text, str) else _copied(text)
    here = Place(place)
    if not is_mapping(written) or "steps" not in written:
        raise here.bad("no recipe: write winsome: 1, name: and steps: at the top")
    whole = dict[str, Any](written)
    version = whole.get("winsome")
    if not isinstance(version, int) or isinstance(version, bool):
        raise here.bad("its version is missing; write winsome: 1 as the first line")
    if version > VERSION:
        raise here.bad(f"is of version {version}, this winsome reads up to {VERSION}; update winsome")
    check_keys(whole, KEYS, here)
    steps = _steps(whole["steps"], here)
    for dotted, value in _changes(changes):
        _change(whole, steps, dotted, value, here)
    steps = _steps(whole["steps"], here)
    seed = whole.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
        raise here.bad(f"seed: {seed} is no whole number from 0")
    names: Any = whole.get("names") or {}
    if not is_mapping(names) or not all(isinstance(value, str) for value in names.values()):
        raise here.bad("names: holds no texts; write names: {base: a-name, judge: another}")
    paper: Any = whole.get("paper") or {}
    if not is_mapping(paper):
        raise here.bad("paper: holds no keys; write paper: {parameters: 8e9, ..}")
    name = str(whole.get("name") or Path(place).stem)
    return Recipe(name, place, steps, seed, str(whole.get("about") or ""), dict(names), dict(paper), whole)


def shipped() -> dict[str, str]:
    """Name -> one line about each recipe that ships."""
    import yaml

    found: dict[str, str] = {}
    for entry in sorted(files("winsome.recipes").joinpath("shipped").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".yaml"):
            whole = yaml.safe_load(entry.read_text("utf-8"))
            found[entry.name.removesuffix(".yaml")] = str(whole.get("about", ""))
    return found


def walk(steps: Sequence[Written]) -> Iterator[Written]:
    """All steps, those of bodies after their owner."""
    for step in steps:
        yield step
        yield from walk(step.body)


def _found(recipe: str | Path | Mapping[str, Any]) -> tuple[str, str | Mapping[str, Any]]:
    if isinstance(recipe, Mapping):
        return str(recipe.get("name", "recipe")), recipe
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml") or path.exists():
        try:
            return str(recipe), path.read_text("utf-8-sig")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            raise BadInput(
                f"{recipe}: cannot be read ({why}); give a recipe's file, or the name of one that ships"
            ) from None
    known = shipped()
    if str(recipe) not in known:
        raise BadInput(f'no recipe "{recipe}" ships{near(str(recipe), known)}; give its name or a .yaml file')
    return str(recipe), files("winsome.recipes").joinpath("shipped", f"{recipe}.yaml").read_text("utf-8")


def _parsed(text: str, place: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place}: line {mark.line + 1}" if mark else f"{place}:"
        raise BadInput(f"{where} is not YAML; quote names that hold : # or ?, and indent by spaces") from None


def _copied(whole: Mapping[str, Any]) -> Any:
    import copy

    return copy.deepcopy(dict(whole))


def _steps(written: Any, here: Place, taken: set[str] | None = None) -> tuple[Written, ...]:
    if not is_listed(written) or not written:
        raise here.bad("steps: holds no list; write one step a line, as in - load: {source: basics}")
    taken = set() if taken is None else taken
    return tuple(_step(entry, number, here, taken) for number, entry in enumerate(written, 1))


def _step(entry: Any, number: int, here: Place, taken: set[str]) -> Written:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not is_mapping(entry) or len(entry) != 1:
        raise here.bad(f"step {number} is not of the form kind: {{keys}}; write one kind a step")
    kind, given = next(iter(entry.items()))
    keys: Any = {} if given is None else given
    if not is_mapping(keys):
        raise here.bad(f"step {number} ({kind}): its keys are no mapping; write {kind}: {{key: value}}")
    if not all(isinstance(key, str) for key in keys):
        raise here.bad(f"step {number} ({kind}): a key is no text; quote it")
    id = keys.get("id")
    if id is None:
        stem = str(kind).rpartition(":")[2]
        id = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 1000))) if name not in taken)
    if not isinstance(id, str) or not id.replace("-", "").replace("_", "").isalnum():
        raise here.bad(f'step {number} ({kind}): id "{id}" must be letters, digits, - and _')
    if id in taken:
        raise here.bad(f'step {number} ({kind}): id "{id}" is taken; give every step its own')
    taken.add(id)
    body = _steps(keys["body"], here, taken) if "body" in keys else ()
    return Written(
        id, str(kind), {key: value for key, value in keys.items() if key not in ("id", "body")}, body
    )


def _changes(changes: Sequence[str] | Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(changes, Mapping):
        yield from changes.items()
        return
    for change in changes:
        dotted, equals, value = change.partition("=")
        if not equals or not dotted:
            raise BadInput(f'--set "{change}": write STEP.KEY=VALUE, such as generate.n=8')
        # @name means something else to YAML, and is what a name begins with here
        yield dotted.strip(), value if value.startswith("@") else _parsed(value, f"--set {dotted}")


def _change(whole: dict[str, Any], steps: tuple[Written, ...], dotted: str, value: Any, here: Place) -> None:
    """Set one key, of the recipe, its names, its paper block or a step, in place."""
    first, *rest = dotted.split(".")
    if not rest and first in ("seed", "name"):
        whole[first] = value
        return
    if first in ("names", "paper") and rest:
        _put(whole.setdefault(first, {}), rest, value)
        return
    ids = [step.id for step in walk(steps)]
    if first not in ids or not rest:
        known = [*ids, "seed", "names", "paper"]
        close = difflib.get_close_matches(first, known, 1, 0.5)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise here.bad(
            f'--set {dotted}: no step "{first}"{hint} (known: {", ".join(known)[:80]}); write STEP.KEY=VALUE'
        )
    _put(_raw(whole["steps"], first, set()), rest, value)


def _raw(written: list[Any], id: str, taken: set[str]) -> dict[str, Any]:
    """The keys of the step `id`, as they stand in the recipe, to be changed; {} where it is not among `written`."""
    for number, given in enumerate(written):
        entry: dict[str, Any] = {given: {}} if isinstance(given, str) else given
        kind, held = next(iter(entry.items()))
        keys: dict[str, Any] = {} if held is None else held
        written[number], entry[kind] = entry, keys
        flat = {key: value for key, value in keys.items() if key != "body"}
        if _step({kind: flat}, number, Place(""), taken).id == id:
            return keys
        if "body" in keys and (found := _raw(keys["body"], id, taken)):
            return found
    return {}


def _put(keys: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        inner = keys.get(key)
        keys[key] = inner = dict(inner) if is_mapping(inner) else {}
        keys = inner
    keys[path[-1]] = value
