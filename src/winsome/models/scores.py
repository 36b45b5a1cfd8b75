"""Outputs of a reward model with gradient: the prefix that dialogues share forwarded once, nothing padded, the head at the last token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from winsome.models.logprobs import ROW_TOKENS, Sequences, row_of, states_at, trees_of, unwrapped
from winsome.models.packing import rows

if TYPE_CHECKING:
    from torch import Tensor


def scores(
    network: Any,
    sequences: Sequences,
    *,
    row_tokens: int = ROW_TOKENS,
    compute: Literal["own", "bfloat16"] = "own",
) -> Tensor:
    """The outputs [m, k] of a transformers sequence classifier (or a PEFT model of one) at the last token of each sequence.

    A sequence is (prefix ids, further ids); equal prefixes are forwarded once. The numbers are those of a padded forward
    pass whose padding token is no dialogue's last one. The head computes in the weights' own precision, whatever `compute`.
    Raises BadInput for an empty part and for a sequence that does not fit the context.
    """
    import torch

    classifier = unwrapped(network)
    trees, members = trees_of(classifier, sequences)
    device = next(classifier.parameters()).device
    states: list[Tensor] = []
    order: list[int] = []
    with torch.autocast(device.type, torch.bfloat16, enabled=compute == "bfloat16"):
        for row in rows(trees, row_tokens):
            packed = row_of(classifier, [tree for _, tree, _ in row], str(device))
            ends = [end - 1 for spans in packed.branches for _, end in spans]
            order += [members[number][b] for number, _, branches in row for b in branches]
            states.append(states_at(classifier, packed, ends))
    last = torch.cat(states)
    with torch.autocast(device.type, enabled=False):
        values = classifier.score(last.to(next(classifier.score.parameters()).dtype))
    return values[torch.tensor(order, device=device).argsort()]
