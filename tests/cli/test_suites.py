"""winsome suites: what ships, what a file holds, a file to fill in."""

from __future__ import annotations

from pathlib import Path

from tests.cli.typed import typed


def test_what_ships_is_listed_and_shown(tmp_path: Path) -> None:
    listed = typed("suites", "list", "--json", cwd=tmp_path).json()["suites"]
    listed = [suite for suite in listed if suite["ships"] and suite["judge"] != "likelihood"]
    assert "winsome suites timestress" in typed("suites", "show", "timestress", cwd=tmp_path).out
    assert typed("suites", "show", "timestress", "--json", cwd=tmp_path).json()["prompts"] >= 150
    assert "wildbench" in typed("suites", cwd=tmp_path).out
    assert any(suite["prompts"] >= 24 for suite in listed), "the demo needs 24 prompts"
    for suite in listed:
        shown = typed("suites", "show", suite["name"], "--json", cwd=tmp_path).json()
        assert len(shown["items"]) == shown["prompts"] == suite["prompts"]
        assert suite["name"] in typed("suites", "show", suite["name"], cwd=tmp_path).out


def test_a_new_file_is_a_suite_at_once_and_is_never_overwritten(tmp_path: Path) -> None:
    assert typed("suites", "new", "mine.jsonl", cwd=tmp_path).code == 0
    shown = typed("suites", "show", "mine.jsonl", "--json", cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert shown.json()["prompts"] >= 3
    again = typed("suites", "new", "mine.jsonl", cwd=tmp_path)
    assert again.code == 2
    assert "exists already" in again.err


def test_an_unknown_suite_is_answered_with_the_nearest(tmp_path: Path) -> None:
    wrong = typed("suites", "show", "basic", cwd=tmp_path)
    assert wrong.code == 2
    assert 'did you mean "basics"?' in wrong.err
