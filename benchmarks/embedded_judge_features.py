"""Features and likelihoods of every answer, kept in a folder so that an interrupted run goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.embedded_judge_data import Preferences
from winsome.models.encoders import SentenceEncoder
from winsome.models.forward import token_logprobs
from winsome.models.processor import bfloat16_pays
from winsome.models.render import answer_ids, prompt_ids
from winsome.models.weights import load
from winsome.records import digest
from winsome.scorers.judge_features import ENCODER, FEATURES, FeatureReader

CHUNK = 100
DTYPE = "bfloat16" if bfloat16_pays() else "float32"


def features_of(data: Preferences, reader: FeatureReader, cache: Path) -> np.ndarray:
    """Rows of `judge_features.FEATURES`, [answers, d]; an empty answer has a row of zeros."""
    chunks = []
    for start in track(range(0, len(data.answers), CHUNK), f"{data.name} features"):
        prompts, answers = data.prompts[start : start + CHUNK], data.answers[start : start + CHUNK]
        key = digest([[p.seen() for p in prompts], answers, len(FEATURES), DTYPE])
        path = cache / f"features-{key}.npy"
        if not path.exists():
            rows = np.zeros((len(answers), len(FEATURES)), np.float32)
            given = [i for i, answer in enumerate(answers) if answer.strip()]
            rows[given] = reader.features([prompts[i] for i in given], [answers[i] for i in given])
            np.save(path, rows)
        chunks.append(np.load(path))
    return np.vstack(chunks).astype(np.float64)


def vectors_of(texts: list[str], cache: Path) -> np.ndarray:
    """Sentence vectors of texts, [n, 384]."""
    path = cache / f"vectors-{digest(texts)}.npy"
    if not path.exists():
        np.save(path, SentenceEncoder(ENCODER, ENCODER).vectors(texts))
    return np.load(path).astype(np.float64)


def likelihoods_of(data: Preferences, cache: Path) -> dict[str, np.ndarray]:
    """SmolLM2's log-probability of each answer, as `embedded:likelihood` reads it: by token and in all, [answers]."""
    model = load("smollm2-135m", DTYPE)
    rows = []
    for i in track(range(0, len(data.answers), CHUNK), f"{data.name} likelihoods"):
        prompts, answers = data.prompts[i : i + CHUNK], data.answers[i : i + CHUNK]
        path = cache / f"likelihood-{digest([[p.seen() for p in prompts], answers, DTYPE])}.npy"
        if not path.exists():
            logprobs = token_logprobs(
                model,
                [prompt_ids(model, prompt) for prompt in prompts],
                [answer_ids(model, a) for a in answers],
            )
            np.save(path, np.array([[logs.mean(), logs.sum()] for logs in logprobs]))
        rows.append(np.load(path))
    found = np.vstack(rows)
    return {"likelihood per token": found[:, 0], "likelihood per answer": found[:, 1]}
