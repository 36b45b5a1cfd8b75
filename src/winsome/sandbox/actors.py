"""What answers in a world without a model: the oracle, the critic, the reviser, the translator and the patient.

Each is a function of (prompt, sample, rng) that gives words; `Actor` makes it a Contender. A draft is shown to critics and revisers
as dialogue: the question, the draft as the assistant's turn, and a last turn that asks for faults or a better answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from winsome.errors import BadInput
from winsome.records import Prompt, Response, Sampling, Usage, assistant, digest, response_key, user
from winsome.sandbox.faults import TYPES, Fault, find, plant
from winsome.sandbox.lexicon import FINDINGS, joined, words
from winsome.sandbox.manner import DIMENSIONS, PLAIN, in_manner, read_manner
from winsome.sandbox.targets import REFUSAL, Refusal
from winsome.sandbox.tongues import translate
from winsome.sandbox.worlds import World

VERSION = 1
NAME_FAULTS = "Name the faults."
MEND_DRAFT = "Mend the draft."
Act = Callable[[Prompt, Random], list[str]]


@dataclass(frozen=True)
class Actor:
    """A Contender by rule; the same prompt and sample always get the same words."""

    act: Act
    name: str
    id: str
    batch: int = 256

    async def answer(self, prompts: Sequence[Prompt], sampling: Sampling) -> AsyncIterator[Response]:
        """Every draw of every prompt, free of cost."""
        for prompt in prompts:
            for sample in sampling.samples:
                rng = Random(f"{self.id}/{sampling.seed or 0}/{prompt.id}/{sample}")
                said = self.act(prompt, rng)
                yield Response(
                    prompt.id,
                    self.name,
                    response_key(prompt.id, self.id, sampling, sample),
                    sample,
                    (assistant(joined(said)),),
                    usage=Usage(1, 0, len(said)),
                    served_by="world",
                )


def oracle(world: World, *, quality: Sequence[float], manner: str, over_refusal: float, name: str) -> Actor:
    """Answers right with probability `quality` (by language), else with one fault; in `manner` ("plain", "best" for the person's favourite,
    "random", or values joined by +); declines a harmless prompt with probability `over_refusal`."""
    fixed = None if manner in ("best", "random") else manner_of(manner)

    def act(prompt: Prompt, rng: Random) -> list[str]:
        reading = world.reading(prompt)
        if not reading.clear:
            return reading.tongue.say(["none"])
        target = world.target(reading)
        core = target.right(rng)
        able = quality[reading.tongue.number]
        if isinstance(target, Refusal):
            core = core if rng.random() < able else ["take", rng.choice(("rope", "drill"))]
            return reading.tongue.say(core)
        if rng.random() < over_refusal:
            return reading.tongue.say(REFUSAL)
        if rng.random() >= able and (spoilt := plant(target, core, rng)):
            core = spoilt[0]
        style = fixed
        if manner == "best" and reading.person is not None:
            weights = reading.person.weights
            style = {d: max(vs, key=lambda v: weights.get((d, v), 0.0)) for d, vs in DIMENSIONS.items()}
        elif manner == "random":
            style = {dimension: rng.choice(values) for dimension, values in DIMENSIONS.items()}
        return reading.tongue.say(in_manner(core, style or PLAIN))

    return Actor(act, name, digest(["oracle", VERSION, world.id, list(quality), manner, over_refusal]))


def manner_of(text: str) -> dict[str, str]:
    """The manner that values joined by + name; BadInput for an unknown value."""
    known = {value: dimension for dimension, values in DIMENSIONS.items() for value in values}
    found = dict(PLAIN)
    for value in text.split("+"):
        if value not in known:
            raise BadInput(f'manner={text}: "{value}" is no manner (known: best, random, {", ".join(known)})')
        found[known[value]] = value
    return found


def about(prompt: Prompt, draft: str, ask: str = NAME_FAULTS) -> Prompt:
    """The prompt that shows a draft to a critic or a reviser."""
    return replace(prompt, messages=(*prompt.messages, assistant(draft), user(ask)), parents=(prompt.id,))


def _shown(prompt: Prompt) -> tuple[Prompt, str]:
    if len(prompt.messages) < 3 or prompt.messages[-2].role != "assistant":
        raise BadInput(
            f"prompt {prompt.item or prompt.id[:8]}: shows no draft; make it with winsome.sandbox.actors.about"
        )
    return replace(prompt, messages=prompt.messages[:-2]), prompt.messages[-2].text


def critic(world: World, *, noise: float, name: str) -> Actor:
    """Names the faults of a draft as "wrong at 2; extra at 5", or "none"; with probability `noise` each is another one, and a
    clean draft gets a false alarm."""

    def act(prompt: Prompt, rng: Random) -> list[str]:
        asked, draft = _shown(prompt)
        found = faults_of(world, asked, draft)
        size = max(1, len(words(draft)))
        wrong = [rng.random() < noise for _ in found or (None,)]
        invented = [Fault(rng.choice(TYPES), rng.randrange(size)) for _ in wrong]
        if not found:
            found = invented if wrong[0] else []
        else:
            found = [
                other if bad else fault for fault, other, bad in zip(found, invented, wrong, strict=True)
            ]
        return words(" ; ".join(map(str, found)) or "none")

    return Actor(act, name, digest(["critic", VERSION, world.id, noise]))


def faults_of(world: World, prompt: Prompt, draft: str) -> list[Fault]:
    """The faults of a draft, places counted in the words of its core; empty where the prompt is unclear."""
    reading = world.reading(prompt)
    if not reading.clear:
        return []
    _, core = read_manner(reading.tongue.understand(words(draft))[0])
    return find(world.target(reading), core)


def reviser(world: World, *, mends: float, damages: float, name: str) -> Actor:
    """The draft, mended with probability `mends` where it has faults, spoilt with probability `damages` where it has none."""

    def act(prompt: Prompt, rng: Random) -> list[str]:
        asked, draft = _shown(prompt)
        reading = world.reading(asked)
        if not reading.clear:
            return words(draft)
        target = world.target(reading)
        manner, core = read_manner(reading.tongue.understand(words(draft))[0])
        if target.rate(core) < 1.0:
            core = target.right(rng) if rng.random() < mends else core
        elif rng.random() < damages and (spoilt := plant(target, core, rng)):
            core = spoilt[0]
        return reading.tongue.say(in_manner(core, manner))

    return Actor(act, name, digest(["reviser", VERSION, world.id, mends, damages]))


def translator(world: World, *, to: int, noise: float, name: str) -> Actor:
    """The last turn said in language `to`; with probability `noise` a word becomes another one."""
    if not 0 <= to < len(world.tongues):
        raise BadInput(
            f"{name}: to={to} is no language of {world.name}, which has 0 to {len(world.tongues) - 1}"
        )

    def act(prompt: Prompt, rng: Random) -> list[str]:
        said = words(prompt.text)
        source = min(world.tongues, key=lambda tongue: tongue.understand(said)[1])
        return translate(said, source, world.tongues[to], noise, rng)

    return Actor(act, name, digest(["translator", VERSION, world.id, to, noise]))


def patient(world: World, *, name: str) -> Actor:
    """Says "yes" or "no" to the one finding asked about, by the record in the prompt's system text, and "none" to all else."""

    def act(prompt: Prompt, rng: Random) -> list[str]:
        record = [part.split() for part in " ".join(words(prompt.system or "")).split(",")]
        asked = [word for word in words(prompt.text) if word in FINDINGS]
        held = [part for part in record if len(asked) == 1 and asked[0] in part]
        return ["none"] if not held else ["no"] if "no" in held[0] else ["yes"]

    return Actor(act, name, digest(["patient", VERSION, world.id]))
