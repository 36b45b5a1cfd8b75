"""How fast standings are beside the peers: a table, or JSON with --json. Each arm runs in its own process on equal data.

    python -m benchmarks.standings_speed [--battles 1500000] [--runs 5] [--json]

bt: Bradley-Terry of battles between 150 models from a frame of names, ours with sandwich intervals; arena-rank with its
sandwich, evalica the point estimate alone. bootstrap: 1,000 replicates of ours. fit: the L1 fit with C by 5-fold cross-validation
from ready columns, and nothing else on either side. lc: from a frame of texts and preferences to the length-controlled figure of
one model on 805 prompts with 1,610 gamed rows; ours with its interval and diagnostics, without and with the cross-validated
penalty, alpaca_eval's with stand-ins of equal shape for the two files that it fetches. Seconds are this process's CPU on one
thread, imports excluded; the first run is cold, the others' median is warm (fit and lc: of 5 times as many runs, as each is
short). Results are checked to be equal before anything is printed. ALPACA_EVAL_PYTHON: a Python that has alpaca_eval, where this
one has not.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MODELS = 150
ARMS = (
    "bt-winsome",
    "bt-arena-rank",
    "bt-evalica",
    "bootstrap-winsome",
    "fit-winsome",
    "fit-alpaca-eval",
    "lc-winsome",
    "lc-winsome-cv",
    "lc-alpaca-eval",
)
AGAINST = (
    ("bt-arena-rank", "bt-winsome"),
    ("bt-evalica", "bt-winsome"),
    ("fit-alpaca-eval", "fit-winsome"),
    ("lc-alpaca-eval", "lc-winsome"),
    ("lc-alpaca-eval", "lc-winsome-cv"),
)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS"), "1"
)
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def arena(battles: int) -> dict[str, Any]:
    """Columns model_a, model_b, winner of battles with 15% ties."""
    rng = np.random.default_rng(0)
    strength = rng.normal(0, 0.7, MODELS)
    a = rng.integers(0, MODELS, battles)
    b = (a + rng.integers(1, MODELS, battles)) % MODELS
    won = rng.random(battles) < 1 / (1 + np.exp(strength[b] - strength[a]))
    kind = np.where(rng.random(battles) < 0.15, 2, np.where(won, 0, 1))
    names = np.array([f"model-{i:03d}" for i in range(MODELS)])
    return {"model_a": names[a], "model_b": names[b], "winner": np.array(["model_a", "model_b", "tie"])[kind]}


def suite() -> dict[str, Any]:
    """One model's preferences on 805 prompts, lengths of both answers, difficulties, and labelled gamed rows."""
    rng = np.random.default_rng(1)
    length = rng.integers(200, 3000, (805, 2))
    hard = rng.normal(0, 1, 805)
    gap = length[:, 0] - length[:, 1]
    odds = -1.2 * np.tanh(gap / gap.std(ddof=1)) + 0.7 * hard - 0.5
    gamed = np.concatenate([rng.normal(-2, 2, 805), rng.normal(2, 1.5, 805)])
    gamed_odds = -0.9 * np.tanh(gamed) + 0.3 * np.tile(hard, 2)
    return {
        "length": length,
        "hard": hard,
        "share": 1 / (1 + np.exp(-odds - rng.normal(0, 1, 805))),
        "gamed": gamed,
        "gamed_share": 1 / (1 + np.exp(-gamed_odds)),
    }


def timed(work: Callable[[], Any], runs: int) -> tuple[list[float], Any]:
    """CPU seconds of each run, and the last result."""
    seconds: list[float] = []
    result = None
    for _ in range(runs):
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
    return seconds, result


def bt_winsome(battles: int, runs: int) -> tuple[list[float], dict[str, float]]:
    import polars as pl

    from winsome.standings import Battles, bradley_terry

    frame = pl.DataFrame(arena(battles))
    seconds, standings = timed(lambda: bradley_terry(Battles.from_frame(frame)), runs)
    return seconds, {row.contender: row.estimate for row in standings.rows}


def bt_arena_rank(battles: int, runs: int) -> tuple[list[float], dict[str, float]]:
    pandas = importlib.import_module("pandas")
    data = importlib.import_module("arena_rank.utils.data_utils")
    model = importlib.import_module("arena_rank.models.bradley_terry")
    frame = pandas.DataFrame(arena(battles))

    def work() -> Any:
        pairs = data.PairDataset.from_pandas(frame)
        return model.BradleyTerry(n_competitors=len(pairs.competitors)).compute_ratings_and_cis(pairs)

    seconds, found = timed(work, runs)
    return seconds, centred(
        dict(zip(found["competitors"], np.asarray(found["ratings"]).tolist(), strict=True))
    )


def bt_evalica(battles: int, runs: int) -> tuple[list[float], dict[str, float]]:
    evalica = importlib.import_module("evalica")
    pandas = importlib.import_module("pandas")
    frame = pandas.DataFrame(arena(battles))
    winner = {"model_a": evalica.Winner.X, "model_b": evalica.Winner.Y, "tie": evalica.Winner.Draw}

    def work() -> Any:
        return evalica.bradley_terry(
            frame["model_a"], frame["model_b"], frame["winner"].map(winner), tolerance=1e-8
        ).scores

    seconds, scores = timed(work, runs)
    return seconds, centred((400 * np.log10(scores)).to_dict())


def bootstrap_winsome(battles: int, runs: int) -> tuple[list[float], dict[str, float]]:
    import polars as pl

    from winsome.standings import Battles, bradley_terry

    found = Battles.from_frame(pl.DataFrame(arena(battles)))
    seconds, standings = timed(
        lambda: bradley_terry(found, interval="bootstrap", replicates=1000), min(runs, 2)
    )
    return seconds, {row.contender: row.estimate for row in standings.rows}


def lc_winsome(runs: int, penalty: str) -> tuple[list[float], dict[str, float]]:
    import polars as pl

    from winsome.standings import Battles, Calibration, length_controlled

    data = suite()
    prompts = [str(i) for i in range(805)]
    frame = pl.DataFrame(
        {
            "model_a": ["model"] * 805, "model_b": ["baseline"] * 805, "share": data["share"], "prompt_id": prompts,
            "output_a": ["x" * n for n in data["length"][:, 1]], "output_b": ["x" * n for n in data["length"][:, 0]],
        }
    )  # fmt: skip
    lengths = [pl.col(f"output_{side}").str.len_chars().alias(f"length_{side}") for side in "ab"]
    table = Calibration(
        difficulty=dict(zip(prompts, data["hard"].tolist(), strict=True)),
        gamed_length=data["gamed"],
        gamed_difficulty=np.tile(data["hard"], 2),
        sums=(0.0, 0.0),
        shares=data["gamed_share"],
    )

    def work() -> Any:
        return length_controlled(
            Battles.from_frame(frame.with_columns(lengths)),
            baseline="baseline",
            calibration=table,
            penalty=penalty,  # type: ignore[arg-type]
        )

    seconds, standings = timed(work, runs)
    return seconds, {"model": standings.row("model").estimate}


def fit_winsome(runs: int) -> tuple[list[float], dict[str, float]]:
    from winsome.standings.logistic import choose_penalty

    data = suite()
    gap = data["length"][:, 0] - data["length"][:, 1]
    own = np.stack([np.tanh(gap / gap.std(ddof=1)), data["hard"], np.ones(805)], axis=1)
    gamed = np.stack([np.tanh(data["gamed"]), np.tile(data["hard"], 2), np.zeros(1610)], axis=1)
    design, weight = np.concatenate([gamed, own]), np.repeat([0.1, 1.0], [1610, 805])
    share = np.concatenate([data["gamed_share"], data["share"]])

    seconds, (_, found) = timed(lambda: choose_penalty(design, share, weight), runs)
    return seconds, dict(zip(("length", "difficulty", "model"), found.tolist(), strict=True))


def fit_alpaca_eval(runs: int) -> tuple[list[float], dict[str, float]]:
    glm, frame = alpaca_eval()
    info = glm.GLM_INFO["length_controlled_v1"]
    table, _, weight = glm._get_featurized_data(frame, info["formula"], info["regularize_to_baseline_lambda"])

    def work() -> Any:
        return glm.fit_LogisticRegressionCV(table, "preference", sample_weight=weight, **info["kwargs"])

    seconds, found = timed(work, runs)
    return seconds, dict(zip(("length", "difficulty", "model"), found.coef_[0].tolist(), strict=True))


def lc_alpaca_eval(runs: int) -> tuple[list[float], dict[str, float]]:
    glm, frame = alpaca_eval()

    def work() -> Any:
        return glm.get_length_controlled_winrate(frame.copy(), save_weights_dir=None)

    seconds, found = timed(work, runs)
    return seconds, {"model": float(found["length_controlled_winrate"])}


def alpaca_eval() -> tuple[Any, Any]:
    """alpaca_eval's module of the fit, with stand-ins for the files that it fetches, and its frame of annotations."""
    # alpaca_eval imports pkg_resources for its version alone; new setuptools no longer have it.
    sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))
    pandas = importlib.import_module("pandas")
    glm = importlib.import_module("alpaca_eval.metrics.glm_winrate")
    data = suite()
    folder = Path(tempfile.mkdtemp())
    gamed = pandas.DataFrame(
        {
            "index": np.tile(np.arange(805), 2), "model": "gamed", "preference": data["gamed_share"],
            "std_delta_len": data["gamed"], "instruction_difficulty": np.tile(data["hard"], 2),
            "not_gamed_baseline": False,
        }
    )  # fmt: skip
    gamed.to_csv(folder / "df_gamed.csv", index=False)
    glm.hf_hub_download = lambda filename, **_: str(folder / filename)
    frame = pandas.DataFrame(
        {
            "index": np.arange(805), "preference": data["share"] + 1, "annotator": "a",
            "generator_1": "baseline", "generator_2": "model",
            "output_1": ["x" * n for n in data["length"][:, 0]], "output_2": ["x" * n for n in data["length"][:, 1]],
        }
    )  # fmt: skip
    return glm, frame


def centred(ratings: dict[str, float]) -> dict[str, float]:
    mean = statistics.fmean(ratings.values())
    return {name: 1000 + rating - mean for name, rating in ratings.items()}


def arm(name: str, battles: int, runs: int) -> dict[str, Any]:
    """One arm's seconds and figures, in this process."""
    work: dict[str, Callable[[], tuple[list[float], dict[str, float]]]] = {
        "bt-winsome": lambda: bt_winsome(battles, runs),
        "bt-arena-rank": lambda: bt_arena_rank(battles, runs),
        "bt-evalica": lambda: bt_evalica(battles, runs),
        "bootstrap-winsome": lambda: bootstrap_winsome(battles, runs),
        "fit-winsome": lambda: fit_winsome(5 * runs),
        "fit-alpaca-eval": lambda: fit_alpaca_eval(5 * runs),
        "lc-winsome": lambda: lc_winsome(5 * runs, "none"),
        "lc-winsome-cv": lambda: lc_winsome(5 * runs, "l1-cv"),
        "lc-alpaca-eval": lambda: lc_alpaca_eval(5 * runs),
    }
    seconds, figures = work[name]()
    return {
        "arm": name,
        "cold": seconds[0],
        "warm": statistics.median(seconds[1:] or seconds),
        "figures": figures,
    }


def measure(name: str, battles: int, runs: int) -> dict[str, Any]:
    """One arm in a process of its own; `error` where a peer is not installed."""
    python = os.environ.get("ALPACA_EVAL_PYTHON", sys.executable) if "alpaca" in name else sys.executable
    command = [python, __file__, "--arm", name, "--battles", str(battles), "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_THREAD, check=False)
    if done.returncode:
        return {"arm": name, "error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def check_equal(found: dict[str, dict[str, Any]], one: str, other: str, within: float) -> None:
    if "error" in found[one] or "error" in found[other]:
        return
    mine, theirs = found[one]["figures"], found[other]["figures"]
    far = max(abs(mine[name] - theirs[name]) for name in mine)
    if mine.keys() != theirs.keys() or far > within:
        raise SystemExit(f"{one} and {other} differ by {far:.4f}, more than {within}: no comparison")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--battles", type=int, default=1_500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        print(json.dumps(arm(given.arm, given.battles, given.runs)))
        return
    found = {name: measure(name, given.battles, given.runs) for name in ARMS}
    check_equal(found, "bt-winsome", "bt-evalica", 0.05)
    check_equal(found, "bt-winsome", "bt-arena-rank", 0.5)
    check_equal(found, "fit-winsome", "fit-alpaca-eval", 0.001)
    check_equal(found, "lc-winsome-cv", "lc-alpaca-eval", 0.02)
    if given.json:
        print(
            json.dumps(
                [{k: v for k, v in line.items() if k != "figures"} for line in found.values()], indent=1
            )
        )
        return
    for line in found.values():
        if "error" in line:
            print(f"{line['arm']:<20} not measured: {line['error']}")
            continue
        print(f"{line['arm']:<20} cold {line['cold']:9.4f} s   warm {line['warm']:9.4f} s")
    for peer, ours in AGAINST:
        if "error" not in found[peer] and "error" not in found[ours]:
            ratios = [found[peer][key] / found[ours][key] for key in ("cold", "warm")]
            print(f"{peer:<16} : {ours:<14} cold x{ratios[0]:.1f}   warm x{ratios[1]:.1f}")


if __name__ == "__main__":
    main()
