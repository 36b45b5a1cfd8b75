"""Gradients of embedding and head added in place are those that autograd hands on, tied or not."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.models.test_logprobs import sequences_of
from tests.tiny_models import causal
from winsome.models.logprobs import casts_kept, logprobs
from winsome.models.tables import looked_up


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("compute", ["own", "bfloat16"])
def test_gradients_in_place_are_autograds(tied, compute):
    """Two micro-batches an update, and one more after the weights have changed; 7 pads, which torch does not learn as input."""
    network = causal(tie_word_embeddings=tied, pad_token_id=7).requires_grad_(True)
    sequences = [([*prompt, 7], answer) for prompt, answer in sequences_of(11)]
    parts = sequences[:6], sequences[6:]

    def accumulated(in_place: bool) -> dict[str, torch.Tensor]:
        network.zero_grad()
        with casts_kept("cpu", in_place=in_place):
            for part in parts:
                logprobs(network, part, compute=compute).sums.sum().backward()
        return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}

    for _ in range(2):
        wanted, found = accumulated(False), accumulated(True)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            near = 1e-6 if compute == "own" else 1e-2
            torch.testing.assert_close(
                found[name], value, atol=near * float(value.abs().max()), rtol=near, msg=name
            )
        with torch.no_grad():
            network.get_input_embeddings().weight.mul_(1.1)


def test_a_table_that_is_frozen_or_scaled_is_looked_up_by_its_own_layer():
    class Scaled(torch.nn.Embedding):
        pass

    ids = torch.tensor([[1, 2]])
    with casts_kept("cpu", in_place=True):
        assert looked_up(Scaled(4, 3), ids) is None
        assert looked_up(torch.nn.Embedding(4, 3).requires_grad_(False), ids) is None
        assert looked_up(torch.nn.Embedding(4, 3), ids) is not None
    assert looked_up(torch.nn.Embedding(4, 3), ids) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_freed_memory_is_kept():
    """Blocks of 8 MiB made and dropped again and again bring no new pages, in a process of its own."""
    program = """
import resource
from winsome.models.processor import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [bytearray(8 << 20) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 8 * 256
