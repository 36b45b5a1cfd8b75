"""What two judges' verdicts on the pairs would take: counted from the file's own words, with the prices that were given."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from winsome.cli import main

PRICED = "pairwise?model=(http://127.0.0.1:9/v1#m?price_in=2.5&price_out=10)"
UNKNOWN = "pairwise?model=(http://127.0.0.1:9/v1#n)"


@pytest.mark.parametrize("pairs", [1_000, pytest.param(49_938, marks=pytest.mark.slow)])
def test_two_judges_on_pairs_of_a_known_size(
    pairs: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many pairs as the paper has, and fewer, of 70 characters of request and 700 in each answer: 420 tokens and 300 of the judge's own text an ask, in two orders."""
    file = tmp_path / "v.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "model_a", "model_b"])
        for k in range(pairs):
            writer.writerow([f"{k:<70}".replace(" ", "."), *(f"{side}{k:<699}".replace(" ", ".") for side in "ab"), "A", "m", "n"])  # fmt: skip
    given = ["audit", "refusals", str(file), "--plan-judge", PRICED, "--plan-judge", UNKNOWN]
    given += ["--ledger", str(tmp_path / "ledger.db")]
    assert main([*given, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["contests"], plan["asks"]) == (pairs, 4 * pairs)
    first, second = plan["loads"]
    assert first["calls"] == second["calls"] == 2 * pairs
    assert first["tokens_in"] == pytest.approx(2 * pairs * (70 + 2 * 700) / 3.5 + 2 * pairs * 300, rel=1e-9)
    assert first["tokens_out"] == 2 * pairs * 400
    # dollars a million tokens
    assert first["money"] == pytest.approx((first["tokens_in"] * 2.5 + first["tokens_out"] * 10.0) / 1e6)
    assert second["money"] is None
    assert main(given) == 0
    told = capsys.readouterr().out
    # an ask reads 720 tokens, 0.0018 dollars, and writes 400, 0.004: 11.60 for 1,000 pairs twice, 579.28 for the paper's
    assert f"{pairs:,} contests, {4 * pairs:,} asks" in told
    assert f"about {11.6 * pairs / 1000:.2f} usd" in told
    assert "price unknown" in told
