"""Judge noise has a line of its own, in the terminal and on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.report.test_terminal import printed
from winsome.api import report_of_verdicts
from winsome.matchmaking.methods import Settings, ranked
from winsome.matchmaking.verdict_files import recorded

HEAD = "model_a,model_b,winner,prompt_id,order,repeat\n"


def verdicts(path: Path, repeats: int) -> Path:
    """x wins prompt p in its first repeat, y in its second where p is even."""
    rows = [
        f"x,y,{'model_b' if repeat and prompt % 2 else 'model_a' if (prompt + order) % 3 else 'model_b'},p{prompt},{order},{repeat}"
        for prompt in range(40)
        for order in (0, 1)
        for repeat in range(repeats)
    ]
    path.write_text(HEAD + "\n".join(rows) + "\n", "utf-8")
    return path


def test_repeats_have_a_line_in_the_terminal_and_a_table_on_the_page(tmp_path: Path) -> None:
    found = recorded(verdicts(tmp_path / "repeats.csv", 2), baseline="y")
    standings = ranked(found, "win-rate", Settings(baseline="y"))
    row: dict[str, Any] = standings.row("x").payload()
    shown = printed(standings, 120)
    assert f"x: standard error {row['standard_error']:.2f} points" in shown
    assert f"repeats (judge noise) {row['repeat_error']:.2f}" in shown
    page = report_of_verdicts(found, standings, ledger=str(tmp_path / "l.sqlite"), runs=tmp_path / "runs")
    words = Path(page).read_text("utf-8")
    assert "Where the error comes from, in points" in words
    assert f"{row['repeat_error']:.2f}" in words


def test_verdicts_asked_once_say_nothing_of_noise(tmp_path: Path) -> None:
    path = tmp_path / "once.csv"
    path.write_text(
        HEAD + "".join(f"x,y,{'model_a' if p % 3 else 'model_b'},p{p},0,0\n" for p in range(30)), "utf-8"
    )
    standings = ranked(recorded(path, baseline="y"), "win-rate", Settings(baseline="y"))
    assert "prompt_error" not in standings.row("x").extra
    assert "standard error" not in printed(standings, 120)
