"""Fit and evaluate the embedded judge from local copies of the published preference data.

    python -m benchmarks.embedded_judge DATA --cache FOLDER --weights src/winsome/scorers/weights/embedded_judge.json \
        --figures docs/results/embedded-judge.json

DATA holds hh_rlhf, bpo, arena_hard, wildbench and llmfao. Fitted: bpo, arena_hard, wildbench and the first half of hh_rlhf,
penalties by cross-validation inside them. Evaluated once: the second half of hh_rlhf,
and llmfao. Features take about 40 minutes of one core and are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.embedded_judge_data import (
    HH_TRAINING,
    Preferences,
    arena_hard,
    bpo,
    hh_rlhf,
    llmfao,
    ordinary_prompts,
    wildbench,
)
from benchmarks.embedded_judge_features import DTYPE, features_of, likelihoods_of, vectors_of
from benchmarks.embedded_judge_figures import crowd_figures, held_out_figures
from winsome.scorers.embedded import JudgeWeights, gated_scores
from winsome.scorers.judge_features import ANSWER, BLOCKS, FEATURES, PROMPT, FeatureReader
from winsome.scorers.preference_fit import (
    calibration_slope,
    cross_entropy,
    fit_preferences,
    held_out_margins,
)

STRENGTHS = (300.0, 1000.0, 3000.0)
"""Penalty on a block's standardised weights, times the block's share of all columns."""
MODEL_SHARES = (
    {"minilm": 1.0, "smollm2": 1.0},
    {"minilm": 3.0, "smollm2": 1.0},
    {"minilm": 1.0, "smollm2": 3.0},
)
SURFACE_SHARES = (0.03, 0.1, 0.3)
GATE_STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""The grids over which cross-validation chooses."""
EACH = 1000.0
"""Total row weight of a score's training: its sets share it equally, so that no loud set decides what a good answer is."""
SEED = 20
LICENCES = {"hh_rlhf": "MIT", "bpo": "Apache-2.0", "arena_hard": "Apache-2.0", "wildbench": "Apache-2.0"}


def main() -> None:
    arguments = parsed()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    reader = FeatureReader(DTYPE)
    training = [
        hh_rlhf(arguments.data, slice(0, HH_TRAINING), "hh_rlhf first half"),
        bpo(arguments.data),
        arena_hard(arguments.data),
        wildbench(arguments.data),
    ]
    read = [features_of(data, reader, arguments.cache) for data in training]
    fitted = fit(training, read, vectors_of(ordinary_prompts(arguments.data), arguments.cache))
    about = fitted.about

    test = hh_rlhf(arguments.data, slice(HH_TRAINING, None), "hh_rlhf second half")
    likelihoods = likelihoods_of(test, arguments.cache)
    scores = gated_scores(fitted, features_of(test, reader, arguments.cache))
    figures = {"fit": about, "hh_rlhf": held_out_figures(test, scores, likelihoods)}
    crowd = llmfao(arguments.data)
    figures["llmfao"] = crowd_figures(
        crowd, gated_scores(fitted, features_of(crowd, reader, arguments.cache))
    )
    figures["seconds_per_verdict"] = seconds_per_verdict(test, reader)

    about["accepted"] = figures["hh_rlhf"]["accepted"]
    about["hh_rlhf_second_half"] = figures["hh_rlhf"]["judge"]
    content = {"about": about, "features": FEATURES}
    for part in ("careful", "general", "gate", "centre"):
        content[part] = [float(f"{value:.6g}") for value in getattr(fitted, part)]
    arguments.weights.parent.mkdir(parents=True, exist_ok=True)
    arguments.weights.write_text(json.dumps(content, indent=0) + "\n", "utf-8")
    arguments.figures.parent.mkdir(parents=True, exist_ok=True)
    arguments.figures.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def fit(training: list[Preferences], read: list[np.ndarray], ordinary: np.ndarray) -> JudgeWeights:
    """The careful score from the first set, the general one from the others, and the gate that tells their prompts apart."""
    careful, about_careful = fit_score(training[:1], read[:1])
    general, about_general = fit_score(training[1:], read[1:])
    gate, about_gate = fit_gate(training, read, ordinary)
    about = {
        "dtype": DTYPE,
        "careful": about_careful,
        "general": about_general,
        "gate": about_gate,
        "licences": LICENCES,
    }
    return JudgeWeights(careful, general, gate, np.vstack(read)[:, ANSWER].mean(0), about, "")


def fit_score(training: list[Preferences], read: list[np.ndarray]) -> tuple[np.ndarray, dict]:
    """Calibrated weights in log-odds by answer column, and what the fit says of itself."""
    differences, shares, weights, clusters, sets = [], [], [], [], []
    for data, features in zip(training, read, strict=True):
        # Many pairs of one prompt are one opinion: each cluster weighs the same, each set as much as the others.
        sizes = Counter(cluster for *_, cluster in data.pairs)
        for a, b, share, cluster in data.pairs:
            differences.append(features[a, ANSWER] - features[b, ANSWER])
            shares.append(share)
            weights.append(EACH / len(training) / len(sizes) / sizes[cluster])
            clusters.append(cluster)
            sets.append(data.name)
    x, y, w, sets = np.array(differences), np.array(shares), np.array(weights), np.array(sets)
    scale = np.sqrt(np.average(x**2, axis=0, weights=w)) + 1e-6
    x = x / scale
    tried = []
    for strength, models, surface in product(STRENGTHS, MODEL_SHARES, SURFACE_SHARES):
        margins = held_out_margins(x, y, w, penalty(strength, models, surface), clusters, seed=SEED)
        tried.append(
            (float(np.average(cross_entropy(margins, y), weights=w)), strength, models, surface, margins)
        )
    loss, strength, models, surface, margins = min(tried, key=lambda trial: trial[0])
    slope = calibration_slope(margins, y, w)
    right = agreement(margins, y)
    about = {
        "pairs": {data.name: len(data.pairs) for data in training},
        "penalty": {"strength": strength, **models, "surface": surface},
        "cross_validated_nats": round(loss, 4),
        "cross_validated_accuracy": {
            data.name: round(float(np.average(right[sets == data.name], weights=w[sets == data.name])), 4)
            for data in training
        },
        "calibration_slope": round(slope, 4),
    }
    return fit_preferences(x, y, w, penalty(strength, models, surface)) * slope / scale, about


def penalty(strength: float, models: dict[str, float], surface: float) -> np.ndarray:
    """Ridge penalty of each answer column: model columns share theirs by their number, surface columns have one each."""
    found = np.zeros(ANSWER.stop)
    for block, columns in BLOCKS.items():
        size = columns.stop - columns.start
        found[columns] = (
            strength * models[block] * size / ANSWER.stop if block in models else strength * surface
        )
    return found


def fit_gate(
    training: list[Preferences], read: list[np.ndarray], ordinary: np.ndarray
) -> tuple[np.ndarray, dict]:
    """Weights by prompt column and a constant: log-odds that a prompt is of the first set rather than of the others."""
    rows = [np.append(vector, 1.0) for vector in ordinary]
    labels, names = [0.0] * len(rows), [f"ordinary {i}" for i in range(len(rows))]
    for data, features in zip(training, read, strict=True):
        for a, _, _, cluster in data.pairs:
            if features[a, PROMPT].any():
                rows.append(np.append(features[a, PROMPT], 1.0))
                labels.append(float(data is training[0]))
                names.append(cluster)
    x, y = np.array(rows), np.array(labels)
    w = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    tried = []
    for strength in GATE_STRENGTHS:
        margins = held_out_margins(x, y, w, gate_penalty(strength), names, seed=SEED)
        tried.append((float(np.average(cross_entropy(margins, y), weights=w)), strength, margins))
    loss, strength, margins = min(tried, key=lambda trial: trial[0])
    about = {
        "prompts": len(y),
        "strength": strength,
        "cross_validated_nats": round(loss, 4),
        "cross_validated_accuracy": round(float(np.average(agreement(margins, y), weights=w)), 4),
    }
    return fit_preferences(x, y, w, gate_penalty(strength)), about


def gate_penalty(strength: float) -> np.ndarray:
    """The same for every prompt column, next to none for the constant."""
    return np.append(np.full(PROMPT.stop - PROMPT.start, strength), 1e-6)


def agreement(margins: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """1 where the margin's side is the preferred one, 0 where it is not, a half where either is undecided."""
    return 0.5 + 0.5 * np.sign(margins) * np.sign(shares - 0.5)


def seconds_per_verdict(data: Preferences, reader: FeatureReader, pairs: int = 40) -> float:
    """CPU seconds for the two answers of a pair, one thread or more."""
    held = [answer for a, b, *_ in data.pairs[:pairs] for answer in (a, b)]
    start = time.process_time()
    reader.features([data.prompts[i] for i in held], [data.answers[i] for i in held])
    return round((time.process_time() - start) / pairs, 3)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
