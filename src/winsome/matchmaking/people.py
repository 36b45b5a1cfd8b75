"""Judging by people: a synthetic judge scores every pair first, people label a random part, and the two make one figure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.asks import Ask, Plan, fill
from winsome.matchmaking.board import PIECE, Board
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.judging import Judging
from winsome.protocols import Judge
from winsome.records import SCORED, Usage
from winsome.scorers.trained_on import pair_key, trained_pairs
from winsome.standings.columns import Floats, Ints
from winsome.standings.control_variates import FEW, FEWEST, ControlVariates, control_variates
from winsome.standings.intervals import clustered_mean, score_interval
from winsome.standings.label_plan import LabelPlan, of_pilot
from winsome.standings.sequential import mixture_factor

Serve = Callable[[Board], AbstractAsyncContextManager[None]]

USUAL = 0.05
"""The half-width for which labels are planned where none is given."""


@dataclass(frozen=True)
class People:
    """How people are asked. serve: shows a board to them while it is entered, such as `winsome.server.annotate`.

    assist: a judge's name, which scores every pair; labels: how many pairs are labelled at most; half_width: labelling ends once
    the interval is that narrow, in [0, 1]; overlap: the share of pairs that every annotator is shown.
    """

    serve: Serve
    assist: str | None = None
    labels: int | None = None
    half_width: float | None = None
    overlap: float = 0.2

    def __post_init__(self) -> None:
        if self.half_width is not None and not 0.0 < self.half_width < 0.5:
            raise BadInput(f"half-width {100 * self.half_width:g}% is not between 0 and 50; give 5% or less")
        if self.labels is not None and self.labels < 1:
            raise BadInput(f"labels={self.labels} asks nobody; give 1 or more")


@dataclass
class PeopleJudging:
    """Stands where `Judging` stands; `assist` is the synthetic judge's own judging of the same pairs, with a plan of its own.

    decided: labelling ends once an interval that holds at every look excludes a half.
    """

    plan: Plan
    judge: Judge
    ledger: Ledger
    door: Door
    people: People
    assist: Judging | None
    decided: bool = False
    advance: Callable[[int], None] = lambda n: None
    served_by: Counter[str] = field(default_factory=Counter[str])
    probed: bool = False
    board: Board | None = None
    scores: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def models(self) -> list[Asked]:
        return [] if self.assist is None else self.assist.models

    @property
    def bought(self) -> Usage:
        return Usage() if self.assist is None else self.assist.bought

    @property
    def saved(self) -> Usage:
        return Usage() if self.assist is None else self.assist.saved

    async def run(self, asks: Sequence[Ask]) -> None:
        """Scores first; then the page until enough is labelled or Ctrl-C; then what was said is written into the plan."""
        if self.assist is not None:
            self.assist.probed = self.probed
            self._refuse_trained(asks, self.assist.judge)
            planned = self.assist.plan.add([ask.pairing for ask in asks])
            await self.assist.run([ask for contest in planned for ask in contest])
            self.scores = _scores(self.assist.plan.asks)
        wanted = min(len(asks), self.people.labels or len(asks))
        self.board = board = Board(self.plan, asks, self.ledger, wanted, self.people.overlap)
        self.advance(board.labelled)
        if not (board.done or self._enough() or self.door.closed()):
            self.door.labelling = True
            async with self.people.serve(board):
                await self._wait(board)
                board.closed = True
            self.door.labelling = self.door.closed()
        board.closed = True
        self._fill(board)

    def _refuse_trained(self, asks: Sequence[Ask], judge: Judge) -> None:
        """BadInput where the synthetic judge was trained on pairs that it is to score: its scores would follow their labels."""
        known = trained_pairs(getattr(judge, "weights", ()))
        if not known:
            return
        learnt = 0
        for begin in range(0, len(asks), PIECE):
            piece = asks[begin : begin + PIECE]
            said = self.ledger.responses(self.plan.responses(piece))
            for ask in piece:
                prompt = self.plan.prompts[ask.pairing.prompt]
                sides = self.plan.match(ask, said).sides
                learnt += pair_key(prompt.id, (side.response.text for side in sides)) in known
        if learnt:
            raise BadInput(
                f"--assist {judge.name[:60]}: was trained on {learnt:,} of these {len(asks):,} pairs; train it without them, or leave "
                "their prompts out"
            )

    async def _wait(self, board: Board) -> None:
        seen = board.labelled
        while not (board.done or self._enough() or self.door.closed()):
            board.changed.clear()
            try:
                await asyncio.wait_for(board.changed.wait(), 0.25)
            except TimeoutError:
                continue
            self.advance(board.labelled - seen)
            seen = board.labelled

    @property
    def best_at(self) -> float:
        """The number of labels for which the interval of every look is tuned: half of those that may be given."""
        assert self.board is not None
        return max(float(FEW), self.board.wanted / 2.0)

    def anytime(self) -> dict[str, float] | None:
        """Side a's win rate with an interval that holds at every number of labels from `FEW` on; None below."""
        assert self.board is not None
        found = self.assisted()
        if found is not None:
            n, estimate, error, level = found.labels, found.estimate, found.standard_error, found.level
        else:
            y, _, cluster = self.columns()
            kept = ~np.isnan(y)
            n, level = int(kept.sum()), 0.95
            if n < FEW:
                return None
            mean = clustered_mean(y[kept], np.ones(n), cluster[kept])
            estimate, error = mean.mean, mean.standard_error
        if n < FEW:
            return None
        # labels that all agree so far have no spread, which is not known so surely
        reach = mixture_factor(n, self.best_at, level=level) * max(error, 0.5 / n)
        return {
            "estimate": estimate, "low": max(0.0, estimate - reach), "high": min(1.0, estimate + reach), "level": level, "n": n
        }  # fmt: skip

    def _enough(self) -> bool:
        if self._narrow():
            return True
        seen = self.anytime() if self.decided else None
        return seen is not None and not seen["low"] <= 0.5 <= seen["high"]

    def _narrow(self) -> bool:
        """Whether the interval is as narrow as wanted; below `FEW` labels it is not to be trusted."""
        wanted = self.people.half_width
        if wanted is None or self.board is None or self.board.labelled < FEW:
            return False
        found = self.assisted()
        if found is not None:
            return found.half_width <= wanted
        y, _, cluster = self.columns()
        kept = ~np.isnan(y)
        low, high = score_interval(clustered_mean(y[kept], np.ones(int(kept.sum())), cluster[kept]))
        return (high - low) / 2.0 <= wanted

    def columns(self) -> tuple[Floats, Floats, Ints]:
        """Of every pair: the mean of its labels (NaN: none), its score (NaN: none), its cluster's code."""
        assert self.board is not None
        human, score, names = list[float](), list[float](), list[str]()
        for ask, said in zip(self.board.asks, self.board.said, strict=True):
            shares = [one.share for one in said.values() if one.share is not None]
            human.append(sum(shares) / len(shares) if shares else np.nan)
            score.append(self.scores.get(ask.contest, np.nan))
            names.append(self.plan.cluster(self.plan.prompts[ask.pairing.prompt]))
        codes = np.unique(np.array(names), return_inverse=True)[1]
        return np.array(human), np.array(score), codes.astype(np.int32)

    def assisted(self) -> ControlVariates | None:
        """The control-variate figure of side a; None without a synthetic judge or with too few labels."""
        if not self.scores:
            return None
        y, s, cluster = self.columns()
        scored = ~np.isnan(s)
        y, s, cluster = y[scored], s[scored], cluster[scored]
        kept = ~np.isnan(y)
        if int(kept.sum()) < FEWEST:
            return None
        return control_variates(y[kept], s[kept], s, clusters=cluster[kept], clusters_all=cluster)

    def _fill(self, board: Board) -> None:
        """Every label an ask of the plan: the first annotator's in the one that is there, others' as repeats of it.

        What rules decided is known of every pair, labels of a part: each label stands for its share of those to be labelled.
        """
        more: dict[int, list[Ask]] = {}
        planned = Counter((ask.pairing.a, ask.pairing.b) for ask in board.asks)
        had = Counter(
            (ask.pairing.a, ask.pairing.b)
            for ask, by in zip(board.asks, board.said, strict=True)
            if any(said.share is not None for said in by.values())
        )
        for ask, by in zip(board.asks, board.said, strict=True):
            labels = [(who, said) for who, said in by.items() if said.share is not None]
            for repeat, (who, said) in enumerate(labels):
                one = ask if repeat == 0 else replace(ask, repeat=repeat)
                sides = ask.pairing.a, ask.pairing.b
                one.weight = planned[sides] / had[sides]
                one.seat_a = said.seat_a
                fill(one, said.match, said.verdict, cached=not said.fresh)
                one.served_by = who
                if repeat:
                    more.setdefault(id(ask), []).append(one)
        self.plan.asks[:] = [one for ask in self.plan.asks for one in (ask, *more.get(id(ask), ()))]

    def told(self) -> dict[str, Any]:
        """What people said and how far it reaches, for run.json."""
        assert self.board is not None
        board, found = self.board, self.assisted()
        plan = self.label_plan(found)
        words = Counter(said.label for by in board.said for said in by.values() if said.label)
        agreed = board.agreement()
        return {
            "pairs": len(board.asks),
            "labelled": board.labelled,
            "enough": board.labelled >= board.wanted or self._enough(),
            "annotators": board.counts(),
            "words": dict(sorted(words.items())),
            "alpha": None if agreed is None else agreed[0].payload(),
            "kappa": None if agreed is None or agreed[1] is None else agreed[1].payload(),
            "side": self.plan.names[board.asks[0].pairing.a] if board.asks else None,
            "assist": None if self.assist is None else self.assist.judge.name,
            "unscored": len(board.asks) - len(self.scores) if self.assist is not None else None,
            "control_variates": None if found is None else found.payload(),
            "anytime": self.anytime() if self.decided else None,
            "plan": None if plan is None else plan.payload(),
            "remaining": None if plan is None or found is None else plan.remaining(found.labels),
            "drawn": self._drawn(),
        }

    def _drawn(self) -> list[dict[str, Any]]:
        """Every pair in the order drawn, with the mean of its labels and its score, so that the figures can be made again."""
        human, score, _ = self.columns()
        assert self.board is not None
        return [
            {"contest": ask.contest, "label": None if y != y else y, "score": None if s != s else s}
            for ask, y, s in zip(self.board.asks, human.tolist(), score.tolist(), strict=True)
        ]

    def label_plan(self, found: ControlVariates | None) -> LabelPlan | None:
        """The labels that the wanted half-width (default `USUAL`) needs, by what the labels so far show."""
        return None if found is None else of_pilot(found, self.people.half_width or USUAL)


def _scores(asks: Sequence[Ask]) -> dict[str, float]:
    """Contest -> side a's mean share over the orders that could be read."""
    shares: dict[str, list[float]] = {}
    for ask in asks:
        if ask.share is not None and ask.outcome in SCORED:
            shares.setdefault(ask.contest, []).append(ask.share)
    return {contest: sum(found) / len(found) for contest, found in shares.items()}
