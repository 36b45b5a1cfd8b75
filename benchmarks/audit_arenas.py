"""Detection and false alarms of the leaderboard audit on simulated arenas; writes docs/results/leaderboard-audit.json and .md.

    python -m benchmarks.audit_arenas WORK [--arenas 40] [--first 1000] [--votes 1500000] [--seconds 800]

Arenas are of `tests.audit.arena`, a generator whose settings are drawn here and never told to the detectors. Each is kept in WORK as a
line, so a run that was ended goes on; --seconds ends one after so much CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import orjson

from benchmarks.audit_arenas_page import page
from tests.audit.arena import Arena, Family, Plant, Shape, arena, with_family, with_sources
from winsome.audit.leaderboard import leaderboard_record
from winsome.audit.variants import chosen_variants
from winsome.audit.vote_sources import FEWEST, bursts, suspicious_sources

OUT = Path("docs/results/leaderboard-audit.json")
PLAYERS = 150
TIMED = 10
"""Arenas of which the whole audit is timed."""


def drawn(seed: int, votes: int) -> tuple[Arena, tuple[Plant, ...], dict[str, float]]:
    """An arena of drawn crowd, and its plants: none in every second one, else two for different players."""
    draw = np.random.default_rng([731, seed])
    crowd = {
        "fans": float(draw.uniform(0.02, 0.2)),
        "heat": float(draw.uniform(0.5, 3.0)),
        "launch": float(draw.uniform(2.0, 16.0)),
        "sessions": float(np.exp(draw.uniform(np.log(0.05), np.log(5.0)))),
    }
    targets = draw.choice(PLAYERS, 2, replace=False)
    plants = tuple(_plant(draw, int(target)) for target in targets) if seed % 2 else ()
    return (
        arena(seed, players=PLAYERS, votes=votes, sources=votes // 25, plants=plants, **crowd),
        plants,
        crowd,
    )


def _plant(draw: np.random.Generator, target: int) -> Plant:
    width = float(draw.choice([1.0, 0.3, 0.05, 0.005]))
    return Plant(
        share=float(np.exp(draw.uniform(np.log(0.001), np.log(0.01)))),
        accomplices=int(np.exp(draw.uniform(0.0, np.log(10_000)))),
        target=target,
        width=width,
        start=float(draw.uniform(0.0, 1.0 - width)),
        decoys=float(draw.uniform(0.0, 0.5)),
        shape=cast(Shape, str(draw.choice(get_args(Shape)))),
        uneven=float(draw.uniform(0.0, 1.0)),
    )


def measured(seed: int, votes: int, timed: bool = False) -> dict[str, Any]:
    """One arena's row; timed: the whole audit too. Sources and bursts of an honest arena are looked for with its providers' launches in it."""
    made, plants, crowd = drawn(seed, votes)
    held, providers, kinds = families(made, seed)
    whole = made if plants else held
    started = time.process_time()
    sources = suspicious_sources(whole.battles, whole.source, whole.time)
    stretches = bursts(whole.battles, whole.time)
    told = {one.provider for one in chosen_variants(held.battles, held.time, providers)}
    row: dict[str, Any] = {
        "seed": seed,
        "votes": votes,
        "crowd": crowd,
        "parts_cpu": time.process_time() - started,
    }
    wrong = {one.who for one in sources} - made.stuffers
    active = set(np.flatnonzero(np.bincount(made.source) >= FEWEST).tolist()) - made.stuffers
    targets = {plant.target for plant in plants}
    row |= {
        "honest_sources": len(active), "accused": len(wrong),
        "heavy": len(made.heavy & active), "heavy_accused": len(wrong & made.heavy),
        "fans": len(made.fans & active), "fans_accused": len(wrong & made.fans),
        "bursts_elsewhere": len({one.found.contender for one in stretches} - targets),
        "providers": [{"kind": kind, "size": size, "named": f"maker {k}" in told} for k, (kind, size) in enumerate(kinds)],
        "plants": [_found(made, plant, k, votes, sources, stretches) for k, plant in enumerate(plants)],
    }  # fmt: skip
    if timed:
        battles = with_sources(held)
        started = time.process_time()
        leaderboard_record("arena", battles, held.time, providers)
        row["audit_cpu"] = time.process_time() - started
    return row


def families(made: Arena, seed: int) -> tuple[Arena, dict[str, str], list[tuple[str, int]]]:
    """The arena with two providers of each kind, of 3 to 10 variants; contender -> provider; each provider's kind and size."""
    draw = np.random.default_rng([732, seed])
    providers: dict[str, str] = {}
    kinds: list[tuple[str, int]] = []
    for number, kind in enumerate([*get_args(Family)] * 2):
        kinds.append((kind, int(draw.integers(3, 11))))
        made, family = with_family(made, 1_000 * seed + number, kind, f"maker {number}", kinds[-1][1])
        providers |= family
    return made, providers, kinds


def _found(
    made: Arena, plant: Plant, number: int, votes: int, sources: Sequence[Any], stretches: Sequence[Any]
) -> dict[str, Any]:
    """A plant's settings, and by which part it was found: of its own sources, or a burst for its target."""
    first = votes // 25 + 100_000 * number
    own = {who for who in made.stuffers if first <= who < first + 100_000}
    seen = {one.who for one in sources if one.who in own and one.contender == plant.target}
    return {
        "share": plant.share, "accomplices": plant.accomplices, "width": plant.width, "shape": plant.shape,
        "aimed": plant.share * votes * (1.0 - plant.decoys) / plant.accomplices,
        "by_source": bool(seen), "by_burst": any(one.found.contender == plant.target for one in stretches),
        "sources": len(own), "sources_seen": len(seen),
    }  # fmt: skip


def main() -> None:
    """Measure arenas until there are enough, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--arenas", type=int, default=40)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--votes", type=int, default=1_500_000)
    parser.add_argument("--seconds", type=float, default=800.0)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    lines = args.work / f"{args.first}-{args.votes}.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []
    while len(rows) < args.arenas and time.process_time() < args.seconds:
        started = time.process_time()
        rows.append(measured(args.first + len(rows), args.votes, len(rows) < TIMED) | {"cpu_seconds": 0.0})
        rows[-1]["cpu_seconds"] = time.process_time() - started
        with lines.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    args.out.write_bytes(
        orjson.dumps({"arenas": rows}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    )
    args.out.with_suffix(".md").write_text(page(rows))


if __name__ == "__main__":
    main()
