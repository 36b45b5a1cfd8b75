"""Tokens per CPU-second of the sampler against the best of transformers.generate's settings, on the same prompts and weights.

    python -m benchmarks.sampler --case single --rounds 3

Cases: `single` one answer at a time, `equal` 256 prompts and answers of equal length, `short` answers that end at half the cap
on average (all three on a base of the world instruction); `chat` 16 different prompts and `draws` 16 samples of one prompt on
SmolLM2-135M. Both sides draw at temperature 1. The peer may use float32 or bfloat16 and, on the tiny base, a static or a growing
cache, and gets prompts sorted by length in batches; its best rate of all rounds counts, ours is the median. Rounds alternate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """`prompts` different ones of `length` tokens (0: real ones), `samples` of each, `cap` new tokens; `ends`: answers may end."""

    model: str
    prompts: int
    length: int
    samples: int
    cap: int
    batch: int
    dtype: str
    ends: bool = False


CASES = {
    "single": Case("1M", 4, 32, 1, 64, 1, "float32"),
    "equal": Case("1M", 256, 64, 1, 64, 256, "bfloat16"),
    "short": Case("1M", 512, 0, 1, 48, 256, "bfloat16", ends=True),
    "chat": Case("smollm2-135m", 16, 128, 1, 64, 16, "bfloat16"),
    "draws": Case("smollm2-135m", 1, 128, 16, 32, 16, "bfloat16"),
}


def loaded(case: Case) -> tuple[Any, Any, list[list[int]]]:
    """Our model, a function from dtype to the peer's, and the prompts' token ids."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    from winsome.models.fetch import PACKAGES, folder
    from winsome.models.render import prompt_ids
    from winsome.models.weights import load
    from winsome.sandbox import tiny_lm
    from winsome.sandbox.worlds import World

    world = World.of("instruction")
    place = str(folder(case.model) if case.model in PACKAGES else tiny_lm.folder(world, case.model))
    model = load(case.model if case.model in PACKAGES else place, case.dtype)  # pyright: ignore[reportArgumentType]
    torch.set_num_threads(1)
    held: dict[Any, Any] = {}

    def peer(dtype: Any) -> Any:
        if dtype not in held:
            held[dtype] = AutoModelForCausalLM.from_pretrained(place, dtype=dtype).eval()
        return held[dtype]

    rng = np.random.default_rng(0)
    if case.length:
        return model, peer, [rng.integers(6, 500, case.length).tolist() for _ in range(case.prompts)]
    return model, peer, [prompt_ids(model, prompt) for prompt in world.prompts(case.prompts)]


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """The rates of both sides and their ratio."""
    import torch

    from winsome.models.draw import Draw
    from winsome.models.sampler import Request, sample

    model, peer, prompts = loaded(case)
    ends = model.ends if case.ends else frozenset[int]()
    lengths: list[float] = []

    def ours(seed: int) -> float:
        start = time.process_time()
        requests = [Request(str(i), ids, range(case.samples), case.cap) for i, ids in enumerate(prompts)]
        drawn = list(sample(model, requests, Draw(), seed=seed, slots=case.batch, ends=ends))
        tokens = sum(one.tokens for one in drawn)
        lengths.append(tokens / len(drawn))
        return tokens / (time.process_time() - start)

    def theirs(seed: int, dtype: Any, cache: str | None) -> float:
        torch.manual_seed(seed)
        network, order, tokens = peer(dtype), sorted(prompts, key=len), 0
        settings: dict[str, Any] = {"cache_implementation": cache} if cache else {}
        step = max(1, case.batch // case.samples)
        start = time.process_time()
        for first in range(0, len(order), step):
            rows = order[first : first + step]
            longest = max(map(len, rows))
            padded = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
            mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
            with torch.inference_mode():
                whole = network.generate(
                    padded,
                    attention_mask=mask,
                    max_new_tokens=case.cap,
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    top_p=1.0,
                    eos_token_id=sorted(ends) or -1,
                    pad_token_id=0,
                    num_return_sequences=case.samples,
                    **settings,
                )
            for row in whole[:, longest:].tolist():
                ended = [place for place, token in enumerate(row) if token in ends]
                tokens += ended[0] + 1 if ended else len(row)
        return tokens / (time.process_time() - start)

    caches = (None,) if model.name == case.model else (None, "static")
    arms = [(dtype, cache) for dtype in (torch.float32, torch.bfloat16) for cache in caches]
    ours(0)
    own: list[float] = []
    other: dict[str, list[float]] = {}
    for number in range(rounds):
        own.append(ours(number))
        for dtype, cache in arms:
            other.setdefault(f"{str(dtype)[6:]} {cache or 'growing'}", []).append(
                theirs(number, dtype, cache)
            )
        own.append(ours(number + 1000))
    best = max(max(rates) for rates in other.values())
    return {
        "answers": len(prompts) * case.samples,
        "cap": case.cap,
        "mean_answer_tokens": round(statistics.mean(lengths), 1),
        "ours": {case.dtype: [round(rate, 1) for rate in own]},
        "peer": {name: [round(rate, 1) for rate in rates] for name, rates in other.items()},
        "ratio": round(statistics.median(own) / best, 2),
    }


def main() -> None:
    from transformers.utils import logging

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    for name in arguments.case or CASES:
        print(json.dumps({"case": name, **measure(CASES[name], arguments.rounds)}), flush=True)


if __name__ == "__main__":
    main()
