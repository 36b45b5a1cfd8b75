"""Standings from files: published figures to their digits, every method, and settings that do not go together."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import winsome
from winsome.cli import main
from winsome.errors import BadInput
from winsome.matchmaking.methods import METHODS, Method


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def arena(path: Path, rows: int = 240, seed: int = 0) -> Path:
    """Battles of four models with lengths, marks, categories, times and annotators."""
    rng = np.random.default_rng(seed)
    strength = {"w": 0.8, "x": 0.3, "y": -0.2, "z": -0.7}
    found = []
    for n in range(rows):
        a, b = rng.choice(list(strength), 2, replace=False)
        p = 1 / (1 + np.exp(strength[b] - strength[a]))
        winner = "tie" if rng.random() < 0.2 else "model_a" if rng.random() < p else "model_b"
        found.append(
            {
                "model_a": a, "model_b": b, "winner": winner, "prompt_id": f"p{n // 2}", "annotator": f"u{n % 7}",
                "category": "even" if n % 4 < 2 else "odd", "tstamp": float(rows - n),
                "length_a": int(rng.integers(20, 900)), "length_b": int(rng.integers(20, 900)),
                "bold_a": int(rng.integers(0, 9)), "bold_b": int(rng.integers(0, 9)),
            }
        )  # fmt: skip
    return jsonl(path, found)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("grade-mean", "wb-score", "wb-reward")])
def test_every_method_of_battles_gives_a_row_a_contender(method: Any, tmp_path: Path) -> None:
    path = arena(tmp_path / "battles.jsonl")
    extra: dict[str, Any] = {"baseline": "w"} if method == "lc" else {}
    standings = winsome.rank(path, method=method, **extra)
    assert {row.contender for row in standings.rows} == {"w", "x", "y", "z"}
    assert standings.rows == tuple(sorted(standings.rows, key=lambda row: -(row.estimate or 0)))
    grouped = winsome.rank(path, method=method, by="category", **extra)
    assert set(grouped.groups) == {"even", "odd"}
    assert json.loads(standings.to_json())["method"] == standings.method
    assert standings.to_frame().height == 4


def test_control_makes_bt_style_and_names_its_coefficients(tmp_path: Path) -> None:
    path = arena(tmp_path / "battles.jsonl")
    standings = winsome.rank(path, control="length,bold")
    assert standings.method == "bt-style"
    assert {"length_coefficient", "bold_coefficient", "bold_coefficient_error"} <= set(
        standings.rows[0].extra
    )
    assert winsome.rank(path, control=["length"], baseline="x").method == "lc"


def test_style_is_counted_in_words_conversations_and_arena_metadata(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    plain, words, talks, counts = [], [], [], []
    for n in range(80):
        row = {
            "model_a": "x",
            "model_b": "y",
            "winner": rng.choice(["model_a", "model_b", "tie"]),
            "prompt_id": str(n),
        }
        bold, size = rng.integers(0, 5, 2), rng.integers(1, 60, 2)
        texts = ["**b** " * int(b) + "w" * int(s) for b, s in zip(bold, size, strict=True)]
        lengths = [len(text) for text in texts]
        plain.append(
            row
            | {"length_a": lengths[0], "length_b": lengths[1], "bold_a": int(bold[0]), "bold_b": int(bold[1])}
        )
        words.append(row | {"response_a": texts[0], "response_b": texts[1]})
        said = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": text}] for text in texts]
        talks.append(row | {"conversation_a": said[0], "conversation_b": said[1]})
        counts.append(
            row
            | {
                "conv_metadata": {
                    f"{name}_{side}": value
                    for place, side in enumerate("ab")
                    for name, value in (
                        (f"sum_assistant_{side}_tokens", lengths[place]),
                        ("bold_count", {"**": int(bold[place]), "__": 0}),
                        ("header_count", {"h1": 0}),
                        ("list_count", {"ordered": 0, "unordered": 0}),
                    )
                }
                | {f"sum_assistant_{side}_tokens": lengths[place] for place, side in enumerate("ab")}
            }
        )
    figures = [
        winsome.rank(jsonl(tmp_path / f"{name}.jsonl", rows), control="length,bold").rows
        for name, rows in (("plain", plain), ("words", words), ("talks", talks), ("counts", counts))
    ]  # fmt: skip
    assert figures[0][0].extra["bold_coefficient"] != 0
    assert figures[0] == figures[1] == figures[2] == figures[3]


def test_elo_goes_by_the_time_column_and_says_so(tmp_path: Path) -> None:
    path = arena(tmp_path / "battles.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    turned = jsonl(tmp_path / "turned.jsonl", rows[::-1])
    without = jsonl(
        tmp_path / "without.jsonl", [{k: v for k, v in row.items() if k != "tstamp"} for row in rows]
    )
    first, second = winsome.rank(path, method="elo"), winsome.rank(turned, method="elo")
    assert [r.estimate for r in first.rows] == pytest.approx([r.estimate for r in second.rows], abs=1e-12)
    assert "order of the column time used" in first.warnings
    assert "file order used" in winsome.rank(without, method="elo").warnings
    reversed_file = winsome.rank(jsonl(tmp_path / "r.jsonl", [{k: v for k, v in row.items() if k != "tstamp"} for row in rows[::-1]]), method="elo")  # fmt: skip
    assert [(r.contender, r.estimate) for r in first.rows] == [
        (r.contender, r.estimate) for r in reversed_file.rows
    ]
    assert (
        winsome.rank(path, method="elo", passes=20, seed=3).rows
        == winsome.rank(path, method="elo", passes=20, seed=3).rows
    )


@pytest.mark.parametrize("method", ["win-rate", "bt", "bt-davidson", "bt-rao-kupper", "elo", "glicko2"])
def test_the_figure_is_named_as_it_was_asked_for(tmp_path: Path, method: Method) -> None:
    assert winsome.rank(arena(tmp_path / "b.jsonl"), method=method).method == method


def test_an_anchor_fixes_one_rating(tmp_path: Path) -> None:
    standings = winsome.rank(arena(tmp_path / "b.jsonl"), method="bt", anchor={"x": 1200.0})
    row = standings.row("x")
    assert (row.estimate, row.standard_error) == (1200.0, 0.0)
    mean = winsome.rank(tmp_path / "b.jsonl", method="bt")
    assert np.mean([r.estimate for r in mean.rows]) == pytest.approx(1000.0)


def test_own_figures_of_formats(tmp_path: Path, shared_data: Path) -> None:
    assert winsome.rank(arena(tmp_path / "four.jsonl")).method == "bt"
    two = jsonl(tmp_path / "two.jsonl", [{"model_a": "x", "model_b": "y", "winner": "tie", "prompt_id": "1"}])
    assert winsome.rank(two).method == "win-rate"
    games = [{"uid": str(n), "model": "m", "judge": "j", "games": [{"score": "A>B"}, {"score": "B>A"}], "category": "hard_prompt"} for n in range(9)]  # fmt: skip
    found = winsome.rank(jsonl(tmp_path / "ah.jsonl", games))
    assert (found.method, found.baseline, found.row("m").estimate) == ("win-rate", "o3-mini-2025-01-31", 0.0)
    mixed = games + [game | {"uid": f"c{n}", "category": "creative_writing"} for n, game in enumerate(games)]
    path = jsonl(tmp_path / "mixed.jsonl", mixed)
    with pytest.raises(BadInput, match=r"measures against 2 baselines .* --category NAME"):
        winsome.rank(path)
    assert winsome.rank(path, category="creative_writing").baseline == "gemini-2.0-flash-001"


def test_both_turns_of_mt_bench_are_one_figure_in_one_cluster(tmp_path: Path) -> None:
    rows = [
        {
            "question_id": n,
            "model_1": "x",
            "model_2": "y",
            "g1_winner": w,
            "g2_winner": w,
            "judge": ["j", "pair"],
            "turn": t,
        }
        for n, w in ((81, "model_1"), (82, "model_2"), (83, "tie"))
        for t in (1, 2)
    ]
    path = jsonl(tmp_path / "pairs.jsonl", rows)
    row = winsome.rank(path).row("x")
    assert (row.estimate, row.n, row.battles) == (50.0, 3, 6)
    assert winsome.rank(path, aspect="turn 2").row("x").battles == 3
    singles = [
        {"question_id": 81, "model": m, "judge": ["j", "single"], "score": s, "turn": t}
        for m, s, t in (("x", 8, 1), ("x", 6, 2), ("y", 5, 1), ("y", -1, 2))
    ]
    found = winsome.rank(jsonl(tmp_path / "singles.jsonl", singles))
    assert found.method == "grade-mean"
    assert [found.row(name).estimate for name in "xy"] == pytest.approx([7.0, 5.0])
    with pytest.raises(BadInput, match="needs single grades"):
        winsome.rank(path, method="grade-mean")
    with pytest.raises(BadInput, match="holds single grades"):
        winsome.rank(tmp_path / "singles.jsonl", method="bt")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "bt", "penalty": "l1"}, "method bt takes no --penalty"),
        ({"method": "win-rate", "control": "length"}, "method win-rate takes no --control"),
        ({"method": "elo", "interval": "bayes"}, "method elo takes no --interval"),
        ({"method": "bt", "interval": "wald"}, "has no wald interval"),
        ({"method": "lc"}, "measures against a baseline"),
        ({"method": "lc", "baseline": "w", "control": "emoji"}, 'no "emoji" of both answers'),
        ({"method": "lc", "baseline": "w", "c": 1.0}, "takes no --C"),
        ({"method": "bt", "anchor": {"nobody": 1.0}}, "is not among"),
        ({"baseline": "nobody"}, "is not among"),
        ({"method": "nonsense"}, 'no method "nonsense"'),
        ({"level": 1.0}, "level 1.0 is not between"),
        ({"format": "nonsense"}, 'no format "nonsense"'),
        ({"category": "none"}, 'no verdict has category "none"'),
        ({"aspect": "turn 1"}, 'no column "aspect"'),
        ({"method": "wb-reward", "baseline": "w"}, 'needs "extent"'),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        winsome.rank(arena(tmp_path / "b.jsonl", 40), **given)
    assert said in str(error.value)
    assert len(str(error.value)) <= 200


@pytest.mark.parametrize("method", ["win-rate", "bt", "elo", "lc", None])
@pytest.mark.parametrize("case", ["one verdict", "all wins", "all ties", "never met"])
def test_thin_verdicts_give_a_warned_figure_never_zero_width(method: Any, case: str, tmp_path: Path) -> None:
    row = {"model_a": "x", "model_b": "y", "winner": "model_a", "length_a": 5, "length_b": 9}
    rows = {
        "one verdict": [row | {"prompt_id": "1"}],
        "all wins": [row | {"prompt_id": str(n), "length_a": n} for n in range(12)],
        "all ties": [row | {"prompt_id": str(n), "winner": "tie", "length_a": n} for n in range(12)],
        "never met": [row | {"prompt_id": str(n), "model_a": m, "model_b": o, "length_a": n, "winner": w}
                      for n, (m, o, w) in enumerate([("x", "y", "model_a"), ("x", "y", "model_b"), ("u", "v", "tie")] * 4)],
    }[case]  # fmt: skip
    extra: dict[str, Any] = {"baseline": "y"} if method == "lc" else {}
    standings = winsome.rank(jsonl(tmp_path / "b.jsonl", rows), method=method, **extra)
    assert standings.warnings
    for found in standings.rows:
        if found.estimate is None or found.contender == standings.baseline:
            continue
        if method == "elo" and found.low is None:
            assert any("no interval" in warning for warning in standings.warnings)
            continue
        assert found.low is not None
        assert found.high is not None
        assert found.high > found.low


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02" * 50, "binary"),
        (b'{"model_a": "x", "model_b": "y", "winner": "left"}\n{"model_a": "x", "model_b": "y", "winner": "maybe"}\n', "record 2"),
        (b'{"model_a": "x", "model_b": "y", "share": 1.5}\n', "share"),
        (b'{"model_a": "x", "model_b": "x", "winner": "left"}\n', "against itself"),
        (b'{"model_a": "x", "model_b": "y", "winner": null}\n', "no scored verdict"),
        (b'{"left_model": "x", "right_model": "y"}\n', "not recognised"),
        (b'[{"instruction": "q", "output_1": "a", "generator_1": "b", "output_2": "c", "generator_2": "d", "preference": 7}]', "preference"),
    ],
)  # fmt: skip
def test_bad_files_are_told_in_one_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        winsome.rank(path)
    assert "verdicts" in str(error.value) or "battles" in str(error.value) or "scored" in str(error.value)
    assert len(str(error.value)) <= 200


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"model_a": "x", "model_b": "y", "winner": null, "score": NaN}\n', "scored verdict"),
        ('{"question_id": 1, "model": "x", "judge": ["j", "single-v1"], "turn": 1, "score": NaN}\n', "grade"),
    ],
)
def test_a_file_without_any_verdict_is_named_and_draws_no_chart(
    content: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(content * 2, "utf-8")
    assert main(["rank", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"winsome: mine.jsonl: no {what} among 2 rows, all are null or NaN; judge them again, or give another file"
    ]


CELL = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=6),
    st.sampled_from(["x", "y", "z", "model_a", "model_b", "tie", "left", "NaN", "0.5"]),
)  # fmt: skip
FIELDS = ("model_a", "model_b", "winner", "share", "weight", "order", "repeat", "prompt_id", "category", "length_a", "length_b", "outcome", "time", "extent", "aspect", "annotator")  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), CELL, max_size=9), min_size=1, max_size=6),
    good=st.integers(0, 3),
    method=st.sampled_from([None, "win-rate", "bt", "elo", "lc", "bt-davidson", "wb-reward"]),
    cluster=st.sampled_from([None, "prompt", "annotator", "none"]),
    control=st.sampled_from(["", "length", "length,markdown"]),
)
def test_no_table_of_verdicts_ends_in_a_traceback(
    rows: list[dict[str, Any]], good: int, method: Any, cluster: Any, control: str, tmp_path: Path
) -> None:
    whole = [{"model_a": "x", "model_b": "y", "winner": "left"} | row for row in rows[:good]] + rows[good:]
    path = tmp_path / "verdicts.jsonl"
    text = "".join(json.dumps(row, allow_nan=True) + "\n" for row in whole)
    path.write_text(text, "utf-8")
    told, standings = "", None
    try:
        standings = winsome.rank(path, method=method, cluster=cluster, control=control)
    except BadInput as error:
        told = str(error)
    if standings is None:
        assert 0 < len(told) <= 200
        assert "\n" not in told
        return
    counted = sum(sum(row.counts.values()) for row in standings.rows)
    assert counted <= 2 * len(whole)
    json.loads(standings.to_json())


def test_the_same_figure_from_csv_json_and_parquet(tmp_path: Path) -> None:
    source = arena(tmp_path / "b.jsonl", 60)
    rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
    with (tmp_path / "b.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "b.json").write_text(json.dumps(rows), "utf-8")
    pl.DataFrame(rows).write_parquet(tmp_path / "b.parquet")
    figures = [
        winsome.rank(tmp_path / f"b.{end}").payload()["rows"] for end in ("jsonl", "csv", "json", "parquet")
    ]
    frame = winsome.rank(pl.DataFrame(rows)).payload()["rows"]
    assert figures[0] == figures[1] == figures[2] == figures[3] == frame
