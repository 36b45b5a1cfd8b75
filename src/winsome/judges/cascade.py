"""A cheap judge first, a dear one where the cheap is unsure; some of the sure ones are checked, so that the error is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from winsome.errors import BadInput
from winsome.judges.heard import evidence, extents, heard, said, spent, weights_of
from winsome.protocols import Judge
from winsome.records import Match, Verdict, digest

VERSION = 1
GRADES = 9.0
"""The widest difference of two grades from 1 to 10."""


@dataclass
class Tally:
    """What a cascade did in this run: asks, those sent on for being unsure, sure ones checked, those of them that differed."""

    asked: int = 0
    sent_on: int = 0
    checked: int = 0
    differed: int = 0


@dataclass(frozen=True)
class Cascade:
    """Asks `dear` where `cheap` is less sure than `sure`, and for the share `check` of the others."""

    name: str
    id: str
    label: str
    cheap: Judge
    dear: Judge
    sure: float
    check: float
    ordered: bool
    sides: range = range(2, 3)
    tally: Tally = field(default_factory=Tally, compare=False)

    @property
    def parts(self) -> tuple[tuple[Judge, int], ...]:
        return ((self.cheap, 1), (self.dear, 1))

    @property
    def extents(self) -> bool:
        return extents(self.cheap, self.dear)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of((self.cheap, self.dear))

    @property
    def note(self) -> str:
        """What this run learnt of the cascade's error; empty where nothing was asked."""
        t = self.tally
        if not t.asked:
            return ""
        line = (
            f"the dear judge was asked for {t.sent_on:,} of {t.asked:,} asks where the cheap one was unsure"
        )
        if not t.checked:
            return f"{line}; check=0.05 would measure how often the two differ elsewhere"
        return f"{line}; of {t.checked:,} sure ones checked the two differ in {t.differed:,} ({t.differed / t.checked:.1%})"

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match, the dear judge's where it was asked; `reason` begins with cheap, dear or checked."""
        first = await heard(self.cheap, matches)
        unsure = [m for m in matches if m.id in first and sureness(first[m.id]) < self.sure]
        passed = {m.id for m in unsure}
        drawn = [m for m in matches if m.id in first and m.id not in passed and self._drawn(m)]
        second = await heard(self.dear, [*unsure, *drawn])
        for match in matches:
            if match.id not in first or (match.id in passed and match.id not in second):
                continue
            cheap, dear = first[match.id], second.get(match.id)
            yield self._verdict(match, cheap, dear, match.id in passed)

    def _verdict(self, match: Match, cheap: Verdict, dear: Verdict | None, unsure: bool) -> Verdict:
        self.tally.asked += 1
        taken = cheap if dear is None else dear
        word = "cheap" if dear is None else "dear" if unsure else "checked"
        reason = f"{word}: {said(cheap)}" + ("" if dear is None else f", then {said(dear)}")
        if taken.outcome in ("unparsed", "void"):
            reason = f"{taken.reason} ({word})"
        if dear is not None and unsure:
            self.tally.sent_on += 1
        elif dear is not None and dear.share is not None:
            self.tally.checked += 1
            self.tally.differed += _side(dear) != _side(cheap)
        both = [cheap] if dear is None else [cheap, dear]
        return replace(
            taken, judge=self.name, judge_id=self.id, reason=reason, evidence=evidence(both), usage=spent(both)
        )  # fmt: skip

    def _drawn(self, match: Match) -> bool:
        """Whether a sure match is checked: fixed by what is shown, so a run that goes on checks the same ones."""
        return int(digest(["check", match.shown])[:8], 16) < self.check * 2**32


def sureness(verdict: Verdict) -> float:
    """How sure a verdict is, from 0 (a tie, or unreadable) to 1: the distance of its share from a half, of grades from each other."""
    if verdict.share is None:
        return 0.0
    if verdict.outcome == "graded":
        return min(1.0, abs(verdict.scores[0] - verdict.scores[1]) / GRADES)
    return abs(2.0 * verdict.share - 1.0)


def _side(verdict: Verdict) -> int:
    share = verdict.share
    return 0 if share is None else (share > 0.5) - (share < 0.5)


def cascade(
    *, cheap: Judge, dear: Judge, sure: float = 0.6, check: float = 0.05, name: str = "cascade"
) -> Cascade:
    """`cheap` judges all; where it is less sure than `sure` (0: a tie, 1: certain), or cannot be read, `dear` judges instead.

    check: the share of sure verdicts that `dear` judges too, which measures how often the two differ there; `dear` counts then.
    `winsome judges cascade` draws cost against accuracy for every `sure` from labelled pairs.
    """
    for name_, value in (("sure", sure), ("check", check)):
        if not 0.0 <= value <= 1.0:
            raise BadInput(f"cascade: {name_}={value:g} is no share; give 0 to 1")
    if cheap.id == dear.id:
        raise BadInput("cascade: cheap and dear are one judge; name two")
    id = digest(["cascade", VERSION, cheap.id, dear.id, sure, check])
    label = f"{getattr(cheap, 'label', cheap.name)}, below {sure:g} sure {getattr(dear, 'label', dear.name)}"
    return Cascade(name, id, label, cheap, dear, sure, check, cheap.ordered or dear.ordered)
