"""winsome train rloo as typed: prompts from a file, a reward by name, the match against the start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.online.small_online import PROMPTS
from tests.training.small_run import prepared
from winsome import specs
from winsome.cli import main
from winsome.training.online.method import ROLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("typed"))
    rows = [{"id": str(i), "prompt": prompt.text} for i, prompt in enumerate(PROMPTS)]
    (place / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)


REWARD = "tests.training.online.small_online:Scored"
COMMAND = ["--model", "hf:tiny?dtype=float32&max_tokens=6", "--prompts", "prompts.jsonl", "--max-tokens", "6"]
QUICK = ["--draws", "3", "--batch", "4", "--updates", "2", "--rate", "2e-3"]


def test_a_run_ends_in_a_match_on_prompts_held_out(folder, capsys):
    code = main(
        ["train", "rloo", *COMMAND, *QUICK, "--reward", REWARD, "--judge", "regex?pattern=e", "--json"]
    )
    out = capsys.readouterr()
    assert code == 0, out.err
    found = json.loads(out.out)
    assert found["outcome"]["n"] >= 1
    record = json.loads((Path(specs.parse(found["contender"]).address) / "winsome.json").read_text())
    assert record["objective"] == "rloo"
    assert record["updates"] == 2
    assert record["data"]["counts"]["prompts"] + found["outcome"]["n"] == len(PROMPTS)


def test_a_reward_that_also_judges_is_told(folder, capsys):
    same = "regex?pattern=e"
    assert main(["train", "grpo", *COMMAND, *QUICK, "--reward", same, "--judge", same]) == 0
    assert "judged this match too" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--reward", REWARD, "--draws", "1"], "give --draws 2 or more"),
        (["--reward", "nobody"], 'no judge kind "nobody"'),
        (["--reward", REWARD, "--clip-low", "2"], "clip_low=2.0 must lie in [0, 1)"),
        (["--reward", REWARD, "--kl", "both"], "none of reward, loss, none"),
        (["--reward", REWARD, "--prompts", "missing.jsonl"], "missing.jsonl"),
        (["--reward", REWARD, "--sampler", "hf:tiny"], "write {policy}"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, typed, says):
    assert main(["train", "rloo", *COMMAND, *QUICK, *typed, "--no-match"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in line
    assert len(line) <= 220


@pytest.mark.parametrize("name", sorted(specs.kinds(ROLE)))
def test_help_names_every_setting(capsys, name):
    with pytest.raises(SystemExit):
        main(["train", name, "--help"])
    text = capsys.readouterr().out
    function = specs.factory_of(specs.Spec(name), ROLE)
    assert function is not None
    assert all(f"--{key.replace('_', '-')}" in text for key in specs.settings_of(function))
