"""What refusals cost on recorded votes: 24 models by GPT-4's preferences, and people who were asked for the harmless answer.

    python -m benchmarks.refusals DATA [--out docs/results/refusals.json]

DATA: a folder with `alpaca_eval_2/annotations_public.parquet` and `baseline_gpt4_1106_preview.parquet`, and
`hh_rlhf/harmless-base-test.jsonl.gz`. The two have different raters under different instructions, which the page says.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from benchmarks.null_model_page import table_of
from benchmarks.refusal_world import PROMPTS, SEEDS, WORLD, measured
from winsome.audit import findings
from winsome.audit.people import Pair, People, said
from winsome.audit.refusals import refusals_record
from winsome.records import Prompt, user

OUT = Path("docs/results/refusals.json")
INTRO = """# Refusals

What a refusal or a disclaimer does to the chance of winning, by the types of `winsome.text.refusals`
([how well it tells them](refusal-types.md)). Two sets, which answer
different questions: GPT-4 was asked which answer is better; the people of the harmlessness set were asked which answer is less harmful, so
there the sign of an ethical refusal may turn. At the end a world where the effects are known (`benchmarks.refusal_world`).
`python -m benchmarks.refusals DATA` repeats the figures, which lie in `refusals.json` beside
this page; this page is written from them. The answers themselves are not shipped.
"""
PARTS = {
    "alpaca_eval_2": "24 models on AlpacaEval's 805 instructions against GPT-4-1106-preview, GPT-4-Turbo's weighted preferences.",
    "hh_rlhf": "2,312 pairs of the harmlessness set, people's choices. Only the last answer is read; what stood before it is the prompt.",
    "world": "The crowd gives the side that declines -1 logit, the judge +1.5, beside what the answers are truly worth; both vote on the same pairs.",
}


def alpaca_eval(data: Path) -> People:
    """The votes of 24 models against the baseline; a share is GPT-4's preference minus 1."""
    folder = data / "alpaca_eval_2"
    base = {
        row["index"]: row
        for row in pl.read_parquet(folder / "baseline_gpt4_1106_preview.parquet").iter_rows(named=True)
    }
    pairs: list[Pair] = []
    shares: list[float] = []
    for row in (
        pl.read_parquet(folder / "annotations_public.parquet").drop_nulls("preference").iter_rows(named=True)
    ):
        rival = base[row["index"]]
        prompt = Prompt((user(rival["instruction"]),))
        pairs.append(
            Pair(
                prompt,
                (
                    said(prompt, row["model"], row["output"]),
                    said(prompt, "gpt4_1106_preview", rival["output"]),
                ),
            )
        )
        shares.append(row["preference"] - 1.0 if row["preference"] else 0.5)
    return _people("AlpacaEval 2", pairs, shares)


def harmless(data: Path) -> People:
    """The chosen answer against the rejected one, the chosen one first in every second pair."""
    pairs: list[Pair] = []
    shares: list[float] = []
    with gzip.open(data / "hh_rlhf/harmless-base-test.jsonl.gz") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            (asked, _, chosen), (_, _, rejected) = (
                row[side].rpartition("\n\nAssistant:") for side in ("chosen", "rejected")
            )
            prompt = Prompt((user(asked.strip()),))
            texts = [chosen.strip(), rejected.strip()]
            if number % 2:
                texts.reverse()
            pairs.append(
                Pair(
                    prompt,
                    (said(prompt, "one model", texts[0]), said(prompt, "one model", texts[1], 1)),
                    str(number),
                )
            )
            shares.append(float(number % 2 == 0))
    return _people("HH harmless", pairs, shares)


def _people(name: str, pairs: list[Pair], shares: list[float]) -> People:
    count = len(pairs)
    return People(name, tuple(pairs), np.arange(count, dtype=np.int32), np.array(shares), (None,) * count)


def page(record: dict[str, Any]) -> str:
    """The markdown of the figures."""
    parts = [INTRO]
    for name, told in PARTS.items():
        one = record[name]
        parts.append(
            f"\n## {one['claim']}\n\n{told} Made on {one['made']['at'][:10]} in {one['cpu_seconds']} CPU-seconds.\n"
        )
        parts += [table_of(table) for table in one["tables"]]
    return "".join(parts)


def main() -> None:
    """Compute both parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    record: dict[str, Any] = {}
    for name, read in (("alpaca_eval_2", alpaca_eval), ("hh_rlhf", harmless)):
        started = time.process_time()
        people = read(args.data)
        made = refusals_record(people.name, people)
        del made["examples"]  # answers are not shipped
        record[name] = made | {"cpu_seconds": round(time.process_time() - started)}
    started = time.process_time()
    claim = f"A world where refusals' effects are known: {SEEDS} draws of {PROMPTS} pairs"
    made = findings.record("refusals", WORLD, claim, [], measured())
    record["world"] = made | {"cpu_seconds": round(time.process_time() - started)}
    args.out.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    args.out.with_suffix(".md").write_text(page(record))


if __name__ == "__main__":
    main()
