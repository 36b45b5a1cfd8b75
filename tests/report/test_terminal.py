"""Standings in the terminal fit the console and say all that a figure needs."""

from __future__ import annotations

import io
import re
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from winsome.report.terminal import standings_table
from winsome.standings import Battles, Standings, bradley_terry, win_rate


def printed(standings: Standings, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(standings_table(standings))
    return out.getvalue()


@pytest.fixture
def battles(run: Any) -> Battles:
    names = ("one", "two", "a-contender-with-a-rather-long-name")
    return Battles.from_frame(
        pl.read_parquet(
            run(prompts=60, contenders=names, skill=(0, 0.1, 1), baseline=None) / "battles.parquet"
        )
    )


@pytest.mark.parametrize("width", [50, 74, 80, 120])
def test_every_width_shows_name_figure_counts_and_decision(battles: Battles, width: int) -> None:
    standings = win_rate(battles).named("suite@1", "judge@2")
    shown = printed(standings, width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert shown.startswith("suite@1 / judge@2 / win-rate\n")
    for row in standings.rows:
        counts = row.counts
        line = next(
            line for line in shown.splitlines() if f"{counts['win']}/{counts['tie']}/{counts['loss']}" in line
        )
        assert f"{row.estimate:.1f}" in line
        assert f"{row.low:.1f}–{row.high:.1f}" in line
        assert re.search(rf"\b{counts['inconsistent']}\s+{row.n}\b", line)
    assert "first" in shown.splitlines()[-1] or "first" in shown.splitlines()[-2] or "rank" in shown
    assert ("●" in shown) is (width >= 74)


def test_the_interval_is_drawn_to_scale(battles: Battles) -> None:
    standings = win_rate(battles)
    lines = printed(standings, 120).splitlines()
    dots = {
        row.contender: next(line.index("●") for line in lines if line.startswith(row.contender))
        for row in standings.rows
    }
    by_estimate = [row.contender for row in sorted(standings.rows, key=lambda row: row.estimate or 0)]
    assert [dots[name] for name in by_estimate] == sorted(dots.values())
    middle = {line.index("┊") for line in lines if "┊" in line}
    assert len(middle) == 1
    for row in standings.rows:
        assert row.estimate is not None
        assert (dots[row.contender] > middle.copy().pop()) is (row.estimate > 52) or abs(
            row.estimate - 50
        ) < 2


def test_an_open_figure_says_which_n_would_decide(run: Any) -> None:
    contests = Battles.from_frame(pl.read_parquet(run(prompts=40, skill=(0.0, 0.1)) / "battles.parquet"))
    shown = " ".join(printed(win_rate(contests, baseline="base"), 100).split())
    assert "No winner yet between" in shown
    assert re.search(
        r"Not decided at n = 40; [\d,]+ would, if the true win rate is the present estimate", shown
    )


def test_points_have_no_per_cent(battles: Battles) -> None:
    shown = printed(bradley_terry(battles).named("suite@1", "judge@2"), 100)
    assert "points" in shown
    assert "win %" not in shown
    assert "┊" in shown
