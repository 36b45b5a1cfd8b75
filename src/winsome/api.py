"""What the commands do, as plain functions: synchronous, usable in scripts and in notebooks whose loop already runs."""

from __future__ import annotations

import atexit
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.compare import Comparison
from winsome.matchmaking.compare import compare as compare_without_report
from winsome.recipes.run import Ran
from winsome.recipes.run import run as run_without_reports

if TYPE_CHECKING:
    from winsome.matchmaking.verdict_files import Recorded
    from winsome.standings.table import Standings

P = ParamSpec("P")
Q = ParamSpec("Q")

RUNS = Path(".winsome") / "runs"
Role = Literal["contender", "judge", "scorer", "encoder", "suite"]


def _with_report(comparing: Callable[P, Comparison]) -> Callable[P, Comparison]:
    @functools.wraps(comparing)
    def compared(*args: P.args, **kwargs: P.kwargs) -> Comparison:
        found = comparing(*args, **kwargs)
        where = kwargs.get("ledger")
        write_report(found, ledger=where if isinstance(where, str | Path) else None)
        return found

    return compared


compare = _with_report(compare_without_report)


def _with_reports(running: Callable[Q, Ran]) -> Callable[Q, Ran]:
    @functools.wraps(running)
    def ran(*args: Q.args, **kwargs: Q.kwargs) -> Ran:
        made = running(*args, **kwargs)
        where = kwargs.get("ledger")
        ledger = where if isinstance(where, str | Path) else None
        for folder in made.matches:
            write_report(folder, ledger=ledger)
        if made.matches:
            write_report(made.matches[-1], out=made.folder / "report.html", ledger=ledger)
        return made

    return ran


run = _with_reports(run_without_reports)


def write_report(
    run: Comparison | str | Path | None = None,
    *,
    out: str | Path | None = None,
    ledger: str | Path | None = None,
) -> Path:
    """The path of the report of a run (a Comparison, its folder or its id; None: the newest), written anew.

    `out` is the page's place (default report.html in the run's folder), report.json goes beside it. The words of prompts and
    answers come from `ledger` (default: the one the run recorded, where it is still there). Raises BadInput where there is no
    such run.
    """
    from winsome.report.write import write

    folder = run.folder if isinstance(run, Comparison) else run_folder(run)
    with Ledger.open(ledger if ledger is not None else _recorded_ledger(folder)) as store:
        return write(folder, store, out)


def report_of_verdicts(
    found: Recorded,
    standings: Standings,
    *,
    command: str = "",
    ledger: str | Path | None = None,
    runs: Path = RUNS,
) -> Path:
    """The path of the report of verdicts that others made, as `matchmaking.verdict_files` read them; see `write_ranked`."""
    from winsome.matchmaking.ranked_folder import write_ranked
    from winsome.report.write import write

    with Ledger.open(ledger) as store:
        return write(write_ranked(found, standings, store, command=command, runs=runs), store)


def run_folder(run: str | Path | None = None, runs: Path = RUNS) -> Path:
    """The folder of a run given by folder or id; without one that of the newest finished run below `runs`."""
    if run is None:
        finished = sorted(runs.glob("*/run.json"), key=lambda path: path.stat().st_mtime_ns)
        if not finished:
            raise BadInput(f"{runs}: no finished run; run winsome compare first, or name a run's folder")
        return finished[-1].parent
    for folder in (Path(run), runs / run):
        if (folder / "run.json").is_file():
            return folder
    known = sorted(path.parent.name for path in runs.glob("*/run.json"))
    raise BadInput(
        f"{run}: no finished run{_nearest(str(run), known)}; name a run's folder, or leave it out for the newest"
    )


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _recorded_ledger(folder: Path) -> str | None:
    """The ledger named in run.json, if it is a file that is still there."""
    import orjson

    try:
        recorded = orjson.loads((folder / "run.json").read_bytes()).get("ledger")
    except (OSError, ValueError, AttributeError):
        return None
    return recorded if isinstance(recorded, str) and Path(recorded).is_file() else None


def open(
    name: str | Path, role: Role = "contender", *, ledger: str | Path | None = None, seed: int = 0
) -> Any:
    """The contender, judge, scorer, encoder or suite that `name` (a spec or path) names.

    What it is asked goes through the ledger as in a comparison; the ledger is closed when the process ends. Its methods are
    coroutines and async iterators (see `winsome.protocols`). Raises BadInput for an unknown name, setting or role.
    """
    from winsome import protocols, records
    from winsome.matchmaking.door import Door
    from winsome.matchmaking.session import Session

    roles: dict[str, type[Any]] = {
        "contender": protocols.Contender,
        "judge": protocols.Judge,
        "scorer": protocols.Scorer,
        "encoder": protocols.Encoder,
        "suite": records.Suite,
    }
    if role not in roles:
        raise BadInput(f'no role "{role}"{_nearest(role, list(roles))}; use one of {", ".join(roles)}')
    store = Ledger.open(ledger)
    atexit.register(store.close)
    return Session(Door(store), seed).open(str(name) if isinstance(name, Path) else name, roles[role])
