"""Answers criticised: errors with their places, feedback, a fix."""

from __future__ import annotations

from winsome.frames import Frames, Kept
from winsome.protocols import Contender
from winsome.recipes.unbuilt import unbuilt

READS = ("responses", "prompts")
MAKES = ("scores",)
BUILT = False


def critique(
    frames: Frames, *, by: Contender, aspects: tuple[str, ...] = (), n: int = 1, reference: str | None = None
) -> Kept:
    """Critiques of every answer as scores with text fields: errors, feedback, suggestions, fix, rating."""
    raise unbuilt("critique")
