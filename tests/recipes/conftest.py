"""Recipes over a world without weights: an oracle of known quality answers, the gold scorer rates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winsome.recipes.run import Ran, run

TRAIN = "world:instruction?split=train&n=30"
TEST = "world:instruction?split=test&n=30"
HALF = "world:instruction#oracle?quality=0.5"
GOLD = "world:instruction#gold"
NOISY = "world:instruction#scorer?sd=0.3"


def recipe(*steps: Any, **top: Any) -> dict[str, Any]:
    """A recipe of these steps."""
    return {"winsome": 1, "name": "tried", "steps": list(steps), **top}


LOAD = {"load": {"source": TRAIN}}
ANSWER = {"generate": {"by": HALF, "n": 4}}
RATE = {"score": {"by": NOISY}}
BEST = {"pair": {"rule": "best_worst"}}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WINSOME_LEDGER", raising=False)
    return tmp_path


@pytest.fixture
def play(here: Path) -> Callable[..., Ran]:
    """Runs a recipe of the given steps in the empty folder."""

    def played(*steps: Any, set: Any = (), **top: Any) -> Ran:
        return run(recipe(*steps, **top), set=set)

    return played


def rows(ran: Ran) -> dict[str, dict[str, int]]:
    """Step -> frame -> rows."""
    return {step["step"]: step["rows"] for step in ran.record["steps"]}
