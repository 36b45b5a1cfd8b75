"""The result in words."""

from __future__ import annotations

from typing import Any

import pytest

from winsome.report.headline import headline, ranks


def row(
    name: str,
    estimate: float | None,
    low: float | None,
    high: float | None,
    best: int = 1,
    worst: int = 1,
    n: int = 100,
) -> dict[str, Any]:
    return {
        "contender": name,
        "estimate": estimate,
        "low": low,
        "high": high,
        "n": n,
        "rank_low": best,
        "rank_high": worst,
    }


def standings(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rows": list(rows), "baseline": None, "decisions": [], "level": 0.95, "scale": "per cent"} | more


BASE = row("base", 50.0, 50.0, 50.0)


@pytest.mark.parametrize(
    ("found", "claim", "decided"),
    [
        (standings(row("new", 62.0, 55.0, 68.0), BASE, baseline="base"), "new beats base", True),
        (standings(BASE, row("new", 40.0, 33.0, 47.0), baseline="base"), "base beats new", True),
        (standings(row("new", 52.0, 45.0, 59.0), BASE, baseline="base"), "No winner yet between new and base", False),
        (standings(row("x", 60.0, 52.0, 67.0), row("y", 40.0, 33.0, 48.0)), "x beats y", True),
        (standings(row("x", 70.0, 60.0, 80.0), row("y", 50.0, 40.0, 60.0, 2, 3), row("z", 30.0, 20.0, 40.0, 2, 3)), "x is first of 3", True),
        (standings(row("x", 70.0, 60.0, 80.0, 1, 2), row("y", 60.0, 50.0, 70.0, 1, 2), row("z", 30.0, 20.0, 40.0, 3, 3)), "x leads, level with y", False),
        (standings(row("x", 51.0, 40.0, 60.0, 1, 3), row("y", 50.0, 40.0, 60.0, 1, 3), row("z", 49.0, 40.0, 60.0, 1, 3)), "No first place yet among 3 contenders", False),
        (standings(BASE, row("p", 40.0, 30.0, 48.0, 2, 3), row("q", 30.0, 20.0, 40.0, 2, 3), baseline="base"), "base is first of 3", True),
        (standings(row("x", 1100.0, 1050.0, 1150.0), row("y", 900.0, 850.0, 950.0, 2, 2), scale="Arena points"), "x is first of 2", True),
        (standings(row("x", None, None, None), row("y", None, None, None)), "Nothing was scored", None),
    ],
)  # fmt: skip
def test_says_who_is_ahead_and_whether_that_is_decided(
    found: dict[str, Any], claim: str, decided: bool | None
) -> None:
    said = headline(found)
    assert (said["claim"], said["decided"]) == (claim, decided)
    assert said["decision"]


def test_carries_the_sentence_of_an_open_decision() -> None:
    sentence = "Not decided at n = 100; 2,600 would, if the true win rate is the present estimate"
    found = standings(row("new", 52.0, 45.0, 59.0), BASE, baseline="base", decisions=[f"new: {sentence}"])
    assert headline(found)["decision"] == sentence + "."
    assert (
        headline(found)["detail"]
        == "new wins 52.0% against base, 95% interval 45.0 to 59.0, over 100 prompts."
    )


def test_ranks_are_a_set() -> None:
    assert [ranks(row("x", 1.0, 1.0, 1.0, *pair)) for pair in ((1, 1), (2, 4))] == ["1", "2–4"]
    assert ranks({"contender": "x"}) == "–"
