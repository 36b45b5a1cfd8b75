"""Ranking published files: the figures are those that were published."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import winsome
from tests.matchmaking.published import BASELINE, annotation_files, leaderboard
from winsome.matchmaking import calibration
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


def test_markdown_is_counted_where_the_file_holds_the_answers(published: dict[str, Path]) -> None:
    row = winsome.rank(published["alpaca-7b"], control="length,markdown").row("alpaca-7b")
    assert {"length_coefficient", "markdown_coefficient"} <= set(row.extra)
