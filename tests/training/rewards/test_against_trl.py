"""A whole step equals that of TRL's RewardTrainer in fp32, and what it saves opens as a Scorer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.rewards.small import folder_of, step, task_of
from tests.training.small_run import rows, session
from tests.training.trl_steps import check, settings, step_of
from winsome.matchmaking.loops import finish
from winsome.protocols import Scorer
from winsome.records import Prompt, Response, assistant, user

trl = pytest.importorskip("trl")
NUMBER = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return folder_of(tmp_path_factory.mktemp("trl"))


@pytest.fixture(autouse=True)
def quiet(folder, monkeypatch):
    monkeypatch.setenv("WINSOME_CACHE", str(folder / "cache"))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def trainer_of(folder: Path, place: Path, head: torch.Tensor, *, margin: bool = False, **more: Any) -> Any:
    """TRL's trainer over the same rows in its conversational form, with the same head."""
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification

    from tests.tiny_models import byte_tokenizer

    network = AutoModelForSequenceClassification.from_pretrained(
        folder / "tiny", num_labels=1, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        network.score.weight.copy_(head)
    data = [
        {
            "chosen": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["chosen"]}],
            "rejected": [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["rejected"]}],
            **({"margin": 0.25 * i} if margin else {}),
        }
        for i, row in enumerate(rows(NUMBER))
    ]  # fmt: skip
    given = trl.RewardConfig(**settings(place, NUMBER, max_length=None, **more))
    return trl.RewardTrainer(
        network, args=given, train_dataset=Dataset.from_list(data), processing_class=byte_tokenizer()
    )


@pytest.mark.parametrize(("name", "margin", "theirs"), [
    ("bradley_terry", False, {}),
    ("bradley_terry?center=0.01", False, {"center_rewards_coefficient": 0.01}),
    ("bradley_terry?margin=1", True, {}),
])  # fmt: skip
def test_a_step_equals_trls(folder, tmp_path, name, margin, theirs) -> None:
    data = [row | ({"margin": 0.25 * i} if margin else {}) for i, row in enumerate(rows(NUMBER))]
    task = task_of(folder, name, data)
    head = task.ranks.module.network.score.weight.detach().clone()
    trainer = trainer_of(folder, tmp_path, head, margin=margin, **theirs)
    check(step(task), step_of(trainer))


def test_a_reward_model_that_trl_saved_is_a_scorer(folder, tmp_path) -> None:
    head = torch.randn(1, 32, generator=torch.Generator().manual_seed(1))
    trainer = trainer_of(folder, tmp_path, head, learning_rate=1e-3)
    trainer.train()
    trainer.save_model(str(tmp_path / "saved"))
    said = [(row["prompt"], row["chosen"]) for row in rows(5)]
    with session(folder) as run:
        scorer: Any = run.open(f"reward_model:{tmp_path / 'saved'}?dtype=float32", Scorer)
        found = finish(
            scorer.score(
                [Prompt((user(a),)) for a, _ in said],
                [Response("", "c", b, messages=(assistant(b),)) for _, b in said],
            )
        )
    network, tokenizer = trainer.model.eval(), trainer.processing_class
    for value, (asked, answer) in zip(found.values, said, strict=True):
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            assert value == pytest.approx(float(network(input_ids=ids).logits[0, 0]), abs=1e-5)
