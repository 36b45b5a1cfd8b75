"""Whole weights between updates: those that answers are drawn from, and those of the reference."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from winsome.errors import BadInput
from winsome.models.logprobs import unwrapped
from winsome.models.weights import LocalModel, adapter_base
from winsome.training import start as starts
from winsome.training.parallel import Ranks
from winsome.training.plan import Plan
from winsome.training.runs import adapted
from winsome.training.start import Start
from winsome.training.tokens import vocabulary_digest


@dataclass(frozen=True)
class Whole:
    """`model` draws; `gather` brings its weights to where the trained ones are, and every rank must call it."""

    model: LocalModel
    gather: Callable[[], None]


def whole(
    origin: Start,
    model: LocalModel,
    trainable: Sequence[tuple[str, Any]],
    plan: Plan,
    ranks: Ranks,
    seed: int,
) -> Whole:
    """The trained model itself; where its weights are sharded, a copy that the first rank fills from all shards."""
    import torch

    if ranks.kind != "fsdp":
        return Whole(model, lambda: None)
    copy = adapted(starts.load(origin), plan, seed)
    own = dict(copy.network.named_parameters())

    def gather() -> None:
        with torch.no_grad():
            for name, p in trainable:
                full = p.full_tensor()
                if ranks.main:
                    own[name].copy_(full)

    return Whole(copy, gather)


def reference_of(origin: Start, fixed: Start, model: LocalModel, plan: Plan) -> Callable[[Any], Any]:
    """What gives, for the policy's network, a context with the reference's: its base with the adapter off, else a copy."""
    if fixed.id == origin.id and plan.adapter != "none" and adapter_base(origin.weights) is None:

        @contextmanager
        def without(network: Any) -> Generator[Any]:
            with network.disable_adapter():
                yield unwrapped(network)

        return without
    other = starts.load(fixed)
    if vocabulary_digest(other) != vocabulary_digest(model):
        raise BadInput(
            f"{fixed.name} and {origin.name} have different vocabularies; take a reference of the start's own family"
        )
    other.network.requires_grad_(False)

    @contextmanager
    def copy(network: Any) -> Generator[Any]:
        yield other.network

    return copy
