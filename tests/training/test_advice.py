"""What a run says of its data and figures: lengths of both sides, weights of labels, chosen answers that fall."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.training.small_run import prepared, rows, session
from winsome.training.advice import of_data, of_figures
from winsome.training.loops.preference import preference
from winsome.training.units import Flat, Units


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("advice"))


def labelled(good: int, bad: int) -> Units:
    import numpy as np

    n = good + bad
    flat = Flat(np.zeros(n, np.int32), np.arange(n + 1), np.zeros(n, np.int32), np.arange(n + 1))
    columns = {"label": np.array([1.0] * good + [0.0] * bad)}
    return Units([str(i) for i in range(n)], flat, {"response": np.arange(n)}, columns, np.ones(n, np.int64))


@pytest.mark.parametrize(
    ("good", "bad", "weight", "said"),
    [
        (10, 10, 1.0, "data: 10 answers are desirable, 10 not"),
        (40, 30, 1.0, "data: 40 answers are desirable, 30 not"),
        (30, 10, 1.0, "data: 30 answers are desirable, 10 not; --undesirable-weight 3 balances them (now 3.00 to 1)"),
        (30, 10, 3.0, "data: 30 answers are desirable, 10 not"),
        (5, 20, 1.0, "data: 5 answers are desirable, 20 not; --undesirable-weight 0.25 balances them (now 0.25 to 1)"),
        (5, 0, 1.0, "data: 5 answers are desirable, 0 not; with one kind alone nothing says what to avoid or to seek"),
    ],
)  # fmt: skip
def test_weights_of_labels_balance_within_the_papers_range(good, bad, weight, said):
    settings = {"desirable_weight": 1.0, "undesirable_weight": weight}
    assert of_data(labelled(good, bad), settings) == [said]
    assert of_data(labelled(good, bad), {}) == []


def test_a_run_tells_how_long_its_sides_are(folder, monkeypatch, capsys):
    """Counted again from the rows: bytes are tokens here, and each answer has an end."""
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)
    with session(folder, runs="told") as run:
        preference(
            f"hf:{folder / 'tiny'}?dtype=float32", folder / "pairs.jsonl", run=run, updates=2, rate=1e-3
        )
    chosen, rejected = (sum(len(row[side]) + 1 for row in rows()) / 22 for side in ("chosen", "rejected"))
    expected = f"data: chosen answers have {chosen:.1f} tokens, rejected {rejected:.1f} ({chosen / rejected - 1:+.0%})"
    assert expected in capsys.readouterr().err.splitlines()


def test_chosen_answers_that_fall_are_named_once(tmp_path):
    from winsome.training.progress import Progress

    assert of_figures({"chosen_ratio": -9.9}) is None
    assert of_figures({"loss": 0.1}) is None
    said: list[str] = []
    progress = Progress(tmp_path / "log.jsonl", said.append)
    progress.begin(0, 10)
    for update, ratio in enumerate((-3.0, -12.0, -15.0), 1):
        progress.told(update, {"chosen_ratio": ratio})
    assert said == [
        "update 2: the chosen answers are 12 nats less likely than at the start, as the rejected ones; usual for DPO, and a risk: "
        "--nll-weight 1, dpo_nll or dpop keep them likely"
    ]
    assert [json.loads(line)["update"] for line in (tmp_path / "log.jsonl").open()] == [1, 2, 3]
