"""A whole small run in a process of its own, for tests that kill it or start several: prints the trained contender's name.

python -m tests.training.small_run FOLDER '{"objective": "dpo", "batch": 4}'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tests import tiny_models
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.loops import finish
from winsome.matchmaking.session import Session
from winsome.training.loops.preference import preference
from winsome.training.loops.reward import reward
from winsome.training.loops.supervised import sft

ROWS = 22
PLAN = {"batch": 6, "rate": 1e-3, "epochs": 3, "micro_tokens": 120, "save_every": 4}


def rows(n: int = ROWS) -> list[dict[str, str]]:
    """Pairs of uneven lengths."""
    return [
        {
            "id": f"pair-{i}",
            "prompt": f"say {'very ' * (i % 4)}{i}",
            "chosen": f"yes {i}",
            "rejected": "no " * (1 + i % 5) + str(i),
        }
        for i in range(n)
    ]


def prepared(folder: Path) -> Path:
    """The folder with a tiny model and a file of pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tiny").is_dir():
        tiny_models.saved(folder / "tiny", tiny_models.causal())
        (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return folder


@contextmanager
def session(folder: Path, seed: int = 0, runs: str = "runs") -> Iterator[Session]:
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        held = Session(Door(ledger), seed, folder / runs)
        try:
            yield held
        finally:
            finish(held.close())


def trained(
    folder: Path, settings: Mapping[str, Any], *, seed: int = 0, runs: str = "runs", data: str = "pairs.jsonl"
) -> Path:
    """The folder of the checkpoint that these settings make."""
    given = {**PLAN, **settings}
    objective = given.pop("objective", "dpo")
    start = given.pop("start", f"hf:{folder / 'tiny'}?dtype=float32")
    with session(folder, seed, runs) as run:
        if objective == "sft":
            name = sft(start, folder / data, run=run, **given)
        elif objective == "bradley_terry":
            name = reward(start, folder / data, run=run, **given).removeprefix("reward_model:")
        else:
            name = preference(start, folder / data, run=run, objective=objective, **given)
    return Path(name.removeprefix("hf:").partition("?")[0])


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    own = json.loads(sys.argv[2])
    where = own.pop("runs", "runs")
    made = trained(Path(sys.argv[1]), own, runs=where)
    if os.environ.get("RANK", "0") == "0":  # two ranks' lines would run into each other
        print(made)
