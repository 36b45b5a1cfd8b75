"""Preference data for the embedded judge, read from a folder of published files: answers by prompt, and pairs of them."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import polars as pl

from winsome.records import Message, Prompt, Text, user

ROLES = {"Human": "user", "Assistant": "assistant"}
ARENA_HARD_SHARE = 1 - 0.233
"""GPT-4-0314 against GPT-3.5-turbo-0125 on Arena-Hard v0.1: the published win rate of the latter against it is 23.3%."""
WILDBENCH_TASKS = 300
ARENA_HARD_TASKS = 300
ARENA_HARD_2_PROMPTS = 250
HH_TRAINING = 1156


@dataclass
class Preferences:
    """Answers with their prompts, and pairs (a, b, share of a, cluster) of answers by number."""

    name: str
    prompts: list[Prompt] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    pairs: list[tuple[int, int, float, str]] = field(default_factory=list)

    def add(self, prompt: Prompt, answer: str) -> int:
        self.prompts.append(prompt)
        self.answers.append(answer)
        return len(self.answers) - 1


def hh_rlhf(folder: Path, half: slice, name: str) -> Preferences:
    """Harmless-base pairs, chosen first; the prompt is what both transcripts share, the answer the rest."""
    found = Preferences(name)
    with gzip.open(folder / "hh_rlhf/harmless-base-test.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for number, row in list(enumerate(rows))[half]:
        chosen, rejected = _turns(row["chosen"]), _turns(row["rejected"])
        shared = 0
        while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
            shared += 1
        prompt = Prompt(tuple(Message(ROLES[who], (Text(text),)) for who, text in chosen[:shared]))
        a, b = found.add(prompt, _joined(chosen[shared:])), found.add(prompt, _joined(rejected[shared:]))
        found.pairs.append((a, b, 1.0, f"hh {number}"))
    return found


def bpo(folder: Path) -> Preferences:
    """Good and bad answers to 200 prompts."""
    found = Preferences("bpo")
    for number, row in enumerate(json.loads((folder / "bpo/bpo_test.json").read_text("utf-8"))):
        prompt = Prompt((user(row["prompt"]),))
        a, b = found.add(prompt, row["good_res"]), found.add(prompt, row["bad_res"])
        found.pairs.append((a, b, 1.0, f"bpo {number}"))
    return found


def arena_hard(folder: Path) -> Preferences:
    """GPT-4-0314 against GPT-3.5-turbo-0125 on the first prompts; each pair carries the published overall share."""
    found = Preferences("arena_hard")
    strong = _arena_answers(folder / "arena_hard/v0.1_answer_gpt-4-0314.jsonl.gz")
    weak = _arena_answers(folder / "arena_hard/v0.1_answer_gpt-3.5-turbo-0125.jsonl.gz")
    for uid in sorted(strong.keys() & weak.keys())[:ARENA_HARD_TASKS]:
        prompt = Prompt((user(strong[uid][0]),))
        a, b = found.add(prompt, strong[uid][1]), found.add(prompt, weak[uid][1])
        found.pairs.append((a, b, ARENA_HARD_SHARE, f"arena_hard {uid}"))
    return found


def wildbench(folder: Path) -> Preferences:
    """Answers of four models to the first tasks, the higher score first; the prompts are not in the file."""
    found = Preferences("wildbench")
    rows = pl.read_parquet(folder / "wildbench/wb_score_gpt4o.parquet").drop_nulls("output")
    rows = rows.filter(pl.col("output").str.strip_chars() != "")
    for session in sorted(rows["session_id"].unique())[:WILDBENCH_TASKS]:
        task = rows.filter(pl.col("session_id") == session).sort("model")
        numbers = [found.add(Prompt(()), text) for text in task["output"]]
        for (a, score_a), (b, score_b) in combinations(zip(numbers, task["score"], strict=True), 2):
            if score_a != score_b:
                first, second = (a, b) if score_a > score_b else (b, a)
                found.pairs.append((first, second, 1.0, f"wildbench {session}"))
    return found


def ordinary_prompts(folder: Path) -> list[str]:
    """Instructions without answers to compare, of BPO's two evaluation files and Arena-Hard v2.0, for the gate."""
    found: list[str] = []
    for name in ("dolly_eval", "self_instruct_eval"):
        rows = json.loads((folder / f"bpo/{name}.json").read_text("utf-8"))
        found += [row["instruction"] for row in rows]
    with gzip.open(folder / "arena_hard/v2.0_question.jsonl.gz", "rt", encoding="utf-8") as lines:
        found += [json.loads(line)["prompt"] for line in lines][:ARENA_HARD_2_PROMPTS]
    return found


def llmfao(folder: Path) -> Preferences:
    """Crowd votes, one pair a vote, ties as one half; the cluster is the prompt."""
    found = Preferences("llmfao")
    table = pl.read_parquet(folder / "llmfao/pairs.parquet")
    numbers: dict[tuple[int, int], int] = {}
    sides: dict[int, tuple[int, int, int]] = {}
    for row in table.iter_rows(named=True):
        prompt = Prompt((user(row["text"]),))
        for side in "xy":
            key = (row["prompt"], row[f"model_{side}"])
            if key not in numbers:
                numbers[key] = found.add(prompt, row[f"result_{side}"] or "")
        x, y = numbers[row["prompt"], row["model_x"]], numbers[row["prompt"], row["model_y"]]
        sides[row["id"]] = (x, y, row["prompt"])
    share = {"left": 1.0, "right": 0.0, "tie": 0.5}
    for vote in pl.read_csv(folder / "llmfao/crowd_votes.csv").iter_rows(named=True):
        if vote["id"] in sides:
            x, y, prompt_number = sides[vote["id"]]
            found.pairs.append((x, y, share[vote["winner"]], f"llmfao {prompt_number}"))
    return found


def _turns(transcript: str) -> list[tuple[str, str]]:
    parts = re.split(r"\n\n(Human|Assistant): ?", transcript)
    return [(parts[i], parts[i + 1].strip()) for i in range(1, len(parts), 2)]


def _joined(turns: list[tuple[str, str]]) -> str:
    return "\n\n".join(text if i == 0 else f"{who}: {text}" for i, (who, text) in enumerate(turns))


def _arena_answers(path: Path) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            content = row["messages"][1]["content"]
            found[row["uid"]] = (
                row["messages"][0]["content"],
                content["answer"] if isinstance(content, dict) else content,
            )
    return found
