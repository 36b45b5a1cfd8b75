"""A reward model's accuracy on parts of the pairs: counted by hand, and what gives one away that knows length alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.training.rewards.small import folder_of, record_of, trained, write
from winsome.standings.intervals import t_quantile, wilson
from winsome.training.rewards.parts import by_length, by_size, correlation, parts_of


def singles(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.int32)


def test_pairs_are_parted_by_which_answer_is_longer():
    """A tenth of the longer answer's characters is no difference."""
    lengths = np.array([[100, 91], [100, 89], [89, 100], [91, 100], [50, 50], [5, 50]], float)
    right = np.array([1, 1, 0, 1, 0.5, 0])
    found = {part.name: part for part in by_length(right, lengths, singles(6))}
    assert {name: (part.pairs, part.accuracy) for name, part in found.items()} == {
        "better one longer": (1, 1.0),
        "as long": (3, pytest.approx(2.5 / 3)),
        "shorter": (2, 0.0),
    }
    assert found["shorter"].interval == pytest.approx(wilson(0.0, 2.0, t_quantile(1.0, 0.95)))


def test_thirds_by_size_keep_equal_sizes_together():
    size = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 3.0])
    right = np.array([0, 0, 1, 0, 1, 1], float)
    found = by_size(right, size, singles(6))
    assert [(part.name, part.pairs, part.accuracy) for part in found] == [
        ("1 to 1", 4, 0.25),
        ("2 to 3", 2, 1.0),
    ]


def test_the_correlation_and_its_interval_are_scipys():
    rng = np.random.default_rng(0)
    a = rng.normal(size=40)
    b = a + rng.normal(size=40)
    known = stats.pearsonr(a, b)
    low, high = known.confidence_interval()
    assert correlation(a, b, 40) == (
        pytest.approx(known.statistic),
        (pytest.approx(low), pytest.approx(high)),
    )
    assert correlation(a, b * 0.0, 40) is None


def test_a_model_that_knows_length_alone_is_seen_at_once():
    """Rated by characters: right where the better answer is longer, wrong where it is shorter."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(20, 400, (300, 2)).astype(float)
    gaps = lengths[:, 0] - lengths[:, 1]
    right = (np.sign(gaps) + 1) / 2
    margins = rng.uniform(0, 1, 300)
    found = parts_of(right, gaps, lengths, margins, singles(300))
    accuracy = {part.name: part.accuracy for part in found.by_length}
    assert (accuracy["better one longer"], accuracy["shorter"]) == (1.0, 0.0)
    assert found.length_correlation == pytest.approx(1.0)
    told = "\n".join(found.lines())
    assert "it rates length" in told
    assert sum(part.pairs for part in found.by_margin) == 300
    honest = parts_of(np.ones(300), rng.uniform(0.1, 1, 300), lengths, None, singles(300))
    assert "it rates length" not in "\n".join(honest.lines())
    assert honest.by_margin == ()


def test_they_are_in_a_runs_record_with_the_margins_of_the_data(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path)
    write(
        folder / "margins.jsonl",
        [
            {"prompt": f"say {i}", "chosen": "yes " * (1 + i % 3), "rejected": "no " * (1 + i % 2), "margin": float(i % 4)}
            for i in range(60)
        ],
    )  # fmt: skip
    name = trained(folder, {"updates": 4}, data="margins.jsonl")
    found = record_of(name)["held_out"]
    for parts in ("by_length", "by_gap", "by_margin"):
        held = found["parts"][parts]
        assert sum(part["pairs"] for part in held) == found["pairs"]
        mean = sum(part["pairs"] * part["accuracy"] for part in held) / found["pairs"]
        assert mean == pytest.approx(found["accuracy"])
    assert "held out by length: " in capsys.readouterr().err


def test_another_file_that_is_held_out_is_measured_on_its_own(tmp_path, monkeypatch):
    """The model is found again, the figures of the first file are not."""
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    folder = folder_of(tmp_path)
    files = [
        write(folder / f"held-{n}.jsonl", [{"prompt": f"q {i}", "chosen": "yes", "rejected": f"no {i}"} for i in range(n)])
        for n in (5, 7)
    ]  # fmt: skip
    names = [trained(folder, {"updates": 2, "held_out": file}) for file in files]
    assert names[0] == names[1]
    assert record_of(names[1])["held_out"]["pairs"] == 7
    trained(folder, {"updates": 2, "held_out": files[0]})
    assert record_of(names[0])["held_out"]["pairs"] == 5
