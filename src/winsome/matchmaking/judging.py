"""Matches to the judge and verdicts back: kept verdicts first, windows of matches under way together, alarms watching."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.matchmaking.asks import Ask, Plan, fill
from winsome.matchmaking.commits import Commits
from winsome.matchmaking.door import Asked, Door
from winsome.matchmaking.preflight import asked_models, probe
from winsome.protocols import Judge
from winsome.records import SCORED, Match, Usage, Verdict, shares

WINDOW = 256
"""Matches whose words are in memory at a time in one window; four windows are under way together."""
TOGETHER = 4
FIRST_READ, FIRST_LABELS = 20, 50


@dataclass
class Alarms:
    """Stops a run whose judge is broken: most of the first 20 replies unreadable, or one label in 95% of the first 50.

    Labels are the judge's own words for a seat, so one label over both seats means that it does not read the answers.
    """

    door: Door
    allow_degenerate: bool = False
    read: int = 0
    unread: int = 0
    labels: Counter[str] = field(default_factory=Counter[str])
    seats: set[int] = field(default_factory=set[int])
    raised: BadInput | None = None

    def see(self, ask: Ask, verdict: Verdict, raw: Callable[[], str]) -> None:
        """Count one bought verdict; once the alarm is raised the door is closed."""
        if self.raised is not None or verdict.outcome == "void":
            return
        self.read += 1
        self.unread += verdict.outcome == "unparsed"
        if self.read == FIRST_READ and self.unread > FIRST_READ // 2:
            shown = " ".join(raw().split())[:80]
            self._raise(
                f"judge: {self.unread} of the first {FIRST_READ} replies cannot be read ({verdict.reason}); "
                f'one was "{shown}": check model and protocol'
            )
        if self.labels.total() < FIRST_LABELS and verdict.reason.startswith("label: "):
            self.labels[verdict.reason] += 1
            self.seats.add(ask.seat_a)
            if self.labels.total() == FIRST_LABELS and not self.allow_degenerate:
                self._compare_labels()

    def _compare_labels(self) -> None:
        label, most = self.labels.most_common(1)[0]
        if most >= 0.95 * FIRST_LABELS and len(self.seats) > 1:
            self._raise(
                f'judge: {most} of its first {FIRST_LABELS} labels over both seats are "{label[7:]}", so it does not '
                f"compare; try protocol=letter or another judge, or --allow-degenerate"
            )

    def _raise(self, line: str) -> None:
        self.raised = BadInput(line)
        self.door.stop(line)


@dataclass
class Judging:
    """What judging one plan needs."""

    plan: Plan
    judge: Judge
    ledger: Ledger
    door: Door
    alarms: Alarms
    advance: Callable[[int], None] = lambda n: None
    bought: Usage = Usage()
    saved: Usage = Usage()
    served_by: Counter[str] = field(default_factory=Counter[str])
    probed: bool = False
    failure: BaseException | None = None
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def models(self) -> list[Asked]:
        """The contenders that write the judge's words."""
        return list({id(model): model for model, _ in asked_models(self.judge)}.values())

    async def run(self, asks: Sequence[Ask]) -> None:
        """Fill in every ask that needs the judge; those left out (budget, interrupt) stay "not asked"."""
        asks = asks if self.alarms.read >= FIRST_READ else await self._first(asks)
        windows = iter([asks[i : i + WINDOW] for i in range(0, len(asks), WINDOW)])

        async def work() -> None:
            for window in windows:
                if self.door.halted:
                    return
                await self._window(window)

        results = await asyncio.gather(*(work() for _ in range(TOGETHER)), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise errors[0]
        if self.alarms.raised is not None:
            raise self.alarms.raised

    async def _first(self, asks: Sequence[Ask]) -> Sequence[Ask]:
        """Ask a few alone, so that a judge that cannot be read costs no more than those; the asks that remain."""
        await self._window(asks[:FIRST_READ])
        return asks[FIRST_READ:]

    async def _window(self, asks: Sequence[Ask]) -> None:
        responses = self.ledger.responses(self.plan.responses(asks))
        matches = {ask_number: self.plan.match(ask, responses) for ask_number, ask in enumerate(asks)}
        kept = self.ledger.judged(self.judge.id, [(m.shown, m.repeat) for m in matches.values()])
        records: list[Match | Verdict] = []
        missing: dict[str, tuple[Ask, Match]] = {}
        for number, match in matches.items():
            found = kept.get((match.shown, match.repeat))
            if not found:
                missing[match.id] = (asks[number], match)
                continue
            seats, verdict = found[0]
            same = verdict.match == match.id
            verdict = verdict if same else reseated(verdict, seats, match, self.judge)
            self.saved = self.saved + found[0][1].usage
            self.served_by[verdict.served_by] += 1
            fill(asks[number], match.id, verdict, cached=True)
            self.advance(1)
            if not same:
                records += [match, verdict]
        if records:
            await self.ledger.put(*records)
        if missing and not self.door.closed():
            await self._ask(missing)

    async def _ask(self, missing: dict[str, tuple[Ask, Match]]) -> None:
        async with self._probing:
            if not self.probed:
                await probe(self.models, ())
                self.probed = True
        commits = Commits[int](self.ledger, lambda done: self.advance(len(done)), self._failed)
        try:
            async for verdict in self.judge.judge([match for _, match in missing.values()]):
                ask, match = missing[verdict.match]
                self.bought = self.bought + verdict.usage
                self.served_by[verdict.served_by] += 1
                fill(ask, match.id, verdict, cached=False)
                self.alarms.see(ask, verdict, lambda verdict=verdict: self._raw(verdict))
                commits.keep(1, match, verdict)
        except Exception as error:
            self.door.stop(str(error))
            raise
        finally:
            await commits.flush()
        if self.failure is not None:
            raise self.failure

    def _failed(self, error: BaseException) -> None:
        self.failure = error
        self.door.stop(str(error))

    def _raw(self, verdict: Verdict) -> str:
        return next((r.text for r in self.ledger.responses(list(verdict.evidence)).values()), "")


def reseated(verdict: Verdict, seats: Sequence[int], match: Match, judge: Judge) -> Verdict:
    """A kept verdict on the same words, told of `match`: scores follow the seats, and nothing was spent."""
    at_seat = dict(zip(seats, range(len(seats)), strict=True))
    order = [at_seat[side.seat] for side in match.sides]
    scores = tuple(verdict.scores[i] for i in order) if verdict.scores else ()
    places = tuple(verdict.places[i] for i in order) if verdict.places else ()
    outcome = verdict.outcome
    if outcome in SCORED and outcome != "graded" and len(scores) == 2:
        outcome = shares(scores[0])[0]
    return replace(
        verdict,
        match=match.id,
        judge=judge.name,
        scores=scores,
        places=places,
        outcome=outcome,
        usage=Usage(),
    )
