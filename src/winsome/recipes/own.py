"""Own code read without being run: its settings, its words and its file, from the source alone."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from winsome.recipes.schema import NAMED, Place, near
from winsome.specs import INJECTED, Setting


@dataclass(frozen=True)
class Own:
    """A function of somebody's own: the file it stands in, the file or outermost package of its module, its settings."""

    path: Path
    root: Path
    keys: dict[str, Setting]
    about: str

    @cached_property
    def version(self) -> str:
        """A digest of its file, or of its whole package."""
        files = [self.root] if self.root.is_file() else sorted(self.root.rglob("*.py"))
        held = hashlib.blake2b(digest_size=16)
        for file in files:
            held.update(file.read_bytes())
        return held.hexdigest()


def own(name: str, place: Place) -> Own:
    """What `package.module:function` names; BadInput where there is no such file or function, or it cannot be read."""
    module, _, function = name.partition(":")
    path, root = _file(module, place, name)
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise place.bad(
            f"{path}: {f'line {line} ' if line else ''}cannot be read as Python; mend it"
        ) from None
    found = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    if function not in found:
        raise place.bad(f'{module} has no function "{function}"{near(function, found)}')
    node = found[function]
    keys = {
        argument.arg.rstrip("_"): _setting(argument, default, place, name)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if argument.arg not in INJECTED
    }
    return Own(path, root, keys, ast.get_docstring(node) or "")


def _file(module: str, place: Place, name: str) -> tuple[Path, Path]:
    parts = module.split(".")
    for entry in sys.path:
        base = Path(entry or ".")
        for path in (base.joinpath(*parts).with_suffix(".py"), base.joinpath(*parts, "__init__.py")):
            if path.is_file():
                alone = len(parts) == 1 and path.name != "__init__.py"
                return path.resolve(), path.resolve() if alone else (base / parts[0]).resolve()
    raise place.bad(f"{name}: no module {module} is found; run from its folder, or install it")


def _setting(argument: ast.arg, default: ast.expr | None, place: Place, name: str) -> Setting:
    annotation = "str" if argument.annotation is None else ast.unparse(argument.annotation).strip("'\"")
    if any(word in annotation for word in NAMED):
        raise place.bad(
            f"{name}: {argument.arg} is a {annotation}, and own code asks nobody; put a generate or score step before it"
        )
    if default is None:
        return Setting(argument.arg, annotation, inspect.Parameter.empty)
    try:
        return Setting(argument.arg, annotation, ast.literal_eval(default))
    except ValueError:
        return Setting(argument.arg, annotation, ast.unparse(default))
