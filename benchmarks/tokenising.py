"""Pairs turned into token ids: all texts of a block in one call of the encoder, against text by text; the ids are checked to be equal.

    python -m benchmarks.tokenising [--pairs 1000] [--rounds 3]

SmolLM2's tokenizer and template; answers made of the words of this project's own documents. Both sides in turns in one process; CPU seconds and
seconds by the clock, medians. RAYON_NUM_THREADS is how many threads the encoder has.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from winsome.models.render import answer_ids, prompt_ids
from winsome.models.weights import LocalModel, load
from winsome.training.examples import Example, examples_of
from winsome.training.rendered import Sides, sides_ids

DOCUMENTS = Path(__file__).parents[1] / "docs"
WORDS = 175
"""Of an answer; a pair has two."""


def pairs(n: int) -> list[Example]:
    """Rows whose prompts are passages of 30 words and whose answers are passages of WORDS, of lines kept as they are."""
    rng = Random(0)
    words = " ".join(page.read_text("utf-8") for page in sorted(DOCUMENTS.glob("*/*.md"))).split(" ")

    def passage(size: int) -> str:
        start = rng.randrange(len(words) - size)
        return " ".join(words[start : start + size])

    rows = [{"prompt": passage(30), "chosen": passage(WORDS), "rejected": passage(WORDS)} for _ in range(n)]
    return list(examples_of(rows, "documents").rows)


def one_by_one(model: LocalModel, rows: list[Example]) -> list[Sides]:
    known = {side.prompt.id: prompt_ids(model, side.prompt) for row in rows for side in row.sides[:1]}
    return [[(known[side.prompt.id], answer_ids(model, side.text)) for side in row.sides] for row in rows]


def at_once(model: LocalModel, rows: list[Example]) -> list[Sides]:
    return sides_ids(model, rows, "chat", {})


def timed(work: Callable[[], list[Sides]]) -> tuple[float, float, list[Sides]]:
    cpu, clock = time.process_time(), time.perf_counter()
    found = work()
    return time.process_time() - cpu, time.perf_counter() - clock, found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tokenising", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    model, rows = load("smollm2-135m"), pairs(given.pairs)
    at_once(model, rows[:20])
    held: dict[str, list[tuple[float, float]]] = {"one": [], "all": []}
    for number in range(given.rounds):
        # Whoever comes second finds warm caches.
        if number % 2:
            every, each = timed(lambda: at_once(model, rows)), timed(lambda: one_by_one(model, rows))
        else:
            each, every = timed(lambda: one_by_one(model, rows)), timed(lambda: at_once(model, rows))
        if each[2] != every[2]:
            raise SystemExit("ids differ")
        held["one"].append(each[:2])
        held["all"].append(every[:2])
    threads = os.environ.get("RAYON_NUM_THREADS", str(os.cpu_count()))
    print(f"{given.pairs} pairs, {given.rounds} rounds, {threads} threads of the encoder; the ids are equal")
    medians = {name: tuple(map(statistics.median, zip(*rows, strict=True))) for name, rows in held.items()}
    for name, told in (("one", "text by text"), ("all", "all at once")):
        cpu, clock = medians[name]
        print(f"{told}: {cpu:.2f} CPU s, {clock:.2f} s; {given.pairs / cpu:,.0f} pairs a CPU second")
    ratios = [a / b for a, b in zip(medians["one"], medians["all"], strict=True)]
    print(f"ratio: {ratios[0]:.2f} of CPU, {ratios[1]:.2f} by the clock")


if __name__ == "__main__":
    main()
