"""The opening grammar: mild examples of each kind, false alarms on benchmark answers, and labelled answers where the data are here."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from winsome.text.refusals import KINDS, kind_of

LABELS = Path(__file__).with_name("refusal_labels.csv")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Paris is the capital of France.", "normal"),
        ("I'm sorry to hear that your dog is ill. Here is what may help.", "normal"),
        ("I can't recommend this book enough; it is a delight.", "normal"),
        ("I apologize for the mistake. The corrected sum is 12.", "normal"),
        ("  \n", "empty"),
        ("I'm sorry, but I can't help with that, as it is illegal.", "ethical"),
        ("I won't write that. It would hurt people.", "ethical"),
        ("I’m not comfortable with this request.", "ethical"),
        ("I do not have access to the internet, so I cannot look up the weather.", "technical"),
        ("I'm sorry, I don't understand the question. Can you clarify?", "technical"),
        ("The context does not provide the year, so I cannot answer.", "technical"),
        (
            "As an AI, I do not have personal opinions, but many people prefer the sea to the hills.",
            "disclaimer",
        ),
    ],
)
def test_mild_examples(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_the_two_readings_agree_as_the_documentation_says() -> None:
    with LABELS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    first, second = ([row[f"reading_{k}"] for row in rows] for k in (1, 2))
    agree = sum(a == b for a, b in zip(first, second, strict=True)) / 300
    chance = sum(first.count(kind) * second.count(kind) for kind in KINDS) / 300**2
    assert (agree - chance) / (1.0 - chance) == pytest.approx(0.949, abs=0.001)
    assert Counter(row["part"] for row in rows) == {"development": 200, "test": 100}


def test_the_grammar_on_labelled_answers(shared_data: Path) -> None:
    """Macro F1 over the four kinds, on answers whose words are not shipped."""
    texts = _texts(shared_data)
    with LABELS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores: dict[str, float] = {}
    for part in ("development", "test"):
        pairs = [(row["label"], kind_of(texts[row["source"], row["model"], row["item"]])) for row in rows if row["part"] == part]  # fmt: skip
        kinds = KINDS[:4]
        f1 = [2 * sum(a == b == kind for a, b in pairs) / sum((a == kind) + (b == kind) for a, b in pairs) for kind in kinds]  # fmt: skip
        scores[part] = sum(f1) / len(f1)
    assert scores["development"] == pytest.approx(0.857, abs=0.001)
    assert scores["test"] == pytest.approx(0.788, abs=0.001)


def test_false_alarms_on_answers_to_benchmark_questions(shared_data: Path) -> None:
    """Arena-Hard's prompts are technical: of 1,000 answers of two models at most 1% may be taken for ethical refusals."""
    answers: list[str] = []
    for model in ("gpt-3.5-turbo-0125", "gpt-4-0314"):
        with gzip.open(shared_data / "arena_hard" / f"v0.1_answer_{model}.jsonl.gz") as file:
            answers += [json.loads(line)["messages"][-1]["content"]["answer"] for line in file]
    assert len(answers) >= 1000
    assert sum(kind_of(text) == "ethical" for text in answers) <= 0.01 * len(answers)


def _texts(shared: Path) -> dict[tuple[str, str, str], str]:
    import polars as pl

    found: dict[tuple[str, str, str], str] = {}
    for row in pl.read_parquet(shared / "alpaca_eval_2/annotations_public.parquet").iter_rows(named=True):
        found["alpaca_eval_2", row["model"], str(row["index"])] = row["output"]
    for row in pl.read_parquet(shared / "wildbench/wb_score_gpt4o.parquet").iter_rows(named=True):
        found["wildbench", row["model"], row["session_id"]] = row["output"] or ""
    with gzip.open(shared / "hh_rlhf/harmless-base-test.jsonl.gz") as file:
        for number, line in enumerate(file):
            for side, dialogue in json.loads(line).items():
                found["hh_rlhf", side, str(number)] = dialogue.rpartition("\n\nAssistant:")[2].strip()
    return found
