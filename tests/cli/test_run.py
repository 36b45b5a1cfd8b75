"""winsome run: recipes from the command line, with exit codes, one JSON document, a plan before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import typed

RECIPE = """\
winsome: 1
name: typed
names: {policy: "world:instruction#oracle?quality=0.4", better: "world:instruction#oracle?quality=0.9"}
steps:
  - load: {source: "world:instruction?split=train&n=20"}
  - generate: {by: "@policy", n: 2}
  - score: {by: "world:instruction#scorer"}
  - pair: {rule: best_worst}
  - match: {a: "@better", b: "@policy", suite: "world:instruction?split=test&n=40", judge: "world:instruction#gold"}
  - report:
paper: {parameters: 7.0e+9, prompts: 1000, n: 4, usd_per_gpu_hour: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE, "utf-8")
    return tmp_path


def test_a_recipe_ends_in_standings_and_a_page(folder: Path) -> None:
    done = typed("run", "r.yaml", cwd=folder)
    assert done.code == 0, done.err
    assert "typed" not in done.out
    assert "quality=0.9" in done.out
    assert "Decided" in done.out
    assert [line.partition(":")[0] for line in done.err.splitlines()[:6]] == [
        "load",
        "generate",
        "score",
        "pair",
        "match",
        "report",
    ]
    (report,) = (folder / ".winsome" / "runs").glob("*/report.html")
    assert "quality=0.9" in report.read_text("utf-8")


def test_json_is_one_document_and_quiet_says_nothing_else(folder: Path) -> None:
    done = typed("run", "r.yaml", "--json", "--quiet", "--set", "generate.n=3", "--seed", "5", cwd=folder)
    assert done.code == 0
    assert done.err == ""
    held = done.json()
    assert held["state"] == "finished"
    assert held["seed"] == 5
    assert [step["rows"] for step in held["steps"] if step["step"] == "generate"] == [{"responses": 60}]
    assert held["matches"][0]["standings"]["rows"][0]["estimate"] > 50


def test_a_dry_run_shows_the_plan_and_runs_nothing(folder: Path) -> None:
    done = typed("run", "r.yaml", "--dry-run", cwd=folder)
    assert done.code == 0, done.err
    for said in ("at most 20 prompts", "at most 40 responses", "at most 20 pairs", "at most 40 contests"):
        assert said in done.out
    assert not (folder / ".winsome" / "runs").exists()
    rows = typed("run", "r.yaml", "--dry-run", "--json", cwd=folder).json()["steps"]
    assert [row["step"] for row in rows] == ["load", "generate", "score", "pair", "match", "report", "all"]


def test_the_published_scale_is_worked_out_by_hand(folder: Path) -> None:
    rows = typed("run", "r.yaml", "--dry-run", "--at", "paper", "--json", cwd=folder).json()["steps"]
    by_step = {row["step"]: row for row in rows}
    tokens = 1000 * 4 * (100 + 300)
    assert by_step["generate"]["tokens"] == tokens
    assert by_step["generate"]["minutes"] == pytest.approx(tokens * 2 * 7e9 / (8 * 989e12 * 0.05) / 60)
    assert by_step["train"]["minutes"] == pytest.approx(1000 * 400 * 6 * 7e9 / (8 * 989e12 * 0.4) / 60)
    assert by_step["train"]["memory"] == pytest.approx(16 * 7e9 / 8 / 2**30)
    assert by_step["all"]["money"] == pytest.approx(by_step["all"]["minutes"] / 60 * 8 * 2)
    assert typed("run", "r.yaml", "--at", "paper", cwd=folder).code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "run needs a recipe"),
        (("run", "absent.yaml"), "absent.yaml: cannot be read"),
        (("run", "best-of-sft"), 'did you mean "best-of-n-sft"'),
        (("run", "r.yaml", "--set", "generate.m=1"), 'no key "m"'),
        (
            ("run", "r.yaml", "--set", "paper.parametrs=1", "--dry-run", "--at", "paper"),
            'did you mean "parameters"',
        ),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(words: tuple[str, ...], said: str, folder: Path) -> None:
    done = typed(*words, cwd=folder)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert said in line
    assert len(line) <= 200


def test_a_spent_budget_ends_with_3_and_the_next_run_goes_on(folder: Path, start_server) -> None:
    from tests.servers.behaviour import Behaviour

    server = start_server(Behaviour())
    address = f"http://127.0.0.1:{server.port}/v1#test-model"
    words = ("run", "r.yaml", "--set", f"generate.by={address}", "--set", "match.a=@better", "--quiet")
    done = typed(*words, "--budget", "7calls", cwd=folder)
    assert done.code == 3, done.err
    assert "budget of 7 calls is spent" in done.err
    again = typed(*words, "--json", cwd=folder)
    assert again.code == 0, again.err
    generate = next(step for step in again.json()["steps"] if step["step"] == "generate")
    assert generate["usage"]["calls"] == 40 - 7


def test_what_ships_is_listed_and_checked(tmp_path: Path) -> None:
    done = typed("run", "--list", "--json", cwd=tmp_path)
    names = {recipe["name"] for recipe in done.json()["recipes"]}
    assert {"best-of-n-sft", "sft-sweep", "sft-rounds"} <= names
    assert all(recipe["about"] for recipe in done.json()["recipes"])
