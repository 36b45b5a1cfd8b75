"""No dead option: every setting of every online method changes what is learnt, and the run that it is found again by."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.online.tree import Tree, batch_of, rewards, rollouts_of
from winsome import specs
from winsome.training.online.method import ROLE, method

REWARD, POLICY, DREW, REFERENCE = rewards(1), Tree(2), Tree(5), Tree(3, 0.5)
GROUPS = [
    (0, ((0, 2), (1, 1, 2))),
    (1, ((1, 2), (2,))),
    (0, ((0, 0, 0), (0, 0, 0))),
    (1, ((0, 1, 2), (1, 1, 1))),
]
GRADIENTS = ("rloo", "grpo", "reinforce_pp", "ppo")
BESIDE: dict[str, dict[str, Any]] = {
    "divisor": {"mean": "constant"},
    "estimator": {"kl": "loss"},
    "kl_coef": {"kl": "loss"},
    "gamma": {"kl": "reward"},
    "lam": {"kl": "reward"},
}
"""Settings beside which one matters."""


def others(setting: specs.Setting) -> list[Any]:
    words = re.findall(r"[\"']([^\"']*)[\"']", setting.annotation)
    if words:
        return [word for word in words if word != setting.default]
    if setting.annotation == "bool":
        return [not setting.default]
    if setting.annotation == "str":
        return ["ipo?beta=0.3"]
    if setting.annotation == "int":
        return [setting.default + 1]
    return [0.3] if setting.default is None else [0.5 * setting.default or 0.25]


CASES = [
    (name, key, value)
    for name in sorted(specs.kinds(ROLE))
    for key, setting in specs.settings_of(specs.factory_of(specs.Spec(name), ROLE)).items()  # type: ignore[arg-type]
    for value in others(setting)
]


def named(kind: str, settings: dict[str, Any]) -> Any:
    return method(specs.Spec(kind, "", settings))


@pytest.mark.parametrize(("name", "key", "value"), CASES)
def test_a_run_with_another_value_is_another_run(name, key, value):
    plain, changed = named(name, {}), named(name, {key: value})
    assert (plain.objective.name, plain.objective.settings) != (
        changed.objective.name,
        changed.objective.settings,
    )


def learnt(kind: str, settings: dict[str, Any]) -> list[torch.Tensor]:
    """Values, counts and gradient of the loss of all groups, drawn by other weights than those that learn."""
    rollouts = rollouts_of(GROUPS, REWARD, DREW, REFERENCE, values=VALUES)
    made = named(kind, settings)
    units = made.made(rollouts)
    values = torch.as_tensor(np.tile(0.1 * np.arange(1, 40), 1)[: len(units.units.sequences.answers)])
    batch = batch_of(units, POLICY, values.double() if made.critic else None)
    found = made.objective.losses(batch)
    (slope,) = torch.autograd.grad(found.values.sum(), POLICY.logits)
    return [found.values.detach(), found.counts.detach(), slope]


VALUES = np.sin(np.arange(sum(len(y) for _, ys in GROUPS for y in ys)))


# What is learnt under resample is what is learnt under drop; what is asked differs, see test_dead_groups.
LEARNT = [case for case in CASES if case[0] in GRADIENTS and case[1:] != ("dead_groups", "resample")]


@pytest.mark.parametrize(("name", "key", "value"), LEARNT)
def test_another_value_changes_the_loss(name, key, value):
    beside = BESIDE.get(key, {})
    plain, changed = learnt(name, beside), learnt(name, {**beside, key: value})
    same = all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(plain, changed, strict=True))
    assert not same, f"{name}: {key}={value} changes nothing"
