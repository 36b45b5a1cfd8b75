"""Nothing is silent for long: where no line was said for a while, what a run is busy with is said, and for how long it has been."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ParamSpec, cast

from winsome.errors import Fatal
from winsome.training.memory import is_out_of_memory
from winsome.training.progress import clock, to_stderr

P = ParamSpec("P")

EVERY = 30.0
"""Seconds without a line after which there is one."""


class Heartbeat:
    """What says lines: calling it says one. Of the ranks the first alone says them, but each tells where it stands still."""

    def __init__(self, say: Callable[[str], None], every: float) -> None:
        self._say = say
        self._every = every
        self._rank = 0
        self._what, self._began = "loading the model", time.monotonic()
        self._last = self._began
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="winsome-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def __call__(self, line: str) -> None:
        self._last = time.monotonic()
        if not self._rank:
            self._say(line)

    @property
    def what(self) -> str:
        return self._what

    def of_rank(self, rank: int) -> Heartbeat:
        self._rank = rank
        return self

    @contextmanager
    def doing(self, what: str) -> Generator[None]:
        """Within, `what` is what the run is busy with; after an error it stays so, for whoever tells of it."""
        before = self._what
        self._what, self._began = what, time.monotonic()
        yield
        self._what, self._began = before, time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(max(0.01, self._last + self._every - time.monotonic())):
            now = time.monotonic()
            if now - self._last < self._every:
                continue
            self._last = now
            whose = f"rank {self._rank}: " if self._rank else ""
            self._say(f"{whose}still at {self._what} ({clock(now - self._began)})")


@contextmanager
def doing(say: Callable[[str], None], what: str) -> Generator[None]:
    """Tells `say` what is done within, where it is a heartbeat."""
    if isinstance(say, Heartbeat):
        with say.doing(what):
            yield
    else:
        yield


def said_by(say: Callable[[str], None], rank: int) -> Callable[[str], None]:
    """`say` for a rank: only the first one's lines are said."""
    if isinstance(say, Heartbeat):
        return say.of_rank(rank)
    return say if rank == 0 else _silent


def _silent(line: str) -> None:
    """Ranks other than the first say nothing."""


def watched(train: Callable[P, str]) -> Callable[P, str]:
    """`train`, whose `say` is a heartbeat, and where memory that ran out is told in one line with what it was busy with."""

    @functools.wraps(train)
    def run(*args: P.args, **settings: P.kwargs) -> str:
        say: Any = settings.get("say", to_stderr)
        with Heartbeat(say, EVERY) as heart:
            try:
                return cast(Any, train)(*args, **{**settings, "say": heart})
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise Fatal(
                    f"out of memory at {heart.what}: lower --micro-tokens, cut rows with --max-length, or take a smaller model"
                ) from error

    return run
