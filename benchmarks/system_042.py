"""R.I.P. in the world of unclear prompts: which prompts it keeps, and the true win rates of DPO on what each filter leaves.

    python -m benchmarks.system_042 [--seeds 1] [--out docs/results/042-rip.json]

Runs the recipe 042-rip and looks up, of each filter's pairs, how many prompts are clear: that is known of the world and no step may
read it. Every filter is also read at the size of what R.I.P. kept, before it was cut to the size that all arms train on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from winsome.frames import prompts_of, text_of, with_sides
from winsome.recipes.run import run
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World

WORLD = "prompt-quality"
ARMS = ("on_rip", "on_all", "on_random", "on_jaccard", "on_perplexity", "on_ifd")
FILTERS = ("rip", "rip_cut", "random_cut", "jaccard", "perplexity", "ifd")
OUT = Path("docs/results/042-rip.json")


def clear_of(frame: Any) -> dict[str, bool]:
    """prompt_id -> whether the prompt can be answered."""
    world = World.of(WORLD)
    return {prompt.id: world.reading(prompt).clear for prompt in prompts_of(frame)}


def interval(good: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    from winsome.standings.intervals import wilson

    return wilson(good / n, n, 1.959964)


def precision(pairs: Any, clear: dict[str, bool]) -> dict[str, Any]:
    good, n = sum(clear[id] for id in pairs["prompt_id"]), pairs.height
    low, high = interval(good, n)
    return {"n": n, "clear": good / n, "low": low, "high": high}


def by_one_figure(ran: Any, clear: dict[str, bool], n: int) -> dict[str, Any]:
    """The precision of keeping the `n` pairs of highest value of single figures: what R.I.P. has three of, and the mean reward."""
    import polars as pl

    frames = {name: ran.frame("pair", name) for name in ("pairs", "responses", "scores")}
    table = with_sides(frames)
    means = (
        ran.frame("score", "responses")
        .join(
            ran.frame("score", "scores").select("subject_id", "value"),
            left_on="response_id",
            right_on="subject_id",
        )
        .group_by("prompt_id")
        .agg(mean_reward=pl.col("value").mean())
    )
    table = table.join(means, on="prompt_id", how="left").with_columns(
        rejected_reward=pl.col("rejected_value"),
        small_gap=pl.col("rejected_value") - pl.col("chosen_value"),
        rejected_length=pl.col("rejected_tokens"),
    )
    return {
        name: precision(table.sort(name, descending=True, maintain_order=True).head(n), clear)
        for name in ("rejected_reward", "small_gap", "rejected_length", "mean_reward")
    }


def lessons(frame: Callable[[str, str], Any]) -> dict[str, dict[str, float]]:
    """What pairs of clear prompts teach: how often the chosen answer is truly better, or worse, and by how much on average.

    frame: (step, name) -> a frame of the run.
    """

    world = World.of(WORLD)
    prompts = {prompt.id: prompt for prompt in prompts_of(frame("load", "prompts"))}
    texts = dict(frame("generate", "responses").select("response_id", text_of().alias("text")).iter_rows())
    found: dict[str, dict[str, float]] = {}
    for step in ("pair", "rip", "random_cut"):
        gaps = [
            gold(world, prompts[id], texts[chosen]).value - gold(world, prompts[id], texts[rejected]).value
            for id, chosen, rejected in frame(step, "pairs")
            .select("prompt_id", "chosen_id", "rejected_id")
            .iter_rows()
            if world.reading(prompts[id]).clear
        ]
        held = np.array(gaps)
        found[step] = {
            "n": len(gaps),
            "right": float((held > 1e-9).mean()) if gaps else 0.0,
            "wrong": float((held < -1e-9).mean()) if gaps else 0.0,
            "gap": float(held.mean()) if gaps else 0.0,
        }
    return found


def win_rates(ran: Any) -> dict[str, dict[str, float]]:
    """ "an arm against another" -> its win rate with interval, of every match of a run."""
    found: dict[str, dict[str, float]] = {}
    for match in ran.record["matches"]:
        base = match["standings"]["baseline"]
        for row in match["standings"]["rows"]:
            if row["contender"] != base:
                name = f"{match['labels'][row['contender']]} against {match['labels'].get(base, 'base')}"
                found[name] = {key: row[key] for key in ("estimate", "low", "high", "n")}
    return found


def match_table(matches: dict[str, dict[str, float]]) -> list[str]:
    """The lines of a page that tell `win_rates`."""
    return [
        "| match | win rate | 95% interval | prompts |",
        "|---|--:|--:|--:|",
        *(
            f"| {name.replace('_', ' ')} | {one['estimate']:.1f}% | {one['low']:.1f}–{one['high']:.1f}% | {one['n']} |"
            for name, one in matches.items()
        ),
    ]


def played(seed: int, work: Path, changes: list[str]) -> dict[str, Any]:
    """The row of a seed."""
    began, cpu = time.time(), time.process_time()
    ran = run(
        "042-rip", seed=seed, set=changes, ledger=work / "ledger.sqlite", folder=work / "runs", say=lambda line: print(line, flush=True)
    )  # fmt: skip
    clear = clear_of(ran.frame("load", "prompts"))
    steps = {step["step"]: step for step in ran.record["steps"]}
    found = {name: ran.frame(name, "pairs") for name in FILTERS}
    return {
        "seed": seed,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.time() - began),
        "cpu_seconds": round(time.process_time() - cpu),
        "prompts": len(clear),
        "clear": sum(clear.values()) / len(clear),
        "pairs": ran.frame("pair", "pairs").height,
        "thresholds": steps["rip"]["facts"]["thresholds"]["values"],
        "precision": {name: precision(pairs, clear) for name, pairs in found.items()},
        "of_one_figure": by_one_figure(ran, clear, found["rip"].height),
        "lessons": lessons(ran.frame),
        "matches": win_rates(ran),
        "changes": changes,
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# R.I.P.: which prompts it keeps, and what that is worth",
        "",
        "The recipe `042-rip` (Yu et al. 2025): prompts of `world:prompt-quality`, of which some are unclear; 16 answers of the 0.2M base",
        "each, rated by the truth plus noise of 0.3; best against worst; a pair stays where the worst answer's rating and length are at",
        "least the median and the gap at most the median. DPO (beta 0.1, 30 to 90 updates of 32) on all pairs, or on equally many an arm; win",
        "rates by the world's gold judge on clear test prompts. The 95% intervals are those of the test prompts: another seed draws and",
        "trains anew, and differs by more. `python -m benchmarks.system_042` runs it; this page is written from `042-rip.json` beside it.",
        "",
        "What the filter looks for it finds: clear prompts. What it does not: a higher win rate than that of all pairs. The world is as the",
        "specification words it (four of ten prompts unclear, 16 answers, a noisy rating); one thing had been left out, the paper's early stop",
        "on 470 validation prompts, and with it R.I.P. loses by less. What is left has its reason in the table of lessons. An answer here is",
        "right in all or some of its parts, so of clear prompts those with the widest gaps have the surest labels; R.I.P.'s third rule drops",
        "them with the unclear ones, and keeps prompts whose answers are nearly alike, where the noise of the rating decides: the chosen answer",
        "is truly better less often and by less. The labels of unclear prompts are noise without a direction, which costs DPO little. In the",
        "paper a wide gap tells of a bad prompt; whether it does depends on how worth is spread, not on the filter.",
        "",
        "Stopped: each arm after the number of updates of 30, 60 and 90 at which its answers to 470 validation prompts won most by the noisy",
        "rating, sought with seed 0: R.I.P. 60, Jaccard and perplexity 30, the others 90. Not stopped: 90 each.",
        "",
        *summary(rows),
        "",
    ]
    for row in rows:
        values = ", ".join(f"{name} {value:.3g}" for name, value in row["thresholds"].items())
        lines += [
            f"## Seed {row['seed']}, {row['date']}",
            "",
            f"{row['prompts']} prompts, {100 * row['clear']:.1f}% clear; {row['pairs']} pairs; thresholds: {values}. {row['cpu_seconds']} CPU-seconds"
            + (f"; changed: {', '.join(row['changes'])}" if row["changes"] else "")
            + ".",
            "",
            "| kept by | pairs | of clear prompts | 95% interval |",
            "|---|--:|--:|--:|",
        ]
        told = {
            "rip": "R.I.P.", "rip_cut": "R.I.P., cut to the arms' size", "random_cut": "at random", "jaccard": "Jaccard, high",
            "perplexity": "perplexity of the chosen, high", "ifd": "IFD, high", "rejected_reward": "rating of the rejected alone",
            "small_gap": "small gap alone", "rejected_length": "length of the rejected alone", "mean_reward": "mean rating",
        }  # fmt: skip
        lines += [
            f"| {told[name]} | {one['n']} | {100 * one['clear']:.1f}% | {100 * one['low']:.1f}–{100 * one['high']:.1f}% |"
            for name, one in (row["precision"] | row["of_one_figure"]).items()
        ]
        lines += [
            "",
            "| pairs of clear prompts | pairs | chosen truly better | truly worse | mean true gap |",
            "|---|--:|--:|--:|--:|",
        ]
        kinds = {"pair": "all", "rip": "kept by R.I.P.", "random_cut": "at random"}
        lines += [
            f"| {kinds[name]} | {one['n']} | {100 * one['right']:.1f}% | {100 * one['wrong']:.1f}% | {one['gap']:.2f} |"
            for name, one in row["lessons"].items()
        ]
        lines += ["", *match_table(row["matches"])]
        lines.append("")
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """One line a run: what R.I.P. keeps, and its two matches."""
    lines = [
        "| clear of all | stopped | seed | clear of kept | against all pairs | against as many at random |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        kept = row["precision"]["rip"]
        cells = [
            f"{one['estimate']:.1f}% ({one['low']:.1f}–{one['high']:.1f}), n = {one['n']}"
            for one in (row["matches"][f"on_rip against {other}"] for other in ("on_all", "on_random"))
        ]
        lines.append(
            f"| {100 * row['clear']:.1f}% | {'yes' if stopped(row) else 'no'} | {row['seed']} | {100 * kept['clear']:.1f}% ({100 * kept['low']:.1f}–{100 * kept['high']:.1f}), n = {kept['n']} "
            f"| {cells[0]} | {cells[1]} |"
        )
    return lines


def stopped(row: dict[str, Any]) -> bool:
    """Whether the arms of a run ended where validation said."""
    return not any(change.startswith("on_rip.updates=") for change in row["changes"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system_042", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", action="append", default=[], help="changes of the recipe, step.key=value")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-042"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    for seed in options.seeds:
        if any(row["seed"] == seed and row["changes"] == options.set for row in kept):
            continue
        kept.append(played(seed, options.work, options.set))
        kept.sort(key=lambda row: (-row["clear"], stopped(row), row["seed"]))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
