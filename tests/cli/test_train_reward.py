"""winsome train reward as typed: what is printed, what it can be used for, one line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.rewards.small import folder_of
from tests.training.small_run import rows, session
from winsome.cli import main
from winsome.matchmaking.loops import finish
from winsome.protocols import Scorer
from winsome.records import Prompt, Response, assistant, user

TYPED = ["train", "reward", "--model", "hf:tiny?dtype=float32", "--data", "many.jsonl", "--rate", "1e-3", "--batch", "6", "--updates", "6"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return folder_of(tmp_path_factory.mktemp("typed-reward"))


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))


def test_a_run_ends_with_held_out_figures_and_the_scorers_name(folder, capsys) -> None:
    assert main([*TYPED, "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["scorer"].startswith("reward_model:")
    assert found["held_out"]["pairs"] > 0
    assert found["updates"] == 6
    assert "held out: accuracy" in told.err
    assert main(TYPED) == 0
    assert capsys.readouterr().out.strip() == found["scorer"]
    a, b = folder / "a.jsonl", folder / "b.jsonl"
    a.write_text(json.dumps({"instruction": "say 1", "output": "yes 1", "generator": "a"}) + "\n")
    b.write_text(json.dumps({"instruction": "say 1", "output": "no no no no 1", "generator": "b"}) + "\n")
    code = main(["compare", str(a), str(b), "--judge", found["scorer"], "--json", "--quiet"])
    assert code == 0
    rows = json.loads(capsys.readouterr().out)["standings"]["rows"]
    assert {row["n"] for row in rows} == {1}


def test_what_was_trained_has_a_card(folder, capsys) -> None:
    """The card's agreement is that of the ratings' order with the votes, counted here from the scorer itself."""
    assert main([*TYPED, "--json"]) == 0
    name = json.loads(capsys.readouterr().out)["scorer"]
    votes = ["prompt,answer_a,answer_b,winner"]
    for i, row in enumerate(rows(30)):
        first, second = (row["chosen"], row["rejected"])[:: 1 - 2 * (i % 2)]
        votes.append(f"{row['prompt']},{first},{second},{'ab'[(i + i // 3) % 2]}")
    (folder / "people.csv").write_text("\n".join(votes) + "\n")
    assert main(["card", name, "--against", "people.csv", "--json", "--quiet"]) == 0
    card = json.loads(capsys.readouterr().out)
    asked = [Prompt((user(row["prompt"]),)) for row in rows(30)]
    with session(folder) as run:
        scorer = run.open(name, Scorer)
        good, bad = (
            finish(scorer.score(asked, [said(row[side]) for row in rows(30)])).values
            for side in ("chosen", "rejected")
        )
    agreed = [
        (w > lo) == (i % 2 == (i + i // 3) % 2) for i, (w, lo) in enumerate(zip(good, bad, strict=True))
    ]
    found = card["agreement"]["accuracy"]
    assert found["n"] == 30
    assert found["estimate"] == pytest.approx(sum(agreed) / 30)


def said(text: str) -> Response:
    return Response("", "", text, messages=(assistant(text),))


@pytest.mark.parametrize(("kind", "says"), [
    ("hf", "is a reward model, which does not answer; name it reward_model:"),
    ("preference_model", "is no general preference model of winsome train reward; use reward_model:"),
    ("reward_model:nowhere", "neither a model folder here"),
])  # fmt: skip
def test_a_reward_model_under_another_kind_is_one_line(folder, kind, says, capsys) -> None:
    assert main([*TYPED, "--json"]) == 0
    place = json.loads(capsys.readouterr().out)["scorer"].partition(":")[2]
    (folder / "one.csv").write_text("prompt,answer_a,answer_b,winner\nsay 1,yes 1,no,a\n")
    assert main(["card", kind if ":" in kind else f"{kind}:{place}", "--against", "one.csv", "--quiet"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert says in told[-1]
    assert len(told[-1]) <= 200


@pytest.mark.parametrize(("more", "said"), [
    (["--objective", "bradley_terry?centre=1"], 'no setting "centre"; did you mean "center"?'),
    (["--objective", "simpo"], 'no rewardobjective kind "simpo"'),
    (["--held-out", "absent.jsonl"], "absent.jsonl: does not exist"),
    (["--data", "lists.jsonl", "--objective", "bradley_terry?margin=1"], "needs the column margin"),
])  # fmt: skip
def test_mistakes_end_with_code_2_and_one_line(more, said, capsys) -> None:
    assert main([*TYPED, *more]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in last
    assert len(last) <= 200


def test_help_imports_no_torch() -> None:
    code = "import sys\nfrom winsome.cli import main\nmain(['train', 'reward', '--help'])\nassert 'torch' not in sys.modules"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "--held-out" in ran.stdout
    assert "--canary-every" not in ran.stdout
