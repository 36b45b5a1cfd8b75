"""Every objective in torch equals the same equation written in NumPy, to 1e-10 in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.objectives import by_hand
from tests.training.objectives.batches import drawn, pairs
from winsome.training.batch import Batch
from winsome.training.objective import objective

PAIRS = [
    ("dpo", {}),
    ("dpo", {"beta": 0.7, "label_smoothing": 0.2}),
    ("dpo", {"nll_weight": 0.3}),
    ("dpo", {"gamma": 0.0}),
    ("dpo", {"gamma": 2.0, "beta": 0.5}),
    ("cdpo", {}),
    ("robust", {"label_smoothing": 0.3}),
    ("hinge", {"beta": 0.5}),
    ("ipo", {}),
    ("ipo", {"norm": "mean", "beta": 0.4}),
    ("exo", {}),
    ("exo", {"label_smoothing": 0.2, "beta": 1.0}),
    ("nca", {"beta": 0.6}),
    ("apo_zero", {"beta": 0.6}),
    ("apo_down", {"beta": 0.6}),
    ("rdpo", {"alpha": 0.2}),
    ("ln_dpo", {}),
    ("ld_dpo", {"beta": 0.5}),
    ("simpo", {}),
    ("cpo", {}),
    ("cpo", {"nll_norm": "sum", "alpha": 0.5}),
    ("cpo", {"loss_type": "hinge", "beta": 0.5}),
    ("cpo", {"loss_type": "ipo", "beta": 0.3}),
    ("cpo", {"loss_type": "ipo", "norm": "mean", "alpha": 0.5}),
    ("slic", {}),
    ("orpo", {}),
    ("orpo", {"nll_span": "all"}),
    ("dpop", {}),
    ("dpo_shift", {"shift": 0.75}),
    ("dpo_nll", {"alpha": 0.5}),
    ("dove", {}),
]


def spec(name: str, settings: dict) -> dict:
    return {"kind": name, **settings}


@pytest.mark.parametrize(("name", "settings"), PAIRS, ids=lambda value: str(value))
def test_pair_losses(name, settings):
    held = drawn(24, seed=3)
    found = objective(spec(name, settings)).losses(pairs(held)).values.detach().numpy()
    function = getattr(by_hand, name)
    expected = [
        function(w, lo, **settings) for w, lo in zip(held.answers[::2], held.answers[1::2], strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_margins_and_weights():
    held, m = drawn(12, seed=4), [0.5, 1.0, 2.0, 0.0, 1.5, 0.2]
    found = objective("dpo?margin=0.5&beta=0.3").losses(pairs(held, margin=m)).values.detach().numpy()
    expected = [
        by_hand.dpo(w, lo, beta=0.3, margin=0.5, m=mi)
        for w, lo, mi in zip(held.answers[::2], held.answers[1::2], m, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    for name in ("dpo", "ipo", "simpo", "cpo", "apo_zero"):
        plain = objective(name).losses(pairs(held))
        weighed = objective(f"{name}?weighted=true").losses(pairs(held, weight=m))
        np.testing.assert_allclose(
            weighed.values.detach(), plain.values.detach() * torch.tensor(m, dtype=torch.float64), rtol=1e-12
        )
        np.testing.assert_allclose(weighed.counts, np.ones(6))


def test_gamma_is_absolute_or_a_multiple_of_beta():
    held = drawn(8, seed=5)
    ratio = objective("simpo?beta=2.5&gamma=0.4&gamma_scale=beta").losses(pairs(held)).values
    expected = [
        by_hand.simpo(w, lo, beta=2.5, gamma=1.0)
        for w, lo in zip(held.answers[::2], held.answers[1::2], strict=True)
    ]
    np.testing.assert_allclose(ratio.detach().numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("hard", [False, True])
def test_sppo(hard):
    held, p_w, p_l = drawn(8, seed=6), [0.9, 0.6, 0.7, 0.5], [0.1, 0.5, 0.2, 0.45]
    name = "sppo?beta=0.01&targets=hard" if hard else "sppo?beta=0.01"
    columns = {} if hard else {"chosen_probability": p_w, "rejected_probability": p_l}
    found = objective(name).losses(pairs(held, **columns)).values.detach().numpy()
    expected = [
        by_hand.sppo(
            held.answers[2 * i],
            held.answers[2 * i + 1],
            p_w=1.0 if hard else p_w[i],
            p_l=0.0 if hard else p_l[i],
            beta=0.01,
        )
        for i in range(4)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize(("shift", "name"), [(0.0, "zero"), (None, "step"), (None, "running")])
def test_bco(shift, name):
    held = drawn(12, seed=7)
    d = 0.4 * np.mean([a.ratio for a in held.answers]) if shift is None else shift
    found = objective(f"bco?beta=0.4&shift={name}").losses(pairs(held)).values.detach().numpy()
    expected = [
        by_hand.bco(w, lo, beta=0.4, d=d) for w, lo in zip(held.answers[::2], held.answers[1::2], strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("seed", [8, 9])
def test_kto(seed):
    held, n = drawn(12, seed=seed), 6
    labels = [1, 0, 1, 1, 0, 0]
    rows = {"response": torch.arange(n), "mismatched": torch.arange(n, 2 * n)}
    batch = Batch(held.policy, rows, {"reference": held.reference}, {"label": torch.tensor(labels)})
    z0 = max(0.0, float(np.mean([a.ratio for a in held.answers[n:]])))
    name = "kto?beta=0.3&desirable_weight=1.2&undesirable_weight=0.8"
    found = objective(name).losses(batch)
    expected = [
        by_hand.kto(a, label=y, z0=z0, beta=0.3, desirable_weight=1.2, undesirable_weight=0.8)
        for a, y in zip(held.answers[:n], labels, strict=True)
    ]
    np.testing.assert_allclose(found.values.detach().numpy(), expected, rtol=1e-10)
    zero = objective("kto?beta=0.3&kl=zero").losses(batch).values.detach().numpy()
    np.testing.assert_allclose(
        zero,
        [by_hand.kto(a, label=y, z0=0.0, beta=0.3) for a, y in zip(held.answers[:n], labels, strict=True)],
        rtol=1e-10,
    )


@pytest.mark.parametrize("name", ["rrhf", "pro", "pro?temperature=gap"])
def test_ranked_lists(name):
    held = drawn(9, seed=10)
    scores = [0.3, 0.9, 0.1, 5.0, 4.0, 3.0, 7.0, 2.0, 2.5]
    groups = [range(3), range(3, 5), range(5, 9)]
    batch = Batch(
        held.policy,
        {"response": torch.arange(9)},
        columns={"score": torch.tensor(scores, dtype=torch.float64)},
        groups=torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2]),
    )
    found = objective(name).losses(batch).values.detach().numpy()
    function = by_hand.rrhf if name == "rrhf" else by_hand.pro
    settings = {"temperature": "gap"} if "gap" in name else {}
    expected = [
        function([held.answers[i] for i in group], [scores[i] for i in group], **settings) for group in groups
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("mean", ["token", "example"])
def test_sft_divides_by_tokens_or_by_examples(mean):
    held = drawn(7, seed=11)
    batch = Batch(held.policy, {"response": torch.arange(7)})
    losses = objective(f"sft?mean={mean}").losses(batch)
    found = float(losses.values.detach().sum() / losses.counts.sum())
    expected = (
        -np.concatenate([a.policy for a in held.answers]).mean()
        if mean == "token"
        else -np.mean([a.mean for a in held.answers])
    )
    assert found == pytest.approx(expected, rel=1e-10)
    with_prompts = objective(f"sft?mean={mean}&span=all").losses(batch)
    tokens = [np.concatenate([a.prompt, a.policy]) for a in held.answers]
    expected = -np.concatenate(tokens).mean() if mean == "token" else -np.mean([t.mean() for t in tokens])
    assert float(with_prompts.values.detach().sum() / with_prompts.counts.sum()) == pytest.approx(
        expected, rel=1e-10
    )
