from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from winsome.errors import BadInput
from winsome.standings import (
    accuracy,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    pairwise_agreement,
    rating_counts,
)
from winsome.standings.agreement import Weights
from winsome.standings.columns import Floats, Ints

WORDS = ["left", "right", "tie"]


def votes(folder: Path, file: str) -> tuple[Ints, Ints, Ints]:
    """Item, label and prompt codes of one file of votes."""
    frame = pl.read_csv(folder / "llmfao" / file)
    label = np.array([WORDS.index(word) for word in frame["winner"]], np.int32)
    return frame["id"].to_numpy().astype(np.int32), label, frame["prompt"].to_numpy().astype(np.int32)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_kappa_of_the_two_judges_equals_scikit_learn(shared_data: Path, weights: Weights) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    item4, gpt4, prompt = votes(shared_data, "gpt4_votes.csv")
    item3, gpt3, _ = votes(shared_data, "gpt3_votes.csv")
    assert item4.tolist() == item3.tolist()
    found = cohen_kappa(gpt4, gpt3, prompt, weights=weights)
    expected = metrics.cohen_kappa_score(gpt4, gpt3, weights=None if weights == "none" else weights)
    assert found.estimate == pytest.approx(expected, abs=1e-12)
    assert found.low < found.estimate < found.high
    assert found.n == len(set(prompt.tolist()))


def test_judges_agree_with_people_as_measured(shared_data: Path) -> None:
    item, label, prompt = votes(shared_data, "crowd_votes.csv")
    chosen = label != WORDS.index("tie")
    people = pairwise_agreement(rating_counts(item[chosen], label[chosen], int(item.max()) + 1, 2))
    assert people.estimate == pytest.approx(0.679, abs=0.001)
    for file, share in (("gpt4_votes.csv", 0.631), ("gpt3_votes.csv", 0.576)):
        judged, verdict, _ = votes(shared_data, file)
        by_item = dict(zip(judged.tolist(), verdict.tolist(), strict=True))
        mine = np.array([by_item[i] for i in item.tolist()], np.int32)
        both = chosen & (mine != WORDS.index("tie"))
        found = accuracy(mine[both], label[both], prompt[both])
        assert found.estimate == pytest.approx(share, abs=0.005)
        assert any("few effective clusters" in warning for warning in found.warnings)


def ratings(rng: np.random.Generator, items: int = 40, raters: int = 5, categories: int = 3) -> Floats:
    truth = rng.integers(0, categories, items)
    label = np.where(
        rng.random((items, raters)) < 0.6, truth[:, None], rng.integers(0, categories, (items, raters))
    )
    item = np.repeat(np.arange(items, dtype=np.int32), raters)
    return rating_counts(item, label.ravel().astype(np.int32), items, categories)


def test_fleiss_kappa_equals_statsmodels() -> None:
    pytest.importorskip("statsmodels")
    import statsmodels.stats.inter_rater as inter_rater

    table = ratings(np.random.default_rng(0))
    assert fleiss_kappa(table).estimate == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
    even = inter_rater.fleiss_kappa(table, method="randolph")
    assert fleiss_kappa(table, chance="uniform").estimate == pytest.approx(even, abs=1e-12)


def test_krippendorff_alpha_equals_the_reference_package_with_missing_ratings() -> None:
    krippendorff = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(1)
    table = np.array([rng.multinomial(rng.integers(1, 6), [0.6, 0.3, 0.1]) for _ in range(50)]).astype(
        np.float64
    )
    for level, values in (("nominal", None), ("interval", np.array([0.0, 1.0, 2.0]))):
        expected = krippendorff.alpha(
            value_counts=table.astype(int), value_domain=[0, 1, 2], level_of_measurement=level
        )
        assert krippendorff_alpha(table, values=values).estimate == pytest.approx(expected, abs=1e-12)


def test_the_interval_of_kappa_covers() -> None:
    rng, covered = np.random.default_rng(2), 0
    # Two raters who copy the truth with chance 0.7 and guess otherwise: kappa = 0.49 over two even labels.
    for _ in range(500):
        truth = rng.integers(0, 2, 80)
        one, two = (
            np.where(rng.random(80) < 0.7, truth, rng.integers(0, 2, 80)).astype(np.int32) for _ in range(2)
        )
        found = cohen_kappa(one, two)
        covered += found.low <= 0.49 <= found.high
    assert 0.92 <= covered / 500 <= 0.98


def test_full_agreement_has_width_and_one_label_has_no_kappa() -> None:
    labels = np.array([0, 1] * 10, np.int32)
    found = cohen_kappa(labels, labels)
    assert found.estimate == 1.0
    assert found.low < 0.9
    assert found.high == 1.0
    same = np.zeros(10, np.int32)
    none = cohen_kappa(same, same)
    assert math.isnan(none.estimate)
    assert none.payload()["estimate"] is None
    assert any("not defined" in warning for warning in none.warnings)


def test_copies_under_the_same_prompts_change_nothing() -> None:
    table = ratings(np.random.default_rng(3))
    prompt = (np.arange(40) // 2).astype(np.int32)
    for coefficient in (fleiss_kappa, pairwise_agreement):
        once, often = coefficient(table, prompt), coefficient(np.tile(table, (3, 1)), np.tile(prompt, 3))
        assert often.estimate == pytest.approx(once.estimate)
        assert often.standard_error == pytest.approx(once.standard_error)


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(BadInput, match="no ratings"):
        accuracy(np.zeros(0, np.int32), np.zeros(0, np.int32))
    with pytest.raises(BadInput, match="3 ratings with 2"):
        cohen_kappa(np.zeros(3, np.int32), np.zeros(2, np.int32))
    with pytest.raises(BadInput, match="no item has two ratings"):
        fleiss_kappa(np.array([[1.0, 0.0]]))
