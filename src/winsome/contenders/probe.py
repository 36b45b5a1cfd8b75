"""One small call that tells what a server can do, before much is spent on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.contenders.refusal import Unanswered
from winsome.contenders.server import Unreachable
from winsome.errors import Fatal
from winsome.records import Prompt, Sampling, Usage, user

if TYPE_CHECKING:
    from winsome.contenders.endpoint import Endpoint

QUESTION = Prompt((user("Answer with the single word: ready"),))
TOKENS = 16
_WINDOW_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server showed. `model` is the id it answers under; `window` in tokens, None where it does not tell.

    `logprobs`: the first token came with alternatives; `seed`: a seed was not refused.
    """

    model: str
    logprobs: bool
    seed: bool
    window: int | None
    seconds: float
    usage: Usage


async def probe(endpoint: Endpoint, logprobs: int = 2) -> Probe:
    """What `endpoint` can do, by one call of a few tokens (one more where it refuses an optional field).

    `logprobs`: how many alternatives a token are asked for. Raises what an answer would, each in one line; a server that
    cannot be reached is Fatal here, since a run has not begun.
    """
    sampling = Sampling(max_tokens=TOKENS, seed=1, logprobs=logprobs)
    began, calls = time.perf_counter(), 1
    try:
        window = _window(await endpoint.server.models(), endpoint.model)
        try:
            turn = await endpoint.server.chat(endpoint.request(QUESTION, sampling, 0), True)
        except Fatal as refused:
            no_logprobs, no_seed = "logprob" in str(refused), "seed" in str(refused)
            if not (no_logprobs or no_seed):
                raise
            calls = 2
            sampling = Sampling(
                max_tokens=TOKENS, seed=None if no_seed else 1, logprobs=None if no_logprobs else logprobs
            )
            turn = await endpoint.server.chat(endpoint.request(QUESTION, sampling, 0), True)
    except Unreachable as error:
        raise Fatal(str(error)) from None
    if isinstance(turn, Unanswered):
        raise Fatal(f"{endpoint.host}: {turn.error}")
    seconds = time.perf_counter() - began
    tops = turn.tokens.top if turn.tokens else ()
    return Probe(
        model=turn.served_by or endpoint.model,
        logprobs=bool(tops) and bool(tops[0]),
        seed=sampling.seed is not None,
        window=window,
        seconds=seconds,
        usage=endpoint.usage_of([turn], seconds, calls),
    )


def _window(models: list[Mapping[str, Any]], model: str) -> int | None:
    for listed in models:
        if listed.get("id") != model:
            continue
        meta = listed.get("meta")
        for place in (listed, meta if isinstance(meta, dict) else {}):
            for name in _WINDOW_NAMES:
                value = place.get(name)
                if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                    return value
    return None
