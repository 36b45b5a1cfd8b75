"""The one place where rewards come from: a scorer's rating, or a judge's mean share of wins, by name.

A reward is a finite number or a failure with its reason; a failure is never a number.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from winsome import specs
from winsome.errors import BadInput, Unsupported
from winsome.matchmaking.preflight import asked_models
from winsome.matchmaking.verdicts import asked
from winsome.protocols import Contender, Judge, Run, Scorer
from winsome.records import Match, Prompt, Response, Sampling, Side, assistant, digest
from winsome.training.online.asking import Asking

GROUP = "group"
"""Against what a judge compares by default: the other answers to the same prompt."""
Pair = tuple[str, str, str]
"""A prompt's id and two texts in alphabetical order."""


@dataclass(frozen=True)
class Draft:
    """An answer that wants a reward; `error` where there is none to rate."""

    prompt: Prompt
    text: str
    ended: bool
    error: str = ""


@dataclass(frozen=True)
class Rated:
    """One value an answer, nan where it failed for the reason beside it."""

    values: tuple[float, ...]
    failures: tuple[str, ...]


class Reward:
    """Rates groups of answers. `kind` score: values as the scorer gives them; wins: shares in [0, 1].

    A win share is the mean over the group, an answer against itself and equal words counting a half, or over the answers of
    the contender `against`. What a judge that asks models says is kept in the ledger, so nothing is paid twice.
    """

    def __init__(self, name: str, asking: Asking, *, against: str = GROUP) -> None:
        self._asking = asking
        self.kind, self._inner = opened(name, asking.session)
        self.name = self._inner.name
        self.id = digest([self.kind, self._inner.id, against])
        self._against = (
            None if against == GROUP or self.kind == "score" else asking.session.open(against, Contender)
        )
        self._keeps = self.kind == "wins" and bool(asked_models(self._inner))

    def rated(self, drafts: Sequence[Draft], *, few: bool = False) -> Rated:
        """The rewards of answers; those to one prompt stand together. Raises BadInput where every one failed, unless they are `few`."""
        values, failures = [math.nan] * len(drafts), [draft.error for draft in drafts]
        known = [i for i, draft in enumerate(drafts) if not draft.error]
        rate = self._scores if self.kind == "score" else self._wins
        found = self._asking.run(rate([drafts[i] for i in known])) if known else Rated((), ())
        for i, value, why in zip(known, found.values, found.failures, strict=True):
            values[i] = value if math.isfinite(value) else math.nan
            failures[i] = why if why or math.isfinite(value) else f"the reward is {value}"
        if drafts and all(failures) and not few:
            raise BadInput(
                f"reward {self.name}: none of {len(drafts)} answers could be rated ({failures[0][:80]}); check the name"
            )
        return Rated(tuple(values), tuple(failures))

    async def _scores(self, drafts: Sequence[Draft]) -> Rated:
        said = [_response(draft, i) for i, draft in enumerate(drafts)]
        found = await self._inner.score([draft.prompt for draft in drafts], said)
        failures = [
            found.reasons.get(i, "no score") if math.isnan(v) else "" for i, v in enumerate(found.values)
        ]
        return Rated(tuple(float(v) for v in found.values), tuple(failures))

    async def _wins(self, drafts: Sequence[Draft]) -> Rated:
        opponents = await self._opponents(drafts)
        pairs: dict[Pair, Match] = {}
        plan = [
            [self._compared(drafts[i], text, pairs) for text in texts] for i, texts in enumerate(opponents)
        ]
        shares = await self._shares(pairs)
        values: list[float] = []
        failures: list[str] = []
        for row in plan:
            told = [
                known if key is None else _seen(shares[key], second) for known, key, second in row
            ]  # fmt: skip
            read = [share for share in told if share is not None]
            own = [0.5] * (self._against is None)
            lost = bool(row) and not read
            values.append(math.nan if lost or not (read or own) else sum([*read, *own]) / len([*read, *own]))
            failures.append(
                "no comparison of it could be read" if lost else "" if read or own else "no opponent"
            )
        return Rated(tuple(values), tuple(failures))

    def _compared(
        self, draft: Draft, other: str, pairs: dict[Pair, Match]
    ) -> tuple[float | None, Pair | None, bool]:
        """The share of a draft against another text where no judge is needed; else the pair asked, and whether it is its second."""
        own, its = draft.text.split(), other.split()
        if own == its:
            return 0.5, None, False
        if not own or not its:
            # An empty answer loses before anybody is asked, as in every comparison here.
            return float(bool(own)), None, False
        first, second = sorted((draft.text, other))
        key = (draft.prompt.id, first, second)
        pairs.setdefault(key, _match(draft.prompt, first, second))
        return None, key, draft.text == second

    async def _shares(self, pairs: Mapping[Pair, Match]) -> dict[Pair, float | None]:
        """The first text's share of each pair, over both orders where the judge minds them."""
        orders = 2 if self._inner.ordered else 1
        matches = {
            (key, order): _turned(match, order, self._asking.session.seed, orders)
            for key, match in pairs.items()
            for order in range(orders)
        }
        asking = list(matches.values())
        if self._keeps:
            verdicts = await asked(self._inner, asking, self._asking.session)
        else:
            verdicts = {verdict.match: verdict async for verdict in self._inner.judge(asking)}
        found: dict[Pair, float | None] = {}
        for key in pairs:
            told = [verdicts.get(matches[key, order].id) for order in range(orders)]
            read = [verdict.share for verdict in told if verdict is not None and verdict.share is not None]
            found[key] = sum(read) / len(read) if read else None
        return found

    async def _opponents(self, drafts: Sequence[Draft]) -> list[list[str]]:
        """The words that each draft is compared with: the other drafts of its prompt, or what the contender says."""
        if self._against is None:
            found: list[list[str]] = []
            for _, held in itertools.groupby(drafts, key=lambda draft: draft.prompt.id):
                texts = [draft.text for draft in held]
                found += [texts[:i] + texts[i + 1 :] for i in range(len(texts))]
            return found
        prompts = list({draft.prompt.id: draft.prompt for draft in drafts}.values())
        said: dict[str, list[str]] = {}
        async for response in self._against.answer(prompts, Sampling()):
            if response.finish != "failed":
                said.setdefault(response.prompt, []).append(response.text)
        return [said.get(draft.prompt.id, []) for draft in drafts]


def opened(name: str, run: Run) -> tuple[Literal["score", "wins"], Any]:
    """The scorer that a name opens, else the judge."""
    spec = specs.parse(name)
    if specs.factory_of(spec, "Scorer") is not None:
        try:
            return "score", run.open(name, Scorer)
        except (BadInput, Unsupported):
            # Own code fits any role until it is made; it may be a judge.
            if "." not in spec.kind or "://" in spec.kind:
                raise
    judge = run.open(name, Judge)
    if 2 not in judge.sides:
        raise Unsupported(f'reward "{name[:60]}": rates {judge.sides} answers at a time; give a judge of two')
    return "wins", judge


def _response(draft: Draft, sample: int) -> Response:
    key = digest(["rollout", draft.prompt.id, draft.text, sample])
    finish = "stop" if draft.ended else "length"
    return Response(
        draft.prompt.id, "policy", key, sample, (assistant(draft.prompt.prefix + draft.text),), finish
    )


def _match(prompt: Prompt, first: str, second: str) -> Match:
    sides = [_response(Draft(prompt, text, True), n) for n, text in enumerate((first, second))]
    return Match(prompt, (Side("first", sides[0], 0), Side("second", sides[1], 1)), cluster=prompt.id)


def _turned(match: Match, order: int, seed: int, orders: int) -> Match:
    """The match with its seats for an order; a single order is drawn by what is compared."""
    first = order if orders == 2 else int(digest([seed, match.contest])[:8], 16) % 2
    a, b = match.sides
    sides = (Side(a.contender, a.response, first), Side(b.contender, b.response, 1 - first))
    return Match(match.prompt, sides, order, 0, match.cluster, match.facets)


def _seen(share: float | None, swapped: bool) -> float | None:
    return None if share is None else 1.0 - share if swapped else share
