"""The log says what was learnt from: every update's figures, made again from the checkpoint before it by plain transformers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.small_run import prepared, rows, trained
from winsome.training.progress import read
from winsome.training.units import of_update

BETA, BATCH = 0.3, 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("figures"))


def said(network, tokenizer, prompt: str, answer: str) -> tuple[float, int]:
    """Log-probability and number of the tokens of an answer after its prompt, of one sequence, as the template writes them."""
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    head = tokenizer(asked, add_special_tokens=False)["input_ids"]
    tail = tokenizer(answer + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logs = network(input_ids=torch.tensor([head + tail])).logits[0].double().log_softmax(-1)
    return float(sum(logs[len(head) - 1 + i, token] for i, token in enumerate(tail))), len(tail)


@pytest.mark.parametrize("micro_tokens", [60, 10_000])
def test_every_figure_of_the_log_is_made_again(folder, monkeypatch, micro_tokens):
    """8 updates of 6, 6, 6 and 4 pairs, in micro-batches or whole: loss, accuracy, gap and log-probabilities over all pairs."""
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)
    settings = {
        "objective": f"dpo?beta={BETA}",
        "epochs": 2,
        "save_every": 1,
        "keep": 99,
        "micro_tokens": micro_tokens,
    }
    place = trained(folder, settings, runs=f"log-{micro_tokens}")
    network = AutoModelForCausalLM.from_pretrained(folder / "tiny", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tiny")
    data = rows()
    reference = [
        [said(network, tokenizer, row["prompt"], row[side])[0] for side in ("chosen", "rejected")]
        for row in data
    ]
    log = read(place.parent / "log.jsonl")
    assert len(log) == 8
    for row in log:
        update = row["update"] - 1
        if update:
            held = load_file(place.parent / "checkpoints" / f"{update:06d}" / "model.safetensors")
            network.load_state_dict(held, strict=False)
        seen = [int(i) for i in of_update(len(data), BATCH, update, 0)]
        found = [
            [said(network, tokenizer, data[i]["prompt"], data[i][side]) for side in ("chosen", "rejected")]
            for i in seen
        ]
        sums = np.array([[logp for logp, _ in pair] for pair in found])
        ratio = sums - np.array(reference)[seen]
        gap = ratio[:, 0] - ratio[:, 1]
        assert row["loss"] == pytest.approx(np.logaddexp(0, -BETA * gap).mean(), abs=2e-5)
        assert row["gap"] == pytest.approx(gap.mean(), abs=2e-4)
        assert row["chosen_ratio"] == pytest.approx(ratio[:, 0].mean(), abs=2e-4)
        sure = np.abs(gap) > 1e-4
        right, ties = float((gap[sure] > 0).sum()), float((~sure).sum())
        assert right - 1e-6 <= row["accuracy"] * len(seen) <= right + ties + 1e-6
        assert 0.0 <= row["accuracy"] <= 1.0
    tokens = [
        said(network, tokenizer, r["prompt"], r[side])[1] for r in data for side in ("chosen", "rejected")
    ]
    heads = [len(tokenizer(tokenizer.apply_chat_template([{"role": "user", "content": r["prompt"]}], tokenize=False, add_generation_prompt=True), add_special_tokens=False)["input_ids"]) for r in data]  # fmt: skip
    assert log[-1]["tokens"] == 2 * (sum(tokens) + sum(heads))
