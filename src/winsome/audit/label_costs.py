"""What people's labels, a judge's scores beside them and reward models tuned to the people would cost, before anything is bought."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from winsome import specs
from winsome.audit.designs import PROMPT_CHARACTERS, TEMPLATE_TOKENS
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.door import Door
from winsome.matchmaking.preflight import ANSWER_TOKENS, CHARACTERS_A_TOKEN, Estimate, judge_loads
from winsome.matchmaking.session import Session
from winsome.models.forward_cost import GPU_FLOPS, READING
from winsome.protocols import Judge
from winsome.standings.label_plan import LabelPlan

TEXT_TOKENS = PROMPT_CHARACTERS / CHARACTERS_A_TOKEN + ANSWER_TOKENS
"""Assumed tokens of a prompt with one answer, as a reward model reads them."""


@dataclass(frozen=True)
class TuningCost:
    """Reward models fine-tuned for one epoch, each without the pairs of one contender.

    models: how many; trained, scored: pairs over all models; tokens: read while training and scoring; gpu_hours: both together.
    """

    models: int
    parameters: float
    trained: int
    scored: int
    tokens: int
    gpu_hours: float

    def payload(self) -> dict[str, Any]:
        return dict(vars(self))

    def line(self) -> str:
        return (
            f"{self.models} reward models of {self.parameters:.3g} parameters, each without one contender: {self.trained:,} pairs to train on, "
            f"{self.scored:,} to score, about {self.tokens / 1e6:,.0f}M tokens, {self.gpu_hours:,.1f} GPU-hours "
            f"({READING:.0%} of {GPU_FLOPS / 1e12:.0f} TFLOP/s, an estimate)"
        )


def scores_plan(judge: str, pairs: int, ledger: str | Path | None = None) -> Estimate:
    """What `judge` would be asked to score `pairs` pairs, in both orders where it may mind them; lengths are assumed, kept answers not looked at."""
    with Ledger.open(ledger) as store:
        opened = Session(Door(store)).open(specs.parse(judge), Judge)
        asks = pairs * (2 if opened.ordered else 1)
        shown = PROMPT_CHARACTERS / CHARACTERS_A_TOKEN + 2 * ANSWER_TOKENS + TEMPLATE_TOKENS
        return Estimate(pairs, asks, tuple(judge_loads(opened, asks, shown)))


def tuning_cost(pairs: int, contenders: int, parameters: float) -> TuningCost:
    """The cost of leaving out each of `contenders` once, where each two of them met on equally many of `pairs` pairs.

    A contender is on 2 / contenders of the pairs: its model trains on the rest (6 operations a parameter and token) and scores those
    (2 operations), so that a pair is scored by the models of both its sides. Raises BadInput below 3 contenders: nothing would be left.
    """
    if contenders < 3:
        raise BadInput(f"{contenders} contenders leave no pairs to train on without one; give 3 or more")
    scored = 2 * pairs
    trained = (contenders - 2) * pairs
    # two texts a pair
    flops = 2.0 * TEXT_TOKENS * parameters * (6.0 * trained + 2.0 * scored)
    return TuningCost(
        contenders, parameters, trained, scored, round(2.0 * TEXT_TOKENS * (trained + scored)), flops / (GPU_FLOPS * READING) / 3600.0
    )  # fmt: skip


@dataclass(frozen=True)
class LabelCosts:
    """labels_usd, alone_usd: people's labels with a judge's scores and without (None: no price, or more than there are pairs)."""

    labels_usd: float | None = None
    alone_usd: float | None = None
    scores: Estimate | None = None
    tuning: TuningCost | None = None

    def payload(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """The costs as a person reads them; those that were not asked for are left out."""
        told: list[str] = []
        if self.labels_usd is not None:
            alone = "" if self.alone_usd is None else f"; {self.alone_usd:,.2f} usd without the judge"
            told.append(f"people's labels: {self.labels_usd:,.2f} usd{alone}")
        if self.scores is not None:
            told += self.scores.lines()
        if self.tuning is not None:
            told.append(self.tuning.line())
        return told


def label_costs(
    plan: LabelPlan,
    *,
    usd: float | None = None,
    judge: str | None = None,
    leave_out: int | None = None,
    parameters: float | None = None,
    ledger: str | Path | None = None,
) -> LabelCosts:
    """What `plan` costs: labels at `usd` each, scores of `judge`, reward models of `parameters` that each leave one of `leave_out` out.

    Raises BadInput where only one of `leave_out` and `parameters` is given.
    """
    if (leave_out is None) != (parameters is None):
        raise BadInput("--leave-out K and --parameters N belong together; give both, or neither")
    tuning = None
    if leave_out is not None and parameters is not None:
        tuning = tuning_cost(plan.pairs, leave_out, parameters)
    return LabelCosts(
        None if usd is None or plan.labels is None else usd * plan.labels,
        None if usd is None or plan.human_only is None else usd * plan.human_only,
        None if judge is None else scores_plan(judge, plan.pairs, ledger),
        tuning,
    )
