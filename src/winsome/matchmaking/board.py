"""The pairs that people are shown: who sees which next, in which seats, what was said; a label is on disk before it counts.

Nothing is overwritten: a label taken back is a verdict "undone" on the match asked once more, so the last repeat is what holds.
"""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson

from winsome.errors import BadInput
from winsome.judges.human import HUMAN, HUMAN_ID
from winsome.ledger.store import Ledger
from winsome.matchmaking.asks import Ask, Plan
from winsome.records import SCORED, Match, Verdict, digest, shares
from winsome.standings.agreement import Agreement, cohen_kappa, krippendorff_alpha, rating_counts

LABELS: dict[str, float | None] = {"left": 1.0, "right": 0.0, "tie": 0.5, "both bad": 0.5, "skip": None}
"""What may be said of a pair: the left answer's share; None leaves the pair to others."""

HELD = 600.0
"""Seconds for which a pair that somebody looks at is kept from the others."""

LONGEST_NAME = 60
PIECE = 500
"""Pairs whose words are held at once while kept labels are looked up."""


@dataclass(frozen=True)
class Said:
    """One annotator's last word on a pair; `label` None: taken back. share: of the ask's side a, whose seat was `seat_a`."""

    label: str | None
    match: str
    repeat: int
    seat_a: int
    verdict: Verdict
    fresh: bool

    @property
    def share(self) -> float | None:
        scored = self.verdict.outcome in SCORED
        return self.verdict.scores[0] if scored else None


@dataclass
class Board:
    """One contest a place, in the order drawn by the seed. `wanted`: how many are to have a label.

    overlap: the share of the places that every annotator is shown, so that agreement can be told; the others are shown to one.
    """

    plan: Plan
    asks: Sequence[Ask]
    ledger: Ledger
    wanted: int
    overlap: float = 0.2
    said: list[dict[str, Said]] = field(default_factory=list[dict[str, Said]])
    history: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    held: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: asyncio.Lock = field(default_factory=asyncio.Lock)
    closed: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.overlap <= 1.0:
            raise BadInput(f"overlap {self.overlap:g} is no share; give 0 to 1, such as 0.2")
        # the order is drawn before anybody labels, by content, so that prompts added later disturb it little
        self.asks = sorted(self.asks, key=lambda ask: digest([self.plan.seed, "people", ask.contest]))
        self.said = [{} for _ in self.asks]
        self._read()

    # Who sees what

    def shared(self, place: int) -> bool:
        """Whether everybody is shown this place."""
        return int((place + 1) * self.overlap) > int(place * self.overlap)

    def next(self, annotator: str) -> int | None:
        """The place that `annotator` is shown now; None where nothing is left. The same again until it is labelled."""
        now = time.monotonic()
        own = self.held.get(annotator)
        if own is not None and not self._answered(own[0], annotator):
            self.held[annotator] = (own[0], now)
            return own[0]
        taken = {
            place for who, (place, since) in self.held.items() if who != annotator and now - since < HELD
        }
        if self.closed or self.labelled >= self.wanted:
            return None
        for place in range(len(self.asks)):
            if self._answered(place, annotator):
                continue
            if self.shared(place) or (place not in taken and not self._labelled(place)):
                self.held[annotator] = (place, now)
                return place
        return None

    def _answered(self, place: int, annotator: str) -> bool:
        said = self.said[place].get(annotator)
        return said is not None and said.label is not None

    def _labelled(self, place: int) -> bool:
        return any(said.share is not None for said in self.said[place].values())

    @property
    def labelled(self) -> int:
        """Places with at least one label."""
        return sum(self._labelled(place) for place in range(len(self.asks)))

    @property
    def done(self) -> bool:
        """Whether enough is labelled, or nothing is left for anybody who began."""
        if self.closed or self.labelled >= self.wanted:
            return True
        left = any(not said for said in self.said)
        return not left and all(self.next(annotator) is None for annotator in list(self.history))

    def match(self, place: int, repeat: int = 0) -> Match:
        """The match of a place, with its words."""
        ask = self.asks[place]
        return self.plan.match(replace(ask, repeat=repeat), self.ledger.responses(self.plan.responses([ask])))

    # What is said

    async def label(self, annotator: str, place: int, label: str) -> None:
        """Keep a label; back when it is on disk. One word more on the same pair takes the place of the last."""
        if label not in LABELS:
            raise BadInput(f'label "{label[:40]}" is unknown; give one of {", ".join(LABELS)}')
        async with self.speaking:
            before = self.said[place].get(annotator)
            if before is not None and before.label == label:
                return  # sent again because its answer was lost
            await self._keep(annotator, place, label, LABELS[label])
            self.history.setdefault(annotator, []).append(place)
            self.held.pop(annotator, None)
        self.changed.set()

    async def undo(self, annotator: str) -> int | None:
        """Take back the annotator's last label; the place, which is shown again, or None where there is none."""
        async with self.speaking:
            history = self.history.get(annotator, [])
            if not history:
                return None
            place = history[-1]
            await self._keep(annotator, place, None, None)
            history.pop()
            self.held[annotator] = (place, time.monotonic())
        self.changed.set()
        return place

    async def _keep(self, annotator: str, place: int, label: str | None, share: float | None) -> None:
        before = self.said[place].get(annotator)
        # a word that is no label gives way within its repeat; a label stays, and the match is asked once more
        again = 0 if before is None else before.repeat + (before.share is not None)
        match = self.match(place, again)
        said = _said(match, self.asks[place].seat_a, annotator, label, share)
        await self.ledger.put(match.prompt, match, said.verdict)
        self.said[place][annotator] = said

    def _read(self) -> None:
        """Labels that the ledger has on these pairs, whatever run or sheet they came by."""
        rows = self.ledger.query(
            "SELECT m.shown, m.repeat, m.sides, v.annotator, v.outcome, v.scores, v.reason, v.match FROM verdicts v "
            f"JOIN matches m ON v.match = m.id WHERE v.judge_id = '{HUMAN_ID}' ORDER BY v.created, v.id"
        ).rows()
        if not rows:
            return
        places = self._by_sight()
        spoken: dict[tuple[int, str], int] = {}
        for turn, (shown, repeat, sides, annotator, outcome, scores, reason, match) in enumerate(rows):
            if shown not in places:
                continue
            place, seat_a = places[shown]
            before = self.said[place].get(annotator)
            if before is not None and before.repeat > repeat:
                continue
            first = next(k for k, side in enumerate(orjson.loads(sides)) if side["seat"] == 0)
            share = orjson.loads(scores)[first] if outcome in SCORED else None
            label = None if reason == "undone" else _label(share, reason)
            verdict = _verdict(
                match, annotator, label, share if seat_a == 0 or share is None else 1.0 - share
            )
            self.said[place][annotator] = Said(label, match, repeat, seat_a, verdict, fresh=False)
            spoken[place, annotator] = turn
        for place, annotator in sorted(spoken, key=lambda who: spoken[who]):
            if self._answered(place, annotator):
                self.history.setdefault(annotator, []).append(place)

    def _by_sight(self) -> dict[str, tuple[int, int]]:
        """What a judge sees of a place, in either seating -> the place, and side a's seat."""
        found: dict[str, tuple[int, int]] = {}
        for start in range(0, len(self.asks), PIECE):
            piece = self.asks[start : start + PIECE]
            responses = self.ledger.responses(self.plan.responses(piece))
            for place, ask in enumerate(piece, start):
                for seat in (0, 1):
                    found[self.plan.match(replace(ask, seat_a=seat), responses).shown] = (place, seat)
        return found

    # How it goes

    def counts(self) -> dict[str, int]:
        """Annotator -> pairs labelled, in the order in which they began."""
        return {
            who: sum(said[who].share is not None for said in self.said if who in said) for who in self.history
        }

    def agreement(self) -> tuple[Agreement, Agreement | None] | None:
        """Krippendorff's alpha over pairs that two or more labelled (three labels), and of just two annotators Cohen's kappa.

        None before there is such a pair.
        """
        rows = [
            (place, who, round(2 * said.share))
            for place, by in enumerate(self.said)
            for who, said in by.items()
            if said.share is not None
        ]
        if not rows:
            return None
        place, code = (np.array([row[k] for row in rows], np.int32) for k in (0, 2))
        table = rating_counts(place, code, len(self.asks), 3)
        both = table.sum(1) >= 2
        if not both.any():
            return None
        clusters = np.unique([self.plan.cluster(self.plan.prompts[ask.pairing.prompt]) for ask in self.asks], return_inverse=True)[1]  # fmt: skip
        alpha = krippendorff_alpha(table, clusters.astype(np.int32))
        names = sorted({row[1] for row in rows if both[row[0]]})
        kappa = None
        if len(names) == 2:
            own = [{row[0]: row[2] for row in rows if row[1] == name} for name in names]
            common = sorted(own[0].keys() & own[1].keys())
            first, second = (np.array([one[k] for k in common], np.int32) for one in own)
            kappa = cohen_kappa(first, second, clusters[common].astype(np.int32), categories=3)
        return alpha, kappa

    def view(self, annotator: str) -> dict[str, Any]:
        """What the page shows: the next pair without names, and how far everybody is."""
        place = self.next(annotator)
        pair = None
        if place is not None:
            match = self.match(place)
            first, second = (side.response for side in match.seated)
            pair = {
                "id": self.asks[place].contest,
                "system": match.prompt.system or "",
                "prompt": [{"role": m.role, "text": m.text} for m in (*match.prompt.messages, *match.prompt.follow_ups)],
                "left": [m.text for m in first.messages],
                "right": [m.text for m in second.messages],
            }  # fmt: skip
        agreed = self.agreement()
        return {
            "pair": pair,
            "labelled": self.labelled,
            "wanted": min(self.wanted, len(self.asks)),
            "yours": self.counts().get(annotator, 0),
            "annotators": len([who for who, n in self.counts().items() if n]),
            "undo": bool(self.history.get(annotator)),
            "alpha": None if agreed is None else agreed[0].payload(),
            "kappa": None if agreed is None or agreed[1] is None else agreed[1].payload(),
        }


def named(text: Any) -> str:
    """An annotator's name as it is kept. Raises BadInput for none, a long one, or one that does not print."""
    name = " ".join(unicodedata.normalize("NFC", text).split()) if isinstance(text, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(f"annotator: give a name of 1 to {LONGEST_NAME} printable characters")
    return name


def _said(match: Match, seat_a: int, annotator: str, label: str | None, share: float | None) -> Said:
    own = share if share is None or seat_a == 0 else 1.0 - share
    return Said(label, match.id, match.repeat, seat_a, _verdict(match.id, annotator, label, own), fresh=True)


def _verdict(match: str, annotator: str, label: str | None, share: float | None) -> Verdict:
    reason = "undone" if label is None else {"skip": "skipped", "both bad": "both bad"}.get(label, "")
    if share is None:
        return Verdict(match, HUMAN, HUMAN_ID, "void", annotator=annotator, reason=reason)
    outcome, scores = shares(share)
    return Verdict(match, HUMAN, HUMAN_ID, outcome, scores, annotator=annotator, reason=reason)


def _label(share: float | None, reason: str) -> str:
    if share is None:
        return "skip"
    return (
        "both bad" if reason == "both bad" else "left" if share > 0.5 else "right" if share < 0.5 else "tie"
    )
