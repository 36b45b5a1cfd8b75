"""Batches of drawn log-probabilities in float64, beside the same numbers as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tests.training.objectives.by_hand import Answer
from winsome.models.logprobs import Logprobs
from winsome.training.batch import Batch


@dataclass(frozen=True)
class Drawn:
    """`answers` hold NumPy arrays of the sequences; `policy` (leaves `tokens`, `prompts`) and `reference` the same in torch."""

    answers: list[Answer]
    tokens: torch.Tensor
    prompts: torch.Tensor
    policy: Logprobs
    reference: Logprobs


def of_answers(answers: list[Answer]) -> Drawn:
    def logprobs(tokens: torch.Tensor, prompts: torch.Tensor) -> Logprobs:
        counts = torch.tensor([a.n for a in answers])
        owners = torch.repeat_interleave(torch.arange(len(answers)), counts)
        of_prompt = torch.tensor([len(a.prompt) for a in answers])
        prompt_owners = torch.repeat_interleave(torch.arange(len(answers)), of_prompt)
        zeros = torch.zeros(len(answers), dtype=tokens.dtype)
        return Logprobs(
            zeros.index_add(0, owners, tokens),
            counts,
            tokens,
            zeros.index_add(0, prompt_owners, prompts),
            of_prompt,
        )

    def flat(name: str) -> torch.Tensor:
        return torch.tensor(np.concatenate([getattr(a, name) for a in answers]), dtype=torch.float64)

    tokens, prompts = flat("policy").requires_grad_(True), flat("prompt").requires_grad_(True)
    reference = logprobs(flat("reference"), flat("prompt_reference"))
    return Drawn(answers, tokens, prompts, logprobs(tokens, prompts), reference)


def drawn(m: int, seed: int = 0, *, at_reference: bool = False, longest: int = 9) -> Drawn:
    """`m` sequences of 1 to `longest` tokens; with `at_reference` the policy is the reference."""
    rng = np.random.default_rng(seed)
    answers = []
    for _ in range(m):
        n, k = int(rng.integers(1, longest + 1)), int(rng.integers(1, 6))
        reference, asked = -rng.exponential(1.0, n), -rng.exponential(1.0, k)
        moved = 0.0 if at_reference else 1.0
        policy = np.minimum(reference + moved * rng.normal(0, 0.7, n), -1e-3 if moved else 0.0)
        prompt = np.minimum(asked + moved * rng.normal(0, 0.7, k), -1e-3 if moved else 0.0)
        answers.append(Answer(policy, reference, prompt, asked))
    return of_answers(answers)


def pairs(held: Drawn, **columns: list[float]) -> Batch:
    """Sequences 0, 2, 4 .. chosen, 1, 3, 5 .. rejected; the column weight or margin by name."""
    m = len(held.answers)
    return Batch(
        held.policy,
        {"chosen": torch.arange(0, m, 2), "rejected": torch.arange(1, m, 2)},
        {"reference": held.reference},
        {name: torch.tensor(values, dtype=torch.float64) for name, values in columns.items()},
    )


def batch_for(held: Drawn, roles: tuple[str, ...], grouped: bool, seed: int = 0) -> Batch:
    """A batch with every column that an objective of the registry may read, its rows by `roles`."""
    rng, m = np.random.default_rng(seed), len(held.answers)
    if grouped:
        n, groups = m, torch.arange(m) // 3
        rows = {"response": torch.arange(m)}
    else:
        n, groups = m // len(roles), None
        rows = {role: torch.arange(i, n * len(roles), len(roles)) for i, role in enumerate(roles)}
    columns = {
        "chosen_probability": rng.uniform(0.5, 1, n),
        "rejected_probability": rng.uniform(0, 0.5, n),
        "log_partition": rng.uniform(0, 1, n),
        "label": (np.arange(n) % 2 == 0).astype(float),
        "score": rng.permutation(n).astype(float),
        "weight": rng.uniform(0.5, 2, n),
        "margin": rng.uniform(0, 1, n),
    }
    return Batch(
        held.policy,
        rows,
        {"reference": held.reference},
        {name: torch.tensor(values, dtype=torch.float64) for name, values in columns.items()},
        groups,
    )
