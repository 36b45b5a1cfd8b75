"""AlpacaEval 2: 805 instructions, one order by the published rule, weighted preference against GPT-4 Turbo, lengths held equal.

Source: github.com/tatsu-lab/alpaca_eval.
"""

from __future__ import annotations

from winsome.ledger import formats
from winsome.records import Suite
from winsome.suites.card import Card

CARD = Card(
    "alpaca_eval_2",
    "805 instructions, length-controlled win rate against GPT-4 Turbo",
    licence="CC BY-NC 4.0",
    source="tatsu-lab/alpaca_eval",
    get="save alpaca_eval.json of tatsu-lab/alpaca_eval, or its gpt4_1106_preview outputs",
    prompts=805,
    judge="pairwise?protocol=alpaca_eval@1",
    baseline="gpt4_1106_preview",
    figure="lc",
    orders=1,
    seats="alpaca_eval",
)
CARDS = (CARD,)


def alpaca_eval_2(*, path: str = "", baseline: str = "") -> Suite:
    """AlpacaEval 2 on the instructions in `path` (alpaca_eval.json, or outputs that carry instruction and generator).

    baseline: the contender that stands for GPT-4 Turbo, as a rule the file of its outputs; without it `path` is taken where it
    holds the baseline's own answers, else the contender called gpt4_1106_preview.
    """
    file = CARD.file(path)
    return CARD.suite(file, formats.prompts(file), baseline=baseline or _own_baseline(file) or CARD.baseline)


def _own_baseline(path: str) -> str:
    """`path` itself where its answers are the published baseline's."""
    if formats.sniff(path) != "alpaca_eval_outputs":
        return ""
    generators = {answer.model for answer in formats.answers(path)}
    return path if generators == {CARD.baseline} else ""
