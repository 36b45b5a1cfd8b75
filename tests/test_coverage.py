"""The coverage page is that of its figures, and the simulation measures the package's own intervals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage_laws as laws
from benchmarks.coverage import advanced
from benchmarks.coverage_cells import cells
from benchmarks.coverage_page import page
from benchmarks.coverage_runs import COLUMNS, always_inside, binomial
from winsome.standings import confidence_sequence
from winsome.standings.intervals import clustered_mean, score_interval

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"


def test_the_page_is_written_from_the_figures() -> None:
    record = json.loads((RESULTS / "coverage.json").read_text("utf-8"))
    assert (RESULTS / "coverage.md").read_text("utf-8") == page(record)
    assert list(record["cells"]) == [cell.name for cell in cells()]
    assert record["columns"] == list(COLUMNS)


def test_score_intervals_cover_in_every_simulated_and_enumerated_cell() -> None:
    record = json.loads((RESULTS / "coverage.json").read_text("utf-8"))
    for name, cell in record["cells"].items():
        entered, held, *_ = np.sum(cell["tally"], axis=0)
        if cell["interval"] in ("win rate, score", "paired difference", "bt, sandwich", "length-controlled"):
            assert held / entered > 0.915, name
        if cell["goal"] == "at least 95%":
            assert held / entered > 0.94, name


def test_an_enumerated_cell_is_the_sum_over_outcomes() -> None:
    cell = next(cell for cell in cells() if cell.name == "win rate, score / wins and losses / n = 10")
    tally = np.array(advanced(cell, None, 1)["tally"])
    p = laws.LOWEST + (laws.HIGHEST - laws.LOWEST) * (np.arange(2401) + 0.5) / 2401
    held = 0.0
    for wins in range(11):
        share = np.repeat([1.0, 0.0], [wins, 10 - wins])
        low, high = score_interval(clustered_mean(share, np.ones(10), np.arange(10, dtype=np.int32)))
        held += float((binomial(10, p)[:, wins] * ((low <= p) & (p <= high))).sum())
    assert tally[:, 1].sum() == pytest.approx(held)
    assert tally[:, 0].sum() == 2401


def test_batches_repeat_by_seed_and_go_on_from_each_other() -> None:
    cell = next(cell for cell in cells() if cell.name == "win rate, score / graded / n = 30")
    first = advanced(cell, None, 700)
    assert first == advanced(cell, None, 700)
    second = advanced(cell, first, 700)
    assert (first["experiments"], second["experiments"]) == (500, 700)
    assert np.sum(second["tally"], axis=0)[0] == 700


def test_the_two_gamblers_decide_as_the_whole_confidence_sequence() -> None:
    rng = np.random.default_rng(0)
    outcomes = set()
    for truth in (0.2, 0.37, 0.5):
        for centre in (truth, truth + 0.15):
            share = (rng.random(120) < centre).astype(float)
            low, high = confidence_sequence(share)
            inside = bool((low < truth).all() and (truth < high).all())
            ever = always_inside(share, truth)
            # The sequence's limits are rounded outwards to a thousandth.
            assert inside or not ever
            outcomes.add(ever)
    assert outcomes == {True, False}


@pytest.mark.parametrize("law", ["wins and losses", "20% ties", "50% ties", "graded"])
def test_laws_have_the_mean_that_they_claim(law: laws.Share) -> None:
    rng = np.random.default_rng(1)
    p = np.array([0.05, 0.3, 0.8])
    found = laws.shares(rng, law, p, 40_000).mean(1)
    np.testing.assert_allclose(found, p, atol=0.01)
    both = laws.paired(rng, law, np.stack([p, p[::-1]], axis=1), 40_000).mean(2) if law != "graded" else None
    if both is not None:
        np.testing.assert_allclose(both, np.stack([p, p[::-1]], axis=1), atol=0.01)


def test_expected_strengths_are_those_of_many_battles() -> None:
    from winsome.standings import bradley_terry
    from winsome.standings.ratings import ARENA

    rng = np.random.default_rng(2)
    chance = laws.chances(rng, 4, 1.0)
    rows = bradley_terry(laws.arena(rng, chance, np.full(100_000, 2, np.int32), 0.2, 0.7), cluster="none")
    truth = 1000 + ARENA * laws.expected(chance, 0.2, 0.7)
    for code, value in enumerate(truth):
        assert rows.row(f"m{code}").estimate == pytest.approx(
            value, abs=5 * (rows.row(f"m{code}").standard_error or 1)
        )
