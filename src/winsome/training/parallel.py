"""One process or several: what accelerate starts, the model wrapped for it, and sums over all ranks."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from winsome.errors import BadInput, Unsupported
from winsome.models.logprobs import Logprobs, Want, logprobs
from winsome.training.plan import Compute

if TYPE_CHECKING:
    from torch import Tensor

Parallel = Literal["auto", "ddp", "fsdp"]
PATIENCE = datetime.timedelta(hours=6)
"""How long ranks wait for one that still reads the data or computes references."""


@dataclass
class Ranks:
    """This process among its peers. `forward` runs the wrapped model; gradients are means over ranks after `synced`."""

    accelerator: Any
    kind: Literal["one", "ddp", "fsdp"] = "one"
    module: Any = None

    @property
    def rank(self) -> int:
        return int(self.accelerator.process_index)

    @property
    def world(self) -> int:
        return int(self.accelerator.num_processes)

    @property
    def main(self) -> bool:
        return self.rank == 0

    def forward(self, sequences: Any, want: Want, row_tokens: int, compute: Compute) -> Logprobs:
        """Log-probabilities of sequences under the wrapped model; see `models.logprobs`."""
        return Logprobs(*self.module(sequences, want, row_tokens, compute))

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all ranks."""
        return values if self.world == 1 else self.accelerator.reduce(values, reduction="sum")

    def added(self, sums: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        """Named (sum, count) added up over ranks, which need not have the same names."""
        if self.world == 1:
            return sums
        from accelerate.utils import gather_object

        total: dict[str, tuple[float, float]] = {}
        shared: list[dict[str, tuple[float, float]]] = cast(Any, gather_object)([sums])
        for held in shared:
            for name, (value, count) in held.items():
                a, b = total.get(name, (0.0, 0.0))
                total[name] = (a + value, b + count)
        return total

    @contextmanager
    def gradients(self, last: bool) -> Generator[None]:
        """Backward passes within add to this rank's gradients; those of the `last` micro-batch are then shared."""
        if self.kind == "ddp" and not last:
            with self.module.no_sync():
                yield
        else:
            yield


def started(parallel: Parallel, trackers: Sequence[str], folder: Any) -> Ranks:
    """The process group that the launcher made (torchrun, accelerate launch), or this process alone.

    Raises Unsupported where accelerate or a tracker is not installed, BadInput where FSDP is asked for in one process.
    """
    import torch

    try:
        from accelerate import Accelerator
        from accelerate.utils import InitProcessGroupKwargs
    except ModuleNotFoundError:
        raise Unsupported(
            "training needs accelerate; install it with: pip install 'winsome[train]'"
        ) from None
    _check_trackers(trackers)
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="no",
        log_with=list(trackers) or None,
        project_dir=str(folder),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if accelerator.num_processes == 1:
        if parallel == "fsdp":
            raise BadInput(
                "parallel fsdp needs several processes: torchrun --nproc-per-node 2 -m winsome train .."
            )
        return Ranks(accelerator)
    return Ranks(accelerator, "fsdp" if parallel == "fsdp" else "ddp")


TRACKERS: Mapping[str, str] = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""Tracker -> the package that it needs."""


def _check_trackers(trackers: Sequence[str]) -> None:
    import importlib.util
    import os

    for name in trackers:
        if name not in TRACKERS:
            raise BadInput(f'no tracker "{name}" (known: {", ".join(TRACKERS)})')
        if importlib.util.find_spec(TRACKERS[name]) is None:
            raise Unsupported(f"tracker {name} is not installed; run: pip install {TRACKERS[name]}")
    if "wandb" in trackers:
        os.environ.setdefault("WANDB_MODE", "offline")


def wrap(ranks: Ranks, network: Any, forward: Callable[[Any], Any] | None = None) -> None:
    """Put `network` behind the forward pass that all ranks share; its parameters stay the same objects but for FSDP.

    `forward` makes the module around the network (default: one whose forward pass is `logprobs`). Raises Unsupported where FSDP was asked for and any trainable tensor is not sharded.
    """
    module = (forward or _module)(network)
    if ranks.kind == "ddp":
        module = ranks.accelerator.prepare_model(module)
    elif ranks.kind == "fsdp":
        _shard(module, network, ranks)
    ranks.module = module


def _module(network: Any) -> Any:
    """A module whose forward pass is `logprobs`; it gives a plain tuple, which is what wrappers look through."""
    import torch

    class Forward(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, sequences: Any, want: Want, row_tokens: int, compute: Compute) -> tuple[Any, ...]:
            found = logprobs(self.network, sequences, want, row_tokens=row_tokens, compute=compute)
            return (found.sums, found.counts, found.tokens, found.prompt_sums, found.prompt_counts)

    return Forward()


def _shard(module: Any, network: Any, ranks: Ranks) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    mesh = init_device_mesh(ranks.accelerator.device.type, (ranks.world,))
    for layer in _layers(network):
        fully_shard(layer, mesh=mesh)
    fully_shard(module, mesh=mesh, reshard_after_forward=False)
    plain = [name for name, p in module.named_parameters() if p.requires_grad and not isinstance(p, DTensor)]
    if plain:
        raise Unsupported(f"fsdp was asked for, but {plain[0]} is not sharded; use --parallel ddp")


def _layers(network: Any) -> list[Any]:
    """The blocks of a transformer: its longest list of modules."""
    import torch

    lists = [m for m in network.modules() if isinstance(m, torch.nn.ModuleList)]
    return list(max(lists, key=len)) if lists else []
