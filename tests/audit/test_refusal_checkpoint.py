"""A tiny RoBERTa, trained here to tell three kinds of answers, as the classifier of the refusal audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.audit.test_refusals import WORDS, votes
from winsome.audit.refusal_checkpoint import checkpoint, meanings
from winsome.cli import main
from winsome.errors import BadInput
from winsome.names import parse
from winsome.text.refusals import KINDS, Kind

LABELS = ("Normal", "Unethical", "Technical refusal")
TYPES: tuple[Kind, ...] = ("normal", "ethical", "technical")
TELLS = {
    "normal": "step done how here",
    "ethical": "harmful help because",
    "technical": "access information have",
}


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24,000 parameters, 96 positions, a vocabulary of words; fitted until it tells which of three sets of words an answer has."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification

    torch.manual_seed(0)
    words = sorted({word for tell in TELLS.values() for word in tell.split()} | {f"w{k}" for k in range(40)})
    vocabulary = {word: k for k, word in enumerate(("<s>", "<pad>", "</s>", "<unk>", *words))}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")  # fmt: skip
    config = RobertaConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=98, pad_token_id=1, bos_token_id=0, eos_token_id=2, num_labels=3,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, id2label=dict(enumerate(LABELS)),
    )  # fmt: skip
    network = RobertaForSequenceClassification(config)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    draw = torch.Generator().manual_seed(0)
    for _ in range(60):
        kinds = torch.randint(3, (24,), generator=draw)
        texts = [_text(int(kind), int(torch.randint(2, 60, (1,), generator=draw))) for kind in kinds]
        batch = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        loss = network(**batch, labels=kinds).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.1
    folder = tmp_path_factory.mktemp("roberta")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _text(kind: int, length: int) -> str:
    return " ".join([*(f"w{k % 40}" for k in range(length)), *TELLS[TYPES[kind]].split()])


def test_types_are_those_of_one_answer_at_a_time_without_padding(roberta: Path) -> None:
    """Batches sorted by length, against the plain model on each text alone; what has no words is empty, in the order given."""
    from transformers import AutoTokenizer, RobertaForSequenceClassification

    network, tokenizer = (
        RobertaForSequenceClassification.from_pretrained(roberta).eval(),
        AutoTokenizer.from_pretrained(roberta),
    )
    texts = [_text(k % 3, 1 + 7 * k % 80) for k in range(70)]
    with torch.no_grad():
        alone = [
            TYPES[int(network(tokenizer(text, return_tensors="pt")["input_ids"]).logits.argmax())]
            for text in texts
        ]
    classify = checkpoint(parse(f"hf:{roberta}"))
    assert classify([*texts, " \n", texts[0]], [""] * 72) == [*alone, "empty", alone[0]]
    assert sum(said == TYPES[k % 3] for k, said in enumerate(alone)) >= 60


def test_an_answer_over_the_context_is_cut_at_its_end(roberta: Path) -> None:
    classify = checkpoint(parse(f"hf:{roberta}"))
    tell = TELLS["ethical"]
    assert classify([f"{tell} " + "w1 " * 500], [""]) == classify([f"{tell} " + "w1 " * 91], [""])


def test_what_labels_mean() -> None:
    shown = "hf:m"
    labels = {0: "LABEL_0", 1: "Unethical"}
    assert meanings(shown, labels, {"LABEL_0": "disclaimer"}) == ["disclaimer", "ethical"]
    with pytest.raises(
        BadInput, match=r'its label "LABEL_0" mean\? say it: hf:..\?LABEL_0=TYPE, one of normal'
    ):
        meanings(shown, labels, {})
    with pytest.raises(BadInput, match="LABEL_0"):
        meanings(shown, labels, {"LABEL_0": "rude"})
    with pytest.raises(BadInput, match='has no label "LABEL_7"'):
        meanings(shown, labels, {"LABEL_7": "normal"})


def test_the_audit_takes_it_by_name(
    roberta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The penalty of votes made with known types is found by the checkpoint as by the model that ships: both tell these texts apart."""
    file = votes(tmp_path / "v.csv", {"normal": 0.5, "ethical": 0.1, "technical": 0.25})
    assert set(WORDS) == set(TYPES) <= set(KINDS)

    def penalty(name: str) -> dict[str, float]:
        assert main(["audit", "refusals", file, "--classifier", name, "--json", "--quiet"]) == 0
        tables = json.loads(capsys.readouterr().out)["tables"]
        rows = next(one["rows"] for one in tables if one["title"] == "Penalties")
        return next(row for row in rows if row[0] == "ethical")[2]

    assert penalty(f"hf:{roberta}") == pytest.approx(penalty("linear"))
    assert main(["audit", "refusals", file, "--classifier", "sentiment"]) == 2
    assert '--classifier "sentiment": give linear, rules or hf:MODEL' in capsys.readouterr().err
    assert main(["audit", "refusals", file, "--classifier", "hf:no/such"]) == 2
    assert "Traceback" not in capsys.readouterr().err
