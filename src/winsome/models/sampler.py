"""Answers drawn from local weights: a static key-value cache whose slots are refilled as sequences end.

A prompt is read once for all its draws, several prompts are read in one packed row, and finished sequences leave the batch
at once, so no step is spent on padding. Every draw has its own stream of uniforms, by (seed, prompt, sample): which
other sequences share the batch changes it only as far as the arithmetic of a larger matrix product rounds differently.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from winsome.models.cache import Kept, PromptCache, SlotCache
from winsome.models.decoder import decoder_of
from winsome.models.draw import Draw, draw_tokens, logprobs_of
from winsome.models.forward import hidden_states, logits
from winsome.models.packing import Tree, pack
from winsome.models.weights import LocalModel, check_plain_attention

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray
    from torch import Tensor

PREFILL_TOKENS = 384
"""Prompts are read ahead until a packed row holds this many tokens."""
CACHE_BYTES = 2 << 30
"""Key-value memory that the slots may take."""


@dataclass(frozen=True)
class Request:
    """A prompt's token ids, which of its draws are wanted, and the name that seeds them."""

    name: str
    ids: Sequence[int]
    samples: Sequence[int]
    max_tokens: int


@dataclass(frozen=True)
class Drawn:
    """One finished draw; `ids` without the token that ended it, `text` cut before a stop string.

    `logprobs` (nats, of each id) and `top` (id -> logprob a position) only where they were asked for. `tokens` counts
    every token drawn; `seconds` is this draw's share of the time computed. `end` is the token that ended it, where one did.
    """

    request: Request
    sample: int
    ids: tuple[int, ...]
    text: str
    finish: Literal["stop", "length"]
    tokens: int
    seconds: float
    logprobs: tuple[float, ...] = ()
    top: tuple[dict[int, float], ...] = ()
    end: int | None = None
    end_logprob: float | None = None


@dataclass
class _Sequence:
    request: Request
    sample: int
    uniforms: NDArray[float32]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[dict[int, float]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Read:
    """A prompt that has been read, waiting for slots: its cache and the logits of its first token."""

    request: Request
    cache: Kept
    logits: Tensor
    waiting: deque[int]
    seconds: float


class Sampler:
    """A batch of sequences being drawn. `add` may be called at any time, also between two finished draws."""

    def __init__(
        self,
        model: LocalModel,
        draw: Draw,
        *,
        seed: int = 0,
        slots: int = 64,
        ends: frozenset[int] | None = None,
    ) -> None:
        self._model = model
        self._ends = model.ends if ends is None else ends
        self._draw = draw
        self._seed = seed
        self._slots = slots
        self._pending: deque[Request] = deque()
        self._read: deque[_Read] = deque()
        self._active: list[_Sequence] = []
        self._cache = SlotCache(model.device)
        self._decoder = decoder_of(model.network) if model.device == "cpu" else None

    def add(self, request: Request) -> None:
        """Queue a request; its prompt and max_tokens must fit the context (see `room`)."""
        check_plain_attention(self._model, len(request.ids) + request.max_tokens)
        if request.samples:
            self._pending.append(request)

    def finished(self) -> Iterator[Drawn]:
        """Each draw as it ends, until nothing is queued or active."""
        while self._pending or self._read or self._active:
            started = time.perf_counter()
            ended = self._fill()
            if self._active and not ended:
                ended = self._step()
                share = (time.perf_counter() - started) / max(1, len(self._active) + len(ended))
                for sequence in self._active:
                    sequence.seconds += share
            yield from ended

    def _fill(self) -> list[Drawn]:
        """Seat draws of prompts already read, reading more where slots are free; draws that end at once are given back."""
        import torch

        ended: list[Drawn] = []
        while len(self._active) < self._slots and (self._read or self._pending):
            if not self._read:
                self._read_prompts()
            first = len(self._active)
            waiting = sum(len(request.samples) for request in self._pending)
            scores: list[Tensor] = []
            while self._read and (count := self._fitting(self._read[0])):
                prompt = self._read[0]
                queued = len(self._active) + sum(len(read.waiting) for read in self._read) + waiting
                self._cache.append(prompt.cache, count, min(self._slots, queued))
                scores.append(prompt.logits[None].expand(count, -1))
                each = prompt.seconds / len(prompt.request.samples)
                for _ in range(count):
                    sample = prompt.waiting.popleft()
                    stream = uniforms(self._seed, prompt.request, sample)
                    self._active.append(_Sequence(prompt.request, sample, stream, seconds=each))
                if not prompt.waiting:
                    self._read.popleft()
            if not scores:
                break
            with torch.inference_mode():
                joined = torch.cat(scores)
            ended += self._take(joined, range(first, len(self._active)))
        return ended

    def _fitting(self, prompt: _Read) -> int:
        """How many of a prompt's draws can be seated now."""
        count = min(len(prompt.waiting), self._slots - len(self._active))
        positions = len(prompt.request.ids) + prompt.request.max_tokens
        return self._cache.admits(count, positions, CACHE_BYTES, prompt.cache) if count else 0

    def _read_prompts(self) -> None:
        import torch

        started = time.perf_counter()
        requests = [self._pending.popleft()]
        size = len(requests[0].ids)
        wanted = self._slots - len(self._active) - len(requests[0].samples)
        while (
            self._pending
            and (size < PREFILL_TOKENS or wanted > 0)
            and size + len(self._pending[0].ids) <= 512
        ):
            wanted -= len(self._pending[0].samples)
            size += len(self._pending[0].ids)
            requests.append(self._pending.popleft())
        packed = pack([Tree(request.ids) for request in requests], self._model.device, explicit=True)
        lasts = [end - 1 for _, end in packed.trunks]
        tap = PromptCache([len(request.ids) for request in requests], self._model.device)
        decoder = self._decoder
        with torch.inference_mode():
            if decoder is None:
                first = logits(self._model, hidden_states(self._model, packed, tap)[lasts])
            else:
                first = decoder.logits(decoder.states(packed.ids[0], packed.positions[0], tap.attend)[lasts])
            keys, values = tap.kept()
        each = (time.perf_counter() - started) / size
        for request, (start, end), scores in zip(requests, packed.trunks, first, strict=True):
            kept = keys[:, :, start:end], values[:, :, start:end]
            self._read.append(_Read(request, kept, scores, deque(request.samples), each * len(request.ids)))

    def _step(self) -> list[Drawn]:
        import torch

        decoder, cache = self._decoder, self._cache
        with torch.inference_mode():
            last = torch.tensor([s.ids[-1] for s in self._active], device=self._model.device)
            positions = cache.begin()
            if decoder is None:
                hidden = self._model.network.base_model(
                    input_ids=last[:, None],
                    position_ids=positions[:, None],
                    attention_mask=cache.mask(),
                    past_key_values=cache,
                    use_cache=True,
                ).last_hidden_state[:, 0]
                scores = logits(self._model, hidden)
            else:
                scores = decoder.logits(decoder.states(last, positions, cache.attend))
            cache.end()
        return self._take(scores, range(len(self._active)))

    def _take(self, scores: Tensor, rows: Sequence[int]) -> list[Drawn]:
        """Draw one token for each of `rows`; sequences that end leave their slots."""
        import torch

        sequences = [self._active[row] for row in rows]
        uniform = torch.tensor([s.uniforms[len(s.ids)] for s in sequences], device=scores.device)
        with torch.inference_mode():
            tokens = draw_tokens(scores, uniform, self._draw)
            if self._draw.logprobs is not None:
                for sequence, (own, top) in zip(
                    sequences, logprobs_of(scores, tokens, self._draw.logprobs), strict=True
                ):
                    sequence.logprobs.append(own)
                    sequence.top.append(top)
        ended: list[Drawn] = []
        for row, token in sorted(zip(rows, tokens.tolist(), strict=True), reverse=True):
            sequence = self._active[row]
            sequence.ids.append(token)
            full = len(sequence.ids) >= sequence.request.max_tokens
            if not (full or self._draw.stop or token in self._ends):
                continue
            drawn = self._ended(sequence)
            if drawn is not None:
                ended.append(drawn)
                # The last sequence moves into the hole; rows are visited from the highest, so it is done already.
                self._active[row] = self._active[-1]
                self._active.pop()
                self._cache.drop(row)
        return ended

    def _ended(self, sequence: _Sequence) -> Drawn | None:
        ids = sequence.ids
        decode = self._model.tokenizer.decode
        if ids[-1] in self._ends:
            return self._drawn(sequence, len(ids) - 1, decode(ids[:-1], skip_special_tokens=True), "stop")
        if self._draw.stop:
            # A stop string of n characters spans at most n of the newest tokens, one more for a cut character.
            tail = decode(ids[-max(map(len, self._draw.stop)) - 1 :])
            if any(stop in tail for stop in self._draw.stop):
                text = decode(ids, skip_special_tokens=True)
                places = [place for stop in self._draw.stop if (place := text.find(stop)) >= 0]
                if places:
                    return self._drawn(sequence, len(ids), text[: min(places)], "stop")
        if len(ids) >= sequence.request.max_tokens:
            return self._drawn(sequence, len(ids), decode(ids, skip_special_tokens=True), "length")
        return None

    def _drawn(self, sequence: _Sequence, kept: int, text: str, finish: Literal["stop", "length"]) -> Drawn:
        return Drawn(
            sequence.request,
            sequence.sample,
            tuple(sequence.ids[:kept]),
            text,
            finish,
            len(sequence.ids),
            sequence.seconds,
            tuple(sequence.logprobs[:kept]),
            tuple(sequence.top[:kept]),
            *self._end(sequence, kept),
        )

    def _end(self, sequence: _Sequence, kept: int) -> tuple[int | None, float | None]:
        """The token that ended a draw and its log-probability, where they are there."""
        if kept == len(sequence.ids):
            return None, None
        return sequence.ids[kept], sequence.logprobs[kept] if sequence.logprobs else None


def uniforms(seed: int, request: Request, sample: int) -> NDArray[float32]:
    """The uniforms in [0, 1) that draw a sequence's tokens: [max_tokens], by (seed, request name, sample) alone."""
    import numpy as np

    key = blake2b(f"{seed}|{request.name}|{sample}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(key))).random(request.max_tokens, np.float32)


def sample(
    model: LocalModel,
    requests: Sequence[Request],
    draw: Draw,
    *,
    seed: int = 0,
    slots: int = 64,
    ends: frozenset[int] | None = None,
) -> Iterator[Drawn]:
    """Each draw of `requests` as it ends; `ends` (default: the model's) are the tokens that end an answer."""
    sampler = Sampler(model, draw, seed=seed, slots=slots, ends=ends)
    for request in requests:
        sampler.add(request)
    return sampler.finished()
