"""What a reward model is worth where the truth is known: accuracy on gold pairs, and the win rate of the best of n by it.

    python -m benchmarks.reward_effects [--seeds 3] [--out docs/results/reward-models.json]

For each seed: a Bradley-Terry model with the body of the language world's 0.2M base, trained on the annotator's pairs of
`preference_effects`; the same with labels drawn by a coin. On test prompts the base answers twice; of each two answers of
different gold value the better one is to be found, by the model, by the base's own likelihood (a token) and by length. Then the
best of four by the model meets the base. Seeds that are done are read from the file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.preference_effects import BASE, WORLD, data_of
from winsome import specs
from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import compare
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Scorer
from winsome.records import Prompt, Response, Sampling
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.training.loops.reward import reward
from winsome.training.start import found as found_start

PLAN = {"batch": 32, "epochs": 2, "rate": 1e-3, "schedule": "cosine", "save_every": 0}
TESTED, DRAWS, BEST_OF = 1000, 2, 4
SPLITS = {"validation": 500, "test": TESTED}
OUT = Path("docs/results/reward-models.json")


def share(values: Any) -> dict[str, float]:
    """A mean of shares in [0, 1], each of a prompt of its own, with its 95% interval."""
    held = np.asarray(values, float)
    low, high = score_interval(clustered_mean(held, np.ones(len(held)), np.arange(len(held), dtype=np.int32)))
    return {"share": float(held.mean()), "low": low, "high": high, "n": len(held)}


def differs(first: Any, second: Any) -> dict[str, float]:
    """The mean of first less second, paired, with its 95% interval."""
    found = share((np.asarray(first) - np.asarray(second) + 1) / 2)
    return {
        "points": 2 * found["share"] - 1,
        "low": 2 * found["low"] - 1,
        "high": 2 * found["high"] - 1,
        "n": found["n"],
    }


def right(values: Any) -> Any:
    """1 where the first of each two values is higher, 0.5 where both are alike."""
    held = np.asarray(values, float).reshape(-1, 2)
    return (np.sign(held[:, 0] - held[:, 1]) + 1) / 2


def gold_pairs(split: str, seed: int, ledger: str) -> tuple[list[Prompt], list[Response]]:
    """Two answers of the base a prompt, the truly better one first; prompts whose answers are worth the same are left out."""
    world = World.of("instruction")
    prompts = world.prompts(SPLITS[split], split)  # type: ignore[arg-type]
    found = generate(
        BASE, prompts, samples=DRAWS, sampling=Sampling(temperature=1.0, max_tokens=48, seed=7000 + seed), ledger=ledger, quiet=True
    )  # fmt: skip
    answers: dict[str, list[Response]] = {}
    for prompt, response in found.answers:
        answers.setdefault(prompt.id, []).append(response)
    asked: list[Prompt] = []
    said: list[Response] = []
    for prompt in prompts:
        held = sorted(answers[prompt.id], key=lambda one: -gold(world, prompt, one.text).value)
        worth = [gold(world, prompt, one.text).value for one in held]
        if worth[0] > worth[1] and all(one.text.strip() for one in held):
            asked += [prompt] * 2
            said += held
    return asked, said


def measured(seed: int, work: Path, split: str, plan: dict[str, Any]) -> dict[str, Any]:
    """The row of a seed."""
    ledger = str(work / "ledger.sqlite")
    files = data_of(BASE, seed, work, ledger)
    row: dict[str, Any] = {"seed": seed, "split": split, **{k: plan[k] for k in ("rate", "epochs", "batch")}}
    asked, said = gold_pairs(split, seed, ledger)
    with Ledger.open(ledger) as store:
        session = Session(Door(store), seed, work / "runs")
        names = {}
        for arm, data in (("model", "pairs"), ("coin", "shuffled")):
            names[arm] = reward(BASE, files[data], run=session, **plan)
        scorers = {arm: session.open(name, Scorer) for arm, name in names.items()}
        base = found_start(BASE, session).weights
        scorers["likelihood"] = session.open(f"likelihood:{base}?dtype=float32", Scorer)
        found = {arm: right(finish(one.score(asked, said)).values) for arm, one in scorers.items()}
        finish(session.close())
    found["longest"] = right([len(one.text) for one in said])
    place = Path(specs.parse(names["model"]).address)
    record = orjson.loads((place / "winsome.json").read_bytes())
    row |= {
        "held_out": record["held_out"],
        "cpu_seconds": record["cpu_seconds"],
        "pairs": record["data"]["counts"]["kept"],
    }
    row["gold"] = {arm: share(values) for arm, values in found.items()}
    row["above"] = {arm: differs(found["model"], found[arm]) for arm in ("coin", "likelihood", "longest")}
    best = f"best_of_n?n={BEST_OF}&base=({BASE})&scorer=({names['model']})&temperature=1&max_tokens=48"
    once = f"{BASE}&temperature=1&max_tokens=48"
    match = compare(
        best, once, suite=f"{WORLD}?n={SPLITS[split]}&split={split}", baseline=once, quiet=True, ledger=ledger, seed=seed,
        sampling=Sampling(temperature=1.0, max_tokens=48, seed=1000 + seed), folder=work / "matches",
    )  # fmt: skip
    (won,) = (one for one in match.standings.rows if one.contender != match.standings.baseline)
    row["best_of_n"] = {"estimate": won.estimate, "low": won.low, "high": won.high, "n": won.n}
    return row


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# What a reward model is worth",
        "",
        "Bradley-Terry models with the body of the 0.2M base of `world:instruction`, trained on pairs that the world's annotator",
        "labelled (k = 0.25). *Gold pairs*: two answers of the base to a prompt that no model saw, of different true value; the share",
        "whose better answer is rated higher, ties a half, 95% intervals. *Coin*: the same training on labels drawn by a coin. The",
        f"last column is the true win rate of the best of {BEST_OF} answers by the model against one answer of the base.",
        "`python -m benchmarks.reward_effects` adds what is missing; this page is written from `reward-models.json` beside it.",
        "Settings are sought on validation, results stand on test.",
        "",
        "| seed | trained on | prompts | gold pairs | model | coin | likelihood | longest | model less likelihood | model less longest | annotator's pairs held out | best of n | CPU-s |",
        "|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]

    def told(found: dict[str, float], scale: str = "share") -> str:
        return f"{100 * found[scale]:.1f}% ({100 * found['low']:.1f}–{100 * found['high']:.1f})"

    def more(found: dict[str, float]) -> str:
        return f"{100 * found['points']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"

    for row in sorted(rows, key=lambda row: (row["split"] != "test", row["seed"], row["rate"])):
        held, best = row["held_out"], row["best_of_n"]
        low, high = held["accuracy_interval"]
        lines.append(
            f"| {row['seed']} | {row['pairs']} pairs | {row['split']} | {row['gold']['model']['n']} | "
            + " | ".join(told(row["gold"][arm]) for arm in ("model", "coin", "likelihood", "longest"))
            + f" | {more(row['above']['likelihood'])} | {more(row['above']['longest'])} "
            f"| {100 * held['accuracy']:.1f}% ({100 * low:.1f}–{100 * high:.1f}), n = {held['pairs']} "
            f"| {best['estimate']:.1f}% ({best['low']:.1f}–{best['high']:.1f}), n = {best['n']} | {row['cpu_seconds']:.0f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reward_effects", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--split", choices=tuple(SPLITS), default="test")
    parser.add_argument("--rate", type=float, default=PLAN["rate"])
    parser.add_argument("--epochs", type=float, default=PLAN["epochs"])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/reward-effects"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    plan = PLAN | {"rate": options.rate, "epochs": options.epochs}
    for seed in range(options.seeds):
        asked = (seed, options.split, options.rate, options.epochs)
        if any((r["seed"], r["split"], r["rate"], r["epochs"]) == asked for r in kept):
            continue
        kept.append(measured(seed, options.work, options.split, plan))
        print(json.dumps(kept[-1]))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
