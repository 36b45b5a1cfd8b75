"""Sheets of people's votes with known properties."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np


def sheet(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A human sheet as CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def votes(
    prompts: int = 60, annotators: int = 3, right: float = 0.8, ties: float = 0.15, seed: int = 0
) -> list[dict[str, Any]]:
    """Votes on one pair a prompt: answer_a says "good" in every second pair; people find it with chance `right`."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for n in range(prompts):
        good_first = n % 2 == 0
        good, bad = (
            f"A good answer to {n}, " + "and more " * (n % 5),
            f"An answer to {n}. " + "Well. " * (n % 7),
        )
        for person in range(annotators):
            best = "model_a" if good_first == (rng.random() < right) else "model_b"
            rows.append(
                {
                    "prompt": f"Question {n}?",
                    "answer_a": good if good_first else bad,
                    "answer_b": bad if good_first else good,
                    "winner": "tie" if rng.random() < ties else best,
                    "annotator": f"person {person}",
                    "category": "even" if n % 2 == 0 else "odd",
                }
            )
    return rows
