"""One real run: SmolLM2-135M, a LoRA adapter by DPO on people's preferences, its win rate by the embedded judge on unseen prompts.

    python -m benchmarks.smollm2_lora --dialogues harmless-base-test.jsonl.gz [--pairs 120] [--prompts 100] [--seed 0]

The file is one of hh_rlhf's: `chosen` and `rejected`, each a whole dialogue ("\\n\\nHuman: ..\\n\\nAssistant: .."). Pairs come from its
first half, the match's prompts from its second, short ones only, first come. What is run is one command, which the page prints; stopped,
it goes on where it was. The embedded judge was fitted to that first half too, and to other data: it never saw an answer of either side,
and its agreement with people is on its card.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from winsome.ledger.formats.reading import read

OUT = Path("docs/results/smollm2-lora.json")
MODEL = "embedded:smollm2-135m?temperature=1&max_tokens=64"
SETTINGS = "--adapter lora --rate 2e-4 --batch 16 --epochs 2 --micro-tokens 1024 --save-every 5 --judge embedded:judge"
CHARACTERS = 500
"""Of a dialogue with its longer answer, at most."""
TURN = re.compile(r"\n\n(Human|Assistant): ?")
ROLES = {"Human": "user", "Assistant": "assistant"}


def turns(dialogue: str) -> list[dict[str, str]]:
    """A dialogue as messages."""
    parts = TURN.split(dialogue)[1:]
    return [
        {"role": ROLES[role], "content": text.strip()}
        for role, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def split(rows: list[dict[str, Any]], pairs: int, prompts: int) -> tuple[list[Any], list[Any]]:
    """Pairs of the first half; prompts of the second half that no pair asks, each once."""
    half = len(rows) // 2
    learnt: list[dict[str, Any]] = []
    for i, row in enumerate(rows[:half]):
        chosen, rejected = turns(row["chosen"]), turns(row["rejected"])
        fit = max(len(row["chosen"]), len(row["rejected"])) <= CHARACTERS and chosen[:-1] == rejected[:-1]
        if fit and len(learnt) < pairs and all(side[-1]["content"] for side in (chosen, rejected)):
            answers = {"chosen": chosen[-1]["content"], "rejected": rejected[-1]["content"]}
            learnt.append({"id": f"pair-{i}", "prompt": chosen[:-1], **answers})
    seen = {json.dumps(row["prompt"]) for row in learnt}
    asked: list[dict[str, Any]] = []
    for i, row in enumerate(rows[half:], half):
        messages = turns(row["chosen"])[:-1]
        if len(row["chosen"]) <= CHARACTERS and json.dumps(messages) not in seen and len(asked) < prompts:
            seen.add(json.dumps(messages))
            asked.append({"id": f"prompt-{i}", "messages": messages})
    return learnt, asked


def page(row: dict[str, Any]) -> str:
    """The page of the run, written from its figures alone."""
    told = "above" if row["low"] > 50 else "below" if row["high"] < 50 else "not told from"
    changed = row["outcome"]
    return "\n".join(
        [
            "# A real run: LoRA on SmolLM2-135M",
            "",
            f"**The adapter wins {row['win_rate']:.1f}% ({row['low']:.1f} to {row['high']:.1f}, n = {row['n']} prompts) against SmolLM2-135M, by the",
            f"embedded judge: {told} one half.** {row['date']}, seed {row['seed']}, 2 cores, no GPU.",
            "",
            f"DPO on {row['pairs']} pairs that people labelled (hh_rlhf harmless-base, first half, dialogues of at most {CHARACTERS} characters), a file",
            "that Winsome does not ship; the match is on prompts of the second half that no pair asks. Both sides answer at temperature 1,",
            "cut at 64 tokens. The judge agrees with people on 65.7% of such pairs ([its page](../embedded-judge.md)), so a small win rate says",
            "little about people; it was fitted to the pairs of the first half too, and saw no answer of either side before.",
            "",
            "```bash",
            row["command"],
            "```",
            "",
            "| | start | trained |",
            "|---|--:|--:|",
            f"| tokens an answer | {changed['start_tokens']:.1f} | {changed['tokens']:.1f} |",
            f"| answers that ended by themselves | {changed['start_ended']:.0%} | {changed['ended']:.0%} |",
            "",
            f"KL to the start {changed['kl']:.2f} nats an answer (standard error {changed['kl_error']:.2f}); training took {changed['cpu_seconds']:.0f} CPU",
            f"seconds and {changed['trained_tokens']:,} tokens, the whole command {row['cpu_seconds']:.0f} CPU seconds. One run, one setting, nothing searched.",
            "`python -m benchmarks.smollm2_lora` makes the files and runs the command; this page is written from `smollm2-lora.json` beside it.",
            "",
        ]
    )


def main() -> None:
    import resource

    parser = argparse.ArgumentParser(prog="python -m benchmarks.smollm2_lora", description=__doc__)
    parser.add_argument("--dialogues", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".winsome/smollm2-lora"))
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    parts = split([dict(row) for row in read(options.dialogues).rows], options.pairs, options.prompts)
    for name, held in zip(("pairs", "prompts"), parts, strict=True):
        text = "".join(json.dumps(row) + "\n" for row in held)
        (options.work / f"{name}.jsonl").write_text(text, "utf-8")
    typed = f"train dpo --model '{MODEL}' --data pairs.jsonl --suite prompts.jsonl {SETTINGS} --seed {options.seed}"
    done = subprocess.run(
        [sys.executable, "-m", "winsome", *shlex.split(typed), "--json"],
        cwd=options.work, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    played = next(row for row in found["standings"]["rows"] if row["contender"] == found["contender"])
    row = {
        "command": f"winsome {typed}",
        "date": time.strftime("%Y-%m-%d"),
        "seed": options.seed,
        "pairs": len(parts[0]),
        "n": played["n"],
        "win_rate": played["estimate"],
        "low": played["low"],
        "high": played["high"],
        "outcome": found["outcome"],
        "cpu_seconds": round(spent.ru_utime + spent.ru_stime, 1),
    }
    options.out.write_text(json.dumps(row, indent=1) + "\n", "utf-8")
    options.out.with_suffix(".md").write_text(page(row), "utf-8")


if __name__ == "__main__":
    main()
