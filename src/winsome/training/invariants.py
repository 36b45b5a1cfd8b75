"""What must hold before compute is spent: dropout off, no drift from the reference, the loss at its known value; then, that all moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from winsome.errors import Fatal

if TYPE_CHECKING:
    from torch import Tensor

    from winsome.training.task import Task

WATCHED = 2
"""Updates after which every trainable tensor must have moved: the first matrix of an adapter begins with the second."""

DRIFT = {"own": 2e-5, "bfloat16": 0.05}
"""Nats a token by which two forward passes of equal weights may differ, by the precision of their products."""


def before(task: Task, rows: Sequence[int], at_reference: bool, say: Callable[[str], None]) -> None:
    """Raises Fatal where two passes differ, or where a policy that is its own reference does not look so."""
    import torch

    step_sums = task.sums_of_update([list(rows)], 1)
    roles = task.objective.needs.roles
    with torch.no_grad():
        first = task.batch(rows, roles, step_sums, 0.0)
        second = task.batch(rows, roles, step_sums, 0.0)
    if not torch.equal(task.outputs(first), task.outputs(second)):
        raise Fatal(
            "two passes over one batch differ: dropout is on, or the model draws random numbers; turn it off"
        )
    loss = task.judged(first)
    told = f"loss {_mean(loss):.4f}"
    found = task.at_reference(rows, step_sums) if at_reference else None
    if found is not None:
        known, batch = found
        held = next(iter(batch.references.values()))
        drift = (batch.policy.sums - held.sums) / batch.policy.counts
        worst, allowed = float(drift.abs().max()), DRIFT[task.compute]
        if worst > allowed:
            raise Fatal(
                f"the start is not its own reference: {worst:.2g} nats a token apart (allowed {allowed}); is it another model?"
            )
        told = f"reference = start, KL {float((batch.policy.sums - held.sums).mean()):.4f}; loss {_mean(loss):.4f}, at the reference {_mean(known):.4f}"
        scale = 1.0 + abs(_mean(known))
        longest = float(batch.policy.counts.max())
        if abs(_mean(loss) - _mean(known)) > 10 * allowed * longest * scale:
            raise Fatal(
                f"the loss before the first update is {_mean(loss):.6f}, at the reference it is {_mean(known):.6f}"
            )
    task.run_sums.clear()
    say(f"checked: dropout off; {told}")


def _mean(losses: Any) -> float:
    return float(losses.values.sum() / losses.counts.sum())


def snapshot(trainable: Sequence[tuple[str, Any]]) -> dict[str, Tensor]:
    """A copy of every trainable tensor (of this rank's shard)."""
    return {name: _local(p).clone() for name, p in trainable}


def after(
    trainable: Sequence[tuple[str, Any]], before: Mapping[str, Tensor], rate: float, update: int
) -> None:
    """Raises Fatal where a trainable tensor has no finite gradient, or did not move in an update that should move it."""
    import torch

    for name, p in trainable:
        if p.grad is None or not bool(torch.isfinite(_local(p.grad)).all()):
            what = "no gradient" if p.grad is None else "a gradient that is not finite"
            raise Fatal(f"after update {update + 1}, {name} has {what}; it would never be trained")
        # The second matrix of an adapter starts at zero, so the first one's gradient is zero until it has moved.
        waits = update == 0 and ("lora_A" in name or "magnitude" in name)
        whole = _local(p).numel() > 0
        if whole and not waits and rate > 0 and torch.equal(_local(p), before[name]):
            raise Fatal(
                f"update {update + 1} did not move {name} (rate {rate:.2g}); raise --rate or check the adapter"
            )


def _local(tensor: Any) -> Tensor:
    return tensor.detach().to_local() if hasattr(tensor, "to_local") else tensor.detach()
