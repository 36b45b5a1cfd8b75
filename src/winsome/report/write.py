"""A run's folder becomes report.html and report.json."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.report.document import of_run
from winsome.report.folder import read
from winsome.report.matches import matches
from winsome.report.page import page


def write(folder: str | Path, ledger: Ledger, out: str | Path | None = None) -> Path:
    """The path of the report of the run in `folder`, written as `out` (default: its report.html), report.json beside it.

    Prompts, answers and the judge's words come from `ledger` by id; what it lacks is shown as missing. Both files are
    replaced whole. Raises BadInput for a broken folder or a place that cannot be written.
    """
    folder = Path(folder)
    place = folder / "report.html" if out is None else Path(out)
    run = read(folder)
    document = of_run(run)
    _replace(place.with_suffix(".json"), orjson.dumps(document, option=orjson.OPT_INDENT_2))
    _replace(place, page(document, matches(run, ledger)).encode("utf-8", "replace"))
    return place


def _replace(place: Path, content: bytes) -> None:
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(place)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BadInput(
            f"{place}: cannot be written ({error.strerror}); give another place with --out"
        ) from error
