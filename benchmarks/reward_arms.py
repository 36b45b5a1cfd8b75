"""One arm of `reward_vs_trl`: a process that loads SmolLM2, then does one update of a reward model for every line it reads.

Both sides train on the same token ids from the same weights and the same head; an update sees every pair.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.dpo_arms import held_by_trl, main, plan_of, stepped, units_of


def _head(network: Any) -> Any:
    """The network with the same new head for every arm."""
    import torch

    drawn = torch.randn(1, network.config.hidden_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.score.weight.copy_(0.02 * drawn)
    return network


def _winsome(given: argparse.Namespace) -> None:
    """The product's own trainer, step by step: packed pairs, bfloat16 products over float32 weights."""
    from winsome.training import parallel, start
    from winsome.training.objective import objective
    from winsome.training.rewards import start as heads
    from winsome.training.rewards.task import RewardTask, forward
    from winsome.training.start import Start

    lowered = objective("bradley_terry", "RewardObjective")
    with tempfile.TemporaryDirectory() as scratch:
        plan = plan_of(given, 1)
        model = heads.load(Start("embedded:smollm2-135m", "smollm2-135m", "", "float32"), lowered, 1, 0)
        _head(model.network)
        units = units_of(given, model.tokenizer)
        ranks = parallel.started("auto", (), Path(scratch))
        model = start.adapt(
            model, plan.adapter, rank=plan.lora_rank, alpha=plan.lora_alpha, targets=(), seed=0, beside=("score",)
        )  # fmt: skip
        parallel.wrap(ranks, model.network, forward)
        task = RewardTask(units, lowered, ranks, "bfloat16", plan.micro_tokens)
        stepped(model.network, task, plan, ranks, Path(scratch))


def _trl(given: argparse.Namespace) -> None:
    """TRL's RewardTrainer, held before every update; best: bf16 autocast, no checkpointing, micro-batches of one."""
    import trl
    from transformers import AutoModelForSequenceClassification

    best = {"gradient_checkpointing": False} if given.arm == "trl-best" else {}
    held_by_trl(
        given, trl.RewardTrainer, trl.RewardConfig, {"max_length": None, **best},
        {"modules_to_save": ["score"], "task_type": "SEQ_CLS"},
        lambda prompt, chosen, rejected: {"chosen_ids": prompt + chosen, "rejected_ids": prompt + rejected},
        lambda place: _head(AutoModelForSequenceClassification.from_pretrained(place, num_labels=1, dtype="float32")),
    )  # fmt: skip


if __name__ == "__main__":
    main(_winsome, _trl, __doc__)
