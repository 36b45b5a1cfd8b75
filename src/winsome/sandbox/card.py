"""What is known of a world and of its bases: samples, and figures measured here with their counts and intervals."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from winsome.protocols import Contender, Judge
from winsome.records import Match, Prompt, Response, Sampling, Side, assistant
from winsome.sandbox import knobs
from winsome.sandbox.gold import gold, gold_judge
from winsome.sandbox.lexicon import joined, length
from winsome.sandbox.tiny_lm import LONGEST_ANSWER, SHAPES, made
from winsome.sandbox.worlds import World
from winsome.standings.intervals import wilson

QUANTILE = 1.959963984540054
"""Of the normal law at 95%."""
SAMPLES = 3


def world_card(world: World, n: int = 1000) -> dict[str, Any]:
    """A world as JSON: its knobs that differ from the preset's defaults, and what `n` test prompts are like, with samples.

    Samples show right answers: a card is for people, never an input of a step.
    """
    prompts = world.prompts(n, "test")
    readings = [world.reading(prompt) for prompt in prompts]
    answers = [
        world.target(reading).right(Random(prompt.id)) if reading.clear else None
        for prompt, reading in zip(prompts, readings, strict=True)
    ]
    shown = [(p, joined(r.tongue.say(a))) for p, r, a in zip(prompts, readings, answers, strict=True) if a]
    lengths = [length(answer) for answer in answers if answer is not None]
    return {
        "world": world.name,
        "id": world.id,
        "knobs": knobs.unlike_default(world.knobs),
        "prompts": n,
        "clear": sum(reading.clear for reading in readings),
        "categories": dict(Counter(prompt.facets["category"] for prompt in prompts).most_common()),
        "languages": dict(Counter(prompt.facets["lang"] for prompt in prompts).most_common()),
        "persons": [{"name": p.name, "group": p.group} for p in world.people],
        "words": len(world.words),
        "answer_words": {"least": min(lengths, default=0), "most": max(lengths, default=0)},
        "judge": judged(world, shown),
        "bases": _bases(world),
        "samples": [
            {
                "category": prompt.facets["category"],
                "turns": [message.text for message in prompt.messages],
                "answer": None if answer is None else joined(reading.tongue.say(answer)),
            }
            for prompt, reading, answer in list(zip(prompts, readings, answers, strict=True))[: 4 * SAMPLES]
        ],
    }


def judged(world: World, answers: Sequence[tuple[Prompt, str]]) -> dict[str, Any]:
    """The gold judge asked about a right and a spoilt answer to each of these prompts, in both orders: counts of pairs.

    A spoilt answer says one wrong word in the place of every right one.
    """
    name = f"{world.name}#gold"
    judge = gold_judge(world, name)
    matches: list[Match] = []
    for prompt, right in answers:
        pair = (right, " ".join("berlin" for _ in right.split()))
        right_side, spoilt_side = (
            Response(prompt=prompt.id, contender=who, key=f"{who}/{prompt.id}", messages=(assistant(text),))
            for who, text in zip(("right", "spoilt"), pair, strict=True)
        )
        for seat in (0, 1):
            sides = Side("right", right_side, seat), Side("spoilt", spoilt_side, 1 - seat)
            matches.append(Match(prompt, sides))
    verdicts = asyncio.run(_verdicts(judge, matches))
    both = list(zip(verdicts[::2], verdicts[1::2], strict=True))
    return {
        "name": name,
        "id": judge.id,
        "asked": len(both),
        "right_first": sum(a == 1.0 for a, _ in both),
        "same_in_both_orders": sum(a == b for a, b in both),
    }


def _bases(world: World) -> dict[str, Any]:
    """What the cards of the bases that are here have measured, by size."""
    import orjson

    found: dict[str, Any] = {}
    for size in SHAPES:
        place = made(world, size)
        if place is not None:
            card = orjson.loads((place / "card.json").read_bytes())
            if "measured" in card:
                found[size] = {"parameters": card["parameters"], **card["measured"]}
    return found


async def _verdicts(judge: Judge, matches: Sequence[Match]) -> list[float | None]:
    return [verdict.share async for verdict in judge.judge(matches)]


def measured(
    world: World, contender: Contender, *, n: int = 1400, temperature: float = 0.0
) -> dict[str, Any]:
    """How often a contender's answers to `n` test prompts are right as a whole, by kind of task, with 95% Wilson intervals.

    `weighted` is the mean over kinds, with its standard error. Tokens a CPU-second count every token drawn; the time includes
    reading the prompts, whose tokens are told beside.
    """
    prompts = world.prompts(n, "test")
    # Loading the weights is no part of the speed.
    asyncio.run(_asked(contender, prompts[:1], temperature))
    started = time.process_time()
    answers = asyncio.run(_asked(contender, prompts, temperature))
    seconds = time.process_time() - started
    found: dict[str, list[bool]] = {}
    samples: dict[str, list[dict[str, Any]]] = {}
    for prompt in prompts:
        response = answers[prompt.id]
        right = gold(world, prompt, response.text).correct
        kind = prompt.facets["category"]
        found.setdefault(kind, []).append(right)
        shown = samples.setdefault(kind, [])
        if len(shown) < SAMPLES:
            shown.append({"prompt": prompt.text, "answer": response.text, "right": right})
    tokens = sum(response.usage.tokens_out for response in answers.values())
    kinds = {kind: _share(rights) for kind, rights in sorted(found.items())}
    return {
        "prompts": n,
        "temperature": temperature,
        "kinds": kinds,
        "weighted": round(sum(kind["right"] for kind in kinds.values()) / len(kinds), 4),
        "weighted_error": round(
            math.sqrt(sum(kind["right"] * (1 - kind["right"]) / kind["n"] for kind in kinds.values()))
            / len(kinds),
            4,
        ),
        "cut_off": sum(response.finish == "length" for response in answers.values()),
        "tokens_drawn": tokens,
        "tokens_read": sum(response.usage.tokens_in for response in answers.values()),
        "tokens_a_cpu_second": round(tokens / seconds, 1),
        "samples": samples,
    }


def add_measures(place: Path, world: World, *, n: int = 1400) -> dict[str, Any]:
    """The card of a base in `place` with its measured figures, greedy and at temperature 1, written to its card.json."""
    import orjson

    from winsome.contenders.local import LocalContender

    contender = LocalContender(str(place), dtype="float32", slots=256, name=place.name)
    file = place / "card.json"
    card: dict[str, Any] = orjson.loads(file.read_bytes())
    card["measured"] = {
        "greedy": measured(world, contender, n=n, temperature=0.0),
        "sampled": measured(world, contender, n=n, temperature=1.0),
    }
    file.write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")
    return card


async def _asked(contender: Contender, prompts: Sequence[Prompt], temperature: float) -> dict[str, Response]:
    sampling = Sampling(temperature=temperature, max_tokens=LONGEST_ANSWER, seed=0)
    return {response.prompt: response async for response in contender.answer(prompts, sampling)}


def _share(rights: Sequence[bool]) -> dict[str, float]:
    mean = sum(rights) / len(rights)
    low, high = wilson(mean, len(rights), QUANTILE)
    return {"right": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": len(rights)}
