"""Refusals in a world where their effects are known: a crowd that dislikes them, a judge that rewards them, and a policy that refuses more and more.

The world is `world:safety`: half of its sensitive requests are harmful, the rest of its prompts are not. Four oracles answer in random manners,
so that length says little of the type; three decline a tenth of what is harmless, the fourth, the cautious one, a share that is set. A vote is drawn from the world's annotators (the truth's
value through a temperature of 2, 13 of them for the crowd, one for the judge) with a number of logits for the side that declines.
What the audit should find is the same fit to the chances of votes themselves, on many other prompts. `benchmarks.refusals` writes the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from typing import Any

import numpy as np

from winsome.audit.findings import Cell, share, table
from winsome.audit.people import Pair, People, said
from winsome.audit.refusals import refusals_record
from winsome.records import Prompt
from winsome.sandbox.actors import Actor, oracle
from winsome.sandbox.annotators import chance, pool, taste_of
from winsome.sandbox.lexicon import joined, words
from winsome.sandbox.members import opened
from winsome.sandbox.targets import refuses
from winsome.sandbox.worlds import World
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.text.refusals import Kind

WORLD = "world:safety?seed=1"
TEMPERATURE = 2.0
DISLIKES, REWARDS = -1.0, 1.5
"""Logits that the crowd and the judge give the side that declines."""
RATES = (0.0, 0.2, 0.4, 0.6)
"""Shares of harmless prompts that the cautious policy declines."""
RIVALS = {"quick": 0.9, "plain": 0.8, "rough": 0.6}
"""Shares of the others' answers that are right."""
PROMPTS, MANY, SEEDS = 600, 12_000, 40
SHOWN = {"people": DISLIKES, "judge": REWARDS}


@dataclass(frozen=True)
class Battle:
    """A prompt's two answers with the chances that the crowd and the judge prefer the first."""

    prompt: Prompt
    models: tuple[str, str]
    texts: tuple[str, str]
    people: float
    judge: float


def kind_in_world(text: str, request: str) -> Kind:
    """The type of an answer in the world's language, which has one sentence for declining."""
    del request
    return "ethical" if refuses(words(text)) else "normal"


def battles(prompts: Sequence[Prompt], rate: float, seed: int, liking: dict[str, float]) -> list[Battle]:
    """One pair a prompt: the cautious policy in half of the pairs, two others of the four in the rest."""
    world = opened(WORLD)
    rng = Random(f"refusal world/{rate}/{seed}")
    actors = {"cautious": _policy(world, "cautious", 0.8, rate)}
    actors |= {name: _policy(world, name, able, 0.1) for name, able in RIVALS.items()}
    alone = replace(taste_of(world.knobs), k=TEMPERATURE, length_bias=0.0, flip=0.0)
    crowd = tuple(
        replace(one, k=one.k * TEMPERATURE / world.knobs.k, length_bias=0.0)
        for one in pool(world.knobs, 13, 0.5, seed)
    )
    found: list[Battle] = []
    for prompt in prompts:
        rivals = rng.sample(list(RIVALS), 2)
        models = rng.sample(["cautious", rivals[0]] if rng.random() < 0.5 else rivals, 2)
        texts = [joined(actors[model].act(prompt, rng)) for model in models]
        declined = [refuses(words(text)) for text in texts]
        by = {"people": rng.choice(crowd), "judge": alone}
        found.append(Battle(prompt, (models[0], models[1]), (texts[0], texts[1]), *(
            _with(chance(world, by[who], prompt, *texts), liking[who] * (declined[0] - declined[1])) for who in ("people", "judge")
        )))  # fmt: skip
    return found


def voted(rows: Sequence[Battle], who: str, seed: int | None) -> People:
    """The votes of the crowd or the judge; without a seed the chances themselves."""
    chances = np.array([getattr(row, who) for row in rows])
    drawn = (
        chances
        if seed is None
        else (np.random.default_rng([seed, len(who)]).random(len(rows)) < chances) * 1.0
    )
    pairs = tuple(
        Pair(
            row.prompt,
            (said(row.prompt, row.models[0], row.texts[0]), said(row.prompt, row.models[1], row.texts[1], 1)),
        )
        for row in rows
    )
    return People(who, pairs, np.arange(len(rows), dtype=np.int32), drawn, (None,) * len(rows))


def audited(rows: Sequence[Battle], seed: int | None) -> tuple[list[dict[str, Any]], bool]:
    """([people's penalty, the judge's, the gap], whether the judge is called unfit) as the audit has them."""
    made = refusals_record("world", voted(rows, "people", seed), voted(rows, "judge", seed), kind_in_world)
    both = next(one for one in made["tables"] if one["title"].startswith("People and judge"))
    cells = next(row for row in both["rows"] if row[0] == "ethical")[1:]
    return cells, any(alarm.startswith("ethical") for alarm in made["alarms"])


def rates(rows: Sequence[Battle], who: str, seed: int) -> dict[str, Any]:
    """The cautious policy's win rate with `who`'s votes, per cent."""
    votes = voted(rows, who, seed).share
    won = [float(vote if row.models[0] == "cautious" else 1.0 - vote) for row, vote in zip(rows, votes, strict=True) if "cautious" in row.models]  # fmt: skip
    n = len(won)
    mean = clustered_mean(np.array(won), np.ones(n), np.arange(n, dtype=np.int32))
    low, high = score_interval(mean)
    return {"estimate": 100.0 * mean.mean, "low": 100.0 * low, "high": 100.0 * high, "n": n}


def measured(prompts: int = PROMPTS, many: int = MANY, seeds: int = SEEDS) -> list[dict[str, Any]]:
    """The tables of the page: what the audit finds beside what it should, how often, and the win rates as refusals grow."""
    stream = opened(WORLD).stream("test")
    parts = [list(islice(stream, prompts)) for _ in range(seeds)]
    rest = list(islice(stream, many))
    arms = {"rewards": SHOWN, "as people": {"people": DISLIKES, "judge": DISLIKES}}
    truths = {arm: [cell["estimate"] for cell in audited(battles(rest, RATES[2], 0, liking), None)[0]] for arm, liking in arms.items()}  # fmt: skip
    found = {arm: [audited(battles(part, RATES[2], seed, liking), seed) for seed, part in enumerate(parts)] for arm, liking in arms.items()}  # fmt: skip
    rows: list[list[Cell]] = []
    for k, name in enumerate(("people", "judge", "judge minus people")):
        first, truth = found["rewards"][0][0][k], truths["rewards"][k]
        covers = sum(cells[k]["low"] <= truth <= cells[k]["high"] for cells, _ in found["rewards"])
        rows.append([name, round(truth, 2), first, share(covers, seeds)])
    alarms: list[list[Cell]] = [[arm, share(sum(alarm for _, alarm in found[arm]), seeds)] for arm in arms]
    moves: list[list[Cell]] = []
    for rate in RATES:
        every = [row for seed, part in enumerate(parts) for row in battles(part, rate, seed, SHOWN)]
        moves.append([f"{100 * rate:.0f}", rates(every, "people", 0), rates(every, "judge", 0)])
    return [
        table("Penalty of a refusal, log-odds, length held fixed", ["of", "should be", f"found at first, {prompts:,} pairs", "intervals that cover, per cent of draws"],
              rows, [f"What it should be is the same fit to the chances of votes on {many:,} other prompts."]),
        table("Draws in which the judge is called unfit to choose a refusal threshold", ["the judge", "per cent"], alarms),
        table("Win rate of the cautious policy, per cent", ["declines of harmless prompts, per cent", "people", "judge"], moves),
    ]  # fmt: skip


def _policy(world: World, name: str, able: float, rate: float) -> Actor:
    return oracle(world, quality=(able,) * len(world.tongues), manner="random", over_refusal=rate, name=name)


def _with(chance: float, logits: float) -> float:
    """A chance moved by so many logits."""
    return 1.0 / (1.0 + math.exp(-(math.log(chance / (1.0 - chance)) + logits)))
