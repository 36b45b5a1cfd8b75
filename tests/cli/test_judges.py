"""winsome judges, suites timestress and --context, as typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.typed import typed

PROMPTS = 12


def sheet(folder: Path) -> None:
    """People prefer the answer with eee; judge good agrees always, judge odd on every other pair; all in both sides."""
    rows = [
        {
            "prompt": f"Question {n}",
            "answer_a": f"{'eee' if n % 2 else 'ooo'} {n}",
            "answer_b": f"{'ooo' if n % 2 else 'eee'} {n}",
        }
        for n in range(PROMPTS)
    ]
    for name, wrong in (("people", ()), ("good", ()), ("odd", range(0, PROMPTS, 3))):
        lines = [
            row | {"winner": ("b" if n % 2 else "a") if n in wrong else ("a" if n % 2 else "b")}
            for n, row in enumerate(rows)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_judges_are_ranked_and_juries_stand_beside_them(tmp_path: Path) -> None:
    sheet(tmp_path)
    words = ("judges", "rank", "--gold", "people.jsonl", "--judges", "odd.jsonl", "good.jsonl")
    found = typed(*words, "--json", cwd=tmp_path).json()
    assert found["judges"][0]["judge"] in ("good.jsonl", "jury of 2 by weighted", "jury of 2 by dawid-skene")
    by_name = {row["judge"]: row for row in found["judges"]}
    assert by_name["good.jsonl"]["all"]["agreement"]["estimate"] == 1.0
    assert by_name["odd.jsonl"]["all"]["agreement"]["estimate"] == 8 / 12
    assert {row["kind"] for row in found["judges"]} == {"single", "jury"}
    assert "good.jsonl" in typed(*words, cwd=tmp_path).out
    single = typed(*words, "--setups", "single", "--json", cwd=tmp_path).json()
    assert len(single["judges"]) == 2


def test_a_cascade_is_drawn(tmp_path: Path) -> None:
    sheet(tmp_path)
    words = (
        "judges",
        "cascade",
        "--gold",
        "people.jsonl",
        "--cheap",
        "odd.jsonl",
        "--dear",
        "good.jsonl",
        "--costs",
        "1,9",
    )
    found = typed(*words, "--json", cwd=tmp_path).json()
    assert (found["curve"][0]["accuracy"], found["curve"][-1]["accuracy"]) == (8 / 12, 1.0)
    assert found["chosen"]["sent"] == 1.0
    assert "chosen" in typed(*words, cwd=tmp_path).out


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    sheet(tmp_path)
    gold = ("--gold", "people.jsonl")
    mistakes: list[tuple[tuple[str, ...], str]] = [
        (("judges", "rank", *gold), "no judge"),
        (("judges", "rank", *gold, "--models", "openai:a", "--styles", "loud"), "no style"),
        (("judges", "rank", *gold, "--models", "openai:a", "--scales", "0"), "no whole number"),
        (
            ("judges", "cascade", *gold, "--cheap", "odd.jsonl", "--dear", "good.jsonl", "--costs", "1"),
            "no two numbers",
        ),
        (("suites", "timestress", "--model", "smollm2-135m", "--precisions", "X"), "Y,M,D"),
        (("compare", "a.json", "b.json", "c.json", "--context", "x.jsonl"), "two contenders"),
        (("compare", "a.json", "b.json", "--context", "x.jsonl", "--context-draws", "1"), "2"),
    ]
    for words, line in mistakes:
        done = typed(*words, cwd=tmp_path)
        assert done.code == 2, words
        assert line in done.err, done.err
        assert len(done.err.strip().splitlines()[-1]) <= 200


def test_two_contenders_are_compared_in_contexts_of_a_file(tmp_path: Path) -> None:
    for name, words in (("adults", "for adults"), ("children", "for children")):
        rows = [{"id": str(n), "prompt": f"Question {n}", "output": f"{words} {n}"} for n in range(6)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    held = [
        {"id": str(n), "questions": [{"question": "How old?", "answers": ["child", "adult"]}]}
        for n in range(6)
    ]
    (tmp_path / "contexts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in held))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").write_text("")
    (tmp_path / "own" / "by_age.py").write_text(
        (Path(__file__).parents[1] / "suites" / "by_age.py").read_text()
    )
    words = (
        "compare",
        "adults.jsonl",
        "children.jsonl",
        "--judge",
        "own.by_age:by_age",
        "--context",
        "contexts.jsonl",
    )
    done = typed(*words, "--json", cwd=tmp_path)
    found: dict[str, Any] = done.json()
    assert found["without context"]["estimate"] == 1.0
    assert 0.0 < found["change"]["estimate"] < 1.0
    assert len(found["runs"]) == 4
    assert "the winner changes" in typed(*words, cwd=tmp_path).out
