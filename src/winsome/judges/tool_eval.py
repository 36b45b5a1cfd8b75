"""Whether an agent solved its task: Solved, Unsure or Unsolved, from the task and its final answer or whole trace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from winsome.judges import templates
from winsome.judges.checklist import shortened
from winsome.judges.protocol import Protocol
from winsome.judges.rubric import Rubric
from winsome.judges.verdict_slot import Reading
from winsome.protocols import Contender
from winsome.records import Match, Sampling, Tokens, Verdict, digest

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


def tool_eval(
    *,
    model: Contender,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    name: str = "tool_eval",
) -> ToolEval:
    """`model` grades each agent's answer alone: 1 solved, 0.5 unsure, 0 unsolved, as is an empty one, which is not asked about."""
    template = templates.chosen(f"{ROW.name}@{ROW.version}", prompt, sides=1)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens or ROW.max_tokens)
    id = digest(["tool_eval", VERSION, template.digest, model.id, sampling.asked()])
    label = f"{model.name} {template.name}"
    return ToolEval(name, id, label, Rubric(name, id, label, model, template, ROW, sampling))
