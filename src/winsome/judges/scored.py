"""A model that scores out of 5, 10 or 100: both answers in one prompt, or each answer alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from winsome.errors import BadInput
from winsome.judges import score_slot, structured_replies, templates
from winsome.judges.pairwise import Pairwise
from winsome.judges.protocol import Protocol
from winsome.judges.rubric import Rubric
from winsome.judges.templates import Template
from winsome.protocols import Contender
from winsome.records import Sampling, digest

VERSION = 1
MOST = 1000
"""The largest scale."""


def scored(
    *,
    model: Contender,
    style: Literal["combined", "independent"] = "combined",
    scale: int = 10,
    prompt: str | None = None,
    temperature: float | None = 0.0,
    max_tokens: int = 1024,
    structured: bool = False,
    name: str = "scored",
) -> Pairwise | Rubric:
    """`model` as a judge that scores out of `scale`: `combined` shows both answers and the higher score wins, equal ones tie;

    `independent` grades each answer alone. structured asks the server for JSON by schema, where it has that. BadInput for a scale below 2.
    """
    if not 2 <= scale <= MOST:
        raise BadInput(f"scored: scale={scale} is no scale; give 5, 10 or 100 (2 to {MOST})")
    sides = 2 if style == "combined" else 1
    read = score_slot.combined(scale) if sides == 2 else score_slot.independent(scale)
    row = Protocol(f"scored_{style}", 1, sides, read, max_tokens)
    template = at_scale(templates.chosen(f"{row.name}@1", prompt, sides=sides), scale)
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    if structured:
        held = structured_replies.two_scores if sides == 2 else structured_replies.one_score
        row, sampling = held(row, sampling, scale)
    id = digest(["scored", VERSION, style, scale, template.digest, model.id, sampling.asked()])
    label = f"{model.name} {template.name} out of {scale}"
    made = Pairwise if sides == 2 else Rubric
    return made(name, id, label, model, template, row, sampling)


def at_scale(template: Template, scale: int) -> Template:
    """The template with <scale> written as the number."""
    variants = {
        case: replace(
            variant,
            turns=tuple(
                (
                    role,
                    tuple(
                        piece.replace("<scale>", str(scale)) if i % 2 == 0 else piece
                        for i, piece in enumerate(pieces)
                    ),
                )
                for role, pieces in variant.turns
            ),
        )
        for case, variant in template.variants.items()
    }
    return replace(template, variants=variants)
