"""AlpacaEval's seats, against its own package and its published annotations."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from winsome.judges.seats import alpaca_eval_seat

# From alpaca_eval 0.6.6: RandomSwitchTwoColumnsProcessor(["output_1", "output_2"], random_seed_columns=("instruction",),
# _switch_column="is_switched_outputs", seed=0).preprocess over the 805 instructions in their published order; the digest
# is SHA-256 of "is_switched_outputs" written as 805 characters 0 and 1.
SWITCHED = 406
SWITCHES = "8b3d93b6cd014bfa8a673db0a9d5d46cfff8efbafa44b8e7e4ba82878468030e"


def test_seats_are_those_of_the_published_package(shared_data: Path) -> None:
    rows = json.loads(
        gzip.decompress((shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz").read_bytes())
    )
    seats = "".join(str(alpaca_eval_seat(row["instruction"])) for row in rows)
    assert len(seats) == 805
    assert seats.count("1") == SWITCHED
    assert hashlib.sha256(seats.encode()).hexdigest() == SWITCHES


def test_another_seed_draws_other_seats() -> None:
    instructions = [f"Instruction {i}" for i in range(200)]
    first = [alpaca_eval_seat(text) for text in instructions]
    assert first != [alpaca_eval_seat(text, seed=1) for text in instructions]
    assert first == [alpaca_eval_seat(text, seed=0) for text in instructions]
    assert 70 < sum(first) < 130
