"""What fine-tuning a reward model on people's labels of other policies saves in human labels, where the crowd is simulated.

    python -m benchmarks.system_073 [--out docs/results/control-variates-world]

Six policies of the language world, right 45 to 95% of the time in a manner drawn at random. A crowd labels their answers with noise and
likes one manner more. A reward model off the shelf learnt from people who like another one, on answers of a seventh policy; for each policy
it is fine-tuned on labels of the pairs of the five others, on training prompts. Figures are over pairs of policies on test prompts: rho^2 of labels and
scores is the share of human labels that control variates save. What is done is read from the JSON file and the work folder.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.protocols import Scorer
from winsome.records import Prompt, Response, Sampling
from winsome.sandbox.annotators import Taste, chance
from winsome.sandbox.worlds import World
from winsome.specs import parse
from winsome.standings.control_curves import control_curves
from winsome.standings.intervals import t_quantile
from winsome.training.loops.reward import reward

OUT = Path("docs/results/control-variates-world")
PLACE = "world:instruction"
WORLD = World.of("instruction")
POLICIES = tuple(
    f"{PLACE}#oracle?quality={quality}&manner=random" for quality in (0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
)
SHELVED = f"{PLACE}#oracle?quality=0.6&manner=random"
PAIRS = tuple(combinations(range(len(POLICIES)), 2))
SHELF, LEARNT, TESTED = 2000, 400, 500
"""Prompts: of the model off the shelf, of the crowd's labels that are learnt from, of the figures."""
CROWD = Taste(k=0.25, own="thanks", self_preference=1.5, flip=0.05)
OTHERS = Taste(k=0.25, own="formal", self_preference=1.5, length_bias=0.05, flip=0.05)
"""The crowd whose rate is estimated, and the one that the model off the shelf was made with."""
PLAN = {"batch": 32, "schedule": "cosine", "save_every": 0, "epochs": 1}
RATES = {"shelf": 1e-3, "fine": 2e-3}
"""Of the two tried on validation prompts for the fine-tuning, 1e-3 and 2e-3, the better."""
SIZES, DRAWS = (25, 50, 100, 200, 400), 10_000


def answers(policy: str, prompts: Sequence[Prompt], ledger: str, draws: int = 1) -> list[list[Response]]:
    """[prompts][draws] answers of a policy."""
    found = generate(
        policy, prompts, samples=draws, sampling=Sampling(max_tokens=48, seed=1), ledger=ledger, quiet=True
    )
    by: dict[str, list[Response]] = {}
    for prompt, response in found.answers:
        by.setdefault(prompt.id, []).append(response)
    return [by[prompt.id] for prompt in prompts]


def label(taste: Taste, prompt: Prompt, first: str, second: str, key: str) -> float:
    """One person's label of two answers; equal ones tie."""
    if first == second:
        return 0.5
    rng = Random(f"{key}/{prompt.id}/{first}/{second}")
    return float(rng.random() < chance(WORLD, taste, prompt, first, second, key=key))


def row(prompt: Prompt, first: str, second: str, won: float, key: str) -> dict[str, Any]:
    chosen, rejected = (first, second) if won > 0.5 else (second, first)
    messages = [message.payload() for message in prompt.messages]
    return {"pair_id": key, "prompt": messages, "chosen": chosen, "rejected": rejected}


def off_the_shelf(work: Path, ledger: str) -> Path:
    """Pairs of two answers of the smallest base, labelled by other people."""
    file = work / "shelf.parquet"
    if not file.is_file():
        prompts = WORLD.prompts(SHELF + LEARNT, "train")[LEARNT:]
        rows = []
        for prompt, (one, two) in zip(prompts, answers(SHELVED, prompts, ledger, 2), strict=True):
            if one.text != two.text and one.text.strip() and two.text.strip():
                won = label(OTHERS, prompt, one.text, two.text, "others")
                rows.append(row(prompt, one.text, two.text, won, prompt.id[:16]))
        pl.DataFrame(rows).write_parquet(file)
    return file


def without(policy: int, said: Sequence[Sequence[Response]], prompts: Sequence[Prompt], work: Path) -> Path:
    """The crowd's labels of all pairs of the other policies on training prompts."""
    file = work / f"without-{policy}.parquet"
    if not file.is_file():
        rows = []
        for i, j in PAIRS:
            if policy in (i, j):
                continue
            for prompt, one, two in zip(prompts, said[i], said[j], strict=True):
                if one.text != two.text and one.text.strip() and two.text.strip():
                    won = label(CROWD, prompt, one.text, two.text, "crowd")
                    rows.append(row(prompt, one.text, two.text, won, f"{prompt.id[:12]}-{i}-{j}"))
        pl.DataFrame(rows).write_parquet(file)
    return file


def mean_of(values: Sequence[float]) -> dict[str, float]:
    """A mean with its t interval."""
    held = np.asarray(values, float)
    reach = t_quantile(len(held) - 1.0, 0.95) * float(held.std(ddof=1)) / math.sqrt(len(held))
    return {
        "estimate": float(held.mean()),
        "low": float(held.mean()) - reach,
        "high": float(held.mean()) + reach,
        "n": len(held),
    }


def by_policy(values: Sequence[float]) -> dict[str, float]:
    """The same with the jackknife over policies, each of which is in several pairs."""
    held = np.asarray(values, float)
    left = [held[[p not in pair for pair in PAIRS]].mean() for p in range(len(POLICIES))]
    n = len(left)
    reach = t_quantile(n - 1.0, 0.95) * math.sqrt((n - 1) / n * float(np.sum((left - np.mean(left)) ** 2)))
    return {
        "estimate": float(held.mean()),
        "low": float(held.mean()) - reach,
        "high": float(held.mean()) + reach,
        "n": n,
    }


def measured(work: Path) -> dict[str, Any]:
    ledger = str(work / "ledger.sqlite")
    learnt, tested = WORLD.prompts(LEARNT, "train"), WORLD.prompts(TESTED, "test")
    said = [[one[0] for one in answers(policy, learnt, ledger)] for policy in POLICIES]
    test = [[one[0] for one in answers(policy, tested, ledger)] for policy in POLICIES]
    with Ledger.open(ledger) as store:
        session = Session(Door(store), 0, work / "runs")
        shelf = reward(
            f"{PLACE}#base?size=0.2M",
            off_the_shelf(work, ledger),
            run=session,
            rate=RATES["shelf"],
            **PLAN | {"epochs": 2},
        )
        start = f"hf:{parse(shelf).address}?dtype=float32"
        fine = [
            reward(start, without(p, said, learnt, work), run=session, rate=RATES["fine"], **PLAN)
            for p in range(len(POLICIES))
        ]  # fmt: skip
        flat = [prompt for _ in POLICIES for prompt in tested], [one for held in test for one in held]

        def rated(name: str) -> Any:
            scorer = session.open(name, Scorer)
            return np.array(finish(scorer.score(*flat)).values, float).reshape(len(POLICIES), TESTED)

        ratings = {"shelf": rated(shelf), **{p: rated(name) for p, name in enumerate(fine)}}
        finish(session.close())
    rows: list[dict[str, Any]] = []
    curves: list[Any] = []
    for i, j in PAIRS:
        y = np.array(
            [
                label(CROWD, p, a.text, b.text, "test")
                for p, a, b in zip(tested, test[i], test[j], strict=True)
            ]
        )
        scores = {
            name: 1.0 / (1.0 + np.exp(-(r[i] - r[j])))
            for name, r in ratings.items()
            if name in ("shelf", i, j)
        }
        rho2 = {name: float(np.corrcoef(y, s)[0, 1] ** 2) for name, s in scores.items()}
        rows.append(
            {"pair": [i, j], "rate": float(y.mean()), "shelf": rho2["shelf"], "fine": (rho2[i] + rho2[j]) / 2,
             "shelf_alone": float(scores["shelf"].mean()), "fine_alone": float((scores[i].mean() + scores[j].mean()) / 2)}
        )  # fmt: skip
        curves.append(control_curves(y, scores[i], SIZES, draws=DRAWS))
    return {"rows": rows, "curves": _curves(curves)} | {
        "policies": list(POLICIES),
        "saving": {name: mean_of([one[name] for one in rows]) for name in ("shelf", "fine")},
        "gain": mean_of([one["fine"] - one["shelf"] for one in rows]),
        "gain_by_policy": by_policy([one["fine"] - one["shelf"] for one in rows]),
        "bias": {name: float(np.mean([abs(one[f"{name}_alone"] - one["rate"]) for one in rows])) for name in ("shelf", "fine")},
    }  # fmt: skip


def _curves(curves: Sequence[Any]) -> list[dict[str, float]]:
    """By number of labels the mean error over pairs of policies, its band by drawing pairs, and the shifted error of people alone."""
    draw = np.random.default_rng(0)
    picked = draw.integers(0, len(curves), (2000, len(curves)))
    human = np.array([one.human_mse for one in curves])
    assisted = np.array([one.assisted_mse for one in curves])
    shifted = np.array([one.human_mse * (1.0 - one.rho2) for one in curves])
    found: list[dict[str, float]] = []
    for k, n in enumerate(SIZES):
        low, high = np.quantile(np.sqrt(assisted[:, k][picked].mean(1)), [0.025, 0.975])
        found.append(
            {"labels": n, "human": math.sqrt(human[:, k].mean()), "assisted": math.sqrt(assisted[:, k].mean()), "low": float(low), "high": float(high),
             "shifted": math.sqrt(shifted[:, k].mean()), "ratio": float(assisted[:, k].sum() / shifted[:, k].sum()), "price": (n - 2) / (n - 3)}
        )  # fmt: skip
    return found


def priced(one: Mapping[str, float]) -> float:
    """The shifted error with the price of estimating the coefficient."""
    return one["shifted"] * math.sqrt(one["price"])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.system_073", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-073"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    figures = given.out.with_suffix(".json")
    if not figures.is_file():
        cpu = time.process_time()
        found = measured(given.work)
        found |= {"date": date.today().isoformat(), "cpu_seconds": round(time.process_time() - cpu)}
        figures.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    given.out.with_suffix(".md").write_text(page(json.loads(figures.read_text("utf-8"))), "utf-8")


def page(found: Mapping[str, Any]) -> str:
    """docs/results/control-variates-world.md, from its figures."""

    def told(one: Mapping[str, float]) -> str:
        return f"{100 * one['estimate']:.1f}% ({100 * one['low']:.1f} to {100 * one['high']:.1f})"

    gain, jackknife = found["gain"], found["gain_by_policy"]
    lines = [
        "# What fine-tuning a judge on people's labels saves", "",
        "Control variates (Zhou et al. 2025) with a reward model off the shelf and the same one fine-tuned on the crowd's labels with one policy left",
        f"out. Made on {found['date']} by `python -m benchmarks.system_073`, seed 0, 2 cores, no GPU, {found['cpu_seconds']} CPU-seconds; written from",
        "`control-variates-world.json` beside it. 95% intervals.", "",
        f"Six policies of `{PLACE}` (right 45, 55, .. 95% of the time, in a manner drawn at random), {TESTED} test prompts a pair, one label each by a crowd with",
        f"k = {CROWD.k}, {CROWD.self_preference} logits for answers that say thanks, and {100 * CROWD.flip:.0f}% of labels swapped; equal answers tie. Off the shelf: the 0.2M base's body,",
        f"{SHELF:,} prompts, two answers each of a policy that is right 60% of the time, labelled by other people ({OTHERS.self_preference} logits for formal answers, {OTHERS.length_bias} a word",
        f"for length, {100 * OTHERS.flip:.0f}% swapped). Fine-tuned: one epoch on the crowd's labels of all pairs of the five other policies on {LEARNT} training prompts; a pair's",
        "figure is the mean of the two models that left one of its policies out.", "",
        "| | human labels saved (rho^2), mean of 15 pairs | distance of the scores alone from the crowd's rate |", "|---|--:|--:|",
        f"| off the shelf | {told(found['saving']['shelf'])} | {100 * found['bias']['shelf']:.1f} points |",
        f"| fine-tuned, one policy left out | {told(found['saving']['fine'])} | {100 * found['bias']['fine']:.1f} points |", "",
        f"Fine-tuning adds {100 * gain['estimate']:+.1f} points of saving ({100 * gain['low']:+.1f} to {100 * gain['high']:+.1f} over {gain['n']} pairs of policies, paired; "
        f"{100 * jackknife['low']:+.1f} to {100 * jackknife['high']:+.1f} by the jackknife over {jackknife['n']} policies, each of which is in five pairs).", "",
        "| right | crowd's rate | off the shelf | fine-tuned |", "|---|--:|--:|--:|",
    ]  # fmt: skip
    names = [policy.partition("quality=")[2].partition("&")[0] for policy in found["policies"]]
    lines += [
        f"| {names[one['pair'][0]]} against {names[one['pair'][1]]} | {100 * one['rate']:.1f}% | {100 * one['shelf']:.1f}% | {100 * one['fine']:.1f}% |"
        for one in found["rows"]
    ]
    lines += [
        "", "## People alone, shifted", "",
        f"Root mean square errors in points of win rate over {DRAWS:,} draws of labels with replacement, the mean square averaged over pairs of policies; the band",
        "is that of drawing pairs anew. *Shifted* is people alone with variances times 1 - rho^2; *with its price* that times (n - 2) / (n - 3), which",
        "estimating the coefficient from n labels costs. The last column is the mean square of control variates over that of the shifted.", "",
        "| labels | people alone | control variates | band | shifted | in the band | with its price | in the band | ratio | price |", "|--:|--:|--:|--:|--:|---|--:|---|--:|--:|",
    ]  # fmt: skip
    for one in found["curves"]:
        paid = priced(one)
        inside = ["yes" if one["low"] <= value <= one["high"] else "no" for value in (one["shifted"], paid)]
        lines.append(
            f"| {one['labels']} | {100 * one['human']:.2f} | {100 * one['assisted']:.2f} | {100 * one['low']:.2f} to {100 * one['high']:.2f} | {100 * one['shifted']:.2f} | {inside[0]} "
            f"| {100 * paid:.2f} | {inside[1]} | {one['ratio']:.3f} | {one['price']:.3f} |"
        )
    lines += [
        "",
        "With few labels the published rule, the shift alone, promises more than the labels give; with its price it holds at every size.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
