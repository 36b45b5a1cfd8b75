"""winsome train and merge as typed: a checkpoint, the match against its start, one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny_models
from tests.training.small_run import prepared, rows
from winsome import specs
from winsome.cli import main
from winsome.training.loops.preference import preference
from winsome.training.plan import Plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = prepared(tmp_path_factory.mktemp("typed"))
    tiny_models.saved(place / "bare", tiny_models.causal(), template=None)
    tiny_models.saved(place / "other", tiny_models.causal(vocab_size=300))
    tokenizer = tiny_models.byte_tokenizer()
    tokenizer.add_tokens(["<more>"])
    tokenizer.save_pretrained(place / "other")
    return place


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))


QUICK = ["--rate", "2e-3", "--batch", "6", "--updates", "3"]


def test_a_run_ends_in_a_match_with_its_figures(folder, capsys):
    command = [
        "train",
        "dpo",
        "--model",
        "hf:tiny?dtype=float32&max_tokens=8&temperature=1",
        "--data",
        "pairs.jsonl",
        *QUICK,
    ]
    code = main([*command, "--judge", "regex?pattern=e", "--json"])
    out = capsys.readouterr()
    assert code == 0, out.err
    found = json.loads(out.out)
    changed = found["outcome"]
    assert changed["n"] >= 1
    assert changed["kl"] == changed["kl"]
    assert 0 < changed["tokens"] <= 8
    assert changed["trained_tokens"] > 0
    assert {row["contender"] for row in found["standings"]["rows"]} == {
        found["contender"],
        "hf:tiny?dtype=float32&max_tokens=8&temperature=1",
    }
    assert found["contender"].endswith("trained?dtype=float32&max_tokens=8&temperature=1")
    assert Path(found["report"]).is_file()
    assert "reference = start, KL" in out.err
    assert main([*command, "--no-match"]) == 0
    again = capsys.readouterr()
    assert again.out.strip() != found["contender"], "held-out prompts are learnt from without a match"


def test_supervised_training_and_merging(folder, capsys):
    names = []
    for seed in ("0", "1"):
        code = main(
            [
                "train",
                "sft",
                "--model",
                "hf:tiny",
                "--data",
                "pairs.jsonl",
                *QUICK,
                "--no-match",
                "--seed",
                seed,
            ]
        )
        assert code == 0
        names.append(capsys.readouterr().out.strip())
    assert main(["merge", *names, "--method", "slerp", "--share", "0.3"]) == 0
    merged = capsys.readouterr().out.strip()
    assert Path(merged.removeprefix("hf:").partition("?")[0], "model.safetensors").is_file()


def test_the_objective_of_the_how_to_is_named_as_own_code(folder, capsys, monkeypatch):
    page = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "own-objective.md").read_text("utf-8")
    title, body = re.search(r'```python title="([^"]+)"\n(.*?)```', page, re.DOTALL).groups()
    Path(title).parent.mkdir(exist_ok=True)
    Path(title).write_text(body)
    monkeypatch.syspath_prepend(str(folder))
    own = ["train", "own", "--objective", "mylosses.soft_margin:soft_margin?nats=3"]
    assert main([*own, "--model", "hf:tiny", "--data", "pairs.jsonl", *QUICK, "--no-match"]) == 0
    err = capsys.readouterr().err
    # softplus(0.1 x 3) where the policy is its reference
    assert "loss 0.8544, at the reference 0.8544" in err
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


def write(name: str, found: list[dict]) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in found))
    return name


PAIR = {"prompt": "p", "chosen": "a", "rejected": "b"}


def cases() -> dict[str, tuple[list[str], str]]:
    def train(objective: str, data: str, *more: str, model: str = "hf:tiny") -> list[str]:
        return ["train", objective, "--model", model, "--data", data, *QUICK, "--no-match", *more]

    good = write("good.jsonl", rows(6))
    return {
        "no file": (train("dpo", "absent.jsonl"), "absent.jsonl: does not exist; check the path"),
        "empty answer": (
            train("dpo", write("empty.jsonl", [PAIR, PAIR | {"rejected": " "}])),
            "empty.jsonl: record 2 has an empty answer in rejected; write one, or drop the record",
        ),
        "identical pair": (
            train("dpo", write("same.jsonl", [PAIR | {"rejected": "a"}])),
            "same.jsonl: no row is left of 1 (identical sides 1); raise --max-length or mend the data",
        ),
        "nothing left": (
            train("dpo", good, "--max-length", "5"),
            "good.jsonl: no row is left of 6 (too long 6); raise --max-length or mend the data",
        ),
        "vocabulary": (
            train("dpo", good, "--reference-model", "hf:other"),
            "hf:other and hf:tiny have different vocabularies; take a reference of the start's own family",
        ),
        "no template": (
            train("dpo", good, model="hf:bare"),
            "its tokenizer has no chat template; use an instruct model",
        ),
        "score": (
            train("dpo", write("nan.jsonl", [{"prompt": "p", "responses": ["a", "b"], "scores": [1, None]}])),
            "nan.jsonl: record 1 scores[1] is None; write a finite number, or drop the record",
        ),
        "column": (
            train("dpo", good, "--margin", "1.0"),
            "good.jsonl: dpo?margin=1.0 needs the column margin (found: none); add it",
        ),
        "label": (train("kto", write("label.jsonl", [{"prompt": "p", "completion": "a", "label": 3}])), "has label 3"),
        "setting": (train("dpo", good, "--beta", "0"), "beta=0.0 must be above 0"),
        "schedule": (train("dpo", good, "--schedule", "sine"), "schedule=sine is none of constant, linear"),
        "tracker": (train("dpo", good, "--trackers", "abacus"), 'no tracker "abacus" (known: tensorboard'),
        "no weights": (train("dpo", good, model="http://127.0.0.1:9/v1#m"), "has no weights here to train"),
        "adapter": (
            train("dpo", good, "--adapter", "lora", "--lora-targets", "nothing"),
            'adapter: no linear layer "nothing" (found: ',
        ),
        "iterate": (train("dpo", good, "--reference", "last"), "reads the last policy; name it with --last-model"),
    }  # fmt: skip


@pytest.mark.parametrize("case", [
    "no file", "empty answer", "identical pair", "nothing left", "vocabulary", "no template", "score", "column", "label",
    "setting", "schedule", "tracker", "no weights", "adapter", "iterate",
])  # fmt: skip
def test_mistakes_end_with_code_2_and_one_line(case, capsys):
    command, said = cases()[case]
    assert main(command) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in last
    assert len(last) <= 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--judge", "embeded:judge"], 'no judge kind "embeded"; did you mean "embedded"?'),
        (["--suite", "absent.jsonl"], "absent.jsonl: does not exist"),
        (["--suite", "world:instruction", "--judge", "nobody"], 'no judge kind "nobody"'),
        (["--suite", "asked", "--judge", "embedded:judge?colour=red"], "colour"),
    ],
)
@pytest.mark.parametrize("objective", ["dpo", "rloo"])
def test_a_match_that_cannot_be_played_is_told_before_anything_is_trained(
    folder, capsys, objective, words, said
):
    data = write("judged.jsonl", rows(6))
    asked = write("asked.jsonl", [{"prompt": f"ask {k}"} for k in range(6)])
    words = [asked if word == "asked" else word for word in words]
    learnt = ["--data", data] if objective == "dpo" else ["--prompts", asked, "--reward", "regex?pattern=a"]
    command = ["train", objective, "--model", "hf:tiny", *learnt, *QUICK, *words, "--out", "unjudged"]
    assert main(command) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "unjudged").exists()


def test_a_file_of_prompts_is_judged_as_the_help_says(folder, capsys):
    """No judge is named and the file has none: the embedded one compares."""
    asked = write("asked.jsonl", [{"prompt": f"ask {k}"} for k in range(3)])
    command = [
        "train",
        "dpo",
        "--model",
        "hf:tiny?dtype=float32&max_tokens=8&temperature=1",
        "--data",
        write("judged.jsonl", rows(6)),
        *QUICK,
    ]
    assert main([*command, "--suite", asked, "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    record = json.loads((Path(told["report"]).parent / "run.json").read_text("utf-8"))
    assert (record["suite"]["name"], record["judge"]["name"]) == ("asked", "embedded:judge")


def test_a_checkpoint_of_another_run_is_refused(folder, capsys):
    command = [
        "train",
        "dpo",
        "--model",
        "hf:tiny",
        "--data",
        "pairs.jsonl",
        *QUICK,
        "--no-match",
        "--out",
        "apart",
    ]
    assert main(command) == 0
    (run,) = Path("apart").glob("dpo-*")
    for file in (run / "trained").iterdir():
        file.unlink()
    state = next(run.glob("checkpoints/*/state.json"))
    state.write_text(state.read_text().replace('"start": "', '"start": "x'))
    assert main(command) == 2
    assert "is a checkpoint of another start" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(specs.kinds("Objective")))
def test_no_setting_of_an_objective_hides_one_of_the_run(name):
    own = set(specs.settings_of(specs.factory_of(specs.Spec(name), "Objective")))
    others = set(specs.settings_of(Plan)) | set(specs.settings_of(preference)) - {"objective"}
    flags = {
        "model",
        "data",
        "split",
        "out",
        "suite",
        "judge",
        "limit",
        "no_match",
        "json",
        "seed",
        "ledger",
        "quiet",
    }
    assert not own & (others | flags)


def test_help_of_an_objective_imports_no_torch_and_is_quick(tmp_path):
    code = "import sys\nfrom winsome.cli import main\nmain(['train', 'dpo', '--help'])\nassert 'torch' not in sys.modules"
    began = os.times()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    ended = os.times()
    assert ran.returncode == 0, ran.stderr
    assert "--lora-rank" in ran.stdout
    assert ended.children_user + ended.children_system - began.children_user - began.children_system < 0.5
