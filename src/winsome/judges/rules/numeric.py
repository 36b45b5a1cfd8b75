"""The last number of the answer is the expected one."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any

from winsome.errors import BadInput
from winsome.judges.rules.passing import Rule, rule

VERSION = 1
_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")


def numeric(*, tolerance: float = 1e-6, answer: float | None = None, name: str = "numeric") -> Rule:
    """A judge by the answer's last number, within `tolerance` (absolute) of `answer`, else of the reference's last number."""
    if not tolerance >= 0.0:
        raise BadInput(f"numeric: tolerance={tolerance} must be 0 or more")
    return rule("numeric", VERSION, name, partial(close, tolerance=tolerance), answer, [tolerance])


def close(text: str, expected: Any, tolerance: float) -> bool:
    """Whether the last number in `text` is within `tolerance` of the last one in `expected`; False without a number."""
    wanted = float(expected) if isinstance(expected, (int, float)) else last_number(str(expected))
    if wanted is None:
        raise BadInput(f'numeric: reference_answer "{str(expected)[:60]}" holds no number; give one')
    found = last_number(text)
    return found is not None and math.isfinite(found) and abs(found - wanted) <= tolerance


def last_number(text: str) -> float | None:
    """The last number written in `text`: digits with an optional sign, thousands commas, decimals and exponent."""
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "").replace("−", "-")) if found else None
