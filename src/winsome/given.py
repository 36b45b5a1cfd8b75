"""Of what type a value that somebody wrote is: YAML holds anything, and Python's own checks leave what is within unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    """Whether keys lead to values; what the keys are is checked where they are read."""
    return isinstance(value, Mapping)


def is_listed(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether values stand in a row, other than the letters of a text."""
    return isinstance(value, list | tuple)
