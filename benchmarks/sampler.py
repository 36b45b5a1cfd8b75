"""Tokens per CPU-second of the sampler against transformers.generate on the same prompts, weights and settings.

    python -m benchmarks.sampler --prompts 64 --max-tokens 256 --rounds 2

Both draw with temperature 1 from SmolLM2-135M (or the folder that `--model` names) in the precision that this processor prefers. The peer gets the prompts sorted
by length in batches of `--peer-batch`, as its users do; rounds alternate (A B B A). Ratios are of tokens per CPU-second in this process.
`--fixed` lets no answer end early, so that both draw the same number of tokens.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

WORDS = [
    "river",
    "bread",
    "engine",
    "music",
    "history",
    "winter",
    "garden",
    "market",
    "letter",
    "bridge",
    "planet",
    "doctor",
    "story",
    "window",
    "paper",
    "ocean",
]


def questions(count: int) -> list[str]:
    """Prompts of differing length that need no file."""
    forms = (
        "Write one sentence about a {0}.",
        "List three facts about the {0} and say for each how it changed the {1}.",
        "I have to explain to a child how a {0} and a {1} differ, and why a {2} needs both. Please write a short explanation.",
        "Answer briefly: which is older, the {0} or the {1}?",
    )
    n = len(WORDS)
    return [
        forms[i % 4].format(WORDS[i % n], WORDS[(i * 5 + 3) % n], WORDS[(i * 7 + 1) % n])
        for i in range(count)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--peer-batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--model", default="smollm2-135m", help="an embedded model, or a folder of weights")
    arguments = parser.parse_args()

    import torch
    from transformers import AutoModelForCausalLM

    from winsome.models.draw import Draw
    from winsome.models.fetch import PACKAGES, folder
    from winsome.models.render import prompt_ids
    from winsome.models.sampler import Request, sample
    from winsome.models.weights import load
    from winsome.records import Prompt, user

    model = load(arguments.model)
    torch.set_num_threads(1)
    place = folder(arguments.model) if arguments.model in PACKAGES else arguments.model
    peer = AutoModelForCausalLM.from_pretrained(place, dtype=model.network.dtype).eval()
    prompts = [prompt_ids(model, Prompt((user(text),))) for text in questions(arguments.prompts)]
    ends = frozenset() if arguments.fixed else model.ends

    def ours(seed: int) -> tuple[float, int, float]:
        start = time.process_time()
        requests = [Request(str(i), ids, (seed,), arguments.max_tokens) for i, ids in enumerate(prompts)]
        drawn = list(sample(model, requests, Draw(temperature=1.0), slots=arguments.slots, ends=ends))
        tokens = sum(d.tokens for d in drawn)
        return time.process_time() - start, tokens, tokens / len(drawn)

    def theirs(seed: int) -> tuple[float, int, float]:
        torch.manual_seed(seed)
        order = sorted(prompts, key=len)
        model.tokenizer.padding_side = "left"
        tokens = 0
        start = time.process_time()
        for first in range(0, len(order), arguments.peer_batch):
            batch = model.tokenizer.pad(
                {"input_ids": order[first : first + arguments.peer_batch]}, return_tensors="pt"
            )
            with torch.inference_mode():
                whole = peer.generate(
                    **batch,
                    max_new_tokens=arguments.max_tokens,
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    top_p=1.0,
                    eos_token_id=sorted(ends) or -1,
                    pad_token_id=model.tokenizer.pad_token_id,
                )
            for row in whole[:, batch["input_ids"].shape[1] :].tolist():
                ended = [i for i, token in enumerate(row) if token in ends]
                tokens += ended[0] + 1 if ended else len(row)
        return time.process_time() - start, tokens, tokens / len(order)

    rates: dict[str, list[float]] = {"winsome": [], "transformers": []}
    means: list[float] = []
    for number in range(arguments.rounds):
        pairs = [("winsome", ours), ("transformers", theirs)]
        for name, run in pairs if number % 2 == 0 else pairs[::-1]:
            seconds, tokens, mean = run(number)
            rates[name].append(tokens / seconds)
            means.append(mean)
    ratios = [a / b for a, b in zip(rates["winsome"], rates["transformers"], strict=True)]
    print(
        json.dumps(
            {
                "model": arguments.model,
                "prompts": arguments.prompts,
                "max_tokens": arguments.max_tokens,
                "mean_answer_tokens": round(statistics.mean(means), 1),
                "slots": arguments.slots,
                "peer_batch": arguments.peer_batch,
                "dtype": str(model.network.dtype),
                "tokens_per_cpu_second": {
                    name: [round(r, 1) for r in found] for name, found in rates.items()
                },
                "ratio": round(statistics.median(ratios), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
