"""What a state is worth: a network of the start's shape whose head gives one number before each answer token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.errors import Unsupported
from winsome.models.logprobs import row_of, states_at, trees_of
from winsome.models.packing import rows
from winsome.training import start as starts
from winsome.training.parallel import Ranks
from winsome.training.start import Start

if TYPE_CHECKING:
    from torch import Tensor

    from winsome.models.logprobs import Sequences

FIRST = 1e-3
"""Standard deviation of the head's first weights: values begin near 0, and yet every layer below has a gradient."""


@dataclass(frozen=True)
class Critic:
    """`body` is a causal model of its own, of which only the hidden states are read; `head` is linear in them."""

    body: Any
    head: Any
    row_tokens: int
    compute: str

    def __call__(self, sequences: Sequences) -> Tensor:
        """V before each answer token, flat in the order of the sequences, float32; gradient where autograd is on."""
        return state_values(self.body, self.head, sequences, self.row_tokens, self.compute)

    def trainable(self) -> list[tuple[str, Any]]:
        """The tensors that values depend on, by name."""
        body = [(f"critic.body.{name}", p) for name, p in self.body.base_model.named_parameters()]
        return [*body, *((f"critic.head.{name}", p) for name, p in self.head.named_parameters())]


def critic(origin: Start, ranks: Ranks, *, row_tokens: int, compute: str, seed: int) -> Critic:
    """A critic whose body is the start's; Unsupported in several processes."""
    import torch

    if ranks.world > 1:
        raise Unsupported("a critic is trained in one process; use rloo or grpo with several")
    body = starts.load(origin).network
    body.requires_grad_(False)
    body.base_model.requires_grad_(True)
    head = torch.nn.Linear(body.config.get_text_config().hidden_size, 1, device=ranks.accelerator.device)
    with torch.no_grad():
        drawn = torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(seed))
        head.weight.copy_(FIRST * drawn)
        head.bias.zero_()
    return Critic(body, head, row_tokens, compute)


def state_values(
    body: Any, head: Callable[[Any], Any], sequences: Sequences, row_tokens: int, compute: str
) -> Tensor:
    """`head` of the hidden state from which each answer token is predicted, flat in the order of the sequences."""
    import torch

    trees, members = trees_of(body, sequences)
    device = next(body.parameters()).device
    states: list[Tensor] = []
    spans: list[slice] = [slice(0)] * len(sequences)
    placed = 0
    with torch.autocast(device.type, torch.bfloat16, enabled=compute == "bfloat16"):
        for row in rows(trees, row_tokens):
            packed = row_of(body, [tree for _, tree, _ in row], str(device))
            places: list[int] = []
            for (number, _, branches), trunk, held in zip(row, packed.trunks, packed.branches, strict=True):
                for b, (start, end) in zip(branches, held, strict=True):
                    places += [trunk[1] - 1, *range(start, end - 1)]
                    spans[members[number][b]] = slice(placed, placed + end - start)
                    placed += end - start
            states.append(states_at(body, packed, places))
    values = head(torch.cat(states).float())[:, 0]
    return values[_order(spans).to(device)]


def _order(spans: Sequence[slice]) -> Tensor:
    import torch

    return torch.cat([torch.arange(span.start, span.stop) for span in spans])
