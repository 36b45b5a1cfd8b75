"""Experiments in parts: each part's figures are kept as it ends, and the page is written from what is kept."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any


def arguments(module: str, about: str | None, parts: Sequence[str], out: Path) -> argparse.ArgumentParser:
    """The flags of `python -m benchmarks.MODULE`: --part, --out and --work."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{module}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--part", choices=parts, help="this part alone")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--work", type=Path, default=Path(".winsome") / module.replace("_", "-"))
    return parser


def run(
    jobs: Mapping[str, Callable[[Path], dict[str, Any]]],
    given: argparse.Namespace,
    page: Callable[[Mapping[str, Any]], str],
    *,
    whole: bool = False,
) -> None:
    """Do the parts that `--out` does not hold yet, each dated and with its CPU seconds; `whole`: the page needs all of them."""
    given.work.mkdir(parents=True, exist_ok=True)
    figures = given.out.with_suffix(".json")
    kept: dict[str, Any] = json.loads(figures.read_text("utf-8")) if figures.is_file() else {}
    for name, job in jobs.items():
        if (given.part or name) != name or name in kept:
            continue
        cpu = time.process_time()
        made = job(given.work)
        kept[name] = made | {
            "date": date.today().isoformat(),
            "cpu_seconds": round(time.process_time() - cpu),
        }
        figures.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        if not whole or jobs.keys() <= kept.keys():
            given.out.with_suffix(".md").write_text(page(kept), "utf-8")
