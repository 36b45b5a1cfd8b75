"""What judges' verdicts on the pairs of the refusal audit would take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from winsome.audit.judges_plan import pairs_plan
from winsome.audit.people import read_people
from winsome.audit.refusal_votes import one_turn
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.preflight import Estimate


def judges_plan(
    path: str | Path,
    judges: Sequence[str],
    *,
    pairs: str | Path | None = None,
    ledger: str | Path | None = None,
) -> Estimate:
    """What `judges` would be asked for verdicts on the pairs of one turn of `path`, as `pairs_plan` counts it.

    Raises BadInput where no pair is of one turn.
    """
    read = [pair for pair in read_people(path, pairs).pairs if one_turn(pair)]
    if not read:
        raise BadInput(f"{path}: no pair is of one turn; give pairs of a request and two answers")
    with Ledger.open(ledger) as store:
        return pairs_plan(read, judges, store)
