"""CPU-seconds of hf: from the call to the ledger, against a bare loop of the sampler over the same prompts and draws.

    python -m benchmarks.local_contender --rounds 4

SmolLM2-135M answers the first 24 prompts of basics, 96 tokens at most. Both sides render, draw the same tokens (checked) and take
turns in one process; ours opens a session and a ledger of its own each time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

SYSTEM = "Answer in one short sentence."
CAP = 96


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    print(json.dumps(measure(parser.parse_args().rounds)))


def measure(rounds: int) -> dict[str, object]:
    """Seconds of each side a round, and the median of their ratios."""
    import torch

    from winsome.matchmaking.generate import generate
    from winsome.models.draw import Draw
    from winsome.models.fetch import folder
    from winsome.models.render import prompt_ids
    from winsome.models.sampler import Request, sample
    from winsome.models.weights import load
    from winsome.records import Sampling
    from winsome.suites.shipped import basics

    place = str(folder("smollm2-135m"))
    model = load(place, "bfloat16")
    torch.set_num_threads(1)
    prompts = [replace(prompt, system=SYSTEM, follow_ups=()) for prompt in basics().prompts[:24]]

    def whole() -> int:
        with tempfile.TemporaryDirectory() as at:
            found = generate(
                f"hf:{place}?slots=24&dtype=bfloat16",
                prompts,
                sampling=Sampling(temperature=0.7, max_tokens=CAP, seed=1),
                ledger=f"{at}/ledger.sqlite",
                quiet=True,
            )
        assert found.complete
        return sum(response.usage.tokens_out for _, response in found.answers)

    def bare() -> int:
        asked = [Request(f"{prompt.id}/0", prompt_ids(model, prompt), (0,), CAP) for prompt in prompts]
        return sum(one.tokens for one in sample(model, asked, Draw(temperature=0.7), seed=1, slots=24))

    bare()
    ours, theirs = list[float](), list[float]()
    tokens = 0
    for _ in range(rounds):
        seconds, tokens = timed(whole)
        ours.append(seconds)
        seconds, same = timed(bare)
        theirs.append(seconds)
        assert same == tokens
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "answers": len(prompts),
        "tokens": tokens,
        "hf": [round(seconds, 2) for seconds in ours],
        "bare": [round(seconds, 2) for seconds in theirs],
        "ratio": round(statistics.median(ratios), 3),
    }


def timed(job: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    tokens = job()
    return time.process_time() - start, tokens


if __name__ == "__main__":
    main()
