"""winsome plan labels: how many people's labels remain, from a file or a run."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.typed import typed


def pilot(folder: Path, pairs: int = 400, labels: int = 80) -> Path:
    draw = np.random.default_rng(2)
    quality = draw.random(pairs)
    y = (draw.random(pairs) < quality).astype(float)
    rows = [f"{y[k] if k < labels else ''},{quality[k]}" for k in range(pairs)]
    (folder / "pilot.csv").write_text("human,synthetic\n" + "\n".join(rows) + "\n")
    return folder / "pilot.csv"


def test_a_file_of_labels_and_scores(tmp_path: Path) -> None:
    pilot(tmp_path)
    done = typed("plan", "labels", "--pilot", "pilot.csv", "--half-width", "5%", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = done.json()
    variance, rho2 = found["pilot"]["variance"], found["pilot"]["rho2"]
    # n = Var (1 - rho^2) / (V - Var rho^2 / N), V = (half-width / t)^2, with the price of one coefficient
    n = found["plan"]["labels"]
    wanted = (0.05 / 1.966) ** 2
    exact = variance * (1 - rho2) * (1 + (1 - n / 400) / (n - 3)) / (wanted - variance * rho2 / 400)
    assert n == pytest.approx(math.ceil(exact), abs=2)
    assert found["plan"]["human_only"] == pytest.approx(variance / wanted, rel=0.01)
    more = typed(
        "plan",
        "labels",
        "--pilot",
        "pilot.csv",
        "--half-width",
        "5%",
        "--pairs-at-hand",
        "100000",
        cwd=tmp_path,
    )
    assert "with the judge:" in more.out
    saving = re.search(r"saving ([\d.]+)% of the labels", more.out)
    # far more pairs than labels: rho^2, less the price of the coefficient
    assert saving is not None
    assert float(saving[1]) == pytest.approx(100 * rho2, abs=0.6)
    detect = typed("plan", "labels", "--pilot", "pilot.csv", "--detect", "10%", cwd=tmp_path)
    assert "-+6.05 points" in detect.out


@pytest.mark.parametrize(("text", "words"), [
    ("human,synthetic\n1,0.5\n", "4 are the least"),
    ("human,synthetic\n,0.5\n", "no record has a human label"),
    ("human,synthetic\n1,\n", 'no number in "synthetic"'),
    ("human,score\n1,1\n", 'no number in "synthetic"'),
    ("human,synthetic\nyes,1\n", 'no number in "human"'),
    ("human,synthetic\n2,1\n2,0\n1,0\n0,1\n", "outside 0 to 1"),
])  # fmt: skip
def test_mistakes_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pilot.csv").write_text(text)
    done = typed("plan", "labels", "--pilot", "pilot.csv", "--half-width", "5%", cwd=tmp_path)
    assert (done.code, words in done.err) == (2, True), done.err
    assert len(done.err.strip()) <= 200


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    pilot(tmp_path)
    for words in (
        ("--pilot", "pilot.csv"),
        ("--half-width", "5%"),
        ("--pilot", "pilot.csv", "--half-width", "5%", "--detect", "3%"),
    ):
        done = typed("plan", "labels", *words, cwd=tmp_path)
        assert (done.code, "one of --half-width P% and --detect P%" in done.err) == (2, True)
    done = typed("plan", cwd=tmp_path)
    assert (done.code, "missing: --detect" in done.err) == (2, True)
