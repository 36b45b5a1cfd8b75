"""A whole step equals TRL's GRPO and RLOO: same tiny model, same answers, advantages by hand; fp32, loss 1e-5, gradient 1e-4."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny_models
from tests.training.trl_steps import Step, check, gradients, moved
from tests.training.trl_steps import settings as plain
from winsome.training import parallel
from winsome.training.online.method import method
from winsome.training.online.rollouts import Rollouts, flat
from winsome.training.online.runs import token_logprobs
from winsome.training.task import TextTask

trl = pytest.importorskip("trl")

PROMPTS, DRAWS = 2, 4
RNG = np.random.default_rng(3)
ASKED = [RNG.integers(0, 250, size).tolist() for size in (5, 9)]
SAID = [[*RNG.integers(0, 250, int(size)).tolist(), 257] for size in RNG.integers(1, 12, PROMPTS * DRAWS)]
SEQUENCES = [(ASKED[i // DRAWS], SAID[i]) for i in range(PROMPTS * DRAWS)]
REWARD = RNG.normal(size=PROMPTS * DRAWS)


def networks() -> tuple[Any, Any, Any]:
    """The policy, the weights that drew, and the reference: each a little away from the others."""
    made = [tiny_models.causal(seed=5) for _ in range(3)]
    for network, shift in zip(made, (0.0, 0.003, 0.01), strict=True):
        moved(network, shift)
    made[0].requires_grad_(True)
    return made[0], made[1], made[2]


def ours(name: str, folder: Path) -> Step:
    policy, drew, reference = networks()
    known = [token_logprobs(network, SEQUENCES, 1024, "own") for network in (drew, reference)]
    rollouts = Rollouts(
        "0/none", ("a", "b"), np.repeat(np.arange(PROMPTS), DRAWS), flat(SEQUENCES), ("",) * len(SEQUENCES),
        np.ones(len(SEQUENCES), bool), REWARD, ("",) * len(SEQUENCES), known[0], known[0], known[1], np.zeros(0, np.float32),
    )  # fmt: skip
    lowered = method(name)
    learnt = lowered.made(rollouts)
    ranks = parallel.started("auto", (), folder)
    parallel.wrap(ranks, policy)
    task = TextTask(learnt.units, lowered.objective, learnt.references, ranks, tokens=learnt.tokens)
    losses = task.losses([0, 1], {}, 0.0)
    loss = losses.values.sum() / losses.counts.sum()
    loss.backward()
    return float(loss.detach()), gradients(policy)


def theirs(kind: str, folder: Path, **settings: Any) -> Step:
    """TRL's own loss function on the same answers, padded as its trainer pads them."""
    from datasets import Dataset

    warnings.simplefilter("ignore")
    policy, drew, reference = networks()
    # With a divergence TRL loads a reference by the policy's name; what it gives is taken from `inputs` instead.
    tiny_models.saved(folder / "tiny", tiny_models.causal(seed=5))
    policy.config._name_or_path = str(folder / "tiny")
    config, trainer = getattr(trl, f"{kind}Config"), getattr(trl, f"{kind}Trainer")
    args = config(**plain(folder, DRAWS, num_generations=DRAWS, max_completion_length=16, **settings))
    made = trainer(
        model=policy, reward_funcs=lambda completions, **_: [0.0] * len(completions), args=args,
        train_dataset=Dataset.from_dict({"prompt": ["a"] * 8}), processing_class=tiny_models.byte_tokenizer(),
    )  # fmt: skip
    made.current_gradient_accumulation_steps = 1
    widest, longest = max(map(len, ASKED)), max(map(len, SAID))
    rows = [
        ([257] * (widest - len(p)) + p, [0] * (widest - len(p)) + [1] * len(p), a + [257] * (longest - len(a)), [1] * len(a) + [0] * (longest - len(a)))
        for p, a in SEQUENCES
    ]  # fmt: skip
    columns = [torch.tensor(column) for column in zip(*rows, strict=True)]
    told = [token_logprobs(network, SEQUENCES, 1024, "own") for network in (drew, reference)]
    starts = np.cumsum([0, *map(len, SAID)])

    def padded(values: np.ndarray) -> torch.Tensor:
        found = torch.zeros(len(SAID), longest)
        for i, (first, last) in enumerate(zip(starts, starts[1:], strict=False)):  # noqa: RUF007
            found[i, : last - first] = torch.tensor(values[first:last])
        return found

    table = torch.tensor(REWARD).view(PROMPTS, DRAWS)
    inputs = dict(
        zip(("prompt_ids", "prompt_mask", "completion_ids", "completion_mask"), columns, strict=True)
    )
    if kind == "GRPO":
        advantages = (table - table.mean(1, keepdim=True)) / (table.std(1, keepdim=True) + 1e-4)
        inputs |= {
            "old_per_token_logps": padded(told[0]), "ref_per_token_logps": padded(told[1]),
            "num_items_in_batch": inputs["completion_mask"].sum(),
        }  # fmt: skip
    else:
        sums = [padded(values).sum(1).double() for values in told]
        table = (torch.tensor(REWARD) - 0.05 * (sums[0] - sums[1])).view(PROMPTS, DRAWS)
        advantages = table - (table.sum(1, keepdim=True) - table) / (DRAWS - 1)
        inputs |= {"old_logps": sums[0].float()}
    inputs["advantages"] = advantages.flatten().float()
    made.model.train()
    loss = made._compute_loss(made.model, inputs)
    loss.backward()
    return float(loss.detach()), gradients(made.model)


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("grpo", "GRPO", {"beta": 0.04, "loss_type": "grpo"}),
        ("grpo?mean=token&kl=none", "GRPO", {"beta": 0.0, "loss_type": "bnpo"}),
        ("grpo?mean=constant&divisor=16&kl=none", "GRPO", {"beta": 0.0, "loss_type": "dr_grpo"}),
        ("grpo?ratio=mean&kl=none&clip_high=0.3", "GRPO", {"beta": 0.0, "loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon_high": 0.3}),
        ("rloo", "RLOO", {"beta": 0.05}),
    ],
)  # fmt: skip
def test_a_step_equals_trl_s(tmp_path, name, kind, settings):
    peer = theirs(kind, tmp_path, **settings)
    assert abs(peer[0]) > 1e-4
    check(ours(name, tmp_path), peer)
