"""A run that is killed at any moment goes on, buys nothing twice and ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.recipes.conftest import ANSWER, BEST, GOLD, HALF, NOISY, RATE, recipe
from winsome.ledger.store import Ledger

ROOT = Path(__file__).resolve().parents[2]
LOAD = {"load": {"source": "world:instruction?split=train&n=400"}}
MATCH = {
    "match": {
        "a": "world:instruction#oracle?quality=0.8",
        "b": HALF,
        "suite": "world:instruction?split=test&n=300",
        "judge": GOLD,
    }
}
UNTRAINED = recipe(
    LOAD,
    {"loop": {"rounds": 2, "policy": HALF, "carry": ["pairs"], "body": [ANSWER, RATE, BEST]}},
    MATCH,
    "report",
)
LOAD_FEW = {"load": {"source": "world:instruction?split=train&n=100"}}
DRAW = {"generate": {"by": "@base", "n": 4, "sampling": {"temperature": 1.0, "max_tokens": 32}}}
CHOOSE = {"select": {"rule": "topk", "budget": 1, "frame": "responses"}}
TRAIN = {"train": {"from": "@base", "epochs": 2, "rate": 1e-3, "batch": 16, "save_every": 3}}
PLAY = {"b": "@base", "suite": "world:instruction?split=test&n=100", "judge": GOLD}
TRAINED = {
    "best-of-n": (
        LOAD_FEW,
        DRAW,
        {"score": {"by": NOISY}},
        CHOOSE,
        TRAIN,
        {"match": {"a": "@train", **PLAY}},
    ),
    "sweep": (
        LOAD_FEW,
        DRAW,
        {"score": {"by": NOISY}},
        {
            "sweep": {
                "arms": {
                    "best": {"choose.rule": "topk"},
                    "random": {"choose.rule": "random", "choose.scope": "per_prompt"},
                    "worst": {"choose.rule": "topk", "choose.worst": True},
                },
                "equal": "examples",
                "baseline": "random",
                "body": [{"select": {"id": "choose", **CHOOSE["select"]}}, TRAIN],
            }
        },
        {"match": {"a": ["@sweep.0", "@sweep.1", "@sweep.2"], **PLAY}},
    ),
    "rounds": (
        LOAD_FEW,
        {
            "loop": {
                "rounds": 2,
                "policy": "@base",
                "body": [
                    {"generate": {**DRAW["generate"], "by": "@policy"}},
                    {"score": {"by": NOISY}},
                    CHOOSE,
                    {"train": {**TRAIN["train"], "from": "@policy"}},
                ],
            }
        },
        {"match": {"a": ["@loop.0", "@loop.1"], **PLAY}},
    ),
}
"""The shipped recipes' forms, smaller."""


def begin(folder: Path, written: dict[str, Any]) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "r.yaml").write_text(yaml.safe_dump(written), "utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    environment.pop("WINSOME_LEDGER", None)
    command = [sys.executable, "-m", "winsome", "run", "r.yaml", "--json", "--quiet"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def end(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    told, complaint = process.communicate(timeout=900)
    assert process.returncode == 0, complaint.decode()[-2000:]
    return orjson.loads(told)


def outcome(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """All that must not depend on kills: rows, drops, frames by digest, standings."""
    steps = [{key: step[key] for key in ("step", "rows", "dropped")} for step in record["steps"]]
    frames = [{k: v for k, v in step["frames"].items() if k != "prompts"} for step in record["steps"]]
    standings = [match["standings"]["rows"] for match in record["matches"]]
    names = [[{k: v for k, v in row.items() if k != "contender"} for row in rows] for rows in standings]
    with Ledger.open(folder / ".winsome" / "ledger.sqlite") as ledger:
        counts = ledger.counts()
    return {
        "steps": steps,
        "frames": frames,
        "standings": names,
        "responses": counts["responses"],
        "verdicts": counts["verdicts"],
    }


def killed_and_whole(
    tmp_path: Path, written: dict[str, Any], kills: int, seed: int
) -> tuple[dict[str, Any], list[dict[str, Any]], set[str]]:
    """The outcomes of an undisturbed run and of runs killed `kills` times in all, and the steps after which they died.

    A run that ends before it could be killed so often is followed by another in a folder of its own.
    """
    start = time.monotonic()
    whole = outcome(tmp_path / "whole", end(begin(tmp_path / "whole", written)))
    lasts = time.monotonic() - start
    rng, died_in, done, ended = random.Random(seed), set[str](), 0, list[dict[str, Any]]()
    while done < kills:
        folder = tmp_path / f"killed-{len(ended)}"
        while done < kills:
            process = begin(folder, written)
            time.sleep(rng.uniform(0.1, 0.8) * lasts)
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.communicate()
            done += 1
            for log in (folder / ".winsome" / "runs").glob("*/log"):
                events = [orjson.loads(line) for line in log.read_bytes().splitlines() if line.endswith(b"}")]
                died_in.add(
                    next((e["step"] for e in reversed(events) if e["event"] == "step"), "before the first")
                )
        process.communicate()
        record = end(begin(folder, written))
        assert record["state"] == "finished"
        ended.append(outcome(folder, record))
    return whole, ended, died_in


def test_a_run_killed_three_times_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole, ended, _ = killed_and_whole(tmp_path, UNTRAINED, kills=3, seed=0)
    assert all(killed == whole for killed in ended)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("form", TRAINED)
def test_training_runs_killed_twenty_times_end_as_if_nothing_had_happened(tmp_path: Path, form: str) -> None:
    """Seven kills in each of the three forms."""
    written = recipe(*TRAINED[form], "report", names={"base": "world:instruction#base?size=0.2M"})
    whole, ended, died_in = killed_and_whole(tmp_path, written, kills=7, seed=len(form))
    assert len(died_in) >= 2
    for killed in ended:
        for name in ("steps", "standings", "responses", "verdicts"):
            assert killed[name] == whole[name], name


def test_what_was_cut_off_is_gone_on_with_in_its_own_folder(tmp_path: Path) -> None:
    process = begin(tmp_path, UNTRAINED)
    runs = tmp_path / ".winsome" / "runs"
    while not list(runs.glob("*/log")):
        time.sleep(0.02)
        assert process.poll() is None
    process.kill()
    process.communicate()
    record = end(begin(tmp_path, UNTRAINED))
    assert record["resumed"]
    assert len(list(runs.iterdir())) == 1


def test_ctrl_c_ends_a_run_with_130_and_what_was_bought_is_kept(tmp_path: Path) -> None:
    process = begin(tmp_path, UNTRAINED)
    while not list((tmp_path / ".winsome" / "runs").glob("*/log")):
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode in (130, 0), complaint
    if process.returncode == 130:
        assert "interrupted" in complaint.decode()
        (held,) = (tmp_path / ".winsome" / "runs").glob("*/recipe.json")
        assert orjson.loads(held.read_bytes())["state"] == "stopped"
    assert end(begin(tmp_path, UNTRAINED))["state"] == "finished"
