"""The optimiser over named tensors: gradient scaled once, clipped, stepped; running average; all of it in and out by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from winsome.training.plan import Plan

if TYPE_CHECKING:
    from torch import Tensor

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Optimizer:
    """AdamW or RMSprop in float32 on the trainable tensors, plain or sharded."""

    def __init__(self, trainable: Sequence[tuple[str, Any]], plan: Plan) -> None:
        import torch

        self._named = dict(trainable)
        self._plan = plan
        matrices = [p for p in self._named.values() if p.ndim > 1]
        vectors = [p for p in self._named.values() if p.ndim < 2]
        groups = [
            {"params": held, "weight_decay": decay}
            for held, decay in ((matrices, plan.decay), (vectors, 0.0))
            if held
        ]
        if plan.optimizer == "adamw":
            # One pass over all tensors takes a seventh of the time; shards know only the other form.
            self._fused = not any(hasattr(p, "full_tensor") for p in self._named.values())
            self._inner: Any = torch.optim.AdamW(
                groups, lr=plan.rate, betas=BETAS, eps=EPSILON, fused=self._fused
            )
        else:
            self._fused = False
            self._inner = torch.optim.RMSprop(groups, lr=plan.rate, alpha=0.99, eps=EPSILON)
        self.average: dict[str, Any] = (
            {name: p.detach().clone() for name, p in self._named.items()} if plan.ema else {}
        )

    def scaled(self, scale: float) -> float:
        """Multiply every gradient by `scale`, clip them together; the norm before clipping."""
        import torch

        grads = [p.grad for p in self._named.values() if p.grad is not None]
        norm = scale * float(_whole(torch.nn.utils.get_total_norm(grads)))
        limit = self._plan.clip or float("inf")
        for grad in grads:
            grad.mul_(scale * min(1.0, limit / (norm + 1e-6)))
        return norm

    def step(self, rate: float) -> None:
        import torch

        for group in self._inner.param_groups:
            group["lr"] = rate
        self._inner.step()
        with torch.no_grad():
            for name, mean in self.average.items():
                mean.lerp_(self._named[name].detach(), 1.0 - self._plan.ema)

    def clear(self) -> None:
        self._inner.zero_grad(set_to_none=True)

    def weights(self) -> dict[str, Tensor]:
        """The trained tensors, whole and on the processor; every rank must ask."""
        return {name: _kept(p) for name, p in self._named.items()}

    def best(self) -> dict[str, Tensor]:
        """What a finished run keeps: the running average where there is one, else the weights."""
        return {name: _kept(mean) for name, mean in self.average.items()} or self.weights()

    def moments(self) -> dict[str, Tensor]:
        """The optimiser's state by tensor, the running average, the state of torch's random numbers."""
        import torch

        found: dict[str, Tensor] = {"random": torch.get_rng_state()}
        if torch.cuda.is_available():
            found["random.cuda"] = torch.cuda.get_rng_state()
        for name, p in self._named.items():
            for key, value in self._inner.state.get(p, {}).items():
                found[f"{key}/{name}"] = _kept(value)
        return found | {f"average/{name}": _kept(mean) for name, mean in self.average.items()}

    def load(self, weights: Mapping[str, Tensor], moments: Mapping[str, Tensor]) -> None:
        """Put back what `weights` and `moments` gave."""
        import torch

        with torch.no_grad():
            for name, p in self._named.items():
                p.copy_(_like(weights[name], p))
                if name in self.average:
                    self.average[name].copy_(_like(moments[f"average/{name}"], p))
        for full, value in moments.items():
            key, _, name = full.partition("/")
            if name and key != "average":
                p = self._named[name]
                scalar = value.ndim == 0
                # The fused step counts on the tensor's own device, the others on the processor.
                device = p.device if self._fused else value.device
                self._inner.state[p][key] = value.to(device).clone() if scalar else _like(value, p).clone()
        torch.set_rng_state(moments["random"])
        if "random.cuda" in moments:
            torch.cuda.set_rng_state(moments["random.cuda"])


def _whole(value: Any) -> Tensor:
    """A tensor without its shards' structure; all ranks take part."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _kept(value: Any) -> Tensor:
    return _whole(value.detach()).cpu().contiguous().clone()


def _like(value: Tensor, like: Any) -> Any:
    """`value` on the device of `like`, sharded as it is."""
    value = value.to(like.device)
    if not hasattr(like, "full_tensor"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements)
