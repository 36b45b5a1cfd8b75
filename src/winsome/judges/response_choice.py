"""A model that names Response 1, Response 2 or a tie first and gives its reasons after."""

from __future__ import annotations

from winsome.judges import templates
from winsome.judges.pairwise import Pairwise
from winsome.judges.protocol import Protocol
from winsome.judges.response_slot import choice
from winsome.protocols import Contender
from winsome.records import Sampling, digest

VERSION = 1
ROW = Protocol("response_choice", 1, 2, choice, 512)


def response_choice(
    *,
    model: Contender,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int | None = None,
    name: str = "response_choice",
) -> Pairwise:
    """`model` as a judge of two responses: the verdict stands on the first line, the justification below it."""
    template = templates.chosen(f"{ROW.name}@{ROW.version}", prompt, sides=2)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens or ROW.max_tokens)
    id = digest(["response_choice", VERSION, template.digest, model.id, sampling.asked()])
    return Pairwise(name, id, f"{model.name} {template.name}", model, template, ROW, sampling)
