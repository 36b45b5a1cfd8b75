"""Ranking accuracy in training: which pairs DPO turns, and whether ranking goes with winning near the start and far from it.

    python -m benchmarks.system_038 [--seeds 3] [--part flips] [--out docs/results/038-ranking-accuracy.json]

Pairs are those of `benchmarks.preference_effects`: draws of a base of `world:instruction`, labelled by the world's annotator. Parts:

flips   DPO (beta 0.1), log-probabilities of all training pairs before, and at eight checkpoints
gamma   the same with the reference weighed by 0, 0.5 and 2; at every checkpoint ranking accuracy on pairs of other prompts, the
        true win rate against the base (four draws a prompt of either side, by gold) and KL
hard    DPO on the pairs of highest, of lowest and of any difficulty, equally many
spread  gamma 0, 0.5, 1 and 2 with two seeds each, looked at after 6, 12, 24 updates too: whether R goes with winning from the start on
grown   flips with the 3M base, one seed
pairs   SmolLM2-135M-Instruct on HH-RLHF's harmless pairs, with and without a system text that asks for harmlessness
speed   log-probabilities of the harmless pairs: prompts read once for both answers, against padded batches
crowd   what the best possible training could rank right of the LLMFAO pairs, by the crowd's votes

What is done is read from the file, so the table can be stopped at any moment and gone on with.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.preference_effects import BASE, WORLD, data_of
from benchmarks.system_038_figures import Floats, arm_row, hard_row, nearness
from benchmarks.system_038_page import page
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.generate import generate
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.models.forward import token_logprobs
from winsome.models.render import answer_ids, prompt_ids
from winsome.models.weights import LocalModel
from winsome.records import Message, Prompt, Sampling, Text, digest
from winsome.sandbox.gold import gold
from winsome.sandbox.worlds import World
from winsome.standings.ranking_accuracy import difficulty
from winsome.training import checkpoints
from winsome.training import start as starts
from winsome.training.loops.preference import preference
from winsome.training.progress import read
from winsome.training.runs import write_model
from winsome.training.start import Start

OUT = Path("docs/results/038-ranking-accuracy.json")
BETA, LOOKS, EPOCHS, RATE, BATCH = 0.1, 8, 4, 5e-4, 32
GAMMAS = (0.0, 0.5, 2.0)
EARLY = (6, 12, 24, 48, 90, 180, 270)
"""Updates looked at beside the last, all of them multiples of the first: about twice as late each time in the first pass."""
TESTED, ANSWERS = 500, 4
NEARNESS = (
    ("nearness", "out", "gamma"), ("nearness_training", "after", "gamma"),
    ("spread", "out", "spread"), ("spread_training", "after", "spread"),
)  # fmt: skip
PARTS = ("flips", "gamma", "hard", "spread", "grown", "pairs", "crowd", "speed")
GROWN = f"{WORLD}#base?size=3M"
Pair = dict[str, Any]


def training_pairs(base: str, seed: int, work: Path) -> list[Pair]:
    file = data_of(base, seed, work, str(work / "ledger.sqlite"))["pairs"]
    return pl.read_parquet(file).to_dicts()


def prompt_of(row: Pair) -> Prompt:
    return Prompt(tuple(Message(one["role"], (Text(one["content"]),)) for one in row["prompt"]))


def sums(model: LocalModel, rows: Sequence[Pair]) -> tuple[Floats, Floats]:
    """Log-probability sums and tokens [pairs, 2] of chosen and rejected."""
    asked = [prompt_ids(model, prompt_of(row)) for row in rows for _ in range(2)]
    answers = [answer_ids(model, row[side]) for row in rows for side in ("chosen", "rejected")]
    found = np.array([float(one.sum()) for one in token_logprobs(model, asked, answers)])
    return found.reshape(-1, 2), np.array([len(one) for one in answers], float).reshape(-1, 2)


def trained(
    base: str,
    rows: list[Pair],
    objective: str,
    seed: int,
    work: Path,
    epochs: float,
    looks: int,
    every: int = 0,
) -> tuple[Start, Path, float]:
    """The start, the run's folder with `looks` checkpoints (or one `every` so many updates), and CPU seconds."""
    began = time.process_time()
    data = work / f"arm-{digest([objective, seed, len(rows), rows[0]['pair_id']])[:8]}.parquet"
    pl.DataFrame(rows).write_parquet(data)
    total = round(epochs * -(-len(rows) // BATCH))
    every = every or -(-total // looks)
    with Ledger.open(work / "ledger.sqlite") as store:
        session = Session(Door(store), seed, work / "runs")
        start = starts.found(base, session)
        name = preference(
            base, data, run=session, objective=objective, batch=BATCH, updates=total, rate=RATE, schedule="constant",
            save_every=every, keep=-(-total // every),
        )  # fmt: skip
        finish(session.close())
    place = Path(name.removeprefix("hf:").partition("?")[0]).parent
    return start, place, time.process_time() - began


def policies(start: Start, place: Path, wanted: Sequence[int] = ()) -> list[tuple[int, LocalModel]]:
    """The policy at every checkpoint, by update, or at those wanted and the last."""
    from safetensors.torch import load_file

    model = starts.load(start)
    found = list(checkpoints.folders(place / "checkpoints"))
    return [
        (int(folder.name), _at(model, load_file(folder / "model.safetensors")))
        for folder in found
        if not wanted or int(folder.name) in wanted or folder == found[-1]
    ]


def _at(model: LocalModel, weights: dict[str, Any]) -> LocalModel:
    import copy
    from dataclasses import replace

    network = copy.deepcopy(model.network)
    network.load_state_dict(weights, strict=False)
    return replace(model, network=network.eval())


class Played:
    """True win rates against the base on test prompts, prompt by prompt, all draws of one side against all of the other."""

    def __init__(self, base: str, seed: int, work: Path) -> None:
        self.world = World.of("instruction")
        self.prompts = self.world.prompts(TESTED, "test")
        self.seed, self.work = seed, work
        self.own, _ = self._values(base)

    def _values(self, name: str) -> tuple[Floats, list[tuple[Prompt, str]]]:
        sampling = Sampling(temperature=1.0, max_tokens=48, seed=1000 + self.seed)
        found = generate(
            name, self.prompts, samples=ANSWERS, sampling=sampling, ledger=self.work / "ledger.sqlite", quiet=True
        )  # fmt: skip
        said = [(prompt, response.text) for prompt, response in found.answers]
        values = np.array([gold(self.world, prompt, text).value for prompt, text in said])
        return values.reshape(len(self.prompts), ANSWERS), said

    def against(self, start: Start, model: LocalModel, label: str) -> tuple[Floats, float]:
        """Share of wins [prompts], and KL to the base in nats an answer, of the policy's own answers."""
        place = self.work / "policies" / label
        write_model(place, model.network, model.tokenizer, {"start": start.name})
        values, said = self._values(start.trained_name(str(place.resolve())))
        mine, other = values[:, :, None], self.own[:, None, :]
        won = (mine > other).mean((1, 2)) + 0.5 * (mine == other).mean((1, 2))
        origin = starts.load(start)
        kept = [(prompt, text) for prompt, text in said if text.strip()]
        asked, told = [prompt_ids(model, p) for p, _ in kept], [answer_ids(model, t) for _, t in kept]
        drift = [
            float(a.sum() - b.sum())
            for a, b in zip(
                token_logprobs(model, asked, told), token_logprobs(origin, asked, told), strict=True
            )
        ]
        return won, float(np.mean(drift))


def gamma_arm(
    base: str,
    gamma: float,
    seed: int,
    work: Path,
    looks: int = LOOKS,
    *,
    early: Sequence[int] = (),
    kind: str = "gamma",
) -> dict[str, Any]:
    """One training: of every checkpoint ranks of training and other pairs, win rate and KL; arrays are kept beside the ledger.

    `early`: the updates looked at beside the last, instead of `looks` equal steps.
    """
    began = time.process_time()
    rows, others = training_pairs(base, seed, work), training_pairs(base, seed + 1, work)[:1000]
    objective = f"dpo?beta={BETA}" + ("" if gamma == 1.0 else f"&gamma={gamma}")
    start, place, spent = trained(base, rows, objective, seed, work, EPOCHS, looks, early[0] if early else 0)
    origin = starts.load(start)
    before, lengths = sums(origin, rows)
    held, _ = sums(origin, others)
    games = Played(base, seed, work)
    steps: list[int] = []
    after: list[Floats] = []
    out: list[Floats] = []
    won: list[Floats] = []
    kl: list[float] = []
    for update, model in policies(start, place, early):
        steps.append(update)
        after.append(sums(model, rows)[0])
        out.append(sums(model, others)[0])
        share, drift = games.against(start, model, f"{kind}-{gamma:g}-{seed}-{update}")
        won.append(share)
        kl.append(drift)
    file = work / f"{kind}-{gamma:g}-{seed}.npz"
    np.savez(file, before=before, lengths=lengths, held=held, after=np.array(after), out=np.array(out), won=np.array(won), kl=kl)  # fmt: skip
    log = read(place / "log.jsonl")
    each = max(1, len(rows) // BATCH)
    losses = [float(np.mean([row["loss"] for row in log[max(0, step - each) : step]])) for step in steps]
    row = arm_row(gamma, seed, steps, before, lengths, after, held, out, won, kl, losses, BETA)
    return row | {"base": base, "training_cpu_seconds": round(spent, 1), "cpu_seconds": round(time.process_time() - began, 1)}  # fmt: skip


def hard_arm(arm: str, seed: int, work: Path) -> dict[str, Any]:
    """DPO on half as many pairs as there are: the hardest, the easiest, or any."""
    began = time.process_time()
    rows = training_pairs(BASE, seed, work)
    with Ledger.open(work / "ledger.sqlite") as store:
        session = Session(Door(store), seed, work / "runs")
        start = starts.found(BASE, session)
        finish(session.close())
    before, _ = sums(starts.load(start), rows)
    needed = difficulty(before[:, 0] - before[:, 1], BETA)
    order = {
        "hard": np.argsort(needed),
        "easy": np.argsort(-needed),
        "any": np.random.default_rng(seed).permutation(len(rows)),
    }[arm]
    chosen = sorted(order[: len(rows) // 2].tolist())
    start, place, _ = trained(BASE, [rows[k] for k in chosen], f"dpo?beta={BETA}", seed, work, 2.0, 1)
    games = Played(BASE, seed, work)
    ((_, model),) = policies(start, place)[-1:]
    won, kl = games.against(start, model, f"{arm}-{seed}")
    after, _ = sums(model, rows)
    row = hard_row(arm, seed, won, kl, needed[chosen], before, after)
    return row | {"cpu_seconds": round(time.process_time() - began, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.system_038", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gamma-seeds", type=int, default=1)
    parser.add_argument(
        "--gamma", type=float, action="append", help="of the part gamma (default 0, 0.5 and 2)"
    )
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--n", type=int, default=250, help="pairs of HH-RLHF")
    parser.add_argument("--data", type=Path, default=Path("data"), help="holds hh_rlhf and llmfao")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path(".winsome/system-038"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = (
        json.loads(options.out.read_text("utf-8")) if options.out.is_file() else {"rows": []}
    )
    kept: list[dict[str, Any]] = record["rows"]
    wanted = options.part or PARTS
    jobs: list[tuple[str, dict[str, Any], Any]] = []
    work = options.work
    for seed in range(options.seeds):
        if "flips" in wanted:
            jobs.append(("gamma", {"gamma": 1.0, "seed": seed}, lambda s=seed: gamma_arm(BASE, 1.0, s, work)))
        if "hard" in wanted:
            jobs += [("hard", {"arm": a, "seed": seed}, lambda a=a, s=seed: hard_arm(a, s, work)) for a in ("hard", "easy", "any")]  # fmt: skip
    if "gamma" in wanted:
        jobs += [
            ("gamma", {"gamma": g, "seed": s}, lambda g=g, s=s: gamma_arm(BASE, g, s, work))
            for s in range(options.gamma_seeds)
            for g in options.gamma or GAMMAS
        ]
    if "spread" in wanted:
        jobs += [
            ("spread", {"gamma": g, "seed": s}, lambda g=g, s=s: gamma_arm(BASE, g, s, work, early=EARLY, kind="spread"))
            for s in range(2)
            for g in (0.0, 0.5, 1.0, 2.0)
        ]  # fmt: skip
    if "grown" in wanted:
        grown = work / "grown"
        grown.mkdir(exist_ok=True)
        jobs.append(("grown", {"seed": 0}, lambda: gamma_arm(GROWN, 1.0, 0, grown, 4)))
    if {"pairs", "crowd", "speed"} & set(wanted):
        from benchmarks.system_038_real import crowd, harmless, speed

        if "pairs" in wanted:
            jobs.append(("pairs", {"n": options.n}, lambda: harmless(options.data, options.n)))
        if "crowd" in wanted:
            jobs.append(("crowd", {}, lambda: crowd(options.data)))
        if "speed" in wanted:
            jobs.append(("speed", {}, lambda: speed(options.data)))
    for part, key, job in jobs:
        if any(row["part"] == part and all(row.get(k) == v for k, v in key.items()) for row in kept):
            continue
        kept.append({"part": part, "date": time.strftime("%Y-%m-%d"), **key, **job()})
        for name, which, kind in NEARNESS:
            record[name] = nearness(work, which, kind) or record.get(name)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(page(record), "utf-8")
        print(part, key, kept[-1].get("cpu_seconds"), flush=True)


if __name__ == "__main__":
    main()
