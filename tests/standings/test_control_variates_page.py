"""The page of what a judge beside people saves says what its figures say."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.control_variates import page

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def test_the_page_is_written_from_its_figures() -> None:
    found = json.loads((RESULTS / "control-variates.json").read_text("utf-8"))
    assert (RESULTS / "control-variates.md").read_text("utf-8") == page(found)
    for one in found["crowd"]["judges"].values():
        # people alone at labels / (1 - rho^2) err as people with the judge, but for the price of the coefficient
        for n, human, helped in zip(one["sizes"], one["human_error"], one["assisted_error"], strict=True):
            price = (n - 2) / (n - 3)
            assert abs((helped / human) ** 2 / ((1 - one["rho2"]) * price) - 1) < 0.05
