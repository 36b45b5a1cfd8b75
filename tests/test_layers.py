"""Imports point downwards only; the table is the frame's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "winsome"
ZERO = {"records", "protocols", "names", "specs", "errors", "frames", "given"}
ONE = {"text", "standings", "search", "ledger"}
TWO = {"models", "tools"}
THREE = {"contenders", "scorers", "judges"}
UP_TO_THREE = ZERO | ONE | TWO | THREE
METHODS = {"suites", "audit", "curate", "decoding", "sandbox", "games", "media", "agents"}
UP_TO_FOUR = UP_TO_THREE | {"matchmaking"}
UP_TO_SIX = UP_TO_FOUR | {"training"} | METHODS
UP_TO_SEVEN = UP_TO_SIX | {"recipes", "report"}

MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(ZERO, ZERO),
    **dict.fromkeys(ONE, ZERO),
    **dict.fromkeys(TWO, ZERO | ONE),
    **dict.fromkeys(THREE, ZERO | ONE | TWO),
    "matchmaking": UP_TO_THREE,
    "training": UP_TO_FOUR,
    **dict.fromkeys(METHODS, UP_TO_FOUR),
    "games": UP_TO_FOUR | {"training"},
    "media": UP_TO_FOUR | {"training"},
    "recipes": UP_TO_SIX,
    "report": UP_TO_SIX,
    "api": UP_TO_SEVEN,
    "cli": UP_TO_SEVEN | {"api", "server"},
    "server": UP_TO_SEVEN | {"api"},
    "__init__": UP_TO_SEVEN | {"api"},
    "__main__": {"cli"},
}


def imports(path: Path) -> set[tuple[str, int]]:
    """(room, line) of every import of another winsome room, wherever in the file it stands."""
    found: set[tuple[str, int]] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "winsome" and len(parts) > 1 and not parts[1].startswith("__"):
                found.add((parts[1], node.lineno))
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_downwards(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[room] | {room}
    wrong = sorted((line, name) for name, line in imports(path) if name not in allowed)
    assert not wrong, f"{path.relative_to(SOURCE)} imports {wrong}; {room} may import {sorted(allowed)}"
