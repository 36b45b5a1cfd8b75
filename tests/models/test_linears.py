"""Layers that share their input in one step give what the layers give, and leave the gradients that autograd would."""

from __future__ import annotations

import pytest
import torch

from tests.models.test_forward import FAMILIES
from tests.models.test_logprobs import sequences_of
from tests.tiny_models import causal
from winsome.models.linears import linears
from winsome.models.logprobs import casts_kept, logprobs


def layers(bias: bool) -> list[torch.nn.Linear]:
    torch.manual_seed(0)
    return [torch.nn.Linear(6, width, bias=bias, dtype=torch.float64) for width in (5, 2, 2)]


def used(found: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return sum((one.pow(2).sum() * (n + 1) for n, one in enumerate(found)), torch.zeros(()))


@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_the_layers_own(bias):
    """Float64, twice, so that the second adds to the first; the plain layers are the second implementation."""
    states = torch.randn(1, 7, 6, dtype=torch.float64, requires_grad=True)
    plain, fused = layers(bias), layers(bias)
    for _ in range(2):
        used(tuple(layer(states) for layer in plain)).backward()
    wanted, states.grad = states.grad, None
    with casts_kept("cpu", in_place=True):
        for _ in range(2):
            found = linears(states, fused)
            used(found).backward()
    for one, layer in zip(found, plain, strict=True):
        torch.testing.assert_close(one, layer(states), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(states.grad, wanted, rtol=1e-12, atol=1e-12)
    for a, b in zip(plain, fused, strict=True):
        for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(q.grad, p.grad, rtol=1e-12, atol=1e-12, msg=name)


def test_what_is_more_than_a_product_keeps_its_own_way():
    """A frozen layer gets no gradient, a hook is called, and outside of an update nothing is added in place."""
    states = torch.randn(3, 6, dtype=torch.float64)
    first, second, third = layers(True)
    first.requires_grad_(False)
    called: list[int] = []
    second.register_forward_hook(lambda *_: called.append(1))
    with casts_kept("cpu", in_place=True):
        used(linears(states, (first, second, third))).backward()
    assert called
    assert first.weight.grad is None
    assert third.weight.grad is not None
    (found,) = torch.autograd.grad(used(linears(states, (third,))), [third.weight])
    assert found.shape == third.weight.shape


@pytest.mark.parametrize("family", FAMILIES)
def test_whole_networks_get_autograds_gradients(family):
    """Every family of the tests, in two micro-batches; those of a known form take the one step."""
    network = causal(**FAMILIES[family]).requires_grad_(True)
    sequences = sequences_of(3)

    def accumulated(in_place: bool) -> dict[str, torch.Tensor]:
        network.zero_grad()
        with casts_kept("cpu", in_place=in_place):
            for part in (sequences[:6], sequences[6:]):
                logprobs(network, part).sums.sum().backward()
        return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}

    wanted, found = accumulated(False), accumulated(True)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        near = 1e-6 * float(value.abs().max())
        torch.testing.assert_close(found[name], value, atol=near, rtol=1e-5, msg=name)
