"""A check of one answer as a judge of two sides: both or neither pass is a tie, else the one that passes wins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from winsome.judges.dialogue import required_reference
from winsome.records import Match, Prompt, Verdict, digest, shares

Check = Callable[[str, Any], bool]
"""(answer, what is expected) -> whether it passes."""


@dataclass(frozen=True)
class Rule:
    """A judge by `check`. `expected` is the judge's own setting; None takes each prompt's `reference_answer`."""

    name: str
    id: str
    label: str
    kind: str
    check: Check
    expected: Any = None
    sides: range = range(2, 3)
    ordered: bool = False

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match, at once. BadInput where a prompt has no reference answer and the judge no setting."""
        for match in matches:
            expected = self._expected(match.prompt)
            first, second = (self.check(side.response.text, expected) for side in match.sides)
            outcome, split = shares(0.5 + 0.5 * (first - second))
            reason = f"{'passes' if first else 'fails'}, {'passes' if second else 'fails'}"
            yield Verdict(match.id, self.name, self.id, outcome, split, reason=reason)

    def _expected(self, prompt: Prompt) -> Any:
        return required_reference(prompt, self.kind) if self.expected is None else self.expected


def rule(kind: str, version: int, name: str, check: Check, expected: Any, settings: Sequence[Any]) -> Rule:
    """The judge of `check`; `settings` are whatever else changes what passes."""
    label = unquote(name.replace(kind, f"{kind}@{version}", 1))
    return Rule(name, digest([kind, version, expected, list(settings)]), label, kind, check, expected)
