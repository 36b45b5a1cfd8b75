"""Simulated people and reward models: they see the gold value through noise and biases that are known.

An annotator prefers the side shown first with probability
sigmoid((v1 - v2) / k + length_bias (n1 - n2) + position_bias + self_preference (o1 - o2)), v the gold value with normal noise of
`aspect_sd`, n words, o whether the answer has the annotator's `own` manner; then the label is swapped with probability `flip`.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from random import Random

from winsome.errors import BadInput
from winsome.records import Match, Prompt, Response, Scores, Verdict, digest, shares
from winsome.sandbox.gold import gold
from winsome.sandbox.knobs import Knobs
from winsome.sandbox.lexicon import length, words
from winsome.sandbox.manner import read_manner
from winsome.sandbox.worlds import PERSONA, World

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Taste:
    """One annotator. `k` is a temperature in units of gold value (0: never errs), biases are in logits."""

    k: float
    length_bias: float = 0.0
    position_bias: float = 0.0
    self_preference: float = 0.0
    own: str = ""
    aspect_sd: float = 0.0
    contradiction: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        if not (self.k >= 0.0 and 0.0 <= self.flip <= 0.5 and 0.0 <= self.contradiction <= 1.0):
            raise BadInput(
                f"annotator: k={self.k} must be at least 0, flip={self.flip} in [0, 0.5], contradiction={self.contradiction} in [0, 1]"
            )


def taste_of(knobs: Knobs) -> Taste:
    """The annotator that a world's own knobs describe."""
    return Taste(
        k=knobs.k,
        length_bias=knobs.length_bias,
        position_bias=knobs.position_bias,
        self_preference=knobs.self_preference,
        aspect_sd=knobs.aspect_sd,
        contradiction=knobs.contradiction,
        flip=knobs.flip,
    )


def chance(world: World, taste: Taste, prompt: Prompt, first: str, second: str, key: str = "") -> float:
    """The probability that an annotator prefers `first`, shown before `second`; `key` seeds its noise on each answer."""
    sides = [_seen(world, taste, prompt, text, key) for text in (first, second)]
    logit = taste.position_bias + taste.length_bias * (sides[0][1] - sides[1][1])
    logit += taste.self_preference * (sides[0][2] - sides[1][2])
    gap = sides[0][0] - sides[1][0]
    if taste.k > 0.0:
        logit += gap / taste.k
    elif gap:
        logit = math.copysign(math.inf, gap)
    share = 0.5 * (1.0 + math.tanh(0.5 * logit))
    return (1.0 - taste.flip) * share + taste.flip * (1.0 - share)


def _seen(world: World, taste: Taste, prompt: Prompt, text: str, key: str) -> tuple[float, int, bool]:
    """The value as this annotator feels it, the words, and whether the answer is in its own manner."""
    found = gold(world, prompt, text)
    value = found.value
    said = words(text)
    if taste.contradiction and Random(f"mood/{key}/{prompt.id}").random() < taste.contradiction:
        value -= 2.0 * found.worth
    if taste.aspect_sd:
        value += taste.aspect_sd * Random(f"noise/{key}/{prompt.id}/{' '.join(said)}").gauss(0.0, 1.0)
    own = False
    if taste.own:
        manner, _ = read_manner(world.reading(prompt).tongue.understand(said)[0])
        own = taste.own in manner.values()
    return value, length(said), own


@dataclass(frozen=True)
class Annotators:
    """A pool of annotators; each pair of answers belongs to one of them, whatever order they are shown in.

    A verdict is one label, drawn by the pair, the order and the repeat; `soft` gives the probability instead. `guesses`: where a
    prompt does not say who asks, each annotator takes one of the world's people for the asker, drawn by annotator and prompt.
    """

    world: World
    pool: tuple[Taste, ...]
    name: str
    seed: int = 0
    soft: bool = False
    guesses: bool = False
    sides: range = range(2, 3)

    @property
    def ordered(self) -> bool:
        return any(taste.position_bias for taste in self.pool)

    @property
    def flips(self) -> float:
        """The largest share of a member's labels that is turned round."""
        return max(taste.flip for taste in self.pool)

    @property
    def id(self) -> str:
        pool = [asdict(taste) for taste in self.pool]
        own = ["guesses"] if self.guesses else []
        return digest(["annotators", VERSION, self.world.id, pool, self.seed, self.soft, *own])

    @property
    def label(self) -> str:
        return "annotator" if len(self.pool) == 1 else f"{len(self.pool)} annotators"

    @property
    def note(self) -> str:
        return "Simulated: sees the world's gold value through noise and biases that its name states."

    def member(self, prompt: Prompt, texts: Sequence[str]) -> int:
        """The number of the annotator to whom a pair of answers belongs."""
        key = digest([self.seed, prompt.id, sorted(texts)])
        return int(key[:12], 16) % len(self.pool)

    def _assumed(self, prompt: Prompt, key: str) -> Prompt:
        """The prompt with the person whom this annotator takes for its asker, where it does not say who asks."""
        if not self.world.people or self.world.reading(prompt).person is not None:
            return prompt
        person = Random(f"asker/{key}/{prompt.id}").choice(self.world.people)
        return replace(prompt, system=PERSONA.format(name=person.name))

    def _key(self, member: int) -> str:
        return f"{self.world.knobs.seed}/{self.seed}/{member}"

    async def judge(self, matches: Sequence[Match]) -> AsyncIterator[Verdict]:
        """One verdict a match."""
        known: dict[str, tuple[int, float]] = {}
        for match in matches:
            first, second = match.seated
            if match.shown not in known:
                texts = (first.response.text, second.response.text)
                member = self.member(match.prompt, texts)
                taste, key = self.pool[member], self._key(member)
                prompt = self._assumed(match.prompt, key) if self.guesses else match.prompt
                known[match.shown] = member, chance(self.world, taste, prompt, *texts, key=key)
            member, share = known[match.shown]
            if not self.soft:
                share = float(_uniform(f"{self._key(member)}/{match.shown}/{match.repeat}") < share)
            if match.sides[0].seat != first.seat:
                share = 1.0 - share
            outcome, split = shares(share)
            yield Verdict(
                match.id,
                self.name,
                self.id,
                outcome,
                split,
                annotator=f"a{member + 1:02}" if len(self.pool) > 1 else "",
            )


def pool(knobs: Knobs, members: int, spread: float, seed: int) -> tuple[Taste, ...]:
    """`members` annotators about the one of the world's knobs: temperatures by factors up to e^spread either way, and length
    and position biases moved by normal numbers of 0.1 and 1 times `spread`."""
    if members < 1 or spread < 0.0:
        raise BadInput(f"annotators: members={members} must be at least 1 and spread={spread} at least 0")
    rng = Random(f"annotators/{knobs.seed}/{seed}")
    start = asdict(taste_of(knobs))
    return tuple(
        Taste(
            **start
            | {
                "k": knobs.k * math.exp(rng.uniform(-spread, spread)),
                "length_bias": knobs.length_bias + 0.1 * spread * rng.gauss(0.0, 1.0),
                "position_bias": knobs.position_bias + spread * rng.gauss(0.0, 1.0),
            }
        )
        for _ in range(members)
    )


@dataclass(frozen=True)
class NoisyScorer:
    """The gold value plus normal noise of `sd` fixed by prompt and words, plus `length_bias` a word: a cheap reward model."""

    world: World
    sd: float
    length_bias: float
    seed: int
    name: str
    partial: bool = False

    @property
    def id(self) -> str:
        return digest(["noisy scorer", VERSION, self.world.id, self.sd, self.length_bias, self.seed])

    @property
    def label(self) -> str:
        return f"gold with noise {self.sd:g}"

    async def score(self, prompts: Sequence[Prompt], responses: Sequence[Response]) -> Scores:
        """A value an answer; the same answer always has the same one."""
        values: list[float] = []
        for prompt, response in zip(prompts, responses, strict=True):
            said = words(response.text)
            noise = Random(f"scorer/{self.seed}/{prompt.id}/{' '.join(said)}").gauss(0.0, self.sd)
            values.append(
                gold(self.world, prompt, response.text).value + noise + self.length_bias * length(said)
            )
        return Scores(tuple(values))


def _uniform(key: str) -> float:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64
