"""A run's folder: the resolved recipe, a line a step in the log, every frame, counts and versions."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from winsome.matchmaking.claims import is_dead, new_owner
from winsome.matchmaking.run_folder import now, versions
from winsome.matchmaking.session import new_folder
from winsome.recipes.cache import Stored, link
from winsome.recipes.read import Recipe

RECORD = "recipe.json"
FORMAT = 1


@dataclass
class Record:
    """What a run has done so far. `steps` has a row a step that ended, in the order in which they ended."""

    folder: Path
    recipe: Recipe
    seed: int
    command: str = ""
    started: str = field(default_factory=now)
    owner: str = field(default_factory=new_owner)
    steps: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    matches: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    report: dict[str, Any] = field(default_factory=dict[str, Any])
    resumed: bool = False
    clock: float = field(default_factory=time.monotonic)

    @staticmethod
    def begin(runs: Path, recipe: Recipe, seed: int, command: str) -> Record:
        """The record of a run: in the folder of one that was cut off, where it was of the same recipe, else in a new one."""
        runs.mkdir(parents=True, exist_ok=True)
        left = _cut_off(runs, recipe.id, seed)
        record = Record(
            left or new_folder(runs, recipe.name), recipe, seed, command, resumed=left is not None
        )
        record.write("running")
        import yaml

        text = yaml.safe_dump(dict(recipe.source), sort_keys=False, allow_unicode=True, width=100)
        (record.folder / "recipe.yaml").write_text(text, "utf-8")
        record.log("resumed" if left else "started", recipe=recipe.name, seed=seed)
        return record

    def end(self, row: dict[str, Any], frames: Mapping[str, Stored]) -> None:
        """Keep what a step did, and its frames under its name."""
        for name, frame in frames.items():
            link(frame, self.folder / "frames" / row["step"] / f"{name}.parquet")
        self.steps.append(row)
        self.log(
            "step", **{key: row[key] for key in ("step", "kind", "rows", "dropped", "cached", "seconds")}
        )

    def log(self, what: str, **facts: Any) -> None:
        """A line of JSON in the run's log."""
        line = orjson.dumps({"time": now(), "event": what, **facts})
        with (self.folder / "log").open("ab") as file:
            file.write(line + b"\n")

    def payload(self, state: str) -> dict[str, Any]:
        """recipe.json."""
        return {
            "format": FORMAT,
            "state": state,
            "id": self.folder.name,
            "name": self.recipe.name,
            "digest": self.recipe.id,
            "command": self.command,
            "owner": self.owner,
            "started": self.started,
            "finished": now() if state != "running" else None,
            "seconds": round(time.monotonic() - self.clock, 3),
            "seed": self.seed,
            "resumed": self.resumed,
            "exact": exactness(self.resumed),
            "recipe": dict(self.recipe.source),
            "steps": self.steps,
            "matches": self.matches,
            "report": self.report,
            "versions": versions(),
        }

    def write(self, state: str) -> Path:
        """Write recipe.json whole."""
        draft = self.folder / f".{RECORD}.{os.getpid()}"
        draft.write_bytes(orjson.dumps(self.payload(state), option=orjson.OPT_INDENT_2))
        return draft.replace(self.folder / RECORD)


def exactness(resumed: bool) -> str:
    """How far a rerun is the same: what was cut off may have drawn its last batches in another composition."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    same = (
        "equal plan, one thread: bit for bit in float32"
        if threads == "1"
        else "several threads: within intervals"
    )
    return f"resumed: within intervals, as a rule bit for bit ({same})" if resumed else same


def _cut_off(runs: Path, digest: str, seed: int) -> Path | None:
    """The newest folder of a run of the same recipe that was killed or interrupted; None where there is none."""
    for path in sorted(runs.glob(f"*/{RECORD}"), key=lambda p: p.stat().st_mtime_ns, reverse=True):
        try:
            held = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            continue
        if held.get("digest") != digest or held.get("seed") != seed or held.get("state") == "finished":
            continue
        if held.get("state") == "running" and not is_dead(str(held.get("owner", ""))):
            continue
        return path.parent
    return None
