"""AlpacaFarm: the 805 instructions of its evaluation split, win rate against text-davinci-003 in one order.

Source: Dubois et al. 2023; github.com/tatsu-lab/alpaca_farm. The published judge is a pool of 13 simulated annotators with a quarter
of their labels flipped; here one judge by letter stands for it, and `--judge` names another.
"""

from __future__ import annotations

from winsome.ledger import formats
from winsome.records import Suite
from winsome.suites.card import Card

CARD = Card(
    "alpaca_farm",
    "805 instructions, win rate against text-davinci-003",
    licence="CC BY-NC 4.0",
    source="tatsu-lab/alpaca_farm",
    get="save alpaca_farm_evaluation.json of tatsu-lab/alpaca_farm, or its text-davinci-003 outputs",
    prompts=805,
    judge="pairwise?protocol=letter@1",
    baseline="text-davinci-003",
    orders=1,
)
CARDS = (CARD,)


def alpaca_farm(*, path: str = "", baseline: str = "") -> Suite:
    """AlpacaFarm's evaluation on the instructions in `path`; `baseline` is the contender that stands for text-davinci-003."""
    file = CARD.file(path)
    return CARD.suite(file, formats.prompts(file), baseline=baseline or CARD.baseline)
