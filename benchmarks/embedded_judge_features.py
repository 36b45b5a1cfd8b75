"""Features and likelihoods of every answer, kept in a folder so that an interrupted run goes on where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.embedded_judge_data import Preferences
from winsome.models.processor import bfloat16_pays
from winsome.records import Response, assistant, digest
from winsome.scorers.judge_features import FEATURES, FeatureReader
from winsome.scorers.likelihood import LikelihoodScorer

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


def likelihoods_of(data: Preferences, scorer: LikelihoodScorer, cache: Path) -> np.ndarray:
    """SmolLM2's likelihood of each answer, [answers]; -inf for an empty one."""
    chunks = []
    for start in track(range(0, len(data.answers), CHUNK), f"{data.name} {scorer.name}"):
        prompts, answers = data.prompts[start : start + CHUNK], data.answers[start : start + CHUNK]
        key = digest([[p.seen() for p in prompts], answers, scorer.id])
        path = cache / f"likelihood-{key}.npy"
        if not path.exists():
            responses = [
                Response(prompt=p.id, contender="data", key=str(i), messages=(assistant(a),))
                for i, (p, a) in enumerate(zip(prompts, answers, strict=True))
            ]
            np.save(path, np.array(asyncio.run(scorer.score(prompts, responses)).values))
        chunks.append(np.load(path))
    return np.nan_to_num(np.concatenate(chunks), nan=-np.inf)
