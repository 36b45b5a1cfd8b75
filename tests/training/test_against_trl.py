"""A whole step equals TRL's: same tiny model, same rows, fp32; the loss to 1e-5 and the gradient to 1e-4 of its norm."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.small_run import prepared, rows, session
from tests.training.trl_steps import Step, check, gradients, moved, settings, step_of
from winsome.models.render import rendered_ids
from winsome.training import parallel
from winsome.training import start as starts
from winsome.training.examples import examples_of
from winsome.training.loops.preference import fitting
from winsome.training.objective import objective
from winsome.training.references import stored
from winsome.training.task import TextTask
from winsome.training.tokens import tokenised
from winsome.training.units import units

trl = pytest.importorskip("trl")

NUMBER = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return prepared(tmp_path_factory.mktemp("trl"))


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def even() -> list[dict[str, str]]:
    """Pairs whose prompts are as long as each other, and whose chosen answers are too."""
    return [
        {
            "id": f"pair-{i}",
            "prompt": f"say {i}",
            "chosen": f"yes {i}",
            "rejected": "no " * (1 + i % 3) + str(i),
        }
        for i in range(10, 10 + NUMBER)
    ]


def labelled() -> list[dict[str, Any]]:
    """Single answers to different prompts, each desirable or not."""
    return [
        {"id": row["id"], "prompt": row["prompt"], "response": row[side], "label": side == "chosen"}
        for row, side in zip(rows(NUMBER), ("chosen", "rejected") * NUMBER, strict=False)
    ]


def ours(folder: Path, name: str, *, shift: float, data: list[dict[str, Any]] | None = None) -> Step:
    """Loss and gradient of an update on the rows; the policy is the start with every matrix scaled by 1 + shift."""
    lowered = objective(name)
    given = rows(NUMBER) if data is None else data
    with session(folder) as run:
        start = starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run)
        model = starts.load(start)
        made = tokenised(model, fitting(examples_of(given, "rows"), lowered))
        held = units(made, lowered.needs, objective=name)
        references = {
            kind: stored(model.network, start.id, held.sequences) for kind in lowered.needs.references
        }
        moved(model.network, shift)
        model.network.requires_grad_(True)
        ranks = parallel.started("auto", (), folder)
        parallel.wrap(ranks, model.network)
        task = TextTask(held, lowered, references, ranks)
        order = list(range(len(held)))
        sums = task.sums_of_update([order], 1)
        losses = task.losses(order, sums, 0.0)
        (losses.values.sum() / losses.counts.sum()).backward()
    return float((losses.values.sum() / losses.counts.sum()).detach()), gradients(model.network)


def dataset(folder: Path, given: list[dict[str, Any]], sides: tuple[str, ...]) -> Any:
    """The rows in TRL's plain format, the prompt as the template writes it; TRL adds the end of turn itself."""
    from datasets import Dataset

    with session(folder) as run:
        model = starts.load(starts.found(f"hf:{folder / 'tiny'}?dtype=float32", run))
    made = []
    for row in given:
        asked = model.tokenizer.decode(rendered_ids(model, [{"role": "user", "content": row["prompt"]}]))
        made.append({"prompt": asked, **{TRLS.get(side, side): row[side] for side in sides}})
    return Dataset.from_list(made), model.tokenizer


TRLS = {"response": "completion"}
"""Our names of columns, and TRL's where it has others."""


def trainer_of(kind: str) -> tuple[Any, Any]:
    """TRL's trainer and its settings."""
    if kind == "cpo":
        from trl.experimental.cpo import CPOConfig, CPOTrainer

        return CPOTrainer, CPOConfig
    if kind == "orpo":
        from trl.experimental.orpo import ORPOConfig, ORPOTrainer

        return ORPOTrainer, ORPOConfig
    return getattr(trl, f"{kind.upper()}Trainer"), getattr(trl, f"{kind.upper()}Config")


def theirs(
    folder: Path,
    tmp_path: Path,
    kind: str,
    shift: float,
    *,
    data: list[dict[str, Any]] | None = None,
    sides: tuple[str, ...] = ("chosen", "rejected"),
    **more: Any,
) -> Step:
    import inspect

    from transformers import AutoModelForCausalLM

    def load() -> Any:
        return AutoModelForCausalLM.from_pretrained(
            folder / "tiny", dtype=torch.float32, attn_implementation="eager"
        )

    policy = load()
    moved(policy, shift)
    held, tokenizer = dataset(folder, rows(NUMBER) if data is None else data, sides)
    trainer_kind, config_kind = trainer_of(kind)
    known = inspect.signature(config_kind).parameters
    own = {"max_length": None, "dataset_num_proc": None, "shuffle_dataset": False}
    given = settings(tmp_path / "trl", NUMBER, **own, **more)
    config = config_kind(**{k: v for k, v in given.items() if k in known})
    reference = {"ref_model": load()} if kind in ("dpo", "kto") else {}
    trainer = trainer_kind(policy, args=config, train_dataset=held, processing_class=tokenizer, **reference)
    # One batch holds every row, so its order does not matter.
    return step_of(trainer)


SAME = [
    ("dpo?beta=0.1", {"loss_type": "sigmoid", "beta": 0.1}),
    ("hinge?beta=0.1", {"loss_type": "hinge", "beta": 0.1}),
    # TRL divides the log-ratios of ipo by the answers' lengths.
    ("ipo?beta=0.1&norm=mean", {"loss_type": "ipo", "beta": 0.1}),
    ("robust?beta=0.1&label_smoothing=0.1", {"loss_type": "robust", "beta": 0.1, "label_smoothing": 0.1}),
    ("apo_zero?beta=0.1", {"loss_type": "apo_zero", "beta": 0.1}),
    ("apo_down?beta=0.1", {"loss_type": "apo_down", "beta": 0.1}),
    ("nca?beta=0.1", {"loss_type": "nca_pair", "beta": 0.1}),
    (
        "exo?beta=0.1&label_smoothing=0.01",
        {"loss_type": "exo_pair", "beta": 0.1, "label_smoothing": 0.01},
    ),
    # TRL's bco_pair has no shift.
    ("bco?beta=0.1&shift=zero", {"loss_type": "bco_pair", "beta": 0.1}),
    ("ln_dpo?beta=2", {"loss_type": "sigmoid_norm", "beta": 2.0}),
    ("ld_dpo?beta=0.1&alpha=0.4", {"loss_type": "sigmoid", "beta": 0.1, "ld_alpha": 0.4}),
]


@pytest.mark.parametrize(("name", "theirs_"), SAME, ids=[name for name, _ in SAME])
def test_a_preference_step_equals_trls(folder, tmp_path, name, theirs_):
    check(ours(folder, name, shift=0.02), theirs(folder, tmp_path, "dpo", 0.02, **theirs_))


def test_an_sppo_step_is_half_of_trls(folder, tmp_path):
    """TRL's sppo_hard is the sum of both squares, the paper's the half of it; its targets are 1 and 0 (`targets` hard)."""
    loss, grads = theirs(folder, tmp_path, "dpo", 0.02, loss_type="sppo_hard", beta=0.1)
    mine = ours(folder, "sppo?beta=0.1&targets=hard", shift=0.02)
    check(mine, (loss / 2, {name: grad / 2 for name, grad in grads.items()}))


@pytest.mark.parametrize(("name", "loss_type"), [("kto", "kto"), ("kto?kl=zero", "apo_zero_unpaired")])
def test_a_kto_step_equals_trls(folder, tmp_path, name, loss_type):
    """TRL pairs a prompt with the answer before it in the batch, ours with the one after: its rows stand in reverse."""
    join = "&" if "?" in name else "?"
    mine = ours(folder, f"{name}{join}beta=0.3&undesirable_weight=1.2", shift=0.02, data=labelled())
    peer = theirs(
        folder, tmp_path, "kto", 0.02, data=labelled()[::-1], sides=("response", "label"),
        loss_type=loss_type, beta=0.3, undesirable_weight=1.2, train_sampling_strategy="sequential",
    )  # fmt: skip
    check(mine, peer)


SAME_WITHOUT_REFERENCE = [
    ("cpo?beta=0.1", "cpo", {"loss_type": "sigmoid", "beta": 0.1}),
    ("cpo?beta=0.1&label_smoothing=0.1", "cpo", {"loss_type": "sigmoid", "beta": 0.1, "label_smoothing": 0.1}),
    ("cpo?loss_type=hinge&beta=0.1", "cpo", {"loss_type": "hinge", "beta": 0.1}),
    # TRL hands ipo means over tokens.
    ("cpo?loss_type=ipo&norm=mean&beta=0.3", "cpo", {"loss_type": "ipo", "beta": 0.3}),
    # TRL's simpo_gamma is absolute, as ours by default; its NLL is on unless cpo_alpha is 0.
    ("simpo?beta=2&gamma=0.5", "cpo", {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 0.5, "cpo_alpha": 0.0}),
    (
        "simpo?beta=2&gamma=0.5&nll_weight=1",
        "cpo",
        {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 0.5, "cpo_alpha": 1.0},
    ),
    # TRL's NLL of orpo counts the prompt's tokens.
    ("orpo?odds_weight=0.1&nll_span=all", "orpo", {"beta": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind", "theirs_"), SAME_WITHOUT_REFERENCE, ids=[name for name, _, _ in SAME_WITHOUT_REFERENCE]
)
def test_a_step_without_reference_equals_trls(folder, tmp_path, name, kind, theirs_):
    """TRL's NLL is one mean over the batch's tokens, ours a mean of means: the same where all chosen answers are as long."""
    mine = ours(folder, name, shift=0.02, data=even())
    check(mine, theirs(folder, tmp_path, kind, 0.02, data=even(), **theirs_))


def test_with_uneven_answers_trls_nll_weighs_tokens_and_ours_pairs(folder, tmp_path):
    """The same batch with one longer chosen answer: what both agree on above is no longer equal, the preference part still is."""
    given = even()
    given[0]["chosen"] = "yes " * 6 + given[0]["chosen"]
    whole = [
        ours(folder, f"cpo?beta=0.1&alpha={alpha}", shift=0.02, data=given)[0]
        - theirs(folder, tmp_path, "cpo", 0.02, data=given, loss_type="sigmoid", beta=0.1, cpo_alpha=alpha)[0]
        for alpha in (0.0, 1.0)
    ]
    assert abs(whole[0]) < 1e-5
    assert abs(whole[1]) > 1e-3


def test_a_supervised_step_equals_trls(folder, tmp_path):
    data = [{"prompt": row["prompt"], "response": row["chosen"]} for row in rows(NUMBER)]
    peer = theirs(folder, tmp_path, "sft", 0.02, data=data, sides=("response",), completion_only_loss=True)
    check(ours(folder, "sft", shift=0.02), peer)
