"""Several sequences in one row without padding: a prompt stands once before all the answers that continue it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tree:
    """Token ids of a trunk and of the branches that each continue it alone."""

    trunk: Sequence[int]
    branches: Sequence[Sequence[int]] = ()

    @property
    def size(self) -> int:
        return len(self.trunk) + sum(len(branch) for branch in self.branches)


@dataclass(frozen=True)
class Packed:
    """One row for a forward pass: ids and positions [1, T], mask [1, 1, T, T] (True: may be read; None: plain causal,
    or made elsewhere from the spans).

    `trunks` and `branches` are the (start, end) of each in the row, branches by tree.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor | None
    trunks: tuple[tuple[int, int], ...]
    branches: tuple[tuple[tuple[int, int], ...], ...]


def pack(
    trees: Sequence[Tree], device: str = "cpu", *, explicit: bool = False, masked: bool = True
) -> Packed:
    """The trees side by side in one row; no tree reads another, no branch reads its siblings.

    `explicit`: a mask also where plain causal attention would do (with a cache, which could not say how long it is).
    `masked` False: never a mask, for attention that goes by the spans.
    """
    import torch

    ids: list[int] = []
    positions: list[int] = []
    segment: list[int] = []
    parent: list[int] = []
    trunks: list[tuple[int, int]] = []
    branches: list[tuple[tuple[int, int], ...]] = []

    def place(tokens: Sequence[int], first: int, above: int) -> tuple[int, int]:
        start = len(ids)
        ids.extend(tokens)
        positions.extend(range(first, first + len(tokens)))
        number = len(parent)
        segment.extend([number] * len(tokens))
        parent.append(above)
        return start, len(ids)

    for tree in trees:
        number = len(parent)
        trunks.append(place(tree.trunk, 0, -1))
        branches.append(tuple(place(branch, len(tree.trunk), number) for branch in tree.branches))
    single = len(trees) == 1 and len(trees[0].branches) <= 1
    mask = None
    if masked and (explicit or not single):
        own = torch.tensor(segment, device=device)
        above = torch.tensor(parent, device=device)[own]
        mask = (own[:, None] == own[None, :]).tril() | (above[:, None] == own[None, :])
        mask = mask[None, None]
    return Packed(
        torch.tensor([ids], device=device),
        torch.tensor([positions], device=device),
        mask,
        tuple(trunks),
        tuple(branches),
    )


def rows(trees: Sequence[Tree], tokens: int) -> list[list[tuple[int, Tree, tuple[int, ...]]]]:
    """Trees gathered into rows of at most `tokens` tokens; a tree too large is cut between its branches.

    Each entry is (number of the tree, tree, numbers of its branches). A branch never is cut: one that alone is
    larger has a row of its own.
    """
    pieces: list[tuple[int, Tree, tuple[int, ...]]] = []
    for number, tree in enumerate(trees):
        held: list[int] = []
        size = len(tree.trunk)
        for b, branch in enumerate(tree.branches):
            if held and size + len(branch) > tokens:
                pieces.append((number, Tree(tree.trunk, [tree.branches[i] for i in held]), tuple(held)))
                held, size = [], len(tree.trunk)
            held.append(b)
            size += len(branch)
        pieces.append((number, Tree(tree.trunk, [tree.branches[i] for i in held]), tuple(held)))
    # First fit in falling order of size leaves little room unused.
    filled: list[tuple[int, list[tuple[int, Tree, tuple[int, ...]]]]] = []
    for piece in sorted(pieces, key=lambda piece: -piece[1].size):
        for i, (size, row) in enumerate(filled):
            if size + piece[1].size <= tokens:
                row.append(piece)
                filled[i] = (size + piece[1].size, row)
                break
        else:
            filled.append((piece[1].size, [piece]))
    return [row for _, row in filled]
