"""Ratings as verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judges.scripted import asked, verdicts
from winsome.judges.by_score import by_score, share
from winsome.judges.embedded import embedded
from winsome.judges.pairwise import Pairwise
from winsome.protocols import Contender, Judge, Scorer
from winsome.records import Prompt, Response, Scores

FLOATS = st.floats(-1e6, 1e6)


@dataclass
class Lengths:
    """A Scorer: a tenth of the answer's length; NaN for an answer that holds a question mark."""

    name: str = "lengths"
    id: str = "lengths-1"
    note: str = "judge not better than length"
    weights: tuple[str, ...] = ("none",)
    partial: bool = True
    calls: list[int] = field(default_factory=list[int])

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        self.calls.append(len(prompts))
        values = tuple(math.nan if "?" in r.text else len(r.text) / 10 for r in responses)
        return Scores(values, {i: "asks back" for i, value in enumerate(values) if math.isnan(value)})


async def test_shares_are_the_sigmoid_of_the_difference() -> None:
    scorer = Lengths()
    judge = by_score(scorer=scorer)
    assert isinstance(judge, Judge)
    assert isinstance(scorer, Scorer)
    assert (judge.ordered, judge.note, judge.weights) == (False, "judge not better than length", ("none",))
    front, back = await verdicts(
        judge, asked(first="x" * 30, second="x" * 10), asked(first="x" * 30, second="x" * 10, seat=1)
    )
    assert front.scores == pytest.approx((1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))))
    assert back.scores == front.scores
    assert (front.outcome, front.reason) == ("win", "scores 3 and 1")
    assert scorer.calls == [2]


async def test_step_gives_wins_and_equal_ratings_tie() -> None:
    judge = by_score(scorer=Lengths(), link="step")
    found = await verdicts(
        judge, asked(first="xx", second="x"), asked(first="x", second="xx"), asked(first="xx", second="yy")
    )
    assert [(v.outcome, v.share) for v in found] == [("win", 1.0), ("loss", 0.0), ("tie", 0.5)]
    assert judge.id != by_score(scorer=Lengths()).id


async def test_what_cannot_be_rated_is_void_with_the_scorers_reason() -> None:
    (verdict,) = await verdicts(by_score(scorer=Lengths()), asked(second="Which fruit?"))
    assert (verdict.outcome, verdict.scores, verdict.reason) == ("void", (), "failed: asks back")


@given(FLOATS, FLOATS)
def test_swapping_the_sides_mirrors_the_share(first: float, second: float) -> None:
    for link in ("sigmoid", "step"):
        there, back = share(first, second, link), share(second, first, link)  # type: ignore[arg-type]
        assert 0.0 <= there <= 1.0
        assert there + back == pytest.approx(1.0)
        assert (there >= 0.5) == (first >= second) or abs(first - second) < 1e-9


def test_embedded_names_the_fitted_judge_or_a_template_judge() -> None:
    @dataclass
    class Opening:
        seed: int = 0
        folder: str = "."
        opened: list[tuple[str, type]] = field(default_factory=list[tuple[str, type]])

        def open(self, spec: str, role: type) -> object:
            self.opened.append((spec, role))
            return Lengths()

    run = Opening()
    fitted = embedded("judge", run=run, name="embedded:judge")  # type: ignore[arg-type]
    assert (fitted.name, fitted.id) == ("embedded:judge", by_score(scorer=Lengths()).id)
    template = embedded("smollm2-135m", run=run, name="embedded:smollm2-135m")  # type: ignore[arg-type]
    assert isinstance(template, Pairwise)
    assert template.protocol.name == "letter"
    assert run.opened == [("embedded:judge", Scorer), ("embedded:smollm2-135m", Contender)]
