"""One judge asked several times: the mean of its samples, or their majority, and how far they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from winsome.errors import BadInput
from winsome.judges.heard import heard, made_of, said, unread, weights_of
from winsome.protocols import Judge
from winsome.records import Match, Verdict, digest, shares

VERSION = 1
Rule = Literal["mean", "majority"]


@dataclass(frozen=True)
class SelfConsistency:
    """`samples` verdicts of `inner` on every match, drawn apart, made one by `rule`."""

    name: str
    id: str
    label: str
    inner: Judge
    samples: int
    rule: Rule
    ordered: bool
    sides: range = range(2, 3)

    @property
    def parts(self) -> tuple[tuple[Judge, int], ...]:
        return ((self.inner, self.samples),)

    @property
    def weights(self) -> tuple[str, ...]:
        return weights_of([self.inner])

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match over its readable samples; unparsed where none can be read."""
        draws = {
            (match.id, draw): replace(match, repeat=match.repeat * self.samples + draw)
            for match in matches
            for draw in range(self.samples)
        }
        found = await heard(self.inner, list(draws.values()))
        for match in matches:
            ids = [draws[match.id, draw].id for draw in range(self.samples)]
            if any(id not in found for id in ids):
                continue
            yield self._verdict(match, [found[id] for id in ids])

    def _verdict(self, match: Match, drawn: list[Verdict]) -> Verdict:
        read = [verdict.share for verdict in drawn if verdict.share is not None]
        listed = ", ".join(map(said, drawn))
        if not read:
            return made_of(drawn, self, match, unread(drawn), reason=f"no sample was read: {drawn[0].reason}")
        share = sum(read) / len(read) if self.rule == "mean" else majority(read)
        outcome, split = shares(share)
        return made_of(drawn, self, match, outcome, split, reason=f"samples: {listed}")


def majority(read: Sequence[float]) -> float:
    """1, 0 or 0.5 by the most frequent of win, loss and tie; 0.5 where none is the most frequent alone."""
    counts = Counter(0.5 + 0.5 * ((share > 0.5) - (share < 0.5)) for share in read)
    (first, most), *rest = counts.most_common()
    return 0.5 if rest and rest[0][1] == most else first


def self_consistency(
    *,
    judge: Judge,
    samples: int = 5,
    rule: Literal["mean", "majority"] = "mean",
    name: str = "self_consistency",
) -> SelfConsistency:
    """`judge` asked `samples` times a match; the verdict is the mean share, or the majority's.

    The judge must draw its replies: BadInput for one at temperature 0, whose samples would be one.
    """
    if samples < 2:
        raise BadInput(f"self_consistency: samples={samples}; give 2 or more, or name the judge alone")
    inner: Any = judge
    sampling: Any = getattr(inner, "sampling", getattr(getattr(inner, "inner", None), "sampling", None))
    if sampling is None or sampling.temperature == 0.0:
        raise BadInput("self_consistency: the judge always says the same; write temperature=0.7 in its name")
    label = f"{getattr(judge, 'label', judge.name)}, {rule} of {samples} samples"
    id = digest(["self_consistency", VERSION, judge.id, samples, rule])
    return SelfConsistency(name, id, label, judge, samples, rule, judge.ordered)
