"""How much of a reward model can be had: the true worth of the best of n by it, n from 1 to 1,024.

    python -m benchmarks.over_optimisation [--seeds 3] [--out docs/results/over-optimisation.json]

Reward models with the body of the language world's 0.2M base learn from pairs of its answers, labelled by one annotator without noise or
by a pool of 13 of whose labels a quarter is flipped. To each test prompt the base answers 1,024 times at temperature 1; what the best of n
is worth follows exactly from the ranks, as the mean over all subsets of n. The n at which the true worth is highest is found on other
prompts, so its distance to the end is no selected figure. Rows that are done are read from the file.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from benchmarks.preference_effects import BASE
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Contender, Scorer
from winsome.records import Prompt, Response, Sampling, assistant
from winsome.sandbox.annotators import Taste, chance, pool, taste_of
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import Split, World
from winsome.training.loops.reward import reward

OUT = Path("docs/results/over-optimisation.json")
DRAWN: dict[Split, tuple[int, int]] = {"train": (3000, 2), "validation": (100, 256), "test": (64, 1024)}
"""Split -> prompts, answers to each."""
ARMS = (("noisy", 300), ("clean", 300), ("clean", 2500))
STEPS = tuple(2**k for k in range(11))
PLAN = {"batch": 32, "rate": 5e-4, "schedule": "cosine", "save_every": 0}
UPDATES = {300: 20, 2500: 160}


def best_of(scores: Any, worth: Any, n: int) -> float:
    """The mean over all subsets of `n` of N answers of the worth of the one scored highest.

    The answer of rank i (from 0, lowest first) is the best of C(i, n - 1) of C(N, n) subsets; equal scores share their places.
    """
    order = np.argsort(scores, kind="stable")
    values, held = np.asarray(worth, float)[order], np.asarray(scores)[order]
    size = len(values)
    places = np.arange(size)
    logs = np.array([math.lgamma(i + 1) for i in range(size + 1)])
    weights = np.zeros(size)
    inside = places >= n - 1
    i = places[inside]
    weights[inside] = np.exp(
        logs[i] - logs[i - n + 1] - logs[n - 1] - (logs[size] - logs[n] - logs[size - n])
    )
    groups = np.unique(held, return_inverse=True)[1]
    means = np.bincount(groups, values) / np.bincount(groups)
    return float(weights @ means[groups])


def bound(n: int) -> float:
    """log n - (n - 1) / n: what the best of n differs from one draw at most, nats."""
    return math.log(n) - (n - 1) / n


def answers(split: Split, session: Session, work: Path) -> pl.DataFrame:
    """prompt, text, times (how often it was drawn), worth: the base's different answers to the prompts of a split."""
    file = work / f"{split}.parquet"
    if not file.is_file():
        world, (count, draws) = World.of("instruction"), DRAWN[split]
        prompts = {one.id: one for one in world.prompts(count, split)}
        base: Any = session.open(BASE, Contender)

        async def drawn() -> Counter[tuple[str, str]]:
            # tens of thousands of draws that nobody will ask for again: past the ledger
            asked = base.inner.answer(list(prompts.values()), Sampling(range(draws), 1.0, 1.0, 48, seed=11))
            return Counter([(one.prompt, one.text) async for one in asked])

        rows = [
            {"prompt": id, "text": text, "times": n, "worth": gold(world, prompts[id], text).value}
            for (id, text), n in finish(drawn()).items()
        ]
        pl.DataFrame(rows).sort("prompt", "text").write_parquet(file)
    return pl.read_parquet(file)


def pairs(drafts: pl.DataFrame, source: str, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` pairs of two different answers, each with one label: of the truth, or of one of a pool whose labels err and are flipped."""
    world = World.of("instruction")
    own = taste_of(world.knobs)
    tastes: list[Taste] = [replace(own, k=0.0)]
    if source == "noisy":
        tastes = [replace(one, flip=0.25) for one in pool(world.knobs, 13, 0.5, 0)]
    prompts = {one.id: one for one in world.prompts(DRAWN["train"][0], "train")}
    said = dict(drafts.group_by("prompt", maintain_order=True).agg("text").iter_rows())
    rows: list[dict[str, Any]] = []
    ids = sorted(prompts)
    Random(f"pairs/{seed}").shuffle(ids)
    for id in ids:
        texts = [text for text in said.get(id, []) if text.strip()]
        if len(texts) < 2 or len(rows) == count:
            continue
        rng = Random(f"label/{source}/{seed}/{id}")
        first, second = rng.sample(texts, 2)
        won = rng.random() < chance(world, rng.choice(tastes), prompts[id], first, second)
        chosen, rejected = (first, second) if won else (second, first)
        asked = [message.payload() for message in prompts[id].messages]
        rows.append({"prompt": asked, "chosen": chosen, "rejected": rejected})
    return rows


def curve(table: pl.DataFrame, scorer: Scorer, split: Split) -> dict[str, Any]:
    """n -> by prompt the true worth of the best of n, and the mean score of the best."""
    prompts: dict[str, Prompt] = {
        one.id: one for one in World.of("instruction").prompts(DRAWN[split][0], split)
    }
    rows = table.filter(pl.col("text").str.strip_chars() != "")
    said = [
        Response(id, "", "", messages=(assistant(text),))
        for id, text in rows.select("prompt", "text").iter_rows()
    ]
    scores = finish(scorer.score([prompts[one.prompt] for one in said], said)).values
    rows = rows.with_columns(score=pl.Series(scores, dtype=pl.Float64))
    steps = [n for n in STEPS if n <= DRAWN[split][1] // 2 or n == DRAWN[split][1]]
    worth: dict[int, list[float]] = {n: [] for n in steps}
    rated: dict[int, list[float]] = {n: [] for n in steps}
    for _, one in rows.group_by("prompt", maintain_order=True):
        times = one["times"].to_numpy()
        held, value = (np.repeat(one[name].to_numpy(), times) for name in ("score", "worth"))
        for n in steps:
            # an empty answer is never the best: the few prompts that had one have fewer draws
            worth[n].append(best_of(held, value, min(n, len(held))))
            rated[n].append(best_of(held, held, min(n, len(held))))
    return {"worth": worth, "score": {n: float(np.mean(values)) for n, values in rated.items()}}


def mean(values: Any) -> list[float]:
    """Mean over prompts with its 95% interval by Student's t: estimate, low, high, n."""
    from winsome.standings.intervals import t_quantile

    held = np.asarray(values, float)
    half = t_quantile(len(held) - 1, 0.95) * held.std(ddof=1) / math.sqrt(len(held))
    return [float(held.mean()), float(held.mean() - half), float(held.mean() + half), len(held)]


def measured(source: str, count: int, seed: int, work: Path) -> dict[str, Any]:
    """The row of one reward model."""
    began = time.process_time()
    with Ledger.open(str(work / "ledger.sqlite")) as store:
        session = Session(Door(store), seed, work / "runs")
        drawn = {split: answers(split, session, work) for split in DRAWN}
        file = work / f"{source}-{count}-{seed}.parquet"
        pl.DataFrame(pairs(drawn["train"], source, count, seed)).write_parquet(file)
        name = reward(BASE, file, run=session, updates=UPDATES[count], **PLAN)
        scorer = session.open(name, Scorer)
        found = {split: curve(drawn[split], scorer, split) for split in ("validation", "test")}
        finish(session.close())
    here, there = found["validation"]["worth"], found["test"]["worth"]
    top = max(here, key=lambda n: float(np.mean(here[n])))
    last = max(there)
    return {
        "labels": source, "pairs": count, "seed": seed,
        "cpu_seconds": round(time.process_time() - began, 1),
        "worth": {str(n): mean(values) for n, values in there.items()},
        "score": {str(n): value for n, value in found["test"]["score"].items()},
        "peak": top,
        "gained": mean(np.subtract(there[top], there[1])),
        "lost": mean(np.subtract(there[top], there[last])),
    }  # fmt: skip


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# The best of n by a reward model, until it is too much",
        "",
        "Reward models with the body of the 0.2M base of `world:instruction`, learnt from pairs of its answers at temperature 1 (*clean*: every",
        "label true; *noisy*: one of 13 annotators, a quarter of the labels flipped). Worth: the true value of the best of n of 1,024 answers by",
        f"the model, mean over {DRAWN['test'][0]} test prompts, exact over all subsets of n. Peak: the n with the highest worth on",
        f"{DRAWN['validation'][0]} validation prompts. *Won* and *lost*: worth at the peak less that of one answer, and less that of the best of",
        "1,024, paired by prompt, 95% intervals. KL: the bound log n - (n - 1) / n. `python -m benchmarks.over_optimisation` adds what is missing;",
        "this page is written from `over-optimisation.json` beside it.",
        "",
        "| labels | pairs | seed | peak | won up to it | lost after it | n = 1 | 4 | 16 | 64 | 256 | 1,024 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]

    def told(one: list[float]) -> str:
        return f"{one[0]:+.2f} ({one[1]:+.2f} to {one[2]:+.2f})"

    shown = [row["worth"] for row in rows]
    for row, worth in zip(rows, shown, strict=True):
        cells = " | ".join(f"{worth[str(n)][0]:.2f}" for n in (1, 4, 16, 64, 256, 1024))
        lines.append(
            f"| {row['labels']} | {row['pairs']} | {row['seed']} | {row['peak']} | {told(row['gained'])} | {told(row['lost'])} | {cells} |"
        )
    lines += [
        "",
        "| n | KL at most | "
        + " | ".join(f"{r['labels']} {r['pairs']}, seed {r['seed']}" for r in rows)
        + " |",
    ]
    lines += ["|--:|--:|" + "--:|" * len(rows)]
    lines += [
        f"| {n:,} | {bound(n):.2f} | " + " | ".join(f"{r['score'][str(n)]:+.2f}" for r in rows) + " |"
        for n in STEPS
        if all(str(n) in r["score"] for r in rows)
    ]
    lines += [
        "",
        "The second table holds the model's own rating of the best of n, which rises whatever the truth does.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.over_optimisation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/over-optimisation"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    for seed in range(options.seeds):
        for source, count in ARMS:
            if any((row["labels"], row["pairs"], row["seed"]) == (source, count, seed) for row in kept):
                continue
            kept.append(measured(source, count, seed, options.work))
            kept.sort(key=lambda row: (row["labels"], row["pairs"], row["seed"]))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
