"""Tokens per CPU-second of the sampler against the best of transformers.generate's settings, on the same prompts and weights.

    python -m benchmarks.sampler --case single --rounds 3

Cases: `single` one answer at a time, `equal` 256 prompts and answers of equal length, `short` answers so short that prompts are
most of the work, `uneven` a base made hot, so that its answers end by their own end token anywhere below the cap (these four on
a base of the world instruction); `chat` 16 different prompts, `draws` 16 samples of one, `talk` the prompts of basics, answered
until the model ends (these three on SmolLM2-135M). Both sides draw at the same temperature; tokens after an end do not count.
The peer gets prompts sorted by length and may use float32 or bfloat16, a static or a growing cache, and several sizes of batch:
one round of all its settings finds the best, which then takes turns with ours. Ratios are of neighbouring runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Case:
    """`prompts` different ones of `length` tokens (0: real ones), `samples` of each, `cap` new tokens; `ends`: answers may end.

    `batch` is ours, `peer` are the peer's.
    """

    model: str
    prompts: int
    length: int
    samples: int
    cap: int
    batch: int
    dtype: str
    ends: bool = False
    temperature: float = 1.0
    peer: tuple[int, ...] = ()


CASES = {
    "single": Case("1M", 4, 32, 1, 64, 1, "float32"),
    "equal": Case("1M", 256, 64, 1, 64, 256, "bfloat16"),
    "short": Case("1M", 512, 0, 1, 48, 256, "bfloat16", ends=True, peer=(64, 256, 512)),
    "uneven": Case("1M", 512, 0, 1, 96, 256, "bfloat16", ends=True, temperature=3.0, peer=(64, 256)),
    "chat": Case("smollm2-135m", 16, 128, 1, 64, 16, "bfloat16"),
    "draws": Case("smollm2-135m", 1, 128, 16, 32, 16, "bfloat16"),
    "talk": Case("smollm2-135m", 36, 0, 1, 256, 16, "bfloat16", ends=True, temperature=0.7, peer=(36,)),
}
TALK = "Answer in one short sentence."


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
    from winsome.suites.shipped import basics

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
    if case.model not in PACKAGES:
        return model, peer, [prompt_ids(model, prompt) for prompt in world.prompts(case.prompts)]
    asked = [replace(prompt, system=TALK) for prompt in basics().prompts[: case.prompts]]
    return model, peer, [prompt_ids(model, prompt) for prompt in asked]


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """The rates of both sides and the ratio of neighbouring runs."""
    import torch

    from winsome.models.draw import Draw
    from winsome.models.sampler import Request, sample

    model, peer, prompts = loaded(case)
    ends = model.ends if case.ends else frozenset[int]()
    lengths: list[int] = []

    def ours(seed: int) -> float:
        start = time.process_time()
        requests = [Request(str(i), ids, range(case.samples), case.cap) for i, ids in enumerate(prompts)]
        draw = Draw(temperature=case.temperature)
        drawn = list(sample(model, requests, draw, seed=seed, slots=case.batch, ends=ends))
        lengths.extend(one.tokens for one in drawn)
        return sum(one.tokens for one in drawn) / (time.process_time() - start)

    def theirs(seed: int, arm: tuple[Any, str | None, int]) -> float:
        torch.manual_seed(seed)
        dtype, cache, batch = arm
        network, order, tokens = peer(dtype), sorted(prompts, key=len), 0
        settings: dict[str, Any] = {"cache_implementation": cache} if cache else {}
        step = max(1, batch // case.samples)
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
                    temperature=case.temperature,
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

    # On SmolLM2 float32 and a static cache were slower in every batch, and take minutes.
    large = model.name == case.model
    arms = [
        (dtype, cache, batch)
        for dtype in ([torch.bfloat16] if large else [torch.float32, torch.bfloat16])
        for cache in ((None,) if large else (None, "static"))
        for batch in case.peer or (case.batch,)
    ]
    ours(0)
    tried = {arm: theirs(0, arm) for arm in arms} if len(arms) > 1 else {}
    best = max(tried, key=lambda arm: tried[arm]) if tried else arms[0]
    own = [ours(1)]
    other: list[float] = []
    for number in range(rounds):
        other.append(theirs(number + 1, best))
        own.append(ours(number + 2))
    ratios = [(a + b) / 2 / rate for (a, b), rate in zip(pairwise(own), other, strict=True)]
    return {
        "answers": len(prompts) * case.samples,
        "mean_prompt_tokens": round(statistics.mean(map(len, prompts)), 1),
        "mean_answer_tokens": round(statistics.mean(lengths), 1),
        "cap": case.cap,
        "ours": [round(rate, 1) for rate in own],
        "peer": [round(rate, 1) for rate in other],
        "peer_settings": _named(best),
        "peer_tried": {_named(arm): round(rate, 1) for arm, rate in tried.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }


def _named(arm: tuple[Any, str | None, int]) -> str:
    dtype, cache, batch = arm
    return f"{str(dtype)[6:]}, {cache or 'growing'} cache, batches of {batch}"


def main() -> None:
    from transformers.utils import logging

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer-batch", type=int, action="append", help="instead of the case's own")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    for name in arguments.case or CASES:
        case = replace(CASES[name], peer=tuple(arguments.peer_batch or CASES[name].peer))
        print(json.dumps({"case": name, **measure(case, arguments.rounds)}), flush=True)


if __name__ == "__main__":
    main()
