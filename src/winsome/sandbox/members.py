"""What the names of a world open: its prompts as a suite, its gold judge, annotators and scorers, and what answers in it.

    world:attribute?seed=1                 world:attribute?seed=1#gold           world:labels#annotator?k=0.5&length_bias=0.05
    world:instruction?n=200&split=test     world:instruction#base?size=0.2M      world:fault#oracle?quality=0.7

Settings before # are knobs of the world, those after it belong to the member.
"""

from __future__ import annotations

import inspect
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from winsome import specs
from winsome.errors import BadInput
from winsome.records import Suite
from winsome.sandbox import actors, markers
from winsome.sandbox import annotators as annotators_
from winsome.sandbox.gold import GoldScorer, gold_judge
from winsome.sandbox.graders import Grader
from winsome.sandbox.knobs import Knobs
from winsome.sandbox.worlds import World

if TYPE_CHECKING:
    from winsome.contenders.local import LocalContender
    from winsome.judges.by_score import ByScore


def opened(name: str) -> World:
    """The world that `name` ("world:preset?knob=value", or without "world:") names; BadInput for what it does not know."""
    return _opened(name if name.startswith("world:") else f"world:{name}")


@lru_cache(maxsize=32)
def _opened(name: str) -> World:
    spec = specs.parse(name)
    if spec.kind != "world" or not spec.address or "#" in spec.address:
        raise BadInput(
            f'"{name}" is no world; write world:PRESET?knob=value, such as world:instruction?seed=1'
        )
    given = specs.call(Knobs, specs.Spec("world", "", spec.settings), None)
    return World.of(spec.address, **{knob: getattr(given, knob) for knob in spec.settings})


def _world_of(address: str) -> World:
    return opened(address.rpartition("#")[0])


def world(
    address: str,
    *,
    n: int = 500,
    start: int = 0,
    split: Literal["train", "validation", "test"] = "test",
    **knobs: Any,
) -> Suite:
    """`n` prompts of a split of the world at `address` (a preset) from place `start` on, as a suite whose judge is the gold one.

    No prompt stands in two splits, nor twice in one, so suites of one split whose places do not overlap share none. Every other
    setting is a knob of the world. Raises BadInput for an unknown preset, knob or kind of task, and where the world has fewer prompts.
    """
    if "#" in address:
        raise BadInput(f'"world:{address}" is a member, not prompts; drop "#{address.rpartition("#")[2]}"')
    if n < 1:
        raise BadInput(f'"world:{address}": n={n} must be at least 1')
    if start < 0:
        raise BadInput(f'"world:{address}": start={start} must be at least 0')
    found = World.of(address, **knobs)
    return Suite(
        name=found.name.replace("?", "/").replace("&", "/"),
        version=found.id[:8],
        prompts=found.prompts(start + n, split)[start:],
        judge=f"{found.name}#gold",
        licence="Apache-2.0",
        source=found.name,
    )


def _with_knobs(factory: Any) -> inspect.Signature:
    """The signature of `world` with every knob in the place of `**knobs`."""
    own = inspect.signature(factory).parameters.values()
    knobs = inspect.signature(Knobs).parameters.values()
    return inspect.Signature([*(p for p in own if p.kind is not p.VAR_KEYWORD), *knobs])


world.__signature__ = _with_knobs(world)  # type: ignore[attr-defined]


def gold(address: str, *, name: str) -> ByScore:
    """The judge that knows the truth of the world: the answer of higher gold value wins, equal values tie."""
    return gold_judge(_world_of(address), name)


def gold_scorer(address: str, *, name: str) -> GoldScorer:
    """The exact gold value of an answer."""
    return GoldScorer(_world_of(address), name)


def annotator(
    address: str,
    *,
    k: float | None = None,
    length_bias: float | None = None,
    position_bias: float | None = None,
    self_preference: float | None = None,
    own: str = "",
    aspect_sd: float | None = None,
    contradiction: float | None = None,
    flip: float | None = None,
    seed: int = 0,
    soft: bool = False,
    guesses: bool = False,
    name: str,
) -> annotators_.Annotators:
    """One simulated annotator as a judge; what is not given is the world's own knob.

    k is a temperature in units of gold value (0: never errs); length_bias is in logits a word, position_bias and self_preference
    (for answers in the manner `own`) in logits; labels are swapped with probability `flip`. `soft` gives probabilities. guesses:
    where a prompt does not say who asks, one of the world's people is taken for the asker.
    """
    home = _world_of(address)
    given = {
        "k": k, "length_bias": length_bias, "position_bias": position_bias, "self_preference": self_preference,
        "aspect_sd": aspect_sd, "contradiction": contradiction, "flip": flip,
    }  # fmt: skip
    changed = {key: value for key, value in given.items() if value is not None}
    if own:
        actors.manner_of(own)
    taste = annotators_.Taste(**asdict(annotators_.taste_of(home.knobs)) | changed | {"own": own})
    return annotators_.Annotators(home, (taste,), name, seed, soft, guesses)


def grader(address: str, *, noise: float = 0.5, seed: int = 0, name: str) -> Grader:
    """A judge that grades each answer alone from 1 to 5: the world's truth with normal noise of `noise` grades.

    5 is right in the manner that the asker likes best; a prompt that does not say who asks is graded by what is right alone.
    """
    if not noise >= 0.0:
        raise BadInput(f'"{name}": noise={noise} must be at least 0')
    return Grader(_world_of(address), noise, seed, name)


def annotators(
    address: str,
    *,
    members: int = 13,
    spread: float = 0.5,
    flip: float | None = None,
    seed: int = 0,
    name: str,
) -> annotators_.Annotators:
    """A pool of simulated annotators as a judge: each pair of answers is labelled by one of them, drawn by the pair.

    They differ about the world's own annotator by `spread`. Source of the design: AlpacaFarm, section 3.
    """
    from dataclasses import replace

    home = _world_of(address)
    crowd = annotators_.pool(home.knobs, members, spread, seed)
    if flip is not None:
        crowd = tuple(replace(taste, flip=flip) for taste in crowd)
    return annotators_.Annotators(home, crowd, name, seed)


def scorer(
    address: str, *, sd: float = 0.3, length_bias: float = 0.0, seed: int = 0, name: str
) -> annotators_.NoisyScorer:
    """A cheap reward model: the gold value with normal noise of `sd` that stays the same for the same answer, plus
    `length_bias` a word."""
    if not sd >= 0.0:
        raise BadInput(f'"{name}": sd={sd} must be at least 0')
    return annotators_.NoisyScorer(_world_of(address), sd, length_bias, seed, name)


def oracle(
    address: str,
    *,
    quality: tuple[float, ...] = (),
    manner: str = "plain",
    over_refusal: float | None = None,
    name: str,
) -> actors.Actor:
    """A contender that answers right with probability `quality`, in a manner: plain, best (for the prompt's person), random,
    or values joined by + such as warm+thanks.

    quality: one number, or one for each language; without it the world's fault-free share.
    """
    home = _world_of(address)
    able = quality or (1.0 - home.knobs.faulty,)
    if len(able) not in (1, len(home.tongues)):
        raise BadInput(
            f'"{name}": quality has {len(able)} numbers; give one, or one for each of {len(home.tongues)} languages'
        )
    for share in able:
        _check_share(name, "quality", share)
    able = able if len(able) > 1 else able * len(home.tongues)
    declines = home.knobs.over_refusal if over_refusal is None else over_refusal
    _check_share(name, "over_refusal", declines)
    return actors.oracle(home, quality=able, manner=manner, over_refusal=declines, name=name)


def critic(address: str, *, noise: float | None = None, name: str) -> actors.Actor:
    """A contender that names the faults of a draft and their places; `noise` is the share that it gets wrong."""
    home = _world_of(address)
    wrong = home.knobs.critic_noise if noise is None else noise
    _check_share(name, "noise", wrong)
    return actors.critic(home, noise=wrong, name=name)


def reviser(
    address: str, *, mends: float | None = None, damages: float | None = None, name: str
) -> actors.Actor:
    """A contender that mends a faulty draft with probability `mends` and spoils a right one with probability `damages`."""
    home = _world_of(address)
    p = home.knobs.mends if mends is None else mends
    d = home.knobs.damages if damages is None else damages
    _check_share(name, "mends", p)
    _check_share(name, "damages", d)
    return actors.reviser(home, mends=p, damages=d, name=name)


def translator(address: str, *, to: int = 0, noise: float | None = None, name: str) -> actors.Actor:
    """A contender that says a prompt's last turn in language `to`; `noise` is the share of words that come out as others."""
    home = _world_of(address)
    wrong = home.knobs.translator_noise if noise is None else noise
    _check_share(name, "noise", wrong)
    return actors.translator(home, to=to, noise=wrong, name=name)


def patient(address: str, *, name: str) -> actors.Actor:
    """A contender that answers yes or no to the one finding asked about, by the record in the prompt's system text."""
    return actors.patient(_world_of(address), name=name)


def marker(
    address: str,
    *,
    error: float = 0.2,
    length_bias: float = 0.0,
    tie: float = 0.05,
    much: float = 0.5,
    look: Literal["own", "question", "impression"] = "own",
    name: str,
) -> actors.Actor:
    """A contender that plays WildBench's judge of pairs: each question of a checklist is misread with probability `error`.

    Scores are shares of yes, plus `length_bias` a word; they tie up to `tie` apart and are much better above `much`. look: without a
    checklist, its own half of the questions, one question whether the answer is right, or a noisy impression of how right it is.
    """
    _check_share(name, "error", error)
    if not 0.0 <= tie <= much:
        raise BadInput(f'"{name}": tie={tie} and much={much} must be 0 <= tie <= much')
    home = _world_of(address)
    act = markers.marking(home, error=error, length_bias=length_bias, tie=tie, much=much, look=look)
    settings = {"error": error, "length_bias": length_bias, "tie": tie, "much": much, "look": look}
    return actors.Actor(act, name, markers.marker_id(home, settings))


def base(
    address: str,
    *,
    size: Literal["0.2M", "1M", "3M"] = "1M",
    dtype: Literal["auto", "float32", "bfloat16"] = "float32",
    slots: int = 256,
    name: str,
) -> LocalContender:
    """A tiny model of the world as a contender: one that ships, else one that its recipe makes on first use and the cache keeps."""
    from winsome.contenders.local import LocalContender
    from winsome.sandbox.tiny_lm import folder

    place = folder(_world_of(address), size)
    return LocalContender(str(place), dtype=dtype, slots=slots, name=name)


def _check_share(name: str, setting: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise BadInput(f'"{name}": {setting}={value} must lie in [0, 1]')
