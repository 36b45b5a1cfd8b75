"""Self-RIP and R.I.P. from weak to strong: how clear the prompts are that each arm learns from, and the true win rates.

    python -m benchmarks.system_042_variants [--seeds 0 1 2] [--only 042-self-rip] [--out docs/results/042-rip-variants.json]

Runs the recipes 042-self-rip and 042-weak-to-strong and looks up how many of the prompts behind each frame are clear, which is known of
the world and which no step may read. Rows that are done are read from the file.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.system_042 import interval, match_table, win_rates
from winsome.frames import prompts_of
from winsome.recipes.run import run
from winsome.sandbox.worlds import World

OUT = Path("docs/results/042-rip-variants.json")
LOOKED_AT = {
    "042-self-rip": {
        "load": "the first prompts",
        "survivors": "those that R.I.P. kept",
        "new": "new prompts of a writer taught by these",
        "self_rip": "new prompts that R.I.P. kept: Self-RIP",
        "instructed": "new prompts of a writer taught by all: Self-Instruct",
    },
    "042-weak-to-strong": {
        "load": "all prompts",
        "survivors": "those that the 0.2M base's answers kept",
        "self_filtered": "those that the 1M base's own answers kept",
    },
}
"""Recipe -> step -> what its prompts are."""
TOLD = {
    "042-self-rip": "Self-RIP",
    "042-weak-to-strong": "From weak to strong",
}


def clear(ran: Any, step: str) -> dict[str, float]:
    """How many prompts of a step can be answered, each counted once: of its pairs, where it filtered these."""
    world = World.of("prompt-quality")
    frames = ran.products[step].frames
    prompts = {one.id: one for one in prompts_of(frames["prompts"].table)}
    own = {entry["step"]: entry for entry in ran.record["steps"]}[step]["rows"]
    ids = set(frames["pairs"].table["prompt_id"]) if "pairs" in own else set(prompts)
    good = sum(world.reading(prompts[id]).clear for id in ids)
    low, high = interval(good, len(ids))
    return {"n": len(ids), "clear": good / len(ids), "low": low, "high": high}


def played(recipe: str, seed: int, work: Path, changes: list[str]) -> dict[str, Any]:
    """The row of a recipe and a seed."""
    cpu = time.process_time()
    ran = run(
        recipe, seed=seed, set=changes, ledger=work / "ledger.sqlite", folder=work / "runs", say=lambda line: print(line, flush=True)
    )  # fmt: skip
    return {
        "recipe": recipe,
        "seed": seed,
        "date": time.strftime("%Y-%m-%d"),
        "cpu_seconds": round(time.process_time() - cpu),
        "clear": {step: clear(ran, step) for step in LOOKED_AT[recipe]},
        "matches": win_rates(ran),
        "changes": changes,
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# R.I.P.: new prompts, and a small model as the filter",
        "",
        "The recipes `042-self-rip` and `042-weak-to-strong` in the world of `042-rip`: four prompts of ten are unclear, 16 answers (8 of the",
        "larger base) rated by the truth plus noise of 0.3, DPO (beta 0.1, 60 updates of 32) on 200 pairs an arm, win rates by the world's gold",
        "judge on clear test prompts, 95% intervals. The 0.2M base cannot follow examples in a request, so it is taught to write requests by",
        "the prompts that the method would show. `python -m benchmarks.system_042_variants` adds what is missing; this page is written from",
        "`042-rip-variants.json` beside it.",
    ]
    for row in rows:
        changed = f"; changed: {', '.join(row['changes'])}" if row["changes"] else ""
        lines += [
            "",
            f"## {TOLD[row['recipe']]}, seed {row['seed']}, {row['date']}",
            "",
            f"{row['cpu_seconds']} CPU-seconds{changed}.",
            "",
            "| prompts | n | clear | 95% interval |",
            "|---|--:|--:|--:|",
        ]
        lines += [
            f"| {LOOKED_AT[row['recipe']][step]} | {one['n']} | {100 * one['clear']:.1f}% | {100 * one['low']:.1f}–{100 * one['high']:.1f}% |"
            for step, one in row["clear"].items()
        ]
        lines += ["", *match_table(row["matches"])]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system_042_variants", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", action="append", choices=list(LOOKED_AT), help="default both recipes")
    parser.add_argument("--set", action="append", default=[], help="changes of the recipe, step.key=value")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-042"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    for recipe in options.only or list(LOOKED_AT):
        for seed in options.seeds:
            if any(
                (row["recipe"], row["seed"], row["changes"]) == (recipe, seed, options.set) for row in kept
            ):
                continue
            kept.append(played(recipe, seed, options.work, options.set))
            kept.sort(key=lambda row: (row["recipe"], row["seed"]))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
