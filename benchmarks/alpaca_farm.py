"""AlpacaFarm in small: does a simulated pool of annotators rank methods as a crowd does that they were not made for?

    python -m benchmarks.alpaca_farm [--seeds 1] [--out docs/results/alpaca-farm.json]

Runs the recipe 071-alpaca-farm for each seed and reads its matches, with the divergence from the base, length and time of each method. In simulation: learnt from the simulated labels and judged by the
simulated pool. With the crowd: learnt from the crowd's labels and judged by the crowd. Spearman's correlation of both win rates over
the methods and the base, its interval by drawing the test prompts again 2,000 times, the same ones for both. Seeds that are done are
read from the file.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from winsome import specs
from winsome.frames import prompts_of, text_of
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.session import Session
from winsome.recipes.run import run
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.training.outcome import outcome
from winsome.training.start import found as start_of

OUT = Path("docs/results/alpaca-farm.json")
BEST = "best of 4"
METHODS = ("feedme", "conditioning", "dpo", BEST, "expert", "ppo", "rloo", "quark")
NAMES = {
    "feedme": "FeedME: supervised on the preferred answers", "conditioning": "binary reward conditioning", "dpo": "DPO",
    BEST: "best of 4, at test time", "expert": "expert iteration: best of 4 imitated", "ppo": "PPO", "rloo": "RLOO",
    "quark": "Quark's first round, without its penalties",
}  # fmt: skip
MATCHES = ("in_simulation", "with_the_crowd", "sim_by_gold", "crowd_by_gold")
REDRAWN = 2000


def shares(folder: Path, labels: dict[str, str], base: str) -> dict[str, dict[str, float]]:
    """Method -> prompt -> its share of wins against the base."""
    asks = pl.read_parquet(folder / "asks.parquet", columns=["cluster", "a", "b", "share"]).drop_nulls()
    found: dict[str, dict[str, list[float]]] = {}
    for row in asks.to_dicts():
        own, share = (row["a"], row["share"]) if row["b"] == base else (row["b"], 1.0 - row["share"])
        method = BEST if own.startswith("best_of_n") else labels[own].partition("_")[2]
        found.setdefault(method, {}).setdefault(row["cluster"], []).append(share)
    return {m: {p: sum(held) / len(held) for p, held in rows.items()} for m, rows in found.items()}


def table(held: dict[str, dict[str, float]], prompts: list[str]) -> np.ndarray:
    """Shares [methods, prompts], nan where there is none."""
    return np.array([[held[m].get(p, np.nan) for p in prompts] for m in METHODS])


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
    return {"spearman": of(np.arange(n)), "low": float(low), "high": float(high), "methods": len(METHODS) + 1}


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
                method = entry["labels"][row["contender"]].partition("_")[2]
                found[method] = {
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


def row_of(folder: Path, seed: int, ledger: Path) -> dict[str, Any]:
    """The figures of a finished run of the recipe."""
    record = json.loads((folder / "recipe.json").read_text("utf-8"))
    matches = {entry["step"]: entry for entry in record["matches"]}
    held: dict[str, dict[str, dict[str, float]]] = {}
    rates: dict[str, dict[str, list[float]]] = {}
    for step in MATCHES:
        entry = matches[step]
        base = entry["standings"]["baseline"]
        held[step] = shares(folder / entry["folder"], entry["labels"], base)
        for row in entry["standings"]["rows"]:
            name = row["contender"]
            if name != base:
                method = BEST if name.startswith("best_of_n") else entry["labels"][name].partition("_")[2]
                rates.setdefault(step, {})[method] = [row["estimate"], row["low"], row["high"], row["n"]]
    prompts = sorted({p for step in MATCHES for rows in held[step].values() for p in rows})
    tables = {step: table(held[step], prompts) for step in MATCHES}
    return {
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "prompts": len(prompts),
        "labels": labels(folder),
        "rates": rates,
        "changed": {
            step: changed(folder, matches[step], ledger) for step in ("sim_by_gold", "crowd_by_gold")
        },
        "simulation_to_crowd": correlation(tables["in_simulation"], tables["with_the_crowd"], seed),
        "simulation_to_gold": correlation(tables["in_simulation"], tables["sim_by_gold"], seed),
        "cpu_seconds": {
            s["step"]: round(s["cpu_seconds"], 1) for s in record["steps"] if s["cpu_seconds"] >= 1.0
        },
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# AlpacaFarm in small",
        "",
        "Eight methods learn from one set of 3,000 pairs of the 0.2M base of `world:instruction`, labelled once by 13 simulated annotators of",
        "whose labels a quarter is flipped, once by a crowd of 40 others with larger differences. Each source trains its own reward model.",
        "Win rates against the base on unseen test prompts at temperature 1, 95% intervals. *In simulation*: the simulated labels teach,",
        "the simulated pool (without flips) judges. *With the crowd*: the crowd teaches and judges, as people do in the paper. *By gold*:",
        "the same contenders by the world's truth; KL to the base in nats an answer, tokens an answer after and before. `winsome run",
        "071-alpaca-farm` makes one seed; `python -m benchmarks.alpaca_farm` writes this page from `alpaca-farm.json` beside it.",
    ]
    for row in rows:
        lines += [
            "",
            f"## Seed {row['seed']}, {row['date']}, {row['prompts']} prompts",
            "",
            "| method | in simulation | with the crowd | simulated labels, by gold | crowd's labels, by gold |",
            "|---|--:|--:|--:|--:|",
        ]
        for method in METHODS:
            cells = [row["rates"][step][method] for step in MATCHES]
            told = [f"{c[0]:.1f}% ({c[1]:.1f}–{c[2]:.1f})" for c in cells]
            lines.append(f"| {NAMES[method]} | {' | '.join(told)} |")
        lines += [
            "",
            "| method | KL, simulated | KL, crowd | tokens, simulated | tokens, crowd | CPU-s of training |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for method in METHODS:
            sides = [row["changed"][step].get(method) for step in ("sim_by_gold", "crowd_by_gold")]
            if all(sides):
                drift = [f"{one['kl']:.2f} ± {2 * one['kl_error']:.2f}" for one in sides]
                length = [f"{one['tokens']:.1f} / {one['start_tokens']:.1f}" for one in sides]
                spent = [row["cpu_seconds"].get(f"{name}_{method}") for name in ("sim", "crowd")]
                times = " / ".join("below 1" if one is None else f"{one:.0f}" for one in spent)
                lines.append(f"| {NAMES[method]} | {' | '.join(drift)} | {' | '.join(length)} | {times} |")
        for source, said in (("sim", "the simulated pool's"), ("crowd", "the crowd's")):
            one = row["labels"][source]
            lines += [
                "",
                f"Of {said} {one['n']:,} labels {100 * one['better']:.1f}% prefer the truly better answer, {100 * one['worse']:.1f}% the worse one;"
                f" in {100 * one['equal']:.1f}% both are worth the same, and the label is noise whoever gives it.",
            ]
        for key, said in (
            ("simulation_to_crowd", "Simulation and crowd"),
            ("simulation_to_gold", "Simulation and truth, of the same contenders"),
        ):
            found = row[key]
            word = "excludes 0" if found["low"] > 0 or found["high"] < 0 else "does not exclude 0"
            lines += [
                "",
                f"{said}: Spearman {found['spearman']:.2f} over {found['methods']} methods, the base among them; redrawn prompts give"
                f" {found['low']:.2f} to {found['high']:.2f}, which {word}.",
            ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alpaca_farm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/alpaca-farm"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    for seed in range(options.seeds):
        if any(row["seed"] == seed for row in kept):
            continue
        ledger = options.work / "ledger.sqlite"
        ran = run(
            "071-alpaca-farm", seed=seed, ledger=ledger, folder=options.work / "runs", say=lambda line: print(line, flush=True)
        )  # fmt: skip
        kept.append(row_of(ran.folder, seed, ledger))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
