"""Dawid-Skene against a plain second implementation and planted error rates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings.dawid_skene import dawid_skene


def planted(
    items: int, confusions: np.ndarray, prior: list[float], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.choice(len(prior), items, p=prior)
    ratings = np.stack(
        [[draw.choice(len(prior), p=table[label]) for label in truth] for table in confusions], axis=1
    ).astype(np.int32)
    return truth, ratings


CONFUSIONS = np.array(
    [
        [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9]],
        [[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]],
        [[0.6, 0.0, 0.4], [0.5, 0.0, 0.5], [0.3, 0.0, 0.7]],
        [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]],
    ]
)


def test_planted_errors_are_recovered() -> None:
    truth, ratings = planted(6000, CONFUSIONS, [0.4, 0.2, 0.4], 1)
    found = dawid_skene(ratings, 3)
    assert found.converged
    assert np.abs(found.confusion - CONFUSIONS).max() < 0.06
    assert np.abs(found.prior - [0.4, 0.2, 0.4]).max() < 0.04
    best = max((ratings[:, rater] == truth).mean() for rater in range(4))
    assert (found.label == truth).mean() > best
    assert int(np.argmax(found.reliability)) == 0


def test_equals_loops_over_items_and_raters() -> None:
    _, ratings = planted(40, CONFUSIONS[:3], [0.5, 0.2, 0.3], 2)
    ratings[3, 1] = ratings[7, 0] = -1
    found = dawid_skene(ratings, 3, steps=7)
    posterior = [[0.0] * 3 for _ in range(40)]
    for i, row in enumerate(ratings.tolist()):
        said = [label for label in row if label >= 0]
        posterior[i] = [said.count(label) / len(said) for label in range(3)]
    for _ in range(found.steps):
        prior = [sum(row[k] for row in posterior) / 40 for k in range(3)]
        tables = [[[0.01] * 3 for _ in range(3)] for _ in range(3)]
        for i, row in enumerate(ratings.tolist()):
            for r, label in enumerate(row):
                for k in range(3):
                    if label >= 0:
                        tables[r][k][label] += posterior[i][k]
        tables = [[[cell / sum(line) for cell in line] for line in table] for table in tables]
        for i, row in enumerate(ratings.tolist()):
            weight = [
                prior[k] * math.prod(tables[r][k][label] for r, label in enumerate(row) if label >= 0)
                for k in range(3)
            ]
            posterior[i] = [w / sum(weight) for w in weight]
    assert np.abs(found.posterior - np.array(posterior)).max() < 1e-10


def test_an_item_without_ratings_has_the_prior() -> None:
    _, ratings = planted(200, CONFUSIONS, [0.4, 0.2, 0.4], 3)
    ratings[0] = -1
    found = dawid_skene(ratings, 3)
    assert found.posterior[0] == pytest.approx(found.prior, abs=0.01)


def test_bad_ratings_are_one_line() -> None:
    with pytest.raises(BadInput, match="no ratings"):
        dawid_skene(np.full((3, 2), -1, np.int32), 3)
    with pytest.raises(BadInput, match="outside 0 to 2"):
        dawid_skene(np.array([[3, 0]], np.int32), 3)
