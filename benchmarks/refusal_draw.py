"""Draws answers to be labelled: the third test of refusals' types, and more answers to fit to. Labels are put to them afterwards.

    python -m benchmarks.refusal_draw DATA MORE OUT [--part "third test"]

The test, 260 answers that no label named before, of models or items that were not looked at:

    alpaca_eval       100  models beside the 24 of DATA, instructions of which no answer was labelled, one answer an instruction
    hh_rlhf            60  the second half, dialogues of which no answer was labelled, one side each
    oasst_model_eval   60  requests whose CRC-32 is odd (the even ones may be fitted to), at most two answers a request
    wildbench          40  models beside the four of DATA, tasks of which no answer was labelled; these come without their requests

Of every 50, 28 are other than normal by the grammar, 15 are normal by it and hold a word of declining, 7 hold none: as in the test before.
Answers below 3 words, and of which 30% of the letters are not Latin, are not drawn, nor two that begin with the same 12 words.
"""

from __future__ import annotations

import argparse
import csv
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.refusal_texts import Key, Said, texts
from winsome.text.refusals import cued, grammar_kind

LABELS = Path("tests/text/refusal_labels.csv")
HALF = 1156
"""Pairs of the harmlessness set's first half, to which may be fitted."""
STRATA = (28 / 50, 15 / 50, 7 / 50)
"""Shares of answers that the grammar calls other than normal, that only hold a word of declining, and that hold none."""
TEST = {"alpaca_eval": 100, "hh_rlhf": 60, "oasst_model_eval": 60, "wildbench": 40}
SAME_PROMPT = {"oasst_model_eval": 2}
FIT = {"hh_rlhf": 300, "oasst_model_eval": 300, "refusal_direction": 130, "wildbench": 100, "arena_hard": 30}
FIT_SAME_PROMPT = {"oasst_model_eval": 6, "refusal_direction": 2, "hh_rlhf": 2}
SHOWN = 12
BEFORE = ("development", "test", "training", "second test")
"""Parts whose labels were there before either draw."""


def even(request: str) -> bool:
    """Whether answers to the request may be fitted to, where a source's requests are in both parts."""
    return zlib.crc32(request.encode()) % 2 == 0


def prompt_of(key: Key, said: Said) -> str:
    """What counts as one prompt."""
    source, _, item = key
    return said[0] if source in ("oasst_model_eval", "alpaca_eval", "alpaca_eval_2", "refusal_direction") else item  # fmt: skip


def draw(
    pool: dict[Key, Said], wanted: dict[str, int], most: dict[str, int], used: set[tuple[str, str]], seed: str
) -> list[Key]:
    """Keys of `pool`, `wanted` a source and by STRATA, at most `most` (else 1) a prompt; used: (source, prompt) that may not come."""
    rng = Random(seed)
    chosen: list[Key] = []
    begun: set[str] = set()
    for source, count in wanted.items():
        keys = sorted(key for key in pool if key[0] == source)
        rng.shuffle(keys)
        left = [round(count * part) for part in STRATA]
        taken: Counter[str] = Counter()
        for key in keys:
            _, answer = pool[key]
            prompt, opening = prompt_of(key, pool[key]), " ".join(answer.split()[:SHOWN])
            if (source, prompt) in used or taken[prompt] >= most.get(source, 1) or opening in begun:
                continue
            if len(answer.split()) < 3 or not _latin(answer):
                continue
            stratum = 0 if grammar_kind(answer) != "normal" else 1 if cued(answer) else 2
            if left[stratum]:
                left[stratum] -= 1
                taken[prompt] += 1
                begun.add(opening)
                chosen.append(key)
    return chosen


def pools(every: dict[Key, Said], part: str) -> dict[Key, Said]:
    """Answers that may be drawn for a part."""
    known = {key[1] for key in every if key[0] == "alpaca_eval_2"} | {"NullModel", "gpt4_gamed", "gpt4_1106_preview"}  # fmt: skip
    four = {"gpt-3.5-turbo-0125", "gemma-2b-it", "reka-core-20240501", "Qwen1.5-72B-Chat-greedy"}
    test = part == "third test"

    def fits(key: Key, said: Said) -> bool:
        source, model, item = key
        if source == "hh_rlhf":
            return (int(item) >= HALF) == test
        if source == "oasst_model_eval":
            return even(said[0]) != test
        if source == "wildbench":
            return (model not in four) == test
        return source == "alpaca_eval" and model not in known if test else source in FIT

    return {key: said for key, said in every.items() if fits(key, said)}


def labelled(every: dict[Key, Said], rows: Sequence[dict[str, str]]) -> set[tuple[str, str]]:
    """(source, prompt) of labelled answers; AlpacaEval's instructions are the same in both of its folders."""
    found: set[tuple[str, str]] = set()
    for row in rows:
        key = row["source"], row["model"], row["item"]
        found.add((row["source"].removesuffix("_2"), prompt_of(key, every[key])))
    return found


def _latin(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(letter.isascii() for letter in letters) > 0.7 * len(letters)


def main() -> None:
    """Write the drawn answers as lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("more", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=("third test", "more to fit"), default="third test")
    args = parser.parse_args()
    every = texts(args.data, args.more)
    with LABELS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] in BEFORE]
    keys = draw(pools(every, "third test"), TEST, SAME_PROMPT, labelled(every, rows), "third test")
    if args.part != "third test":
        tested = [row for row in rows if "test" in row["part"]]
        used = labelled(every, tested) | {(key[0], prompt_of(key, every[key])) for key in keys}
        known = {(row["source"], row["model"], row["item"]) for row in rows}
        pool = {key: said for key, said in pools(every, args.part).items() if key not in known}
        keys = draw(pool, FIT, FIT_SAME_PROMPT, used, args.part)
    Random(args.part).shuffle(keys)
    with args.out.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps([*key, *every[key]]) + "\n" for key in keys)
    print(Counter(key[0] for key in keys))


if __name__ == "__main__":
    main()
