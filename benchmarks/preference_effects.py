"""What each objective does to a true win rate: the language world's 0.2M base against what it becomes, by the gold judge.

    python -m benchmarks.preference_effects [--seeds 3] [--only dpo] [--out docs/results/preference-effects.json]

For each seed: five answers of the base to each training prompt, compared two by two by the world's annotator (who errs as
Bradley-Terry says), the most preferred against the least; then every arm is trained on the same pairs and meets the base on 500 test prompts, both drawn at temperature 1. Two arms
say what the labels are worth: the same pairs with labels drawn by a coin, and supervised training on the chosen answers. Online arms
answer the same prompts themselves while they learn, rated by the same annotator's labels on all pairs of a prompt's answers. Arms that
are done are read from the file, so the table can be stopped and resumed at any moment.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import compare
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.records import Prompt, Sampling
from winsome.sandbox.annotators import chance, taste_of
from winsome.sandbox.worlds import World
from winsome.training.loops.online import online
from winsome.training.loops.preference import preference
from winsome.training.loops.supervised import sft
from winsome.training.outcome import outcome
from winsome.training.progress import read
from winsome.training.start import found as start_of

WORLD = "world:instruction"
BASE = f"{WORLD}#base?size=0.2M"
PROMPTS, DRAWS, TESTED = 3000, 5, 500
OUT = Path("docs/results/preference-effects.json")


@dataclass(frozen=True)
class Arm:
    """An objective with its settings and what it trains on: pairs, pairs with labels drawn by a coin, chosen answers, or prompts
    which it answers itself; then `own` are the trainer's settings and `reward` rates."""

    name: str
    objective: str
    rate: float
    data: str = "pairs"
    own: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reward: str = f"{WORLD}#annotator"


ARMS = (
    Arm("dpo", "dpo?beta=0.1", 5e-4),
    # Means over four tokens differ several times as much as over hundreds, for which the paper's beta of 2 to 2.5 was found.
    Arm("simpo", "simpo?beta=0.5&gamma=1.0", 2e-4),
    Arm("ipo", "ipo?beta=0.1", 5e-4),
    Arm("kto", "kto?beta=0.1", 5e-4),
    Arm("orpo", "orpo", 5e-4),
    Arm("sppo", "sppo?beta=0.05", 5e-4),
    Arm("dpo, shuffled labels", "dpo?beta=0.1", 5e-4, "shuffled"),
    Arm("sft on the chosen", "sft", 5e-4, "chosen"),
    Arm("rloo", "rloo", 5e-4, "prompts", {"draws": 8, "batch": 64}),
    Arm("grpo", "grpo", 5e-4, "prompts", {"draws": 8, "batch": 64}),
    Arm("reinforce_pp", "reinforce_pp", 5e-4, "prompts", {"draws": 8, "batch": 64}),
    Arm("ppo", "ppo", 5e-4, "prompts", {"draws": 8, "batch": 64, "passes": 2}),
    Arm("online_dpo", "online_dpo", 5e-4, "prompts", {"draws": 8, "batch": 64}),
    Arm("bon_distill", "bon_distill?n=16", 5e-4, "prompts"),
    Arm("expert_iteration", "expert_iteration?n=16&rounds=3", 5e-4, "prompts"),
    Arm(
        "rloo, rewards by a coin",
        "rloo",
        5e-4,
        "prompts",
        {"draws": 8, "batch": 64},
        f"{WORLD}#annotator?flip=0.5",
    ),
)


def pairs_of(
    world: World, drawn: dict[str, list[str]], prompts: dict[str, Prompt], seed: int
) -> list[dict[str, Any]]:
    """A pair a prompt: of its draws, the one that won most of the annotator's labels against the one that won least.

    Every two different draws are labelled once. The probabilities are shares of labels won among all draws, a draw against
    itself counting a half. Prompts whose draws are all alike, or won as often, give no pair.
    """
    taste = taste_of(world.knobs)
    rows: list[dict[str, Any]] = []
    for id, texts in drawn.items():
        prompt, rng = prompts[id], Random(f"labels/{seed}/{id}")
        told = [text for text in dict.fromkeys(texts) if text.strip()]
        won = dict.fromkeys(told, 0.5)
        for i, first in enumerate(told):
            for second in told[i + 1 :]:
                label = float(rng.random() < chance(world, taste, prompt, first, second))
                won[first] += label
                won[second] += 1.0 - label
        ranked = sorted(told, key=lambda text: -won[text])
        if len(told) < 2 or won[ranked[0]] == won[ranked[-1]]:
            continue
        rows.append(
            {
                "pair_id": id[:16],
                "prompt": [message.payload() for message in prompt.messages],
                "chosen": ranked[0],
                "rejected": ranked[-1],
                "chosen_probability": won[ranked[0]] / len(told),
                "rejected_probability": won[ranked[-1]] / len(told),
            }
        )
    return rows


def shuffled(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The same pairs, each label drawn by a coin."""
    rng = Random(f"shuffled/{seed}")
    swapped: list[dict[str, Any]] = []
    for row in rows:
        if rng.random() < 0.5:
            row = row | {"chosen": row["rejected"], "rejected": row["chosen"]}
        swapped.append(row)
    return swapped


def data_of(base: str, seed: int, work: Path, ledger: str) -> dict[str, Path]:
    """The files of a seed's data, made where they are not there yet."""
    files = {name: work / f"{name}-{seed}.parquet" for name in ("pairs", "shuffled")}
    if not all(file.is_file() for file in files.values()):
        world = World.of("instruction")
        prompts = world.prompts(PROMPTS * (seed + 1), "train")[PROMPTS * seed :]
        found = generate(
            base, prompts, samples=DRAWS, sampling=Sampling(temperature=1.0, max_tokens=48, seed=seed), ledger=ledger, quiet=True
        )  # fmt: skip
        drawn: dict[str, list[str]] = {}
        for prompt, response in found.answers:
            drawn.setdefault(prompt.id, []).append(response.text)
        rows = pairs_of(world, drawn, {p.id: p for p in prompts}, seed)
        pl.DataFrame(rows).write_parquet(files["pairs"])
        pl.DataFrame(shuffled(rows, seed)).write_parquet(files["shuffled"])
    return files | {"chosen": files["pairs"]}


def played(
    arm: Arm, base: str, seed: int, work: Path, ledger: str, epochs: float, batch: int, split: str
) -> dict[str, Any]:
    """One arm: trained, then compared with the base on test prompts."""
    files = {} if arm.data == "prompts" else data_of(base, seed, work, ledger)
    plan = {
        "batch": batch,
        "epochs": epochs,
        "rate": arm.rate,
        "schedule": "cosine",
        "save_every": 50,
    } | dict(arm.own)
    began = time.process_time()
    with Ledger.open(ledger) as store:
        session = Session(Door(store), seed, work / "runs")
        start = start_of(base, session)
        if arm.data == "prompts":
            prompts = World.of("instruction").prompts(PROMPTS * (seed + 1), "train")[PROMPTS * seed :]
            name = online(
                base, prompts, run=session, objective=arm.objective, reward=arm.reward, max_tokens=48, **plan
            )
        elif arm.objective.startswith("sft"):
            name = sft(base, files[arm.data], run=session, **plan)
        else:
            name = preference(base, files[arm.data], run=session, objective=arm.objective, **plan)
        finish(session.close())
    trained = time.process_time() - began
    found = compare(
        name, base, suite=f"{WORLD}?n={TESTED}&split={split}", baseline=base, quiet=True, ledger=ledger, seed=seed,
        sampling=Sampling(temperature=1.0, max_tokens=48, seed=1000 + seed), folder=work / "matches",
    )  # fmt: skip
    row = found.standings.row(name)
    log = read(Path(name.removeprefix("hf:").partition("?")[0]).parent / "log.jsonl")
    late = log[-max(1, len(log) // 4) :]
    place = Path(name.removeprefix("hf:").partition("?")[0])
    with Ledger.open(ledger) as store:
        changed = outcome(place, start, name, found.folder, store)
    return {
        "arm": arm.name,
        "objective": arm.objective,
        "seed": seed,
        "rate": arm.rate,
        "epochs": epochs,
        "batch": plan["batch"],
        "draws": arm.own.get("draws", 0),
        "split": split,
        "win_rate": row.estimate,
        "low": row.low,
        "high": row.high,
        "n": row.n,
        "kl": changed.kl,
        "kl_error": changed.kl_error,
        "tokens": changed.tokens,
        "start_tokens": changed.start_tokens,
        "ended": changed.ended,
        "ratios": [sum(r.get(n, 0.0) for r in late) / len(late) for n in ("chosen_ratio", "rejected_ratio")],
        "training_cpu_seconds": round(trained, 1),
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The page of the rows, written from them alone."""
    lines = [
        "# What objectives do to a true win rate",
        "",
        "The 0.2M base of `world:instruction` against what training made of it: win rate of the trained policy by the world's gold",
        "judge, both drawn at temperature 1, 95% interval; KL to the base in nats an answer; tokens an answer after and before; mean",
        "log-ratios to the base of the chosen and of the rejected answers of the pairs, nats, over the last quarter of the updates.",
        "Pairs: five draws of the base a prompt, labelled two by two by the world's annotator (k = 0.25), the most preferred against",
        "the least; CPU-s of these arms leave out the drawing and labelling of pairs. Online arms answer the same 3,000 prompts while",
        "they learn, rated by that annotator's labels on all pairs of the answers to a prompt; their CPU-s hold everything.",
        "`python -m benchmarks.preference_effects` adds what is missing; this page is written from",
        "`preference-effects.json` beside it. A row says on which split of the prompts it was measured: settings are sought on",
        "validation, results stand on test. Two arms say what the labels are worth: the same pairs with labels drawn by a coin, and",
        "supervised training continued on the chosen answers; a third learns online from rewards by a coin.",
        "",
        *by_arm(rows),
        "",
        "Every row:",
        "",
        "| arm | objective | seed | rate | epochs | batch | prompts | win rate | 95% interval | KL | tokens | log-ratios | CPU-s |",
        "|---|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['arm']} | `{row['objective']}` | {row['seed']} | {row['rate']:g} | {row['epochs']:g} | {row['batch']} "
        f"| {row['n']} {row['split']} | {row['win_rate']:.1f}% | {row['low']:.1f}–{row['high']:.1f}% "
        f"| {row['kl']:.2f} ± {2 * row['kl_error']:.2f} | {row['tokens']:.1f} / {row['start_tokens']:.1f} "
        f"| {ratios_of(row)} | {row['training_cpu_seconds']:.0f} |"
        for row in sorted(rows, key=lambda row: (row["split"] != "test", row["arm"], row["seed"]))
    ]
    lost = [row for row in rows if row["high"] < 50]
    won = [row for row in rows if row["low"] > 50]
    lines += [
        "",
        f"{len(won)} of {len(rows)} rows have an interval above 50%, {len(lost)} one below. Negative log-ratios of both answers",
        "say that the policy made both answers of a pair less likely: what it says instead was never compared.",
        "",
    ]
    return "\n".join(lines)


def by_arm(rows: list[dict[str, Any]]) -> list[str]:
    """One line an arm: what its seeds on test have in common."""
    held: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["split"] == "test":
            held.setdefault((row["arm"], row["objective"]), []).append(row)
    lines = [
        "| arm | objective | seeds | win rates | lowest lower bound | highest upper bound | KL | tokens | CPU-s |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (arm, objective), own in sorted(held.items(), key=lambda item: -min(row["low"] for row in item[1])):
        rates = [row["win_rate"] for row in own]
        spread = f"{min(rates):.1f}–{max(rates):.1f}%" if len(own) > 1 else f"{rates[0]:.1f}%"
        mean = {
            key: sum(row[key] for row in own) / len(own)
            for key in ("kl", "tokens", "start_tokens", "training_cpu_seconds")
        }
        lines.append(
            f"| {arm} | `{objective}` | {len(own)} | {spread} | {min(row['low'] for row in own):.1f}% "
            f"| {max(row['high'] for row in own):.1f}% | {mean['kl']:.2f} | {mean['tokens']:.1f} / {mean['start_tokens']:.1f} "
            f"| {mean['training_cpu_seconds']:.0f} |"
        )
    return lines


def ratios_of(row: dict[str, Any]) -> str:
    """Both log-ratios, or a dash where the objective has no pairs."""
    if not any(row["ratios"]):
        return "–"
    return f"{row['ratios'][0]:+.2f} / {row['ratios'][1]:+.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preference_effects", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", action="append", help="arms by name (default all)")
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, help="instead of the arm's own")
    parser.add_argument("--objective", help="instead of the arm's own")
    parser.add_argument(
        "--split", default="test", help="whose prompts the match is on; validation for choosing settings"
    )
    parser.add_argument("--base", default=BASE)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/preference-effects"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = json.loads(options.out.read_text("utf-8")) if options.out.is_file() else []
    for seed in range(options.seeds):
        for arm in ARMS:
            if options.only and arm.name not in options.only:
                continue
            chosen = replace(arm, objective=options.objective or arm.objective, rate=options.rate or arm.rate)
            batch = arm.own.get("batch", options.batch)
            asked = (chosen.name, chosen.objective, seed, chosen.rate, options.epochs, batch, options.split)
            keys = ("arm", "objective", "seed", "rate", "epochs", "batch", "split")
            if any(tuple(r[key] for key in keys) == asked for r in kept):
                continue
            row = played(
                chosen,
                options.base,
                seed,
                options.work,
                str(options.work / "ledger.sqlite"),
                options.epochs,
                options.batch,
                options.split,
            )
            print(json.dumps(row))
            kept.append(row)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            options.out.with_suffix(".md").write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
