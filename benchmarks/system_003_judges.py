"""Simulated judges of known accuracy: does the tournament find the best, and when is a jury better than its best member."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from winsome.audit.judge_tournament import UNREAD, Entrant, difference, gold_of, juries, ranked
from winsome.audit.measures import labels
from winsome.audit.people import Pair, of_votes
from winsome.records import Match, Prompt, Response, Side, digest
from winsome.sandbox.annotators import Annotators, Taste
from winsome.sandbox.gold import gold, gold_judge
from winsome.sandbox.worlds import World

NOISE = {"a": 0.35, "b": 0.45, "c": 0.55}
"""Independent judges by their temperatures, in units of gold value."""
BIASED = {"long 1": 0.45, "long 2": 0.45}
LENGTH_BIAS = 0.8
"""Logits a word by which both biased judges prefer the longer answer."""
SEEDS, PAIRS = 50, 300


def pairs_of(world: World, drawn: Sequence[tuple[Prompt, Response]], n: int) -> list[Pair]:
    """Pairs of two draws of one prompt that are not worth the same."""
    held: dict[str, list[tuple[Prompt, Response]]] = {}
    for prompt, response in drawn:
        held.setdefault(prompt.id, []).append((prompt, response))
    found: list[Pair] = []
    for draws in held.values():
        for (prompt, one), (_, other) in zip(draws[::2], draws[1::2], strict=False):
            if gold(world, prompt, one.text).value != gold(world, prompt, other.text).value:
                found.append(Pair(prompt, (one, other), f"{len(found)}"))
    return found[:n]


def judge_of(world: World, name: str, seed: int) -> Annotators:
    bias = LENGTH_BIAS if name in BIASED else 0.0
    taste = Taste(k=(NOISE | BIASED)[name], length_bias=bias)
    place = [*NOISE, *BIASED].index(name)
    return Annotators(world, (taste,), name, seed=1000 * seed + place)


def matches_of(pairs: Sequence[Pair]) -> list[Match]:
    return [
        Match(pair.prompt, (Side("first", pair.answers[0], 0), Side("second", pair.answers[1], 1)), cluster=pair.prompt.id)
        for pair in pairs
    ]  # fmt: skip


async def _shares(judge: Any, matches: Sequence[Match]) -> np.ndarray:
    said = {verdict.match: verdict.share async for verdict in judge.judge(matches)}
    return np.array([np.nan if said[match.id] is None else said[match.id] for match in matches], float)


def shares(judge: Any, matches: Sequence[Match]) -> np.ndarray:
    return asyncio.run(_shares(judge, matches))


def entrant(name: str, share: np.ndarray) -> Entrant:
    label = np.where(np.isnan(share), UNREAD, labels(share)).astype(np.int32)
    return Entrant(name, "single", label, share, None, 0.0, 0.0)


def tournaments(world: World, pairs: Sequence[Pair]) -> dict[str, Any]:
    """SEEDS tournaments of all five judges on PAIRS pairs each, drawn from all; which came first, and the juries of three."""
    matches = matches_of(pairs)
    truth = shares(gold_judge(world, "gold"), matches)
    draw = np.random.default_rng(0)
    right: dict[str, list[float]] = {name: [] for name in NOISE | BIASED}
    first: list[str] = []
    within: list[bool] = []
    panels = {"independent": list(NOISE), "with the biased pair": ["a", *BIASED]}
    above: dict[str, list[dict[str, Any]]] = {name: [] for name in panels}
    soft = {
        name: float(np.mean(np.where(truth == 1.0, chance, 1.0 - chance)))
        for name in NOISE | BIASED
        for chance in [shares(_soft(judge_of(world, name, 0)), matches)]
    }
    best = max(soft, key=lambda name: soft[name])
    for seed in range(SEEDS):
        chosen = draw.choice(len(pairs), PAIRS, replace=False)
        held = [pairs[k] for k in chosen]
        gold_ = gold_of(
            of_votes("gold", [(pair, float(truth[k]), "g") for pair, k in zip(held, chosen, strict=True)])
        )
        own = [matches[k] for k in chosen]
        entrants = [entrant(name, shares(judge_of(world, name, seed), own)) for name in NOISE | BIASED]
        for one in entrants:
            right[one.name].append(float((one.label == gold_.label).mean()))
        table = ranked(entrants, gold_)["judges"]
        first.append(table[0]["judge"])
        behind = next(row["behind"] for row in table if row["judge"] == best)
        within.append(behind["high"] >= 0.0)
        for panel, names in panels.items():
            members = [one for one in entrants if one.name in names]
            jury = next(one for one in juries(members, gold_, seed) if one.name.endswith("majority"))
            single = max(members, key=lambda one: float((one.label == gold_.label).mean()))
            gap = difference(jury, single, gold_) or {}
            above[panel].append({"gap": gap["estimate"], "low": gap["low"], "high": gap["high"]})
    return {
        "pairs": len(pairs), "each": PAIRS, "seeds": SEEDS, "best": best,
        "judges": {name: {"truth": 100 * soft[name], "measured": 100 * float(np.mean(right[name]))} for name in right},
        "first": {name: first.count(name) for name in right}, "within": sum(within),
        "juries": {
            panel: {
                "above": sum(row["low"] > 0 for row in rows), "below": sum(row["high"] < 0 for row in rows),
                "gap": 100 * float(np.mean([row["gap"] for row in rows])),
            }
            for panel, rows in above.items()
        },
        "whole": whole(world, pairs, matches, truth, panels), "of": digest([[p.id, p.prompt.id] for p in pairs])[:8],
    }  # fmt: skip


def _soft(judge: Annotators) -> Annotators:
    from dataclasses import replace

    return replace(judge, soft=True)


def whole(
    world: World,
    pairs: Sequence[Pair],
    matches: Sequence[Match],
    truth: np.ndarray,
    panels: dict[str, list[str]],
) -> dict[str, Any]:
    """On all pairs at once: each panel's jury against its best single judge, paired, by every pool."""
    gold_ = gold_of(
        of_votes("gold", [(pair, float(share), "g") for pair, share in zip(pairs, truth, strict=True)])
    )
    found: dict[str, Any] = {}
    for panel, names in panels.items():
        members = [entrant(name, shares(judge_of(world, name, SEEDS), matches)) for name in names]
        rights = {one.name: 100 * float((one.label == gold_.label).mean()) for one in members}
        single = max(members, key=lambda one: rights[one.name])
        found[panel] = {"members": rights, "single": single.name, "pools": {}}
        for jury in juries(members, gold_, 0):
            gap = difference(jury, single, gold_) or {}
            found[panel]["pools"][jury.name.rpartition(" by ")[2]] = {
                "right": 100 * float((jury.label == gold_.label).mean()),
                **{key: 100 * gap[key] for key in ("estimate", "low", "high")},
            }
    return found
