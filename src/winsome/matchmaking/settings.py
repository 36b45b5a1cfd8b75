"""How a comparison is made: the keywords of `compare` as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from winsome.records import Sampling, Suite

Name = str | Path | Mapping[str, Any]
ScheduleName = Literal["all", "baseline", "swiss", "information"]


@dataclass(frozen=True)
class Settings:
    """How a comparison is made; see `compare`."""

    judge: Name | None = None
    suite: Name | Suite | None = None
    baseline: str | None = None
    schedule: ScheduleName | None = None
    rounds: int = 0
    orders: int | None = None
    repeats: int = 1
    limit: int | None = None
    sampling: Sampling = Sampling()
    budget: str | None = None
    concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    engine: Literal["local", "ray"] = "local"
    seed: int = 0
    allow_missing: bool = False
    allow_mixed_judge: bool = False
    allow_degenerate: bool = False
    stop_when: Literal["decided"] | None = None
