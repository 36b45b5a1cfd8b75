"""Whether an agent solved its task (Solved, Unsure, Unsolved, from its final answer), and which of two agents did better."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from winsome.judges import templates
from winsome.judges.checklist import shortened
from winsome.judges.heard import evidence, spent
from winsome.judges.pairwise import Pairwise
from winsome.judges.protocol import Protocol
from winsome.judges.rubric import Rubric
from winsome.judges.verdict_slot import Reading, mt_bench_pair
from winsome.protocols import Contender
from winsome.records import Match, Sampling, Tokens, Verdict, digest, shares

VERSION = 2
WHOLE = 2**31
"""Words that are shown: all."""
GRADES = {"Solved": 1.0, "Unsure": 0.5, "Unsolved": 0.0}


def solved(text: str, tokens: Tokens | None, cut: bool) -> Reading:
    """[[Solved]], [[Unsure]] or [[Unsolved]] alone on the last line; anything else is unparsed, never Unsure."""
    if cut:
        return Reading(problem="cut off: give the judge a larger max_tokens", again=True)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    said = lines[-1].strip("*_`. ").removeprefix("Verdict:").strip().strip("[]").strip()
    if said not in GRADES:
        return Reading(problem=f"no verdict: {lines[-1][:60]}", again=True)
    return Reading(GRADES[said], said)


ROW = Protocol("tool_pass", 1, 1, solved, 1024)
WIN = Protocol("tool_win", 1, 2, mt_bench_pair, 1024)


@dataclass(frozen=True)
class ToolEval:
    """`inner` asks and reads; an empty answer, which is what an agent without a final call leaves, is unsolved without asking."""

    name: str
    id: str
    label: str
    inner: Rubric
    sides: range = range(1, 1001)
    ordered: bool = False

    @property
    def model(self) -> Contender:
        return self.inner.model

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        return self.inner.parts

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One graded verdict a match."""
        asked: dict[str, tuple[Match, list[int]]] = {}
        shown: list[Match] = []
        for match in matches:
            full = [place for place, side in enumerate(match.sides) if side.response.text.strip()]
            if not full:
                grades = (GRADES["Unsolved"],) * len(match.sides)
                yield Verdict(match.id, self.name, self.id, "graded", grades, reason="no final answer")
                continue
            short = match if len(full) == len(match.sides) else shortened(match, full, WHOLE)[0]
            asked[short.id] = (match, full)
            shown.append(short)
        async for verdict in self.inner.judge(shown):
            match, full = asked[verdict.match]
            held = dict(zip(full, verdict.scores, strict=False))
            scores = tuple(held.get(place, GRADES["Unsolved"]) for place in range(len(match.sides)))
            yield replace(verdict, match=match.id, scores=scores if verdict.scores else ())


@dataclass(frozen=True)
class ToolWin:
    """Solved beats unsolved by the labels of `passing`, an answer beats a missing one; otherwise `inner` compares the two."""

    name: str
    id: str
    label: str
    passing: ToolEval
    inner: Pairwise
    sides: range = range(2, 3)
    ordered: bool = True

    @property
    def model(self) -> Contender:
        return self.inner.model

    @property
    def parts(self) -> tuple[tuple[Contender, int], ...]:
        """A label of each side, then the comparison."""
        return (*self.passing.parts, (self.model, 1))

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match; unread where a label is, for then it is not known whether the rule decides."""
        compared: dict[str, Verdict] = {}
        given = {match.id: match for match in matches}
        async for graded in self.passing.judge(matches):
            match = given[graded.match]
            share = _ruled(match, graded.scores) if graded.outcome == "graded" else None
            if graded.outcome == "graded" and share is None:
                compared[match.id] = graded
                continue
            outcome, scores = (graded.outcome, graded.scores) if share is None else shares(share)
            reason = graded.reason if share is None else f"rule: {_told(graded.scores)}"
            yield replace(
                graded, judge=self.name, judge_id=self.id, outcome=outcome, scores=scores, reason=reason
            )
        async for verdict in self.inner.judge([given[id] for id in compared]):
            graded = compared[verdict.match]
            yield replace(
                verdict, judge=self.name, judge_id=self.id, reason=f"{verdict.reason}; {_told(graded.scores)}",
                evidence=evidence([graded, verdict]), usage=spent([graded, verdict]),
            )  # fmt: skip


def _ruled(match: Match, grades: Sequence[float]) -> float | None:
    """The first side's share where no comparison is needed."""
    there = [bool(side.response.text.strip()) for side in match.sides]
    if not all(there):
        return 0.5 if not any(there) else float(there[0])
    return float(grades[0] == 1.0) if set(grades) == {0.0, 1.0} else None


def _told(grades: Sequence[float]) -> str:
    names = {value: name for name, value in GRADES.items()}
    return " and ".join(names[grade] for grade in grades)


def tool_eval(
    *,
    model: Contender,
    metric: Literal["pass", "win"] = "pass",
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    name: str = "tool_eval",
) -> ToolEval | ToolWin:
    """`model` grades each agent's answer alone: 1 solved, 0.5 unsure, 0 unsolved, as is an empty one, which is not asked about.

    metric=win compares two agents: solved beats unsolved, a missing answer loses, and otherwise `model` is shown both; `prompt` is then
    the text of that comparison.
    """
    win = metric == "win"
    template = templates.chosen(f"{ROW.name}@{ROW.version}", None if win else prompt, sides=1)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens or ROW.max_tokens)
    id = digest(["tool_eval", VERSION, template.digest, model.id, sampling.asked()])
    label = f"{model.name} {template.name}"
    passing = ToolEval(name, id, label, Rubric(name, id, label, model, template, ROW, sampling))
    if not win:
        return passing
    both = templates.chosen(f"{WIN.name}@{WIN.version}", prompt, sides=2)
    id = digest(["tool_win", VERSION, passing.id, both.digest])
    label = f"{model.name} {both.name}"
    return ToolWin(name, id, label, passing, Pairwise(name, id, label, model, both, WIN, sampling))
