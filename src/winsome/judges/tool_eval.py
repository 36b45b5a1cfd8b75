"""Whether an agent solved its task: Solved, Unsure or Unsolved, from the task and its final answer or whole trace."""

from __future__ import annotations

from winsome.judges import templates
from winsome.judges.protocol import Protocol
from winsome.judges.rubric import Rubric
from winsome.judges.verdict_slot import Reading
from winsome.protocols import Contender
from winsome.records import Sampling, Tokens, digest

VERSION = 1
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


def tool_eval(
    *,
    model: Contender,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    name: str = "tool_eval",
) -> Rubric:
    """`model` grades each agent's answer alone: 1 solved, 0.5 unsure, 0 unsolved."""
    template = templates.chosen(f"{ROW.name}@{ROW.version}", prompt, sides=1)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens or ROW.max_tokens)
    id = digest(["tool_eval", VERSION, template.digest, model.id, sampling.asked()])
    return Rubric(name, id, f"{model.name} {template.name}", model, template, ROW, sampling)
