"""An adapted layer in one step of autograd is peft's: values, gradients, and what it leaves to peft."""

from __future__ import annotations

import pytest
import torch

from tests.tiny_models import causal
from winsome.models.adapters import fuse_adapters

peft = pytest.importorskip("peft")


def adapted(**settings):
    """A tiny network whose linear layers have adapters that are not zero."""
    config = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings}
    network = peft.get_peft_model(causal(attention_bias=True), peft.LoraConfig(**config)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network


def layer_of(network):
    return network.get_base_model().model.layers[1].self_attn.q_proj


def run(layer, states, pull):
    """Its output and the gradients in the states and in both factors of the adapter."""
    found = layer(states)
    return found, torch.autograd.grad(
        (found * pull).sum(), [states, layer.lora_A["default"].weight, layer.lora_B["default"].weight]
    )


@pytest.mark.parametrize("rslora", [False, True])
def test_values_and_gradients_are_pefts(rslora):
    network = adapted(use_rslora=rslora)
    layer = layer_of(network)
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2, 5, 32, generator=generator, requires_grad=True)
    pull = torch.randn(2, 5, 32, generator=generator)
    wanted, gradients = run(layer, states, pull)
    assert fuse_adapters(network) == 21
    assert fuse_adapters(network) == 0
    found, held = run(layer, states, pull)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    for a, b in zip(held, gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        near, slopes = run(layer, states, pull)
    assert near.dtype == torch.bfloat16
    assert [slope.dtype for slope in slopes] == [torch.float32] * 3
    for a, b in zip((near, *slopes), (wanted, *gradients), strict=True):
        assert torch.nn.functional.cosine_similarity(a.float().flatten(), b.flatten(), dim=0) > 0.999


def test_what_is_more_than_a_product_is_left_to_peft():
    """An adapter that is off, merged or weight-decomposed gives the same to the bit as before."""
    states = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(2))

    def seen(network):
        layer = layer_of(network)
        with torch.no_grad():
            with network.disable_adapter():
                off = layer(states)
            layer.merge()
            merged = layer(states)
        return off, merged

    plain, fused = adapted(), adapted()
    fuse_adapters(fused)
    for a, b in zip(seen(plain), seen(fused), strict=True):
        assert torch.equal(a, b)
    plain, fused = adapted(use_dora=True), adapted(use_dora=True)
    fuse_adapters(fused)
    assert torch.equal(layer_of(plain)(states), layer_of(fused)(states))
