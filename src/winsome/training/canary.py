"""A look at what the policy says: loops, lengths, answers that end, drift from the start. A run that only looks fine is paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from winsome.models.draw import Draw
from winsome.models.forward import token_logprobs
from winsome.models.sampler import Request, Sampler
from winsome.models.weights import LocalModel
from winsome.training.trainer import Paused

PROMPTS = 32
MAX_TOKENS = 256
GRAM = 4
LOOPING = 0.2
"""Share of repeated runs of 4 tokens above which answers loop, unless the start's did already."""
LONGER = 4.0
"""Factor of the start's mean length above which answers run away, or below whose inverse they dry up."""
ENDED = 0.5
"""Share of the start's ended answers below which the policy has forgotten how to stop."""


@dataclass(frozen=True)
class Sampled:
    """Figures of sampled answers: share of repeated 4-grams, mean tokens, share that ended, nats an answer from the start."""

    repetition: float
    length: float
    ended: float
    kl: float

    def figures(self) -> dict[str, float]:
        return {f"canary_{name}": value for name, value in vars(self).items()}


class Canary:
    """Answers of the policy to some prompts of the data, drawn at temperature 1 with one seed, against the start's own.

    Where it pauses a run, the answers of both stand side by side in `folder`.
    """

    def __init__(
        self,
        policy: LocalModel,
        start: LocalModel,
        prompts: Sequence[Sequence[int]],
        max_kl: float,
        folder: Path,
    ) -> None:
        self._policy = policy
        self._start = start
        self._prompts = [list(p) for p in dict.fromkeys(map(tuple, prompts))][:PROMPTS]
        self._max_kl = max_kl
        self._folder = folder
        self._first, self._start_said = self._measured(start)

    def __call__(self, update: int) -> Mapping[str, float]:
        """The figures after `update`; raises Paused where they are bad."""
        now, said = self._measured(self._policy)
        why = alarm(now, self._first, self._max_kl)
        if why is not None:
            raise Paused(
                f"paused after update {update}: {why}; look at {self._shown(update, said)}, lower --rate, or go on with --canary-every 0"
            )
        return now.figures()

    def _shown(self, update: int, said: Sequence[str]) -> str:
        """The name of a file with the start's and the policy's answers, prompt by prompt."""
        place = self._folder / f"canary-{update:06d}.jsonl"
        asked = map(self._start.tokenizer.decode, self._prompts)
        rows = zip(asked, self._start_said, said, strict=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(
            b"".join(orjson.dumps({"prompt": p, "start": a, "policy": b}) + b"\n" for p, a, b in rows)
        )
        return place.name

    def _measured(self, model: LocalModel) -> tuple[Sampled, list[str]]:
        """The figures of a model's answers, and the answers in the prompts' order."""
        sampler = Sampler(model, Draw(temperature=1.0, top_p=1.0, top_k=None, stop=(), logprobs=None), seed=0)
        for number, prompt in enumerate(self._prompts):
            room = min(MAX_TOKENS, model.context - len(prompt))
            sampler.add(Request(f"{number}/canary", prompt, (0,), room))
        drawn = list(sampler.finished())
        said = [[*one.ids, *(sorted(model.ends)[:1] if one.finish == "stop" else [])] for one in drawn]
        kept = [i for i, ids in enumerate(said) if ids]
        asked = [drawn[i].request.ids for i in kept]
        kl = 0.0
        if model is not self._start and kept:
            answers = [said[i] for i in kept]
            own, old = (token_logprobs(m, asked, answers) for m in (model, self._start))
            kl = sum(float(a.sum() - b.sum()) for a, b in zip(own, old, strict=True)) / len(kept)
        texts = {drawing.request.name: drawing.text for drawing in drawn}
        figures = Sampled(
            repetition=sum(map(repeated, said)) / len(said),
            length=sum(map(len, said)) / len(said),
            ended=sum(one.finish == "stop" for one in drawn) / len(drawn),
            kl=kl,
        )
        return figures, [texts[f"{number}/canary"] for number in range(len(self._prompts))]


def alarm(now: Sampled, first: Sampled, max_kl: float) -> str | None:
    """What is wrong with a policy's answers beside the start's, the first of several; None where nothing is."""
    bad = [
        (now.repetition > max(LOOPING, 2 * first.repetition), f"repetition {now.repetition:.2f} (start {first.repetition:.2f})"),
        (now.length > LONGER * first.length, f"length {now.length:.0f} tokens (start {first.length:.0f})"),
        (now.length < first.length / LONGER, f"length {now.length:.0f} tokens (start {first.length:.0f})"),
        (now.ended < ENDED * first.ended, f"{now.ended:.0%} of answers end (start {first.ended:.0%})"),
        (now.kl > max_kl, f"KL {now.kl:.0f} nats an answer (limit {max_kl:g})"),
    ]  # fmt: skip
    return next((text for holds, text in bad if holds), None)


def repeated(ids: Sequence[int]) -> float:
    """The share of runs of 4 tokens that have stood before in the same answer."""
    grams = [tuple(ids[i : i + GRAM]) for i in range(len(ids) - GRAM + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0
