from __future__ import annotations

import json

from winsome.records import OUTCOMES
from winsome.standings import battles, bradley_terry, win_rate

HOSTILE = "<script>alert(1)</script>"


def test_the_json_document_has_the_fixed_keys() -> None:
    found = battles(["x", "x", "y"], ["y", "y", "x"], [1.0, None, 0.5], prompt=["p", "q", "r"])
    document = json.loads(win_rate(found, baseline="y").to_json())
    assert {"method", "baseline", "rows", "dropped", "warnings"} <= document.keys()
    assert (document["method"], document["baseline"]) == ("win-rate", "y")
    assert document["dropped"] == [{"reason": "unparsed", "count": 1}]
    row = document["rows"][0]
    assert {"contender", "estimate", "standard_error", "low", "high", "n", "battles"} <= row.keys()
    assert row["contender"] == "x"
    assert {outcome.replace(" ", "_") for outcome in OUTCOMES} <= row.keys()
    assert (row["win"], row["tie"], row["unparsed"]) == (1, 1, 1)


def test_missing_figures_are_null_and_frames_hold_them() -> None:
    standings = win_rate(battles(["x", "y"], ["y", "z"], [1, 1]))
    assert json.loads(standings.to_json())["rows"][-1]["estimate"] is None
    assert standings.to_frame()["estimate"].null_count() == 2


def test_the_page_escapes_hostile_names() -> None:
    page = bradley_terry(battles([HOSTILE], ["y"], [1.0])).named("suite@1", "judge@2")._repr_html_()
    assert HOSTILE not in page
    assert "suite@1 / judge@2 / bt" in page
