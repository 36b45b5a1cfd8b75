"""What a comparison leaves in its folder: run.json, asks.parquet, battles.parquet."""

from __future__ import annotations

import datetime
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from winsome import __version__
from winsome.records import OUTCOMES

if TYPE_CHECKING:
    from winsome.standings import Battles

FORMAT = 1
SEEN = ("numpy", "polars", "sqlalchemy", "aiohttp", "torch", "transformers", "ray")


def versions() -> dict[str, Any]:
    """Versions of Python, Winsome and the packages that can change a figure."""
    packages: dict[str, str] = {}
    for name in SEEN:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), "winsome": __version__, "packages": packages}


def outcome_counts(battles: Battles) -> dict[str, int]:
    """Contests by outcome, every outcome named; they add up to the plan."""
    counts: Counter[int] = Counter(battles.outcome.tolist())
    return {outcome: counts.get(code, 0) for code, outcome in enumerate(OUTCOMES)}


def reasons(asks: Sequence[Any]) -> list[dict[str, Any]]:
    """Why asks were not scored, most frequent first."""
    unscored = Counter(
        f"{ask.outcome}: {ask.reason}" if ask.reason else ask.outcome
        for ask in asks
        if ask.share is None and ask.outcome != "graded"
    )
    return [{"reason": reason, "count": count} for reason, count in unscored.most_common()]


def write(folder: Path, record: Mapping[str, Any], asks: Any, battles: Any) -> None:
    """Write the three files; run.json last and by renaming, so a folder that has one is whole."""
    asks.write_parquet(folder / "asks.parquet")
    battles.write_parquet(folder / "battles.parquet")
    part = folder / "run.json.part"
    part.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    part.replace(folder / "run.json")


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
