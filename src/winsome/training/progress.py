"""What is seen of a run: one line a while with tokens a second and the time left, every figure in log.jsonl, trackers if named."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from winsome.training.advice import of_figures

LINE_EVERY = 10.0
"""Seconds between lines."""
SHOWN = ("loss", "accuracy", "gap", "reward", "dead_groups", "failed", "logprob", "kl", "win_rate")


@dataclass
class Progress:
    """`log` is the file of figures; lines go to `say`; `tracked`, where given, gets figures and update."""

    log: Path
    say: Callable[[str], None]
    tracked: Callable[[Mapping[str, float], int], None] | None = None
    _began: float = 0.0
    _first: int = 0
    _total: int = 0
    _told: float = 0.0
    _tokens: float | None = None
    _advised: bool = False

    def begin(self, update: int, total: int) -> None:
        """Figures after `update` are of a run that died there; they will be written again."""
        self._began = self._told = time.perf_counter()
        self._first, self._total, self._tokens = update, total, None
        self.log.parent.mkdir(parents=True, exist_ok=True)
        kept = [row for row in read(self.log) if row["update"] <= update]
        self.log.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in kept))

    def told(self, update: int, figures: Mapping[str, float]) -> None:
        """Keep the figures of an update; say them where a while has passed."""
        with self.log.open("ab") as file:
            file.write(orjson.dumps({"update": update, **figures}) + b"\n")
        if self.tracked is not None:
            self.tracked(figures, update)
        advice = None if self._advised else of_figures(figures)
        if advice is not None:
            self._advised = True
            self.say(f"update {update}: {advice}")
        now = time.perf_counter()
        if "tokens" in figures and self._tokens is None:
            self._tokens, self._first, self._began = figures["tokens"], update, now
        if now - self._told < LINE_EVERY and update < self._total:
            return
        self._told = now
        shown = [f"{name} {figures[name]:.4f}" for name in SHOWN if name in figures]
        self.say(f"update {update}/{self._total} {' '.join(shown)}{self._speed(update, figures, now)}")

    def _speed(self, update: int, figures: Mapping[str, float], now: float) -> str:
        seconds, done = now - self._began, update - self._first
        if done < 1 or seconds <= 0 or self._tokens is None or "tokens" not in figures:
            return ""
        left = seconds / done * (self._total - update)
        return f" {(figures['tokens'] - self._tokens) / seconds:,.0f} tokens/s, {clock(left)} left"


def read(log: Path) -> list[dict[str, Any]]:
    """The figures of a run, update by update; a last line that was cut is left out."""
    found: list[dict[str, Any]] = []
    try:
        lines = log.read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def to_stderr(line: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
