"""Where words go: results on standard output, all else on standard error, both in UTF-8 whatever the locale."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 200
"""Characters of an error's line, at most."""


def settle_streams() -> None:
    """UTF-8 on both streams; what no encoding can write is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def hush() -> None:
    """Let the interpreter's last flush go nowhere: the reader of standard output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(line: str) -> None:
    """One line on standard error."""
    print(line, file=sys.stderr, flush=True)


def emit(document: Any) -> None:
    """The one JSON document of `--json`; NaN becomes null."""
    text = json.dumps(_finite(document), ensure_ascii=False, indent=2, default=str)
    print(text.encode("utf-8", "replace").decode("utf-8"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def clipped(line: str) -> str:
    """`line` in at most 200 characters; what is left out is taken from its middle, so place and way out stay."""
    line = " ".join(line.split())
    if len(line) <= WIDTH:
        return line
    tail = WIDTH // 2 - 10
    return f"{line[: WIDTH - tail - 3]}...{line[-tail:]}"


def result() -> Console:
    """The console of results on standard output: as wide as the terminal, or 120 columns where there is none."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=120)


def table(*heads: str, whole: str = "") -> Table:
    """A table without a frame, whose cells fold rather than lose letters; the column `whole` never folds."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for head in heads:
        made.add_column(head, overflow="fold", no_wrap=head == whole)
    return made


def at_terminal() -> bool:
    """Whether a person can be asked: both standard input and standard error are terminals."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def money(usd: float | None) -> str:
    """Dollars as a person reads them."""
    return "unknown" if usd is None else f"{usd:.2f} usd" if usd >= 0.01 or usd == 0 else f"{usd:.4f} usd"
