"""Answers written anew from earlier ones."""

from __future__ import annotations

from typing import Literal

from winsome.frames import Frames, Kept
from winsome.protocols import Contender
from winsome.recipes.unbuilt import unbuilt

READS = ("responses", "prompts")
MAKES = ("responses",)
BUILT = False


def revise(
    frames: Frames,
    *,
    by: Contender,
    rule: Literal[
        "improve", "act_on_critique", "ground_in_document", "counterfactual", "translate", "refine"
    ] = "improve",
    directions: tuple[Literal["more", "less"], ...] = (),
    hindsight: bool = False,
    guide: str | None = None,
    rounds: int = 1,
    stop: Literal["no_change"] | None = None,
    both_directions: bool = False,
    mask_placeholders: bool = False,
    keep: Literal["last", "all"] = "last",
) -> Kept:
    """New answers by `by`, each with the answer it came from as parent and its provenance; the old ones stay."""
    raise unbuilt("revise")
