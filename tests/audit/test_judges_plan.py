"""What a tournament of judges would ask: every style and scale of every model, by hand; nothing is asked."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from winsome.cli import main


def test_eight_judges_in_three_styles_and_scales_are_priced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Direct comparison has no scale; scores of one answer at a time are two calls a pair, of which the order does not matter."""
    file, pairs = tmp_path / "gold.csv", 100
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["prompt", "answer_a", "answer_b", "winner", "model_a", "model_b"])
        for k in range(pairs):
            writer.writerow([f"{k:<70}".replace(" ", "."), *(f"{side}{k:<699}".replace(" ", ".") for side in "ab"), "A", "m", "n"])  # fmt: skip
    models = [f"http://127.0.0.1:9/v1#j{k}?price_in=2.5&price_out=10" for k in range(8)]
    given = [
        "judges",
        "rank",
        "--gold",
        str(file),
        "--models",
        *models,
        "--styles",
        "direct,independent,combined",
    ]
    given += ["--scales", "5,10,100", "--setups", "single", "--dry-run", "--ledger", str(tmp_path / "l.db")]
    assert main([*given, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    # 8 models: direct once, combined at three scales, independent at three
    assert len(plan["loads"]) == 8 * (1 + 3 + 3)
    direct = [load for load in plan["loads"] if load["tokens_out"] == 2 * pairs * 400]
    assert direct[0]["tokens_in"] == pytest.approx(2 * pairs * ((70 + 2 * 700) / 3.5 + 300))
    assert direct[0]["money"] == pytest.approx(
        (direct[0]["tokens_in"] * 2.5 + direct[0]["tokens_out"] * 10) / 1e6
    )
    assert {load["calls"] for load in plan["loads"]} == {2 * pairs}
    assert main(given) == 0
    assert f"{pairs} contests" in capsys.readouterr().out
