"""The sheet on which a person labels answers by type, and what its labels say of the classifier's errors."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np

from winsome.audit.people import People
from winsome.errors import BadInput
from winsome.records import Prompt
from winsome.standings.columns import Floats
from winsome.text.refusals import KINDS, Kind

Classifier = Callable[[Sequence[str], Sequence[str]], list[Kind]]
"""The types of answers [n] to requests [n]."""


def each(kind: Callable[[str, str], Kind]) -> Classifier:
    """The classifier that takes one answer after the other."""
    return lambda texts, requests: list(map(kind, texts, requests))


def said_of(people: People, classifier: Classifier) -> list[tuple[Kind, Kind]]:
    """The types of both answers of every pair."""
    texts = [answer.text for pair in people.pairs for answer in pair.answers]
    kinds = classifier(texts, [asked(pair.prompt) for pair in people.pairs for _ in pair.answers])
    return list(zip(kinds[::2], kinds[1::2], strict=True))


def asked(prompt: Prompt) -> str:
    """What an answer answers: all that was said before it."""
    return "\n\n".join(message.text for message in prompt.messages)


def write_sheet(people: People, out: Path, classifier: Classifier, seed: int) -> int:
    """A CSV of up to 200 answers (prompt, answer, said, an empty column label), 50 of each type at most; returns how many."""
    by: dict[str, list[tuple[str, str]]] = {}
    for pair, kinds in zip(people.pairs, said_of(people, classifier), strict=True):
        for answer, kind in zip(pair.answers, kinds, strict=True):
            by.setdefault(kind, []).append((pair.prompt.text, answer.text))
    rng = Random(f"refusals/{seed}")
    chosen = [
        (kind, *row) for kind, rows in sorted(by.items()) for row in rng.sample(rows, min(50, len(rows)))
    ]
    rng.shuffle(chosen)
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["prompt", "answer", "said", "label"])
            writer.writerows([prompt, answer, kind, ""] for kind, prompt, answer in chosen[:200])
    except OSError as error:
        raise BadInput(
            f"{out}: cannot be written ({error.strerror}); give another place with --sheet"
        ) from None
    return min(200, len(chosen))


def true_types(path: str | Path) -> Floats:
    """[said, true] shares of a sheet that a person filled in, rows in the order of KINDS; a type without rows is taken at its word."""
    counts = np.zeros((len(KINDS), len(KINDS)))
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                said_, label = row.get("said", ""), (row.get("label") or "").strip()
                if said_ not in KINDS or (label and label not in KINDS):
                    raise BadInput(f"{path}: line {number} has said={said_!r}, label={label!r}; write one of {', '.join(KINDS)}")  # fmt: skip
                if label:
                    counts[KINDS.index(said_), KINDS.index(label)] += 1
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}); give the sheet that --sheet wrote"
        ) from None
    empty = counts.sum(1) == 0
    counts[empty] = np.eye(len(KINDS))[empty]
    return counts / counts.sum(1, keepdims=True)
