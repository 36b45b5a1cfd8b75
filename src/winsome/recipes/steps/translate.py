"""Prompts and answers in another language: the short form of revise with the rule translate."""

from __future__ import annotations

from winsome.frames import Frames, Kept
from winsome.protocols import Contender
from winsome.recipes.unbuilt import unbuilt

READS = ("prompts",)
MAKES = ("prompts",)
BUILT = False


def translate(
    frames: Frames, *, by: Contender, both_directions: bool = False, mask_placeholders: bool = False
) -> Kept:
    """Rows said again by the translator `by`, each with the row it came from as parent."""
    raise unbuilt("translate")
