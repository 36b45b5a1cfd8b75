"""A policy small enough to enumerate: two words and an end, at most three tokens, one logit for every prompt, prefix and token."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch

from winsome.models.logprobs import Logprobs
from winsome.training.batch import Batch
from winsome.training.online.method import Learnt
from winsome.training.online.rollouts import Rollouts, flat

PROMPTS, WORDS, END, LONGEST = 2, (0, 1), 2, 3
PREFIXES = [p for n in range(LONGEST) for p in product(WORDS, repeat=n)]
ANSWERS = [
    answer
    for n in range(1, LONGEST + 1)
    for answer in product((*WORDS, END), repeat=n)
    if END not in answer[:-1] and (answer[-1] == END or n == LONGEST)
]
"""All 15 answers: they end with END, or are cut after the third token."""


class Tree:
    """logits [prompts, prefixes, tokens] in float64, with gradient."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        drawn = np.random.default_rng(seed).normal(0.0, scale, (PROMPTS, len(PREFIXES), 3))
        self.logits = torch.tensor(drawn, requires_grad=True)

    def tokens(self, prompt: int, answer: Sequence[int]) -> torch.Tensor:
        """Log-probability of each token of an answer."""
        logs = self.logits[prompt].log_softmax(1)
        places = [PREFIXES.index(tuple(answer[:i])) for i in range(len(answer))]
        return logs[places, list(answer)]

    def all_tokens(self) -> dict[tuple[int, tuple[int, ...]], torch.Tensor]:
        return {(p, y): self.tokens(p, y) for p in range(PROMPTS) for y in ANSWERS}


def rewards(seed: int) -> dict[tuple[int, tuple[int, ...]], float]:
    rng = np.random.default_rng(seed)
    return {(p, y): float(rng.normal()) for p in range(PROMPTS) for y in ANSWERS}


def groups_of(size: int) -> list[tuple[int, tuple[tuple[int, ...], ...]]]:
    """Every prompt with every tuple of `size` answers."""
    return [(p, ys) for p in range(PROMPTS) for ys in product(ANSWERS, repeat=size)]


def rollouts_of(
    groups: Sequence[tuple[int, Sequence[tuple[int, ...]]]],
    reward: dict,
    behaviour: Tree,
    reference: Tree,
    values: np.ndarray | None = None,
) -> Rollouts:
    """The groups as rollouts in float64; prompt p is the one token 10 + p."""
    said = [(n, p, y) for n, (p, ys) in enumerate(groups) for y in ys]
    held = [
        {key: t.detach().numpy() for key, t in policy.all_tokens().items()}
        for policy in (behaviour, reference)
    ]
    drew, fixed = (np.concatenate([table[p, y] for _, p, y in said]) for table in held)
    return Rollouts(
        "0/none",
        tuple(f"{n}" for n in range(len(groups))),
        np.array([n for n, _, _ in said]),
        flat([([10 + p], list(y)) for _, p, y in said]),
        tuple(str(y) for _, _, y in said),
        np.array([y[-1] == END for _, _, y in said]),
        np.array([reward[p, y] for _, p, y in said]),
        ("",) * len(said),
        drew, drew, fixed,
        np.zeros(0) if values is None else values,
    )  # fmt: skip


def batch_of(learnt: Learnt, policy: Tree, values: torch.Tensor | None = None) -> Batch:
    """All units of what is learnt, under a policy."""
    sequences = [
        (prompt[0] - 10, tuple(answer)) for prompt, answer in (learnt.units.sequences[i] for i in range(len(learnt.units.sequences)))
    ]  # fmt: skip
    known = policy.all_tokens()
    told = [known[key] for key in sequences]
    counts = torch.tensor([len(t) for t in told])
    numbers = list(range(len(sequences)))
    starts = learnt.units.starts
    assert starts is not None
    return Batch(
        Logprobs(torch.stack([t.sum() for t in told]), counts, torch.cat(told)),
        {"response": torch.tensor(numbers)},
        {name: held.of(numbers) for name, held in learnt.references.items()},
        {name: torch.tensor(column) for name, column in learnt.units.columns.items()},
        torch.repeat_interleave(torch.arange(len(starts) - 1), torch.tensor(np.diff(starts))),
        tokens={name: held.of(numbers).tokens for name, held in learnt.tokens.items()},  # type: ignore[misc]
        values=values,
    )


def chances(groups: Sequence[tuple[int, Sequence[tuple[int, ...]]]], policy: Tree) -> torch.Tensor:
    """How often each group is drawn, prompts evenly, without gradient."""
    known = {key: float(t.detach().sum()) for key, t in policy.all_tokens().items()}
    return torch.tensor(
        [np.exp(sum(known[p, y] for y in ys)) / PROMPTS for p, ys in groups], dtype=torch.float64
    )


def value(policy: Tree, reward: dict, reference: Tree | None = None, beta: float = 0.0) -> torch.Tensor:
    """E[R] - beta KL(policy to reference) with gradient, by enumeration."""
    total = torch.zeros((), dtype=torch.float64)
    other = reference.all_tokens() if reference is not None else {}
    for (p, y), t in policy.all_tokens().items():
        earned = reward[p, y] - (beta * (t.sum() - other[p, y].detach().sum()) if beta else 0.0)
        total = total + t.sum().exp() * earned / PROMPTS
    return total


def gradient(figure: torch.Tensor, policy: Tree) -> torch.Tensor:
    (found,) = torch.autograd.grad(figure, policy.logits)
    return found
