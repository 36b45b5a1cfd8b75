"""winsome rank: published files, the fixed JSON, methods and flags."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.typed import COMMAND, lines, typed
from winsome.records import OUTCOMES

KEYS = ("method", "baseline", "rows", "dropped", "warnings")
ROW = ("contender", "estimate", "standard_error", "low", "high", "n", "battles", "discrete_win_rate")


@pytest.fixture
def battles(tmp_path: Path) -> Path:
    winners = ["model_a"] * 6 + ["model_b"] * 3 + ["tie"] * 3
    rows = [
        {
            "model_a": "x",
            "model_b": "y",
            "winner": winner,
            "prompt_id": str(i),
            "category": "odd" if i % 2 else "even",
        }
        for i, winner in enumerate(winners)
    ]
    return lines(tmp_path / "battles.jsonl", rows)


def test_an_alpaca_eval_file_gives_its_published_figure(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "alpaca_eval_2"
    done = typed("rank", str(source / "alpaca-7b.annotations.json.gz"), "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert tuple(done.json())[:5] == KEYS
    row = next(row for row in done.json()["rows"] if row["contender"] == "alpaca-7b")
    assert set(ROW) <= set(row)
    assert {outcome.replace(" ", "_") for outcome in OUTCOMES} <= set(row)
    with (source / "published_public.csv").open(encoding="utf-8") as file:
        published = next(r for r in csv.DictReader(file) if "alpaca-7b" in r.values())
    assert row["estimate"] == pytest.approx(float(published["win_rate"]), abs=1e-9)
    assert row["standard_error"] == pytest.approx(float(published["standard_error"]), abs=1e-9)
    assert row["discrete_win_rate"] == pytest.approx(float(published["discrete_win_rate"]), abs=1e-9)
    assert (done.json()["method"], done.json()["baseline"]) == ("win-rate", "gpt4_1106_preview")
    assert "the format's own figure" in done.err


def test_ranking_805_rows_imports_neither_torch_nor_alembic_nor_scipy_stats(shared_data: Path) -> None:
    file = shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz"
    command = [sys.executable, "-X", "importtime", "-m", "winsome", "rank", str(file), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "numpy" in names
    assert not names & {"torch", "alembic", "scipy.stats", "sqlalchemy", "transformers", "ray"}


def test_the_share_of_a_table_is_the_estimate(battles: Path, tmp_path: Path) -> None:
    rows = {
        row["contender"]: row for row in typed("rank", str(battles), "--json", cwd=tmp_path).json()["rows"]
    }
    assert rows["x"]["estimate"] == pytest.approx(100 * 7.5 / 12)
    assert rows["y"]["estimate"] == pytest.approx(100 * 4.5 / 12)
    assert (rows["x"]["win"], rows["x"]["loss"], rows["x"]["tie"]) == (6, 3, 3)


def test_categories_are_figures_of_their_own(battles: Path, tmp_path: Path) -> None:
    done = typed("rank", str(battles), "--by", "category", "--json", cwd=tmp_path)
    groups = done.json()["groups"]
    assert set(groups) == {"odd", "even"}
    assert all(row["battles"] == 6 for rows in groups.values() for row in rows)
    shown = typed("rank", str(battles), "--by", "category", cwd=tmp_path).out
    assert "category: odd" in shown
    assert "category: even" in shown


def test_a_forced_format_reads_the_same(battles: Path, tmp_path: Path) -> None:
    plain = typed("rank", str(battles), "--json", cwd=tmp_path)
    forced = typed("rank", "--battles", str(battles), "--json", cwd=tmp_path)
    assert forced.out == plain.out


def test_a_baselines_row_may_be_left_out(battles: Path, tmp_path: Path) -> None:
    done = typed("rank", str(battles), "--baseline", "y", "--no-baseline-row", "--json", cwd=tmp_path)
    assert [row["contender"] for row in done.json()["rows"]] == ["x"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "rank needs files of one format"),
        (("--battles", "battles.jsonl", "--alpacaeval", "battles.jsonl"), "rank needs files of one format"),
        (("battles.jsonl", "--baseline", "z"), "baseline 'z' is not among"),
        (("battles.jsonl", "--method", "bt", "--penalty", "l1"), "method bt takes no --penalty"),
        (("battles.jsonl", "--method", "bt", "--anchor", "x"), "is no NAME=RATING"),
        (("battles.jsonl", "--method", "btt"), '"btt" is none of'),
    ],
)
def test_settings_that_do_not_go_together(
    words: tuple[str, ...], expected: str, battles: Path, tmp_path: Path
) -> None:
    done = typed("rank", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert done.err.count("\n") == 1


def test_the_flags_offer_the_methods_formats_and_exports_that_there_are() -> None:
    from winsome.cli import rank
    from winsome.ledger.formats.writers import NEEDS
    from winsome.matchmaking.methods import METHODS
    from winsome.matchmaking.verdict_files import FAMILIES

    assert rank.METHODS == METHODS
    assert tuple(FAMILIES) == rank.FORMATS
    assert tuple(NEEDS) == rank.EXPORTS


@pytest.mark.parametrize(
    "form", ["alpaca_eval", "arena_hard", "arena_hard_v0.1", "mt_bench", "wildbench", "battles", "human"]
)
def test_verdicts_are_exported_so_that_the_figure_stays(form: str, tmp_path: Path) -> None:
    rows = [
        {
            "instruction": f"Question {n}?",
            "output_1": f"from y {n}",
            "generator_1": "y",
            "output_2": f"from x {n}",
            "generator_2": "x",
            "annotator": "j",
            "preference": (1, 2, 1.5, 2)[n % 4],
        }
        for n in range(12)
    ]
    source = lines(tmp_path / "annotations.jsonl", rows)
    done = typed("rank", str(source), "--export", form, "out.jsonl", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "12 records -> out.jsonl" in done.err
    again = typed("rank", "out.jsonl", "--method", "win-rate", "--baseline", "y", "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    figures = [
        next(row["estimate"] for row in found.json()["rows"] if row["contender"] == "x")
        for found in (done, again)
    ]
    assert figures[0] == pytest.approx(figures[1])


def test_both_turns_are_exported(tmp_path: Path) -> None:
    rows = [
        {"question_id": 81, "model_1": "x", "model_2": "y", "g1_winner": w, "g2_winner": w, "judge": ["j", "p"], "turn": turn}
        for turn, w in ((1, "model_1"), (2, "tie"))
    ]  # fmt: skip
    lines(tmp_path / "pairs.jsonl", rows)
    assert typed("rank", "pairs.jsonl", "--export", "mt_bench", "out.jsonl", cwd=tmp_path).code == 0
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [{name: row[name] for name in rows[0]} for row in written] == rows


def test_single_grades_are_exported(tmp_path: Path) -> None:
    rows = [{"session_id": str(n), "model_test": m, "score": n % 10 + 1} for n in range(20) for m in "xy"]
    lines(tmp_path / "scores.jsonl", rows)
    for form in ("wildbench", "mt_bench"):
        done = typed("rank", "scores.jsonl", "--export", form, f"{form}.jsonl", "--json", cwd=tmp_path)
        assert done.code == 0, done.err
        again = typed("rank", f"{form}.jsonl", "--method", "grade-mean", "--json", cwd=tmp_path).json()
        assert again["rows"][0]["estimate"] == pytest.approx(5.5)
    refused = typed("rank", "scores.jsonl", "--export", "battles", "b.jsonl", cwd=tmp_path)
    assert refused.code == 2
    assert "single grades" in refused.err


def test_a_report_is_written_and_fits_its_schema(shared_data: Path, tmp_path: Path) -> None:
    import jsonschema

    from winsome.report.document import schema

    source = str(shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz")
    for words in ((source, "--method", "lc"), (str(shared_data / "llmfao" / "gpt4_votes.csv"),)):
        done = typed("rank", *words, "--report", "--json", cwd=tmp_path)
        assert done.code == 0, done.err
        page = Path(done.err.rpartition("report: ")[2].strip())
        document = json.loads((tmp_path / page).with_suffix(".json").read_bytes())
        jsonschema.validate(document, schema())
        assert document["standings"]["rows"] == done.json()["rows"]
        assert "judge unmeasured" in (tmp_path / page).read_text("utf-8")


def test_ranking_805_rows_costs_little_more_than_its_imports(shared_data: Path, tmp_path: Path) -> None:
    """0.8 s of CPU where nothing else runs, of which importing numpy, polars and scipy.special is 0.45; a ratio holds under load."""
    file = shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz"
    rank = [str(COMMAND), "rank", str(file), "--json", "--quiet"]
    imports = [sys.executable, "-c", "import numpy, polars, scipy.special"]
    spent = {
        name: min(cpu_seconds(words, tmp_path) for _ in range(3))
        for name, words in (("rank", rank), ("imports", imports))
    }
    assert spent["rank"] < 0.8 * max(1.0, spent["imports"] / 0.4)


def cpu_seconds(words: list[str], cwd: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=cwd, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
