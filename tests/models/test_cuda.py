"""The path that a GPU takes: its numbers are the processor's. Parts of it run here without one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from tests.models.test_logprobs import gradients, sequences_of
from tests.tiny_models import causal
from winsome.models import logprobs as module
from winsome.models.logprobs import Want, casts_kept, logprobs

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")


@needs_cuda
@pytest.mark.parametrize("compute", ["own", "bfloat16"])
def test_a_gpu_gives_the_processors_values_and_gradients(compute):
    near = 1e-4 if compute == "own" else 5e-2
    sequences = sequences_of(12)
    found = {}
    for device in ("cpu", "cuda"):
        network = causal().to(device).requires_grad_(True)
        with casts_kept(device, in_place=True):
            values = logprobs(network, sequences, Want(tokens=True), compute=compute)
            held = gradients(network, values.sums.square().mean())
        found[device] = values.tokens.detach().cpu(), {name: grad.cpu() for name, grad in held.items()}
    (own, slopes), (other, others) = found["cpu"], found["cuda"]
    torch.testing.assert_close(other, own, atol=near, rtol=near)
    for name, value in slopes.items():
        torch.testing.assert_close(
            others[name], value, atol=near * float(value.abs().max()), rtol=near, msg=name
        )


@needs_cuda
def test_a_run_on_a_gpu_ends_near_the_processors(tmp_path):
    """Two runs of the same pairs, each in a process of its own: what they print last is their loss."""
    program = (
        "import sys; from pathlib import Path; from tests.training.small_run import prepared, trained;"
        "from winsome.training.progress import read;"
        "place = trained(prepared(Path(sys.argv[1])), {'epochs': 1});"
        "print(read(place.parent / 'log.jsonl')[-1]['loss'])"
    )
    losses = []
    for devices in ("", os.environ.get("CUDA_VISIBLE_DEVICES", "0")):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / f"on-{devices or 'cpu'}")],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": devices}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        losses.append(float(done.stdout.split()[-1]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(("compute", "near"), [("own", 1e-5), ("bfloat16", 2e-2)])
def test_flex_attentions_block_masks_give_the_trees_values(monkeypatch, compute, near):
    """What CUDA takes instead of the trees, here without its compiler and without gradient."""
    flex = pytest.importorskip("transformers.integrations.flex_attention")
    monkeypatch.setattr(flex.WrappedFlexAttention, "__init__", lambda wrapped, training: None)
    monkeypatch.setattr(flex.WrappedFlexAttention, "__call__", lambda wrapped: flex.flex_attention)
    sequences = sequences_of(13)
    with torch.no_grad():
        expected = logprobs(causal(), sequences, compute="own").sums
        network = causal()
        network.set_attn_implementation("flex_attention")
        monkeypatch.setattr(module, "attend_by_trees", lambda network: False)
        monkeypatch.setattr(module, "attend_by_blocks", lambda network: True)
        found = logprobs(network, sequences, compute=compute).sums
    torch.testing.assert_close(found, expected, atol=near, rtol=near)
