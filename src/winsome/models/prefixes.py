"""Log-probabilities of many sequences that begin alike: what several begin with is forwarded once, at every depth.

Trees of one trunk (`packing`) share whole prompts. Dated questions, minimal pairs and rendered dialogues share the first tokens of
prompts that differ later: sorted, the sequences are the walk through a trie in depth-first order, and its nodes are one row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winsome.models import attention
from winsome.models.attention import attend_by_blocks, attend_by_trees
from winsome.models.head import head_of, target_logprobs
from winsome.models.logprobs import Logprobs, Sequences, check_sequences, in_order, states_at, unwrapped
from winsome.models.packing import Packed
from winsome.models.trees import Piece

if TYPE_CHECKING:
    from torch import Tensor

ROW_TOKENS = 1024
"""Tokens of a trie forwarded together: short sequences in a short row would be mostly overhead."""


@dataclass(frozen=True)
class Trie:
    """Nodes [T] in depth-first order: token, depth, the node before (-1: none) and where the nodes below it end.

    `paths`: the nodes of each sequence, by its number.
    """

    ids: list[int]
    depths: list[int]
    parents: list[int]
    ends: list[int]
    paths: dict[int, list[int]]


def prefix_logprobs(network: Any, sequences: Sequences, *, row_tokens: int = ROW_TOKENS) -> Logprobs:
    """What `logprobs.logprobs` gives (sums and counts over answers, nats), every shared beginning forwarded once in a row.

    The numbers are those of one padded forward pass, up to the order of sums. The last token of a sequence predicts nothing that is
    wanted and is left out. Raises BadInput as `logprobs` does.
    """
    import torch

    causal = unwrapped(network)
    check_sequences(causal, sequences)
    device = next(causal.parameters()).device
    values: list[Tensor] = []
    answers: list[slice] = [slice(0)] * len(sequences)
    done = 0
    for trie in tries([[*prompt, *answer][:-1] for prompt, answer in sequences], row_tokens):
        places: list[int] = []
        targets: list[int] = []
        for number, path in trie.paths.items():
            prompt, answer = sequences[number]
            places += path[len(prompt) - 1 :]
            targets += answer
            answers[number] = slice(done, done + len(answer))
            done += len(answer)
        states = states_at(causal, *_row(causal, trie, str(device), places))
        values.append(target_logprobs(head_of(causal), states, torch.tensor(targets, device=device)))
    _, sums, counts = in_order(torch.cat(values), answers)
    return Logprobs(sums, counts)


def tries(sequences: Sequence[Sequence[int]], tokens: int) -> Iterator[Trie]:
    """The sequences as tries of at most `tokens` nodes, or of one sequence where that alone is longer."""
    trie = Trie([], [], [], [], {})
    path: list[int] = []
    for number in sorted(range(len(sequences)), key=lambda i: tuple(sequences[i])):
        ids = sequences[number]
        shared = _shared([trie.ids[node] for node in path], ids)
        if trie.ids and len(trie.ids) + len(ids) - shared > tokens:
            _close(trie, path, 0)
            yield trie
            trie, shared = Trie([], [], [], [], {}), 0
        _close(trie, path, shared)
        for depth in range(shared, len(ids)):
            trie.parents.append(path[-1] if path else -1)
            path.append(len(trie.ids))
            trie.ids.append(ids[depth])
            trie.depths.append(depth)
            trie.ends.append(0)
        trie.paths[number] = list(path)
    _close(trie, path, 0)
    yield trie


def _shared(a: Sequence[int], b: Sequence[int]) -> int:
    """How many first tokens are the same."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _close(trie: Trie, path: list[int], kept: int) -> None:
    """End the nodes of the path below depth `kept`."""
    for node in path[kept:]:
        trie.ends[node] = len(trie.ids)
    del path[kept:]


def _row(
    network: Any, trie: Trie, device: str, places: Sequence[int]
) -> tuple[Packed, Sequence[int], tuple[Piece, ...]]:
    """A row for `states_at`, with the mask or the pieces that the network's attention takes."""
    import torch

    mask, pieces = None, ()
    if attend_by_trees(network):
        pieces = pieces_of(trie)
    elif attend_by_blocks(network):
        mask = attention.blocks_below(trie.ends, device)
    else:
        order = torch.arange(len(trie.ids), device=device)
        mask = attention.seen_below(torch.tensor(trie.ends, device=device), order[:, None], order)[None, None]
    ids, positions = (torch.tensor([of], device=device) for of in (trie.ids, trie.depths))
    return Packed(ids, positions, mask, (), ()), places, pieces


def pieces_of(trie: Trie) -> tuple[Piece, ...]:
    """The products that a trie needs, stretch by stretch.

    Nodes before a stretch that any of it sees stand above its first node: what they see ends after it, so they are on its path.
    """
    import torch

    found: list[Piece] = []
    ends = torch.tensor(trie.ends)
    for start in range(0, len(trie.ids), attention.STRETCH):
        stop = min(len(trie.ids), start + attention.STRETCH)
        above: list[int] = []
        node = trie.parents[start]
        while node >= 0:
            above.append(node)
            node = trie.parents[node]
        keys = [*reversed(above), *range(start, stop)]
        columns = torch.tensor(keys)
        hidden = ~attention.seen_below(ends[columns], torch.arange(start, stop)[:, None], columns)
        found.append(Piece(slice(start, stop), _spans(keys), hidden))
    return tuple(found)


def _spans(rising: Sequence[int]) -> tuple[slice, ...]:
    """Neighbouring numbers as one slice."""
    found: list[slice] = []
    for number in rising:
        if found and found[-1].stop == number:
            found[-1] = slice(found[-1].start, number + 1)
        else:
            found.append(slice(number, number + 1))
    return tuple(found)
