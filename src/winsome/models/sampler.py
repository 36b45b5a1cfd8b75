"""Answers drawn from local weights: a static key-value cache whose slots are refilled as sequences end.

A prompt is read once for all its draws, several prompts in one row, what they begin with in common once, and finished
sequences leave the batch at once, so no step is spent on padding. Every draw has its own stream of uniforms, by (seed, prompt, sample): which
other sequences share the batch changes it only as far as the arithmetic of a larger matrix product rounds differently.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from winsome.errors import BadInput
from winsome.models.cache import Kept, SlotCache
from winsome.models.decoder import decoder_of
from winsome.models.draw import Draw, draw_tokens, logprobs_of
from winsome.models.forward import logits
from winsome.models.prefill import PromptCache, fitting, row_of
from winsome.models.weights import LocalModel, check_plain_attention

if TYPE_CHECKING:
    from torch import Tensor

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
    uniforms: list[float]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[dict[int, float]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Read:
    """A prompt that has been read, waiting for slots: its row's cache, where it stands there, the logits of its first token."""

    request: Request
    row: Kept
    path: Tensor
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
        self._pending: list[Request] = []
        """Sorted when the next row is read, the next one last: neighbours share what they begin with."""
        self._sorted = True
        self._before: tuple[Sequence[int], Kept] | None = None
        """The prompt that was read last."""
        self._read: deque[_Read] = deque()
        self._active: list[_Sequence | None] = []
        """By slot; None where a sequence has ended."""
        self._free: list[int] = []
        self._cache = SlotCache(model.device)
        self._decoder = decoder_of(model.network) if model.device == "cpu" else None
        self._longest = 0

    def add(self, request: Request) -> None:
        """Queue a request; its prompt and max_tokens must fit the context. Raises BadInput where either is nothing."""
        if not request.ids or request.max_tokens < 1:
            raise BadInput(
                f"prompt {request.name[:40]}: give it at least one token, and max_tokens of at least 1"
            )
        size = len(request.ids) + request.max_tokens
        if size > self._longest:
            check_plain_attention(self._model, size)
            self._longest = size
        if request.samples:
            self._pending.append(request)
            self._sorted = False

    def finished(self) -> Iterator[Drawn]:
        """Each draw as it ends, until nothing is queued or active."""
        for ended in self.steps():
            yield from ended

    def steps(self) -> Iterator[list[Drawn]]:
        """The same, those that end with one token together."""
        while self._pending or self._read or self._active:
            ended = self._fill()
            if self._active and not ended:
                ended = self._step()
            if ended:
                yield ended

    def _fill(self) -> list[Drawn]:
        """Seat draws of prompts already read, reading more where slots are free; draws that end at once are given back."""
        import torch

        ended: list[Drawn] = []
        while self._taken < self._slots and (self._read or self._pending):
            if not self._read:
                self._read_prompts()
            slots, scores = self._seated()
            if not slots:
                break
            ended += self._take(torch.stack(scores), slots)
        self._close_up()
        return ended

    @property
    def _taken(self) -> int:
        return len(self._active) - len(self._free)

    def _seated(self) -> tuple[list[int], list[Tensor]]:
        """Slots in which draws of the next row's prompts sit now, as many as fit, and the logits of each one's first token."""
        import torch

        slots: list[int] = []
        scores: list[Tensor] = []
        paths: list[Tensor] = []
        lengths: list[int] = []
        row = self._read[0].row
        while self._read and self._read[0].row is row:
            prompt = self._read[0]
            count = min(len(prompt.waiting), self._fitting(prompt))
            for _ in range(count):
                slot = self._free.pop() if self._free else len(self._active)
                sample = prompt.waiting.popleft()
                stream = uniforms(self._seed, prompt.request, sample)
                each = prompt.seconds / len(prompt.request.samples)
                if slot == len(self._active):
                    self._active.append(None)
                self._active[slot] = _Sequence(prompt.request, sample, stream, seconds=each)
                slots.append(slot)
                scores.append(prompt.logits)
                paths.append(prompt.path)
                lengths.append(len(prompt.request.ids))
            if prompt.waiting:
                break
            self._read.popleft()
        if slots:
            waiting = sum(len(read.waiting) for read in self._read)
            waiting += sum(len(request.samples) for request in self._pending)
            expected = min(self._slots, self._taken + waiting)
            self._cache.seat(slots, row, torch.stack(paths), lengths, expected)
        return slots, scores

    def _fitting(self, prompt: _Read) -> int:
        """How many of a prompt's draws can be seated now."""
        positions = len(prompt.request.ids) + prompt.request.max_tokens
        room = self._cache.admits(positions, self._taken, CACHE_BYTES, prompt.row)
        return min(room, self._slots - self._taken)

    def _read_prompts(self) -> None:
        """Read the next row of prompts."""
        import torch

        if not self._sorted:
            self._pending.sort(key=lambda request: list(request.ids), reverse=True)
            self._sorted = True
        started = time.perf_counter()
        last, kept = self._before or ((), None)
        count = fitting((request.ids for request in reversed(self._pending)), last)
        requests = [self._pending.pop() for _ in range(count)]
        row = row_of([request.ids for request in requests], last, self._model.device)
        before = None
        if kept is not None and row.before:
            before = kept[0][:, :, : row.before], kept[1][:, :, : row.before]
        cache, decoder = PromptCache(row, before), self._decoder
        with torch.inference_mode():
            if decoder is None:
                hidden = self._model.network.base_model(
                    input_ids=row.ids[None],
                    position_ids=row.positions[None],
                    attention_mask=row.mask(),
                    past_key_values=cache,
                    use_cache=True,
                ).last_hidden_state[0]
                first = logits(self._model, hidden[row.lasts])
            else:
                first = decoder.logits(decoder.states(row.ids, row.positions, cache.attend, row.lasts))
            whole = cache.kept()
            self._before = None
            if self._pending:
                path = row.paths[-1, : row.lengths[-1]]
                self._before = requests[-1].ids, (whole[0][:, :, path], whole[1][:, :, path])
        each = (time.perf_counter() - started) / sum(row.lengths)
        for request, path, scores in zip(requests, row.paths, first, strict=True):
            samples = deque(request.samples)
            self._read.append(_Read(request, whole, path, scores, samples, each * len(request.ids)))

    def _close_up(self) -> None:
        """Move the last sequences into the free slots before them."""
        if not self._free:
            return
        count = self._taken
        holes = (slot for slot in self._free if slot < count)
        last = (slot for slot in range(count, len(self._active)) if self._active[slot] is not None)
        moved = list(zip(last, holes, strict=True))
        for source, target in moved:
            self._active[target] = self._active[source]
        del self._active[count:]
        self._free.clear()
        self._cache.close(moved, count)

    def _step(self) -> list[Drawn]:
        """The next token of every active sequence."""
        import torch

        started = time.perf_counter()
        decoder, cache = self._decoder, self._cache
        with torch.inference_mode():
            last = torch.tensor([s.ids[-1] for s in self._active if s is not None], device=self._model.device)
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
        return self._take(scores, range(len(self._active)), started)

    def _take(self, scores: Tensor, slots: Sequence[int], started: float | None = None) -> list[Drawn]:
        """Draw one token for each of `slots`, whose logits were computed since `started`; sequences that end leave theirs."""
        import torch

        sequences = [one for slot in slots if (one := self._active[slot]) is not None]
        uniform = torch.tensor([s.uniforms[len(s.ids)] for s in sequences], device=scores.device)
        with torch.inference_mode():
            drawn = draw_tokens(scores, uniform, self._draw)
            tokens = drawn.tolist()
            if self._draw.logprobs is not None:
                found = logprobs_of(scores, drawn, self._draw.logprobs)
                for sequence, (own, top) in zip(sequences, found, strict=True):
                    sequence.logprobs.append(own)
                    sequence.top.append(top)
        share = 0.0 if started is None else (time.perf_counter() - started) / len(sequences)
        ended: list[Drawn] = []
        for slot, sequence, token in zip(slots, sequences, tokens, strict=True):
            sequence.ids.append(token)
            sequence.seconds += share
            full = len(sequence.ids) >= sequence.request.max_tokens
            if not (full or self._draw.stop or token in self._ends):
                continue
            one = self._ended(sequence)
            if one is not None:
                ended.append(one)
                self._active[slot] = None
                self._free.append(slot)
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


def uniforms(seed: int, request: Request, sample: int) -> list[float]:
    """The uniforms in [0, 1) that draw a sequence's tokens, max_tokens of them, by (seed, request name, sample) alone."""
    import numpy as np

    key = blake2b(f"{seed}|{request.name}|{sample}".encode(), digest_size=16).digest()
    stream = np.random.Generator(np.random.Philox(int.from_bytes(key)))
    return stream.random(request.max_tokens, np.float32).tolist()


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
