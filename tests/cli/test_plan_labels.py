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


def test_labels_scores_and_tuned_reward_models_are_priced(tmp_path: Path) -> None:
    """The published size: 33,000 pairs, a judge in both orders, 20 reward models of 8B that each leave one contender out."""
    pilot(tmp_path)
    words = ["plan", "labels", "--pilot", "pilot.csv", "--half-width", "2%", "--pairs-at-hand", "33000"]
    judge = "pairwise?model=(http://127.0.0.1:9/v1#m?price_in=2.5&price_out=10)"
    words += ["--judge", judge, "--usd-per-label", "0.4", "--leave-out", "20", "--parameters", "8e9"]
    done = typed(*words, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = done.json()
    plan, costs = found["plan"], found["costs"]
    assert costs["labels_usd"] == pytest.approx(0.4 * plan["labels"])
    assert costs["alone_usd"] == pytest.approx(0.4 * plan["human_only"])
    # a prompt of 600 characters at 3.5 a token, two answers of 400 tokens, 300 of the judge's own text; 400 are written
    (load,) = costs["scores"]["loads"]
    assert (costs["scores"]["asks"], load["calls"], load["tokens_out"]) == (66_000, 66_000, 66_000 * 400)
    assert load["tokens_in"] == pytest.approx(66_000 * (600 / 3.5 + 1100), rel=1e-4)
    assert load["money"] == pytest.approx((load["tokens_in"] * 2.5 + load["tokens_out"] * 10.0) / 1e6)
    # each of 20 is on a tenth of the pairs: 20 models learn from 29,700 and score 3,300, two texts of 571.4 tokens a pair
    tuning = costs["tuning"]
    assert (tuning["trained"], tuning["scored"]) == (20 * 29_700, 20 * 3_300)
    assert tuning["tokens"] == pytest.approx(2 * (600 / 3.5 + 400) * 20 * 33_000, rel=1e-6)
    operations = 8e9 * 2 * (600 / 3.5 + 400) * 20 * (6 * 29_700 + 2 * 3_300)
    assert tuning["gpu_hours"] == pytest.approx(operations / (0.4 * 989e12) / 3600)
    told = typed(*words, cwd=tmp_path).out
    assert "33,000 contests, 66,000 asks" in told
    assert "594,000 pairs to train on, 66,000 to score" in told
    assert f"people's labels: {0.4 * plan['labels']:,.2f} usd" in told


@pytest.mark.parametrize(("more", "told"), [
    (("--leave-out", "6"), "belong together"),
    (("--parameters", "8e9"), "belong together"),
    (("--leave-out", "2", "--parameters", "8e9"), "3"),
    (("--leave-out", "6", "--parameters", "big"), "numbers of parameters"),
    (("--leave-out", "6", "--parameters", "7e9,8e9"), "give one number"),
    (("--usd-per-label", "-1"), "no price"),
])  # fmt: skip
def test_a_price_that_cannot_be_told(tmp_path: Path, more: tuple[str, ...], told: str) -> None:
    pilot(tmp_path)
    done = typed("plan", "labels", "--pilot", "pilot.csv", "--half-width", "5%", *more, cwd=tmp_path)
    assert (done.code, told in done.err) == (2, True), done.err
    assert len(done.err.strip()) <= 200
