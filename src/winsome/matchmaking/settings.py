"""How a comparison is made: the keywords of `compare` as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from winsome.errors import BadInput
from winsome.records import Sampling, Suite

if TYPE_CHECKING:
    from winsome.matchmaking.people import People

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
    people: People | None = None

    def __post_init__(self) -> None:
        for name, least in (("rounds", 0), ("orders", 1), ("repeats", 1), ("limit", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadInput(f"{name}={value} asks nothing; give {least} or more")
        if self.orders is not None and self.orders > 2:
            raise BadInput(
                f"orders={self.orders}: two sides have 2 orders; give 1 or 2, and repeats for more asks"
            )
