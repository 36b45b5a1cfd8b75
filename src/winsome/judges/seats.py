"""AlpacaEval's published rule for which answer is shown first."""

from __future__ import annotations

import random


def alpaca_eval_seat(instruction: str, seed: int = 0) -> int:
    """The seat (0 or 1) at which AlpacaEval shows `output_1`, the baseline's answer, to the judge.

    Source: tatsu-lab/alpaca_eval, RandomSwitchTwoColumnsProcessor: Python's generator seeded with the text
    "is_switched_outputs" + instruction + seed draws whether the two outputs change places; the published runs have seed 0.
    """
    return int(random.Random(f"is_switched_outputs{instruction}{seed}").choices((False, True), k=1)[0])
