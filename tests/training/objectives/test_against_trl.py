"""TRL's own loss code on equal log-probabilities, to 1e-6; where it halves or normalises differently, the test says so.

Its trainers' methods are called with the log-probabilities that a model would have given them; nothing else of them is replaced.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.objectives.batches import Drawn, drawn, pairs
from winsome.training.batch import Batch
from winsome.training.objective import objective

pytest.importorskip("trl")

SAME = lambda value: value  # noqa: E731


def padded(held: Drawn, rows: list[int], source: str) -> torch.Tensor:
    """Token log-probabilities of sequences, right-padded with zeros, [m, longest]."""
    values = [torch.tensor(getattr(held.answers[i], source), dtype=torch.float64) for i in rows]
    return torch.nn.utils.rnn.pad_sequence(values, batch_first=True)


def outputs(log_probs: torch.Tensor) -> SimpleNamespace:
    """What TRL's fused head gives; only the log-probabilities enter the loss."""
    zeros = torch.zeros_like(log_probs)
    return SimpleNamespace(log_probs=log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


ACCELERATOR = SimpleNamespace(device=torch.device("cpu"), gather=SAME, gather_for_metrics=SAME)


def trl_dpo(held: Drawn, loss_type: str, **settings: Any) -> float:
    """DPOTrainer's loss of the pairs (0, 1), (2, 3) .."""
    from trl.trainer.dpo_trainer import DPOTrainer

    rows = [*range(0, len(held.answers), 2), *range(1, len(held.answers), 2)]
    policy, reference = padded(held, rows, "policy"), padded(held, rows, "reference")
    lengths = torch.tensor([held.answers[i].n for i in rows])
    mask = (torch.arange(policy.shape[1])[None] < lengths[:, None]).long()
    sums = reference.sum(1).chunk(2)
    trainer = SimpleNamespace(
        accelerator=ACCELERATOR,
        model=SimpleNamespace(training=True),
        aux_loss_enabled=False,
        ld_alpha=settings.get("ld_alpha"),
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        beta=settings["beta"],
        label_smoothing=settings.get("label_smoothing", 0.0),
        use_weighting=False,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    # A column more stands before the first answer token: TRL shifts masks by one.
    inputs = {
        "input_ids": torch.zeros(len(rows), policy.shape[1] + 1, dtype=torch.long),
        "attention_mask": torch.ones(len(rows), policy.shape[1] + 1, dtype=torch.long),
        "completion_mask": torch.cat([torch.zeros(len(rows), 1, dtype=torch.long), mask], 1),
        "ref_chosen_logps": sums[0],
        "ref_rejected_logps": sums[1],
    }
    if settings.get("ld_alpha") is not None:
        least = torch.minimum(*lengths.chunk(2)).repeat(2)
        shared = torch.arange(policy.shape[1])[None] < least[:, None]
        weighed = (reference * torch.where(shared, 1.0, settings["ld_alpha"])).sum(1).chunk(2)
        inputs |= {"ref_chosen_logps": weighed[0], "ref_rejected_logps": weighed[1]}
    loss = DPOTrainer._compute_loss(trainer, lambda **_: outputs(policy), inputs, False)  # type: ignore[arg-type]
    return float(loss)


def ours(name: str, held: Drawn) -> float:
    losses = objective(name).losses(pairs(held))
    return float(losses.values.detach().sum() / losses.counts.sum())


@pytest.mark.parametrize(
    ("loss_type", "name", "settings", "factor"),
    [
        ("sigmoid", "dpo?beta=0.3", {"beta": 0.3}, 1.0),
        ("hinge", "hinge?beta=0.3", {"beta": 0.3}, 1.0),
        # TRL's ipo divides each side by its own tokens: norm=mean; the paper's formula (ours by default) sums.
        ("ipo", "ipo?beta=0.3&norm=mean", {"beta": 0.3}, 1.0),
        ("exo_pair", "exo?beta=0.3&label_smoothing=0.01", {"beta": 0.3, "label_smoothing": 0.01}, 1.0),
        ("nca_pair", "nca?beta=0.3", {"beta": 0.3}, 1.0),
        ("robust", "robust?beta=0.3&label_smoothing=0.2", {"beta": 0.3, "label_smoothing": 0.2}, 1.0),
        # TRL's bco_pair has no shift.
        ("bco_pair", "bco?beta=0.3&shift=zero", {"beta": 0.3}, 1.0),
        # TRL's sppo_hard takes P = 1 and 0 and does not halve: twice ours.
        ("sppo_hard", "sppo?beta=0.3&targets=hard", {"beta": 0.3}, 2.0),
        ("apo_zero", "apo_zero?beta=0.3", {"beta": 0.3}, 1.0),
        ("apo_down", "apo_down?beta=0.3", {"beta": 0.3}, 1.0),
        ("sigmoid_norm", "ln_dpo?beta=3", {"beta": 3.0}, 1.0),
        ("sigmoid", "ld_dpo?beta=0.3&alpha=0.4", {"beta": 0.3, "ld_alpha": 0.4}, 1.0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_the_losses_of_the_dpo_trainer(loss_type, name, settings, factor, seed):
    held = drawn(16, seed=seed)
    assert trl_dpo(held, loss_type, **settings) == pytest.approx(factor * ours(name, held), rel=1e-6)


def test_trl_takes_the_sft_term_over_the_batchs_tokens_where_dpo_nll_takes_pairs():
    held = drawn(16, seed=2)
    batch = Batch(held.policy, {"response": torch.arange(0, 16, 2)})
    losses = objective("sft?mean=token").losses(batch)
    tokens = float(losses.values.detach().sum() / losses.counts.sum())
    assert trl_dpo(held, "sft", beta=0.1) == pytest.approx(tokens, rel=1e-6)
    by_pair = ours("dpo_nll?beta=0.1", held) - ours("dpo?beta=0.1", held)
    assert by_pair == pytest.approx(-np.mean([a.mean for a in held.answers[::2]]), rel=1e-6)
    assert by_pair != pytest.approx(tokens, rel=1e-3)


@pytest.mark.parametrize(("loss_type", "name"), [("kto", "kto"), ("apo_zero_unpaired", "kto?kl=zero")])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_losses_of_the_kto_trainer(loss_type, name, seed):
    from trl.trainer.kto_trainer import KTOTrainer

    held, n = drawn(12, seed=seed), 6
    labels = torch.tensor([1, 0, 1, 1, 0, 0])
    policy, reference = padded(held, list(range(n)), "policy"), padded(held, list(range(n)), "reference")
    other = padded(held, list(range(n, 12)), "policy")
    width, kl_width = policy.shape[1] + 1, other.shape[1] + 1
    trainer = SimpleNamespace(
        accelerator=ACCELERATOR,
        model=SimpleNamespace(training=True),
        aux_loss_enabled=False,
        calculate_KL=loss_type == "kto",
        precompute_ref_logps=True,
        loss_type=loss_type,
        beta=0.3,
        desirable_weight=1.2,
        undesirable_weight=0.7,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    trainer._compute_kl_logps = lambda model, batch: KTOTrainer._compute_kl_logps(trainer, model, batch)  # type: ignore[arg-type]
    batch = {
        "input_ids": torch.zeros(n, width, dtype=torch.long),
        "attention_mask": torch.ones(n, width, dtype=torch.long),
        "completion_mask": torch.ones(n, width, dtype=torch.long),
        "KL_input_ids": torch.zeros(n, kl_width, dtype=torch.long),
        "KL_attention_mask": torch.ones(n, kl_width, dtype=torch.long),
        "KL_completion_mask": torch.ones(n, kl_width, dtype=torch.long),
        "label": labels,
        "ref_logps": reference.sum(1),
        "ref_KL_logps": padded(held, list(range(n, 12)), "reference").sum(1),
    }

    def model(**given: Any) -> SimpleNamespace:
        return outputs(policy if given["input_ids"].shape[1] == width and not _of_kl(given) else other)

    def _of_kl(given: dict[str, Any]) -> bool:
        return given["input_ids"].data_ptr() == batch["KL_input_ids"].data_ptr()

    theirs = KTOTrainer._compute_loss(trainer, model, batch, False)  # type: ignore[arg-type]
    rows = {"response": torch.arange(n), "mismatched": torch.arange(n, 12)}
    held_by_us = Batch(held.policy, rows, {"reference": held.reference}, {"label": labels})
    join = "&" if "?" in name else "?"
    losses = objective(f"{name}{join}beta=0.3&desirable_weight=1.2&undesirable_weight=0.7").losses(held_by_us)
    found = float(losses.values.detach().sum() / losses.counts.sum())
    assert float(theirs) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_losses_of_the_cpo_trainer(smoothing):
    """Its NLL is one mean over the batch's tokens and is taken apart here; simpo's gamma is absolute, as ours by default."""
    from trl.experimental.cpo.cpo_trainer import CPOTrainer

    held = drawn(16, seed=3)
    sums, counts = held.policy.sums.detach(), held.policy.counts

    def theirs(loss_type: str, values: torch.Tensor, **settings: float) -> float:
        trainer = SimpleNamespace(
            accelerator=ACCELERATOR, loss_type=loss_type, alpha=0.0, label_smoothing=smoothing, **settings
        )
        losses = CPOTrainer.cpo_loss(trainer, values[::2], values[1::2])[0]  # type: ignore[arg-type]
        return float(losses.mean())

    e = f"label_smoothing={smoothing}"
    found = ours(f"cpo?beta=0.3&alpha=0&{e}", held)
    assert theirs("sigmoid", sums, beta=0.3) == pytest.approx(found, rel=1e-6)
    found = ours(f"simpo?beta=2.5&gamma=0.8&{e}", held)
    assert theirs("simpo", sums / counts, beta=2.5, simpo_gamma=0.8) == pytest.approx(found, rel=1e-6)
    # Its hinge and ipo smooth no labels; it hands ipo means over tokens.
    found = ours("cpo?loss_type=hinge&beta=0.3&alpha=0", held)
    assert theirs("hinge", sums, beta=0.3) == pytest.approx(found, rel=1e-6)
    found = ours("cpo?loss_type=ipo&norm=mean&beta=0.3&alpha=0", held)
    assert theirs("ipo", sums / counts, beta=0.3) == pytest.approx(found, rel=1e-6)


def test_the_odds_ratio_of_the_orpo_trainer():
    """TRL takes -lambda times it from an NLL over prompt and answer, one mean over the batch's tokens; in float32."""
    from trl.experimental.orpo.orpo_trainer import ORPOTrainer

    held = drawn(16, seed=4)
    means = held.policy.sums.detach() / held.policy.counts
    trainer = SimpleNamespace(accelerator=ACCELERATOR, beta=0.4)
    theirs = -ORPOTrainer.odds_ratio_loss(trainer, means[::2], means[1::2])[0].double().mean()  # type: ignore[arg-type]
    found = ours("orpo?odds_weight=0.4", held) + float(means[::2].mean())
    assert float(theirs) == pytest.approx(found, rel=1e-6)
