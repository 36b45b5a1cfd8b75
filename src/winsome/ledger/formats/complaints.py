"""One line for what is wrong with a file: short, printable, the file first and the way out last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from winsome.errors import BadInput

WIDTH = 200
"""No line is longer, in characters."""


def refuse(path: Path | str, problem: str) -> NoReturn:
    """Raises BadInput with one line that starts with the file; a long path is shortened from the left."""
    raise BadInput(complaint(path, problem))


def complaint(path: Path | str, problem: str) -> str:
    """`path: problem`, one printable line of at most 200 characters."""
    room = max(30, WIDTH - 2 - len(problem))
    name = printable(str(path))
    name = name if len(name) <= room else "..." + name[3 - room :]
    return f"{name}: {printable(problem)}"[:WIDTH]


def printable(text: str) -> str:
    """`text` with everything that a terminal would not print as a character replaced by a space."""
    return "".join(c if c.isprintable() else " " for c in text)


def shown(value: Any, width: int = 30) -> str:
    """A value as a message quotes it, cut to `width` characters."""
    text = printable(value if isinstance(value, str) else repr(value))
    return f'"{text if len(text) <= width else text[: width - 3] + "..."}"'


def listed(names: Sequence[str], width: int = 60) -> str:
    """Names with commas between, cut to `width` characters."""
    text = printable(", ".join(names)) or "nothing"
    return text if len(text) <= width else text[: width - 3] + "..."
