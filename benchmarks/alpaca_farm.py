"""AlpacaFarm in small: does a simulated pool of annotators rank methods as a crowd does that they were not made for?

    python -m benchmarks.alpaca_farm [--seeds 0 1] [--out docs/results/alpaca-farm.json]

Runs the recipe 071-alpaca-farm for each seed and reads its matches, with the divergence from the base, length and time of each method.
In simulation: learnt from the simulated labels and judged by the simulated pool. With the crowd: learnt from the crowd's labels and
judged by the crowd. Spearman's correlation of both win rates, its interval by drawing the test prompts again 2,000 times, the same ones
for both; over the methods that the paper ranks, and with contenders that were not trained on preferences, as it has them too. Seeds that
are done are read from the file.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from benchmarks.alpaca_farm_page import METHODS, OUTSIDE, PAPER, page
from winsome import specs
from winsome.frames import prompts_of, text_of
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.recipes.run import run
from winsome.sandbox.annotators import Taste, chance, pool
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.standings.annotator_pool import pool_statistics
from winsome.training.outcome import outcome
from winsome.training.start import found as start_of

OUT = Path("docs/results/alpaca-farm.json")
MATCHES = ("in_simulation", "with_the_crowd", "sim_by_gold", "crowd_by_gold")
REDRAWN = 2000
ASKED = 300
"""Pairs on which the simulated pool is held beside the crowd."""


def method_of(name: str, labels: dict[str, str]) -> str:
    """A contender's method, whichever labels it learnt from."""
    if name in labels:
        told = labels[name]
        return told if told in OUTSIDE else told.partition("_")[2]
    spec = specs.parse(name)
    return f"best of {spec.settings['n']}" if spec.kind == "best_of_n" else name


def shares(folder: Path, labels: dict[str, str], base: str) -> dict[str, dict[str, float]]:
    """Method -> prompt -> its share of wins against the base."""
    asks = pl.read_parquet(folder / "asks.parquet", columns=["cluster", "a", "b", "share"]).drop_nulls()
    found: dict[str, dict[str, list[float]]] = {}
    for row in asks.to_dicts():
        own, share = (row["a"], row["share"]) if row["b"] == base else (row["b"], 1.0 - row["share"])
        found.setdefault(method_of(own, labels), {}).setdefault(row["cluster"], []).append(share)
    return {m: {p: sum(held) / len(held) for p, held in rows.items()} for m, rows in found.items()}


def table(held: dict[str, dict[str, float]], prompts: list[str], methods: tuple[str, ...]) -> np.ndarray:
    """Shares [methods, prompts], nan where there is none."""
    return np.array([[held[m].get(p, np.nan) for p in prompts] for m in methods])


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of ranks; equal values share the mean of their places."""
    from scipy.stats import rankdata

    a, b = rankdata(first), rankdata(second)
    return float(np.corrcoef(a, b)[0, 1])


def correlation(first: np.ndarray, second: np.ndarray, seed: int) -> dict[str, float]:
    """Spearman over methods and base (one half) of mean shares [methods, prompts], with the middle 95% of redrawn prompts."""

    def of(columns: np.ndarray) -> float:
        means = [np.append(np.nanmean(side[:, columns], 1), 0.5) for side in (first, second)]
        return spearman(*means)

    rng, n = np.random.default_rng(seed), first.shape[1]
    drawn = [of(rng.integers(0, n, n)) for _ in range(REDRAWN)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"spearman": of(np.arange(n)), "low": float(low), "high": float(high), "methods": len(first) + 1}


def changed(folder: Path, entry: dict[str, Any], ledger: Path) -> dict[str, dict[str, float]]:
    """Method -> how far its answers are from the base's, nats, and their tokens; of methods that need no text before the prompt."""
    base = entry["standings"]["baseline"]
    found: dict[str, dict[str, float]] = {}
    with Ledger.open(str(ledger)) as store:
        start = start_of(base, Session(Door(store), 0, folder))
        for row in entry["standings"]["rows"]:
            spec = specs.parse(row["contender"])
            if spec.kind == "hf" and "system" not in spec.settings:
                told = outcome(Path(spec.address), start, row["contender"], folder / entry["folder"], store)
                found[method_of(row["contender"], entry["labels"])] = {
                    "kl": told.kl,
                    "kl_error": told.kl_error,
                    "tokens": told.tokens,
                    "start_tokens": told.start_tokens,
                }
    return found


def labels(folder: Path) -> dict[str, dict[str, float]]:
    """What the labels of each source are worth: how often the chosen answer is truly better, as good, or worse."""
    world = World.of("instruction")

    def frame(step: str, name: str) -> pl.DataFrame:
        return pl.read_parquet(folder / "frames" / step / f"{name}.parquet")

    prompts = {prompt.id: prompt for prompt in prompts_of(frame("pref", "prompts"))}
    texts = dict(frame("drafts", "responses").select("response_id", text_of().alias("text")).iter_rows())
    found: dict[str, dict[str, float]] = {}
    for source in ("sim", "crowd"):
        rows = frame(f"{source}_pairs", "pairs").select("prompt_id", "chosen_id", "rejected_id").iter_rows()
        gaps = np.array([
            gold(world, prompts[id], texts[chosen]).value - gold(world, prompts[id], texts[rejected]).value
            for id, chosen, rejected in rows
        ])  # fmt: skip
        shares = {"better": gaps > 1e-9, "equal": abs(gaps) <= 1e-9, "worse": gaps < -1e-9}
        found[source] = {"n": len(gaps)} | {name: float(held.mean()) for name, held in shares.items()}
    return found


def beside_the_crowd(folder: Path) -> dict[str, Any]:
    """The simulated annotators, without flips and with them, beside the crowd on pairs of different words: all of either label each."""
    world = World.of("instruction")
    prompts = {
        one.id: one for one in prompts_of(pl.read_parquet(folder / "frames" / "pref" / "prompts.parquet"))
    }
    said = pl.read_parquet(folder / "frames" / "said" / "responses.parquet").select(
        "prompt_id", text_of().alias("text")
    )
    pairs = [
        (id, *texts)
        for id, texts in said.group_by("prompt_id", maintain_order=True).agg("text").iter_rows()
        if len(set(texts)) == 2
    ][:ASKED]

    def labels(tastes: tuple[Taste, ...], who: str, flip: float) -> np.ndarray:
        rows = []
        for id, first, second in pairs:
            rng = Random(f"{who}/{id}")
            # both see the pair in either order as often, which is what position bias is about
            order = [rng.random() < 0.5 for _ in tastes]
            shown = [(second, first) if turned else (first, second) for turned in order]
            won = [
                rng.random() < chance(world, t, prompts[id], *s) for t, s in zip(tastes, shown, strict=True)
            ]
            held = [w != turned for w, turned in zip(won, order, strict=True)]
            rows.append([int(w != (rng.random() < flip)) for w in held])
        return np.array(rows)

    crowd = labels(pool(world.knobs, 40, 0.8, 1), "crowd", 0.0)
    simulated = pool(world.knobs, 13, 0.5, 0)
    return {
        name: vars(pool_statistics(labels(simulated, name, flip), crowd))
        for name, flip in (("without flips", 0.0), ("with a quarter flipped", 0.25))
    }


Held = dict[str, dict[str, dict[str, float]]]
"""Match -> method -> prompt -> share of wins."""


def matches_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The matches of a finished run by their step."""
    record = json.loads((folder / "recipe.json").read_text("utf-8"))
    return {entry["step"]: entry for entry in record["matches"]}


def met(folder: Path, entry: dict[str, Any]) -> dict[str, dict[str, float]]:
    return shares(folder / entry["folder"], entry["labels"], entry["standings"]["baseline"])


def asked(held: Held) -> list[str]:
    return sorted({prompt for step in held.values() for rows in step.values() for prompt in rows})


def ranked(runs: list[Held], prompts: list[str], seed: int) -> dict[str, dict[str, float]]:
    """The rankings' correlations; of several runs, of the shares' means over runs, prompt by prompt."""

    def of(step: str, methods: tuple[str, ...]) -> np.ndarray:
        return np.nanmean([table(held[step], prompts, methods) for held in runs], 0)

    return {
        f"{against}, {among}": correlation(of("in_simulation", methods), of(step, methods), seed)
        for against, step in (("crowd", "with_the_crowd"), ("truth", "sim_by_gold"))
        for among, methods in (("paper", PAPER), ("trained", tuple(METHODS)), ("all", (*METHODS, *OUTSIDE)))
    }


def pooled(runs: Path, seeds: list[int]) -> dict[str, Any] | None:
    """The correlations over all seeds; None where a seed's run is no longer there. The last run of a seed counts."""
    found: dict[int, Held] = {}
    for place in sorted(runs.glob("*/recipe.json"), key=lambda place: place.stat().st_mtime):
        matches = matches_of(place.parent)
        if set(MATCHES) <= matches.keys():
            seed = json.loads(place.read_text("utf-8"))["seed"]
            found[seed] = {step: met(place.parent, matches[step]) for step in MATCHES}
    if len(seeds) < 2 or not set(seeds) <= found.keys():
        return None
    held = [found[seed] for seed in seeds]
    return {"pooled": seeds, "ranks": ranked(held, asked(held[0]), 0)}


def row_of(folder: Path, seed: int, ledger: Path) -> dict[str, Any]:
    """The figures of a finished run of the recipe."""
    matches = matches_of(folder)
    held = {step: met(folder, matches[step]) for step in MATCHES}
    rates: dict[str, dict[str, list[float]]] = {}
    for step in MATCHES:
        entry = matches[step]
        base = entry["standings"]["baseline"]
        for row in entry["standings"]["rows"]:
            if row["contender"] != base:
                figures = [row["estimate"], row["low"], row["high"], row["n"]]
                rates.setdefault(step, {})[method_of(row["contender"], entry["labels"])] = figures
    prompts = asked(held)
    steps = json.loads((folder / "recipe.json").read_text("utf-8"))["steps"]
    return {
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "prompts": len(prompts),
        "labels": labels(folder),
        "annotators": beside_the_crowd(folder),
        "rates": rates,
        "changed": {
            step: changed(folder, matches[step], ledger) for step in ("sim_by_gold", "crowd_by_gold")
        },
        "ranks": ranked([held], prompts, seed),
        "cpu_seconds": {s["step"]: round(s["cpu_seconds"], 1) for s in steps if s["cpu_seconds"] >= 1.0},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alpaca_farm", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/alpaca-farm"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    held: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    kept, over_all = [row for row in held if "seed" in row], [row for row in held if "pooled" in row]
    for seed in options.seeds:
        if any(row["seed"] == seed for row in kept):
            continue
        ledger = options.work / "ledger.sqlite"
        ran = run(
            "071-alpaca-farm", seed=seed, ledger=ledger, folder=options.work / "runs", say=lambda line: print(line, flush=True)
        )  # fmt: skip
        kept.append(row_of(ran.folder, seed, ledger))
        write(options.out, kept)
        over_all = []
    told = pooled(options.work / "runs", [row["seed"] for row in kept])
    write(options.out, kept + ([told] if told else over_all))


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    out.with_suffix(".md").write_text(page(rows), "utf-8")


if __name__ == "__main__":
    main()
