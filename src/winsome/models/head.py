"""The log-probability of one token a position from hidden states, without ever holding [positions x vocabulary].

The vocabulary is walked in blocks with a running maximum and sum. The backward pass takes up what was kept of each block, in the
products' precision, or where that would be too much makes each again. Where the head is frozen (adapters) the gradient in the hidden
states, up to the factor that comes from above, is a sum over the same blocks, so one walk does for both passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.models.tables import copied, place

if TYPE_CHECKING:
    from torch import Tensor

BLOCK_ENTRIES = 1 << 21
"""Logits held at once (8 MiB in float32): small enough to stay in a processor's cache."""
LEAST_BLOCK = 512
"""Vocabulary entries in a block at least, so that products stay full; more positions than fit are cut as well."""
KEPT = 1 << 27
"""Chances kept for the backward pass (256 MiB in bfloat16); beyond, they are computed again."""


@dataclass(frozen=True)
class Head:
    """What makes logits of hidden states: a layer, then `multiplier * x`, then `cap * tanh(x / cap)` where there is a cap."""

    layer: Any
    multiplier: float
    cap: float | None

    @property
    def plain(self) -> bool:
        """Whether the layer is one matrix that can be read in blocks (not adapted, not reordered for inference)."""
        import torch

        return (
            type(self.layer) is torch.nn.Linear
            and self.layer.weight.numel() > 0
            and "forward" not in vars(self.layer)
        )


def head_of(network: Any) -> Head:
    """The head of a transformers causal model, with the scalings that some families apply."""
    config = network.config.get_text_config()
    multiplier = 1.0
    if (scale := getattr(config, "logit_scale", None)) is not None:
        multiplier *= float(scale)
    if (divisor := getattr(config, "logits_scaling", None)) is not None:
        multiplier /= float(divisor)
    return Head(network.get_output_embeddings(), multiplier, getattr(config, "final_logit_softcapping", None))


def target_logprobs(head: Head, hidden: Tensor, targets: Tensor) -> Tensor:
    """Log-probability in nats of `targets` [n] after `hidden` [n, d]: [n], float32 (float64 from float64 states).

    Products run in autocast's precision where it is on, everything else in float32.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    rows = max(1, BLOCK_ENTRIES // LEAST_BLOCK)
    parts = [slice(i, i + rows) for i in range(0, len(targets), rows)]
    if head.plain:
        kind = hidden.device.type
        compute = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        blockwise = _blockwise()
        weight, bias = head.layer.weight, head.layer.bias
        with torch.autocast(kind, enabled=False):
            found = [
                blockwise.apply(hidden[part], weight, bias, targets[part], head.multiplier, head.cap, compute)
                for part in parts
            ]
        return torch.cat(found) if len(found) > 1 else found[0]

    def rowwise(states: Tensor, wanted: Tensor) -> Tensor:
        scores = _scaled(_full(head.layer(states)), head.multiplier, head.cap)
        return scores.gather(1, wanted[:, None])[:, 0] - scores.logsumexp(1)

    rows = max(1, BLOCK_ENTRIES // max(1, head.layer.out_features))
    found = []
    for i in range(0, len(targets), rows):
        part = slice(i, i + rows)
        if torch.is_grad_enabled():
            found.append(checkpoint(rowwise, hidden[part], targets[part], use_reentrant=False))
        else:
            found.append(rowwise(hidden[part], targets[part]))
    return torch.cat(found)


def _full(scores: Tensor) -> Tensor:
    import torch

    return scores if scores.dtype == torch.float64 else scores.float()


def _scaled(scores: Tensor, multiplier: float, cap: float | None) -> Tensor:
    if multiplier != 1.0:
        scores = scores * multiplier
    return scores if cap is None else (scores / cap).tanh() * cap


def _blockwise() -> Any:
    """The autograd function, made once torch is imported."""
    global _Blockwise
    if _Blockwise is None:
        _Blockwise = _make()
    return _Blockwise


_Blockwise: Any = None


def _make() -> Any:
    import torch

    def blocks(positions: int, vocabulary: int) -> list[slice]:
        size = max(LEAST_BLOCK, BLOCK_ENTRIES // max(1, positions))
        return [slice(i, min(i + size, vocabulary)) for i in range(0, vocabulary, size)]

    def scores_of(h: Tensor, w: Tensor, bias: Tensor | None, part: slice) -> Tensor:
        scores = _full(h @ w.T)
        return scores if bias is None else scores.add_(bias[part])

    class Blockwise(torch.autograd.Function):
        @staticmethod
        def forward(ctx, hidden, weight, bias, targets, multiplier, cap, compute):
            h = hidden.detach().to(compute)
            full = torch.float64 if compute == torch.float64 else torch.float32
            learnt = any(ctx.needs_input_grad[1:3])
            at_once = ctx.needs_input_grad[0] and not learnt
            keep = learnt and bias is None and cap is None and len(h) * len(weight) <= KEPT
            kept: list[Tensor] = []
            top = torch.full((len(h),), -torch.inf, dtype=full, device=h.device)
            mass = torch.zeros_like(top)
            picked = torch.zeros_like(top)
            pull = torch.zeros(h.shape, dtype=full, device=h.device) if at_once else None
            aim = torch.zeros(h.shape, dtype=full, device=h.device) if at_once else None
            table = copied(weight, compute)
            for part in blocks(len(h), len(weight)):
                w = table[part].to(compute)
                scores = _scaled(scores_of(h, w, bias, part), multiplier, cap)
                here = ((targets >= part.start) & (targets < part.stop)).nonzero()[:, 0]
                picked[here] = scores[here, targets[here] - part.start]
                slope = None
                if at_once and cap is not None:
                    slope = 1.0 - (scores / cap) ** 2
                raised = torch.maximum(top, scores.amax(1))
                faded = (top - raised).exp_()
                chances = scores.sub_(raised[:, None]).exp_()
                mass = mass.mul_(faded).add_(chances.sum(1))
                top = raised
                if keep:
                    # The target's own share comes from its log-probability: near 1, rounding would leave nothing of 1 - p.
                    chances[here, targets[here] - part.start] = 0.0
                    kept += [chances.to(compute), raised]
                if pull is not None and aim is not None:
                    if slope is not None:
                        aim[here] = slope[here, targets[here] - part.start][:, None] * w[
                            targets[here] - part.start
                        ].to(full)
                        chances = chances * slope
                    else:
                        aim[here] = w[targets[here] - part.start].to(full)
                    pull.mul_(faded[:, None]).add_((chances.to(compute) @ w).to(full))
            total = mass.log() + top
            if pull is not None and aim is not None:
                unit = aim.sub_(pull.div_(mass[:, None])).mul_(multiplier)
                ctx.save_for_backward(unit)
            else:
                ctx.save_for_backward(hidden, weight, bias, targets, total, picked, *kept)
            ctx.settings = (at_once, multiplier, cap, compute, hidden.dtype)
            return picked - total

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, above):
            at_once, multiplier, cap, compute, given = ctx.settings
            if at_once:
                (unit,) = ctx.saved_tensors
                return (unit * above[:, None]).to(given), None, None, None, None, None, None
            hidden, weight, bias, targets, total, picked, *kept = ctx.saved_tensors
            h = hidden.to(compute)
            full = total.dtype
            of_hidden = torch.zeros(h.shape, dtype=full, device=h.device)
            table = copied(weight, compute)
            held = place(weight) if ctx.needs_input_grad[1] else None
            of_weight = torch.empty_like(weight) if ctx.needs_input_grad[1] and held is None else None
            if kept:
                above = above * multiplier
                made = held if of_weight is None else of_weight
                for number, part in enumerate(blocks(len(h), len(weight))):
                    chances, top = kept[2 * number : 2 * number + 2]
                    # What each position's chances are to be multiplied by goes into the narrow factors.
                    weighed = (top - total).exp_().mul_(-above)[:, None]
                    if ctx.needs_input_grad[0]:
                        of_hidden.addcmul_((chances @ table[part].to(compute)).to(full), weighed)
                    found = chances.T @ (hidden * weighed).to(compute)
                    if held is None:
                        made[part] = found
                    else:
                        made[part].add_(found)
                own = (above * -torch.expm1(picked - total))[:, None]
                of_hidden.addcmul_(weight[targets].to(full), own)
                made.index_add_(0, targets, (hidden * own).to(made.dtype))
                return of_hidden.to(given), of_weight, None, None, None, None, None
            of_bias = torch.empty_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
            for part in blocks(len(h), len(weight)):
                w = table[part].to(compute)
                scores = _scaled(scores_of(h, w, bias, part), multiplier, cap)
                slope = None if cap is None else 1.0 - (scores / cap) ** 2
                pushes = scores.sub_(total[:, None]).exp_().mul_(-above[:, None])
                here = ((targets >= part.start) & (targets < part.stop)).nonzero()[:, 0]
                pushes[here, targets[here] - part.start] += above[here]
                if slope is not None:
                    pushes.mul_(slope)
                if multiplier != 1.0:
                    pushes.mul_(multiplier)
                small = pushes.to(compute)
                if ctx.needs_input_grad[0]:
                    of_hidden += (small @ w).to(full)
                if held is not None:
                    held[part].add_(small.T @ h)
                elif of_weight is not None:
                    of_weight[part] = small.T @ h
                if of_bias is not None:
                    # The bias is added before the scalings, like the product.
                    of_bias[part] = pushes.sum(0).to(of_bias.dtype)
            return of_hidden.to(given), of_weight, of_bias, None, None, None, None

    return Blockwise
