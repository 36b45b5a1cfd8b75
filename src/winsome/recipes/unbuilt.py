"""What a step says whose keys are fixed and whose code is still to come."""

from __future__ import annotations

from winsome.errors import Unsupported


def unbuilt(kind: str) -> Unsupported:
    """The one line; a recipe that names such a step is refused with it before anything runs."""
    return Unsupported(f"{kind} steps are not built yet")
