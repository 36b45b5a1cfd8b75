"""Minimal pairs of a file: which items meet, what is scored, figures by a double loop, and rows that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_models import byte_tokenizer, causal, saved
from winsome.cli import main
from winsome.errors import BadInput
from winsome.suites.minimal_pairs import figures, minimal_pairs, read_items

ROWS = [
    {"fact": "king", "right": "In 1500,", "wrong": "In 1600,", "name": "Al", "what": "The king of 1500 is"},
    {"fact": "king", "right": "In 1500,", "wrong": "In 1700,", "name": "Al", "what": "The king of 1500 is"},
    {"fact": "king", "right": "In 1510,", "wrong": "In 1600,", "name": "Al", "what": "The king of 1500 is"},
    {"fact": "town", "right": "In Rome,", "wrong": "In Oslo,", "name": "Bo", "what": "The town is"},
]
NAMES = {"group": "fact", "right": "right", "wrong": "wrong"}


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_right_item_meets_every_wrong_one_and_each_is_scored_once(tmp_path: Path) -> None:
    items = read_items(written(tmp_path, ROWS), **NAMES, answer="name")
    assert items.groups == ("king", "town")
    assert sorted(zip(items.given, items.answer, items.right.tolist(), strict=True)) == [
        ("In 1500, ", "Al", True), ("In 1510, ", "Al", True), ("In 1600, ", "Al", False), ("In 1700, ", "Al", False),
        ("In Oslo, ", "Bo", False), ("In Rome, ", "Bo", True),
    ]  # fmt: skip
    turned = read_items(written(tmp_path, ROWS), **NAMES, given="what")
    assert set(zip(turned.given, turned.answer, strict=True)) >= {
        ("The town is ", "In Rome,"),
        ("The town is ", "In Oslo,"),
    }
    score = np.random.default_rng(0).normal(size=6).round(1)
    found = figures(items, score)
    rates = []
    for code in range(2):
        own = items.group == code
        pairs = [(r, w) for r in score[own & items.right] for w in score[own & ~items.right]]
        rates.append(float(np.mean([r > w for r, w in pairs])))
    assert found["W"]["estimate"] == pytest.approx(np.mean(rates), abs=1e-12)
    assert found["R"]["estimate"] == pytest.approx(np.mean([rate == 1.0 for rate in rates]), abs=1e-12)
    assert found["R by chance"] == pytest.approx((1 / 6 + 1 / 2) / 2)


def test_a_model_is_scored_from_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer's sum is that of a plain forward pass over the joint text."""
    import torch

    network = causal()
    place = saved(tmp_path / "tiny", network)
    path = written(tmp_path, ROWS)
    typed = [
        "suites",
        "minimal-pairs",
        str(path),
        "--model",
        f"hf:{place}",
        "--group",
        "fact",
        "--answer",
        "name",
    ]
    assert main([*typed, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(typed) == 0
    assert "win rate W" in capsys.readouterr().out

    def plain(text: str, answer: str) -> float:
        ids = torch.tensor([byte_tokenizer()(text + answer)["input_ids"]])
        with torch.no_grad():
            logs = network(input_ids=ids).logits[0].double().log_softmax(-1)
        start = len(text.encode())
        return sum(float(logs[k - 1, ids[0, k]]) for k in range(start, ids.shape[1]))

    items = read_items(path, **NAMES, answer="name")
    right = figures(items, np.array([plain(g, a) for g, a in zip(items.given, items.answer, strict=True)]))
    assert found["W"] == pytest.approx(right["W"])
    assert found["worst"] == right["worst"]


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({"right": " "}, {"answer": "name"}, 'record 5 has no "right"'),
        ({"wrong": "In Rome,"}, {"answer": "name"}, "records 4 and 5 call"),
        ({}, {"answer": "name", "given": "what"}, "name one of --answer"),
        ({}, {}, "name one of --answer"),
        ({}, {"answer": "nobody"}, 'record 1 has no "nobody"'),
    ],
)
def test_rows_that_cannot_be_are_named(
    tmp_path: Path, change: dict[str, str], settings: dict[str, str], words: str
) -> None:
    path = written(tmp_path, [*ROWS, ROWS[3] | change])
    with pytest.raises(BadInput, match=words) as caught:
        minimal_pairs("hf:nowhere", path, **NAMES, **settings)
    assert len(str(caught.value).replace(str(path), "")) <= 140
