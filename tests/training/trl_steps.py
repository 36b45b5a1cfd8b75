"""What the tests against TRL's trainers share: plain settings, a policy away from its reference, one step of each side compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

Step = tuple[float, dict[str, torch.Tensor]]
"""The loss of an update and the gradient of every parameter."""


def settings(place: Path, batch: int, **more: Any) -> dict[str, Any]:
    """One update in fp32 on the processor, nothing recomputed, nothing reported."""
    return {
        "output_dir": str(place), "per_device_train_batch_size": batch, "bf16": False, "fp16": False, "use_cpu": True,
        "gradient_checkpointing": False, "report_to": [], "max_steps": 1, "save_strategy": "no", "disable_tqdm": True, **more,
    }  # fmt: skip


def moved(network: Any, shift: float) -> None:
    """The policy away from its reference, so that ratios are not 0; scaled by a pattern that no layer's norm undoes."""
    with torch.no_grad():
        for p in network.parameters():
            if p.ndim > 1:
                pattern = torch.sin(torch.arange(p.numel(), dtype=torch.float32)).view_as(p)
                p.mul_(1.0 + shift * pattern)


def gradients(network: Any) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def step_of(trainer: Any) -> Step:
    """The first step of a trainer of TRL, whose one batch holds every row."""
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    return float(loss.detach()), gradients(trainer.model)


def check(mine: Step, peer: Step) -> None:
    """The loss to 1e-5, the gradient to 1e-4 of its norm."""
    assert mine[0] == pytest.approx(peer[0], abs=1e-5)
    assert mine[1].keys() == peer[1].keys()
    scale = sum(float((grad**2).sum()) for grad in peer[1].values()) ** 0.5
    apart = sum(float(((mine[1][name] - grad) ** 2).sum()) for name, grad in peer[1].items()) ** 0.5
    assert scale > 0
    assert apart / scale < 1e-4
