"""winsome data show as typed: what would be learnt from, the same rows and ids that training then takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.small_run import prepared, rows
from winsome.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("shown"))
    (place / "faulty.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows(4), {"prompt": "p", "chosen": "", "rejected": "a"}])
    )
    return place


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))


def test_what_is_shown_is_what_is_then_learnt_from(capsys):
    """Counts of rows, tokens of an epoch and the kept ids are those of the run on the same data."""
    assert main(["data", "show", "pairs.jsonl", "--model", "hf:tiny", "--batch", "6", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    command = ["train", "dpo", "--model", "hf:tiny?max_tokens=4", "--data", "pairs.jsonl", "--batch", "6"]
    assert main([*command, "--rate", "1e-3", "--judge", "regex?pattern=e", "--json"]) == 0
    place = Path(json.loads(capsys.readouterr().out)["contender"].removeprefix("hf:").partition("?")[0])
    record = json.loads((place / "winsome.json").read_text())
    assert record["data"]["counts"] == shown["counts"]
    assert record["tokens"] == shown["computed"]
    assert record["updates"] == shown["updates"]
    assert len(list(Path("cache/tokens").glob("*.arrow"))) == 1
    (row, _) = shown["rows"]
    words = f"yes {row['row'].removeprefix('pair-')}"
    learnt = {"text": f"{words}<|im_end|>", "tokens": len(words) + 1, "learnt": True}
    assert row["sides"]["chosen"][1] == learnt


def test_the_terminal_marks_what_is_learnt_and_says_what_is_lost(capsys):
    assert (
        main(["data", "show", "faulty.jsonl", "--model", "hf:tiny", "--rows", "1", "--suite", "pairs.jsonl"])
        == 3
    )
    out = capsys.readouterr().out
    assert "  + yes 0<|im_end|>" in out
    assert "    say 0<|im_end|>↵" in out
    assert "unreadable: 1 records, at the first of which training stops" in out
    assert "faulty.jsonl: record 5 has an empty answer in chosen" in out
    assert "of 22 prompts of the match 4 are learnt from" in out


def test_a_reward_models_rows_are_whole_dialogues(capsys):
    assert (
        main(["data", "show", "pairs.jsonl", "--model", "hf:tiny", "--objective", "reward", "--rows", "1"])
        == 0
    )
    out = capsys.readouterr().out
    assert "rated at the end" in out
    assert "  + " not in out
    assert "a loss stands on" not in out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--objective", "dpoo"], 'did you mean "dpo"'),
        (["--objective", "dpo?betta=1"], "beta"),
        (["--max-length", "3"], "no row is left"),
        (["--model", "http://127.0.0.1:9/v1#m"], "has no weights here"),
        (["--suite", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_mistakes_are_one_line(more, says, capsys):
    assert main(["data", "show", "pairs.jsonl", "--model", "hf:tiny", *more]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_training_tells_of_prompts_of_the_match_that_it_learns_from(capsys):
    command = ["train", "dpo", "--model", "hf:tiny?max_tokens=4", "--data", "pairs.jsonl", "--updates", "2"]
    assert (
        main([*command, "--rate", "1e-3", "--suite", "pairs.jsonl", "--judge", "regex?pattern=e", "--json"])
        == 0
    )
    assert "leakage: of 22 prompts of the match 22 are learnt from" in capsys.readouterr().err
