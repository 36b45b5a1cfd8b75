"""A whole small online run in a process of its own, for tests that kill it or start several: prints the contender's name.

python -m tests.training.online.small_online FOLDER '{"objective": "rloo", "batch": 4}'
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.training.small_run import prepared, session
from winsome.records import Prompt, Scores, user
from winsome.training.loops.online import online

PROMPTS = [Prompt((user(f"say {'very ' * (i % 4)}{i}"),)) for i in range(10)]
PLAN = {
    "objective": "rloo", "reward": "tests.training.online.small_online:Scored", "batch": 4, "draws": 3, "max_tokens": 6, "rate": 1e-3, "epochs": 2,
    "micro_tokens": 120, "save_every": 2,
}  # fmt: skip


class Scored:
    """A scorer under which the answers of a random model differ."""

    name, id, partial = "tests.training.online.small_online:Scored", "scored", False

    async def score(self, prompts, responses):
        return Scores(tuple(sum(map(ord, response.text)) % 7 / 7.0 for response in responses))


def trained(folder: Path, settings: Mapping[str, Any], *, seed: int = 0, runs: str = "online") -> Path:
    """The folder of the checkpoint that these settings make; updates learn from 4 prompts each, 3 an epoch of 10."""
    given = {**PLAN, **settings}
    start = given.pop("start", f"hf:{folder / 'tiny'}?dtype=float32")
    with session(folder, seed, runs) as run:
        name = online(start, given.pop("prompts", PROMPTS), run=run, **given)
    return Path(name.removeprefix("hf:").partition("?")[0])


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    own = json.loads(sys.argv[2])
    where = own.pop("runs", "online")
    print(trained(prepared(Path(sys.argv[1])), own, runs=where))
