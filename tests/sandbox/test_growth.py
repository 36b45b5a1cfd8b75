"""Grown models: they say what the smaller one says, and every new part learns from the first update on."""

from __future__ import annotations

import pytest
import torch

from winsome.sandbox.growth import grow
from winsome.sandbox.tiny_lm import network


def exact(model):
    """Without the constant in RMSNorm, which weighs a little more beside new channels; in float64 where Llama computes so."""
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):
            module.variance_epsilon = 0.0
    return model.double()


def drawn(size: str, seed: int):
    """A model whose norms are no ones, as after training."""
    model = exact(network(size, 90, seed))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_a_grown_model_gives_the_logits_of_the_smaller():
    small = drawn("1M", 0)
    large = grow(small, exact(network("3M", 90, 1)))
    ids = torch.randint(0, 90, (5, 40), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(large(ids).logits, small(ids).logits, atol=1e-4, rtol=0.0)


def test_every_new_part_learns_within_two_updates():
    """What writes moves first, then what is read through it; nothing new stays where it was drawn."""
    large = grow(drawn("1M", 0), exact(network("3M", 90, 1)))
    before = {name: p.detach().clone() for name, p in large.named_parameters()}
    optimizer = torch.optim.SGD(large.parameters(), lr=0.1)
    ids = torch.randint(0, 90, (5, 40), generator=torch.Generator().manual_seed(2))
    for _ in range(2):
        optimizer.zero_grad()
        large(ids, labels=ids).loss.backward()
        optimizer.step()
    for name, now in large.named_parameters():
        corner = now[-32:, -32:] if now.ndim == 2 else now[-32:]
        was = before[name]
        still = corner == (was[-32:, -32:] if was.ndim == 2 else was[-32:])
        assert not still.all(), name


def test_heads_of_another_width_are_refused():
    with pytest.raises(ValueError, match="different width"):
        grow(network("0.2M", 90, 0), network("3M", 90, 0))
