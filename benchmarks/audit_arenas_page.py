"""The page on leaderboard audits of simulated arenas, from its JSON alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.null_model_page import table_of
from winsome.audit.findings import Cell, share, table

FEW = 8
"""Aimed votes a source from which on a plant should be seen by its sources."""
WIDTHS = ((1.0, "the whole time"), (0.3, "30%"), (0.05, "5%"), (0.005, "0.5%"))


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The markdown of arenas as `benchmarks.audit_arenas` measures them."""
    honest = [row for row in rows if not row["plants"]]
    plants = [plant for row in rows for plant in row["plants"]]
    timed = [row["audit_cpu"] for row in rows if "audit_cpu" in row]
    parts = [
        f"""# Leaderboard audits

What `winsome audit leaderboard` finds of planted manipulation, and whom it accuses wrongly, on {len(rows)} simulated arenas of 150 players and
{rows[0]["votes"]:,} votes by {rows[0]["votes"] // 25:,} sources; seeds {rows[0]["seed"]} to {rows[-1]["seed"]}. Crowds, plants and providers come from a second generator (`tests/audit/arena.py`), whose
settings are drawn for each arena and never told to the detectors: sources of heavy-tailed sizes that come and go, 2 to 20% of them in fan
clubs (0.5 to 3 logits more for one player), players launched half way and shown 2 to 16 times as often at first. Every second arena holds two plants:
0.1 to 1% of the votes each for one player, by 1 to 10,000 accomplices of like or unlike sizes, over the whole time or 30, 5 or 0.5% of it, flat,
rising, as a bell or in pulses, up to half of it decoys. Every arena also has 8 providers with 3 to 10 variants each, two of every kind.
`python -m benchmarks.audit_arenas WORK` repeats the figures, which lie in `leaderboard-audit.json` beside this page; this page is written from them.
2 cores, no GPU: a whole audit takes {np.mean(timed):.0f} CPU-seconds (at most {max(timed):.0f}, n = {len(timed)}). Intervals are Wilson's at 95%.
"""
    ]
    parts += [table_of(one) for one in (_alarms(rows, honest), _plants(plants), _providers(rows))]
    return "".join(parts)


def _alarms(rows: Sequence[dict[str, Any]], honest: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def rate(hits: str, of: str) -> Cell:
        return share(sum(row[hits] for row in rows), sum(row[of] for row in rows)) | {"digits": 4}

    made: list[list[Cell]] = [
        ["honest arenas with any source or burst alarmed", share(sum(bool(row["accused"] or row["bursts_elsewhere"]) for row in honest), len(honest))],
        ["all arenas with a burst for a player who had no plant", share(sum(bool(row["bursts_elsewhere"]) for row in rows), len(rows))],
        ["honest sources accused", rate("accused", "honest_sources")],
        ["the 100 heaviest voters of each arena, accused", rate("heavy_accused", "heavy")],
        ["members of fan clubs, accused", rate("fans_accused", "fans")],
    ]  # fmt: skip
    return table("False alarms", ["of", "per cent"], made, ["Sources of 4 votes or more, the fewest that are looked at."])  # fmt: skip


def _plants(plants: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kinds: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
        ("all", lambda plant: True),
        (f"{FEW} aimed votes a source or more", lambda plant: plant["aimed"] >= FEW),
        ("fewer", lambda plant: plant["aimed"] < FEW),
    ]
    for low, high in ((0.001, 0.002), (0.002, 0.005), (0.005, 0.01)):
        kinds.append((f"{100 * low:.1f} to {100 * high:.1f}% of the votes", lambda plant, low=low, high=high: low <= plant["share"] < high))  # fmt: skip
    kinds += [(f"over {told}", lambda plant, width=width: plant["width"] == width) for width, told in WIDTHS]
    for shape in sorted(Counter(plant["shape"] for plant in plants)):
        kinds.append((f"shape: {shape}", lambda plant, shape=shape: plant["shape"] == shape))
    made: list[list[Cell]] = []
    for name, which in kinds:
        some = [plant for plant in plants if which(plant)]
        found = share(sum(plant["by_source"] or plant["by_burst"] for plant in some), len(some))
        ways = [share(sum(plant[by] for plant in some), len(some)) for by in ("by_source", "by_burst")]
        made.append([name, found, *ways])
    missed = [plant for plant in plants if not plant["by_source"] and not plant["by_burst"]]
    note = f"Found: one of its own sources is named with its player, or a burst for its player. Missed: {len(missed)}"
    if missed:
        note += f", of {min(p['share'] for p in missed):.2%} to {max(p['share'] for p in missed):.2%} of the votes, {min(p['aimed'] for p in missed):.1f} to {max(p['aimed'] for p in missed):.1f} aimed votes a source"  # fmt: skip
    return table("Planted votes found, per cent", ["plants", "found", "by a source", "by a burst"], made, [note + "."])  # fmt: skip


def _providers(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    every = [one for row in rows for one in row["providers"]]
    made: list[list[Cell]] = []
    for kind in dict.fromkeys(one["kind"] for one in every):
        some = [one for one in every if one["kind"] == kind]
        chance = 100.0 * sum(1.0 / one["size"] for one in some) / len(some)
        made.append(
            [
                kind,
                share(sum(one["named"] for one in some), len(some)),
                chance if "lot" in kind else None,
            ]
        )
    return table(
        "Providers named for the best of several variants, per cent",
        ["what they did", "named", "best by chance"],
        made,
        ["One that keeps a variant drawn by lot keeps the best of k with a chance of one in k, which nobody can tell from a choice."],
    )  # fmt: skip
