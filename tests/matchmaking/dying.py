"""The winsome command, killed by SIGKILL at a chosen moment: python -m tests.matchmaking.dying MOMENT N ARG..

Moments: generate (after the Nth answer of a contender came, before it is kept), judge (likewise a verdict's reply), commit
(within the Nth transaction, its rows inserted, nothing committed), committed (after the Nth commit, before anybody is told), report
(at the Nth file of the run folder and the report, half of it written). Nothing else of the command is changed.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at(n: int) -> Callable[[], None]:
    """A function that kills the process at its nth call."""
    calls = itertools.count(1)

    def tick() -> None:
        if next(calls) == n:
            die()

    return tick


def arm(moment: str, n: int) -> None:
    """Patch the command so that it dies at the nth such moment."""
    tick = at(n)
    if moment in ("generate", "judge"):
        from winsome.contenders.endpoint import Endpoint

        answered = Endpoint._answered

        async def answer(self: Endpoint, *args: Any) -> Any:
            response = await answered(self, *args)
            if self.name.endswith("#judge") == (moment == "judge"):
                tick()
            return response

        Endpoint._answered = answer  # type: ignore[method-assign]
    elif moment in ("commit", "committed"):
        from winsome.ledger import writer

        transaction, settle = writer.Writer._transaction, writer.claims.settle

        def settling(*args: Any) -> None:
            settle(*args)
            tick()

        def committed(self: Any, items: Any) -> Any:
            results = transaction(self, items)
            tick()
            return results

        if moment == "commit":
            writer.claims.settle = settling
        else:
            writer.Writer._transaction = committed  # type: ignore[method-assign]
    else:
        import polars as pl

        parquet, bytes_, text = pl.DataFrame.write_parquet, Path.write_bytes, Path.write_text

        def write_parquet(self: Any, file: Any, *args: Any, **kwargs: Any) -> None:
            parquet(self, file, *args, **kwargs)
            tick()

        def write_bytes(self: Path, data: Any) -> int:
            bytes_(self, bytes(data)[: len(data) // 2])
            tick()
            return bytes_(self, data)

        def write_text(self: Path, data: str, *args: Any, **kwargs: Any) -> int:
            text(self, data[: len(data) // 2], *args, **kwargs)
            tick()
            return text(self, data, *args, **kwargs)

        pl.DataFrame.write_parquet = write_parquet  # type: ignore[method-assign]
        Path.write_bytes, Path.write_text = write_bytes, write_text  # type: ignore[method-assign]


def main() -> None:
    from winsome.cli import main as command

    arm(sys.argv[1], int(sys.argv[2]))
    sys.exit(command(sys.argv[3:]))


if __name__ == "__main__":
    main()
