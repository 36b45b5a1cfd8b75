"""Standings from files: published figures to their digits, every method, and settings that do not go together."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import winsome
from tests.matchmaking.published import BASELINE, annotation_files, leaderboard
from winsome.errors import BadInput
from winsome.matchmaking import calibration
from winsome.matchmaking.methods import METHODS, Method
from winsome.records import Prompt, user


@pytest.fixture(scope="module")
def published(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return annotation_files(shared_data, tmp_path_factory.mktemp("annotations"))


def test_all_24_models_have_their_published_win_rate_error_and_discrete_rate(
    shared_data: Path, published: dict[str, Path]
) -> None:
    board = leaderboard(shared_data)
    assert len(published) == len(board) == 24
    for model, path in published.items():
        row = winsome.rank(path).row(model)
        assert row.estimate == pytest.approx(board[model]["win_rate"], abs=1e-9)
        assert row.standard_error == pytest.approx(board[model]["standard_error"], abs=1e-9)
        assert row.extra["discrete_win_rate"] == pytest.approx(board[model]["discrete_win_rate"], abs=1e-9)
        assert row.n == board[model]["n_total"]


def test_length_controlled_figures_of_files_are_the_published_ones(
    shared_data: Path, published: dict[str, Path]
) -> None:
    board = leaderboard(shared_data)
    plain = winsome.rank(*published.values(), method="lc")
    assert plain.baseline == BASELINE
    far = [
        m for m in board if abs((plain.row(m).estimate or 0) - board[m]["length_controlled_winrate"]) > 0.11
    ]
    assert sorted(far) == ["alpaca-7b_verbose", "text_davinci_001"]
    fewer = sorted(m for m in board if board[m]["n_total"] < 805)
    (note,) = (warning for warning in plain.warnings if "fewer than 805 prompts" in warning)
    assert sorted(note.partition(":")[0].split(", ")) == fewer
    assert set(far) <= set(fewer)
    fits = [winsome.rank(*published.values(), method="lc", penalty="l1", c=c) for c in (2.7826, 21.544)]
    near = {
        m: min(abs((fit.row(m).estimate or 0) - board[m]["length_controlled_winrate"]) for fit in fits)
        for m in board
    }
    assert sum(distance <= 0.015 for distance in near.values()) >= 21


def test_the_shipped_table_is_that_of_the_suite(shared_data: Path) -> None:
    home = shared_data / "alpaca_eval_2"
    words = pl.read_parquet(home / "baseline_gpt4_1106_preview.parquet").sort("index")["instruction"]
    known = calibration.shipped([Prompt((user(text),)).id for text in words], BASELINE, "")
    assert known is not None
    figures = pl.read_csv(home / "calibration.csv").sort("index")
    hard = figures["instruction_difficulty"].to_list()
    assert [known.difficulty[Prompt((user(t),)).id] for t in words] == pytest.approx(hard, abs=1e-9)
    gamed = [*figures["std_delta_len_verbose"], *figures["std_delta_len_concise"]]
    assert known.gamed_length.tolist() == pytest.approx(gamed, abs=1e-9)


def test_the_difficulties_stay_with_their_suite_judge_and_baseline(
    published: dict[str, Path], tmp_path: Path
) -> None:
    rows = json.loads(published["alpaca-7b"].read_text("utf-8"))
    told = "the difficulties and gamed baselines of AlpacaEval 2"

    def uses(change: dict[str, Any]) -> bool:
        path = tmp_path / "changed.json"
        path.write_text(json.dumps([row | change for row in rows]), "utf-8")
        return any(told in warning for warning in winsome.rank(path, method="lc").warnings)

    assert uses({})
    assert not uses({"annotator": "another judge"})
    assert not uses({"generator_1": "another baseline"})
    other = [row | {"instruction": f"{row['instruction']}!"} for row in rows]
    (tmp_path / "other.json").write_text(json.dumps(other), "utf-8")
    assert not any(told in w for w in winsome.rank(tmp_path / "other.json", method="lc").warnings)
    plain = winsome.rank(published["alpaca-7b"], method="lc", calibrated=False)
    assert not any(told in warning for warning in plain.warnings)


def gamed_file(shared_data: Path, path: Path, seed: int) -> pl.DataFrame:
    """Simulated labels of the suite's gamed rows, in the columns of df_gamed.csv."""
    figures = pl.read_csv(shared_data / "alpaca_eval_2" / "calibration.csv").sort("index")
    rng = np.random.default_rng(seed)
    parts = []
    for version in ("verbose", "concise"):
        length = figures[f"std_delta_len_{version}"].to_numpy()
        hard = figures["instruction_difficulty"].to_numpy()
        odds = -0.9 * np.tanh(length) + 0.1 * hard
        share = np.clip(1 / (1 + np.exp(-odds)) + rng.normal(0, 0.15, len(odds)), 0, 1)
        parts.append(
            pl.DataFrame(
                {
                    "model": f"{BASELINE}_{version}",
                    "index": figures["index"],
                    "preference": share,
                    "instruction_difficulty": hard,
                    "std_delta_len": length,
                    "not_gamed_baseline": False,
                }
            )
        )
    frame = pl.concat(parts)
    frame.write_csv(path)
    return frame


def test_with_gamed_rows_c_is_chosen_as_scikit_learn_chooses_it(
    shared_data: Path, published: dict[str, Path], tmp_path: Path
) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    selection = pytest.importorskip("sklearn.model_selection")
    gamed = gamed_file(shared_data, tmp_path / "df_gamed.csv", 5)
    row = winsome.rank(published["alpaca-7b"], method="lc", gamed=tmp_path / "df_gamed.csv").row("alpaca-7b")

    rows = json.loads(published["alpaca-7b"].read_text("utf-8"))
    hard = dict(
        zip(gamed["index"].to_list()[:805], gamed["instruction_difficulty"].to_list()[:805], strict=True)
    )
    words = pl.read_parquet(shared_data / "alpaca_eval_2" / "baseline_gpt4_1106_preview.parquet")
    index = dict(zip(words["instruction"].to_list(), words["index"].to_list(), strict=True))
    gap = np.array([len(r["output_1"]) - len(r["output_2"]) for r in rows], float)
    own = np.stack(
        [
            np.tanh(gap / gap.std(ddof=1)),
            np.array([hard[index[r["instruction"]]] for r in rows]),
            np.ones(len(rows)),
        ],
        1,
    )
    theirs = np.stack(
        [
            np.tanh(gamed["std_delta_len"].to_numpy()),
            gamed["instruction_difficulty"].to_numpy(),
            np.zeros(len(gamed)),
        ],
        1,
    )
    design = np.concatenate([theirs, own])
    share = np.concatenate([gamed["preference"].to_numpy(), [r["preference"] - 1 for r in rows]])
    weight = np.concatenate([np.full(len(gamed), 0.1), np.ones(len(rows))])
    doubled, label = np.concatenate([design, design]), np.repeat([1, 0], len(share))
    both = np.concatenate([weight * share, weight * (1 - share)])
    groups = np.tile(np.arange(len(share)), 2)
    scores: dict[float, list[float]] = {}
    for c in np.logspace(-4, 4, 10):
        for inside, outside in selection.GroupKFold(5).split(doubled, label, groups):
            fit = linear.LogisticRegression(
                C=c, l1_ratio=1.0, solver="liblinear", fit_intercept=False, random_state=123
            ).fit(doubled[inside], label[inside], sample_weight=both[inside])
            p = np.clip(fit.predict_proba(doubled[outside])[:, 1], 1e-15, 1 - 1e-15)
            truth = np.where(label == 1, np.tile(share, 2), 1 - np.tile(share, 2))[outside]
            truth = np.where(label[outside] == 1, truth, 1 - truth)
            loss = -(truth * np.log(p) + (1 - truth) * np.log(1 - p)) * np.tile(weight, 2)[outside]
            scores.setdefault(float(c), []).append(float(loss.mean()))
    best = min(scores, key=lambda c: float(np.mean(scores[c])))
    assert row.extra["c"] == pytest.approx(best)
    fit = linear.LogisticRegression(
        C=best,
        l1_ratio=1.0,
        solver="liblinear",
        fit_intercept=False,
        tol=1e-9,
        max_iter=10_000,
        random_state=123,
    ).fit(doubled, label, sample_weight=both)
    equal = own.copy()
    equal[:, 0] = 0.0
    assert row.estimate == pytest.approx(100 * fit.predict_proba(equal)[:, 1].mean(), abs=1e-2)


def test_wildbench_scores_are_published_to_the_digit(shared_data: Path) -> None:
    folder = shared_data / "wildbench"
    standings = winsome.rank(folder / "wb_score_gpt4o.parquet")
    published = json.loads((folder / "wb_score_published.json").read_text("utf-8"))
    assert standings.method == "wb-score"
    for model, figures in published.items():
        row = standings.row(model)
        assert row.estimate == pytest.approx(figures["adjusted_score"], abs=1e-9)
        assert row.extra["grade_mean"] == pytest.approx(figures["score"], abs=1e-9)
        assert row.low is not None
        assert row.low < (row.estimate or 0) < (row.high or 0)
    plain = winsome.rank(folder / "wb_score_gpt4o.parquet", method="grade-mean")
    assert plain.row("gemma-2b-it").estimate == pytest.approx(published["gemma-2b-it"]["score"], abs=1e-9)


@pytest.mark.parametrize("margin", [-1, 500, 1000, 1500])
def test_wildbench_rewards_are_published_to_the_digit(shared_data: Path, margin: int) -> None:
    path = shared_data / "wildbench" / "wb_reward_gpt4t_published.json.gz"
    published = json.loads(gzip.decompress(path.read_bytes()))[str(margin)]
    standings = winsome.rank(path, margin=margin)
    assert standings.method == "wb-reward"
    assert standings.row("reference").estimate == 0.0
    for model, figures in published.items():
        assert standings.row(model).estimate == pytest.approx(figures["reward"], abs=1e-12)
        assert sum(standings.row(model).counts.values()) == figures["total"]


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


def test_markdown_is_counted_where_the_file_holds_the_answers(published: dict[str, Path]) -> None:
    row = winsome.rank(published["alpaca-7b"], control="length,markdown").row("alpaca-7b")
    assert {"length_coefficient", "markdown_coefficient"} <= set(row.extra)


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
