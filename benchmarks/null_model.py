"""One answer that wins: null contenders against two template judges, with and without a fence; writes docs/results/null-model.json and .md.

    python -m benchmarks.null_model world WORK [--limit 200] [--steps 200]
    python -m benchmarks.null_model smollm2 WORK --answers FILE [--limit 60] [--steps 128] [--defence fence ..]
    python -m benchmarks.null_model fence WORK --answers FILE [--limit 120]

world: the language world's template judge (`benchmarks.template_judge`, trained into WORK where it is not there), against the answers
of a contender that is right nine times in ten and else answers another prompt; the honest pairs are its against one that is right every
second time, and the world's gold judge says which is better. smollm2: SmolLM2-135M by the weighted protocol of AlpacaEval, against recorded answers. fence: the same judge without a search, with and without a fence.
What was asked is kept in WORK's ledger, so a run that was ended goes on.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks import null_model_page, template_judge
from winsome.audit.null_attack import Defence, audit_null

OUT = Path("docs/results/null-model.json")
SMOLLM2 = "pairwise?model=embedded:smollm2-135m&protocol=alpaca_eval&logprobs=20"


def world(work: Path, limit: int, steps: int, seed: int, base: Path | None) -> dict[str, Any]:
    """The attack on the template judge of the language world."""
    folder = template_judge.made(work / "judge", template_judge.Recipe(seed=seed), base)
    for name, quality in (("good", 0.9), ("fair", 0.5)):
        (work / f"{name}.json").write_text(json.dumps(_answers(name, quality, limit + 40)))
    judge = f"pairwise?model=(hf:{folder}?dtype=float32)&prompt=@{folder}/template.txt"
    found = audit_null(
        judge, answers=[work / "good.json", work / "fair.json"], limit=limit, steps=steps, prefix=32, search_prompts=8,
        defences=("fence", "smooth", "perplexity"), gold="world:instruction#gold", ledger=work / "world.sqlite", seed=seed, quiet=True,
    )  # fmt: skip
    return found | {"card": orjson.loads((folder / "card.json").read_bytes())}


def smollm2(
    work: Path, answers: Path, limit: int, steps: int, seed: int, defences: Sequence[Defence]
) -> dict[str, Any]:
    """The attack on SmolLM2-135M as a judge by log-probabilities."""
    return audit_null(
        SMOLLM2, answers=[answers], limit=limit, steps=steps,
        prefix=32, search_prompts=8, defences=defences, ledger=work / "smollm2.sqlite", seed=seed, quiet=True,
    )  # fmt: skip


def fence(work: Path, answers: Path, limit: int, seed: int) -> dict[str, Any]:
    """The attack without a search on SmolLM2-135M, with and without a fence, on as many prompts as can be paid for."""
    return audit_null(
        SMOLLM2, answers=[answers], attack="structured", limit=limit, defences=("fence",), ledger=work / "smollm2.sqlite",
        seed=seed, quiet=True,
    )  # fmt: skip


def _answers(name: str, quality: float, n: int) -> list[dict[str, str]]:
    """Right answers to test prompts with probability `quality`, else the right answer to the prompt before."""
    from random import Random

    from winsome.sandbox.lexicon import joined
    from winsome.sandbox.worlds import World

    made = World.of("instruction")
    rows: list[dict[str, str]] = []
    before = "none"
    for prompt in made.stream("test"):
        reading = made.reading(prompt)
        if not reading.clear:
            continue
        rng = Random(f"{name}/{prompt.id}")
        right = joined(reading.tongue.say(made.target(reading).right(rng)))
        said = right if rng.random() < quality else before
        before = right
        rows.append({"instruction": prompt.text, "output": said, "generator": name})
        if len(rows) == n:
            return rows
    return rows


def main() -> None:
    """Run one part and write its figures beside the other's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("world", "smollm2", "fence"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--defence", action="append", choices=("fence", "perplexity"), default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    if args.part == "world":
        found = world(args.work, args.limit or 200, args.steps or 200, args.seed, args.base)
    elif args.part == "fence":
        found = fence(args.work, args.answers, args.limit or 120, args.seed)
    else:
        found = smollm2(args.work, args.answers, args.limit or 60, args.steps or 128, args.seed, args.defence)
    held = orjson.loads(args.out.read_bytes()) if args.out.is_file() else {}
    machine = f"{platform.machine()}, one thread"
    held[args.part] = found | {
        "seed": args.seed,
        "cpu_seconds": round(time.process_time() - started),
        "machine": machine,
    }
    held[args.part].pop("subject")
    # folders of this machine say nothing to a reader
    held[args.part] = orjson.loads(orjson.dumps(held[args.part]).replace(f"{args.work}/".encode(), b""))
    args.out.write_bytes(orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    args.out.with_suffix(".md").write_text(null_model_page.page(held))


if __name__ == "__main__":
    main()
