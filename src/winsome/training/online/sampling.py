"""Where rollouts come from: the project's own sampler, transformers, or any contender that opens the policy's folder."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from winsome.errors import BadInput, Unsupported
from winsome.models.draw import Draw
from winsome.models.render import end_of_turn, text_ids
from winsome.models.sampler import Request, Sampler
from winsome.models.weights import LocalModel
from winsome.protocols import Contender
from winsome.records import Prompt, Response, Sampling
from winsome.training.online.asking import Asking

POLICY = "{policy}"
"""Stands in a contender's name for the folder of the weights that are to answer."""
NOT_TOLD = math.nan


@dataclass(frozen=True)
class Asked:
    """A prompt and its token ids."""

    prompt: Prompt
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """`ids` with the token that ended it, where one did; `logprobs` (nats) one an id, nan where the sampler did not tell.

    A draw that failed has no ids and an error.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool
    logprobs: tuple[float, ...]
    error: str = ""


Sample = Callable[[Sequence[Asked], int], list[list[Answer]]]
"""(prompts, number of the phase) -> the draws of each prompt, in order."""


def own(
    model: LocalModel, *, draws: int, max_tokens: int, temperature: float, seed: int, slots: int = 256
) -> Sample:
    """The sampler of `winsome.models`: draws are fixed by seed, phase and prompt."""

    def sample(asked: Sequence[Asked], phase: int) -> list[list[Answer]]:
        sampler = Sampler(model, Draw(temperature=temperature, logprobs=0), seed=seed, slots=slots)
        place = {_name(one, phase): i for i, one in enumerate(asked)}
        for name, i in place.items():
            room = _room(model, asked[i], max_tokens)
            sampler.add(Request(name, asked[i].ids, range(draws), room))
        found: list[dict[int, Answer]] = [{} for _ in asked]
        for drawn in sampler.finished():
            ids, told = drawn.ids, drawn.logprobs
            if drawn.end is not None:
                ids, told = (
                    (*ids, drawn.end),
                    (*told, NOT_TOLD if drawn.end_logprob is None else drawn.end_logprob),
                )
            found[place[drawn.request.name]][drawn.sample] = Answer(
                ids, drawn.text, drawn.end is not None, told
            )
        return [[held[k] for k in range(draws)] for held in found]

    return sample


def by_transformers(
    model: LocalModel, *, draws: int, max_tokens: int, temperature: float, seed: int
) -> Sample:
    """`generate` of transformers, one prompt at a time: for architectures that the own sampler cannot run."""
    import torch

    def sample(asked: Sequence[Asked], phase: int) -> list[list[Answer]]:
        with _seeded(), torch.no_grad():
            return [_generated(one, phase) for one in asked]

    def _generated(one: Asked, phase: int) -> list[Answer]:
        key = blake2b(f"{seed}|{_name(one, phase)}".encode(), digest_size=8).digest()
        cast(Any, torch).manual_seed(int.from_bytes(key) >> 1)
        ids = torch.tensor([one.ids], device=model.device)
        # Everything that would bend the distribution is put back to its neutral value.
        out: Any = model.network.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=temperature, top_k=0, top_p=1.0,
            repetition_penalty=1.0, min_new_tokens=0, max_new_tokens=_room(model, one, max_tokens), num_return_sequences=draws,
            eos_token_id=sorted(model.ends), pad_token_id=min(model.ends), return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
        new = out.sequences[:, ids.shape[1] :]
        chances: Any = torch.stack(out.logits, 1).float().log_softmax(-1).gather(2, new[..., None])[..., 0]
        found: list[Answer] = []
        for row, told in zip(new.tolist(), chances.tolist(), strict=True):
            end = next((i for i, token in enumerate(row) if token in model.ends), None)
            kept = len(row) if end is None else end + 1
            words = row[:kept] if end is None else row[:end]
            text = model.tokenizer.decode(words, skip_special_tokens=True)
            found.append(Answer(tuple(row[:kept]), text, end is not None, tuple(told[:kept])))
        return found

    return sample


def by_contender(
    name: str, model: LocalModel, asking: Asking, write: Callable[[Path], None], folder: Path, *,
    draws: int, max_tokens: int, temperature: float, seed: int, told: bool,
) -> Sample:  # fmt: skip
    """A contender opened anew each phase, its name's {policy} being the folder that `write` fills: vllm:{policy}, http://..

    `told`: log-probabilities are needed, and Unsupported is raised where it gives none.
    """
    if POLICY not in name:
        raise BadInput(
            f'sampler "{name[:60]}" would never see the new weights; write {POLICY} where its name takes a folder'
        )

    def sample(asked: Sequence[Asked], phase: int) -> list[list[Answer]]:
        place = (folder / f"{phase:06d}").resolve()
        write(place)
        contender: Any = asking.session.open(name.replace(POLICY, str(place)), Contender)
        sampling = Sampling(range(draws), temperature, 1.0, None, max_tokens, seed=seed + phase, logprobs=0)
        found: dict[tuple[str, int], Response] = {}

        async def ask() -> None:
            async for response in contender.answer([one.prompt for one in asked], sampling):
                found[response.prompt, response.sample] = response

        asking.run(ask())
        shutil.rmtree(place, ignore_errors=True)
        return [[_answer(model, found.get((one.prompt.id, k)), told) for k in range(draws)] for one in asked]

    return sample


def _answer(model: LocalModel, response: Response | None, told: bool) -> Answer:
    if response is None or response.finish == "failed":
        return Answer((), "", False, (), (response and response.error) or "no answer")
    tokens = response.tokens
    if tokens is None and told:
        raise Unsupported(
            f'"{response.contender[:60]}" gives no log-probabilities; this method needs them: use another --sampler'
        )
    ids = tokens.ids if tokens is not None and tokens.ids else tuple(text_ids(model, response.text))
    same = tokens is not None and len(tokens.logprobs) == len(ids)
    chances = tokens.logprobs if tokens is not None and same else (NOT_TOLD,) * len(ids)
    ended = response.finish == "stop"
    if ended:
        ends = end_of_turn(model)
        assert ends is not None
        ids, chances = (*ids, ends), (*chances, NOT_TOLD)
    return Answer(tuple(ids), response.text, ended, tuple(chances))


def _name(one: Asked, phase: int) -> str:
    return f"{one.prompt.id}/rollout/{phase}"


def _room(model: LocalModel, one: Asked, max_tokens: int) -> int:
    room = model.context - len(one.ids)
    if room < 1:
        raise BadInput(
            f"prompt {one.prompt.item or one.prompt.id[:12]}: {len(one.ids)} tokens, {model.name} holds {model.context}; shorten it"
        )
    return min(room, max_tokens)


@contextmanager
def _seeded() -> Generator[None]:
    """Torch's random state as it was, afterwards."""
    import torch

    with cast(Any, torch.random).fork_rng():
        yield
