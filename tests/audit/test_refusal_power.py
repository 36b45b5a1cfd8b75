"""How many votes a penalty needs: what the law says is what a simulation of that many votes finds, and how the audit says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audit.test_refusals import cells, votes
from winsome.audit.refusal_power import told, votes_needed
from winsome.audit.refusals import audit_refusals
from winsome.cli import main
from winsome.standings.answer_types import Effects, logit
from winsome.standings.intervals import wilson

GAMMA = -0.6


def fitted(seed: int, rows: int) -> tuple[Effects, int]:
    """The effect of a planted penalty among three models, and how many votes have a refusal on one side only; 2 votes a prompt."""
    draw = np.random.default_rng(seed)
    prompts = rows // 2
    theta = np.array([0.0, 0.4, -0.3])
    pair = np.stack([draw.permutation(3)[:2] for _ in range(prompts)]).T.astype(np.int32)
    declines = draw.random((2, prompts)) < 0.2
    difference = declines[0] * 1.0 - declines[1]
    odds = theta[pair[0]] - theta[pair[1]] + GAMMA * difference
    share = (draw.random((2, prompts)) < 1.0 / (1.0 + np.exp(-odds))).astype(float).ravel()
    twice = np.tile(np.arange(prompts), 2)
    effects = logit(
        difference[twice][:, None],
        ["ethical"],
        share,
        twice.astype(np.int32),
        (pair[0][twice], pair[1][twice]),
    )
    return effects, int((difference[twice] != 0.0).sum())


def test_as_many_votes_as_are_said_tell_the_penalty_as_often_as_is_said() -> None:
    pilot, count = fitted(0, 8000)
    error = float(np.sqrt(pilot.covariance[0, 0]))
    for power in (0.5, 0.9):
        needed = votes_needed(GAMMA, error, count, power)
        # a refusal is on one side only in 0.32 of votes
        found = [fitted(seed, round(needed / 0.32)) for seed in range(1, 401)]
        assert np.mean([one for _, one in found]) == pytest.approx(needed, rel=0.03)
        hits = sum(effects.interval("ethical")[2] < 0.0 for effects, _ in found)
        low, high = wilson(hits / 400, 400, 2.576)
        assert low <= power <= high


def test_the_law_is_that_of_the_square_root() -> None:
    # (1.959964 + 1.281552) = 3.241516: an error of 0.5 / 3.241516 tells 0.5 with the votes at hand
    assert told(0.5 / 3.241516) == pytest.approx(0.5, rel=1e-6)
    assert votes_needed(0.5, 0.5 / 3.241516 * 0.999999, 400) == 400
    assert votes_needed(-0.25, 0.5 / 3.241516 * 0.999999, 400) == 1600
    assert votes_needed(0.5, 2 * 0.5 / 3.241516 * 0.999999, 400) == 1600


def test_the_audit_says_how_many_votes_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25})
    record = audit_refusals(file, detect=0.25)
    rows = cells(record, "Votes that a penalty")
    estimate, low, high = (
        cells(record, "Penalties")["ethical"][2][key] for key in ("estimate", "low", "high")
    )
    against = cells(record, "Win rate")["ethical"]
    # refusals against refusals of the same type are no votes on the penalty
    there = against[0]["n"] + against[3]["n"]
    # the interval is Student's with 1,499 degrees of freedom
    error = (high - low) / 2.0 / 1.961547
    for name, size in (
        ("as estimated", estimate),
        ("the interval's end nearer to 0", high),
        ("stated", 0.25),
    ):
        shown = rows[name][0]
        assert (shown["estimate"] if name == "as estimated" else shown) == size
        assert rows[name][1] == there
        assert rows[name][2] == pytest.approx(there * (3.241516 * error / size) ** 2, rel=1e-3, abs=1.0)
    assert main(["audit", "refusals", file, "--detect", "0", "--quiet"]) == 2
    assert "give 0.5" in capsys.readouterr().err


def test_an_interval_with_0_has_no_number_for_its_end(tmp_path: Path) -> None:
    file = votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.5, "technical": 0.25}, n=600)
    record = audit_refusals(file)
    table = next(one for one in record["tables"] if one["title"].startswith("Votes that"))
    assert cells(record, "Votes that")["the interval's end nearer to 0"][2] is None
    assert "holds 0" in table["notes"][-1]


def test_a_penalty_without_an_error_has_no_power(tmp_path: Path) -> None:
    record = audit_refusals(votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 1e-9, "technical": 0.25}))
    assert not any(one["title"].startswith("Votes that") for one in record["tables"])
