"""winsome audit ranking: its sums are those of a plain loop, its votes are checked, its page is whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from winsome.audit.ranking_accuracy import audit_ranking, ranking_record
from winsome.cli import main
from winsome.errors import BadInput

pytest.importorskip("torch")

from tests.tiny_models import causal, saved


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str]:
    return str(saved(tmp_path / "after", causal(seed=1))), str(saved(tmp_path / "before", causal(seed=2)))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"count {k % 4}", "chosen": "abc" * (k + 1), "rejected": "xyz", "votes": 4, "wins": 3}
        for k in range(8)
    ]
    rows.append({"prompt": "same", "chosen": "a", "rejected": "a", "votes": 1, "wins": 1})
    rows.append({"prompt": "cut", "chosen": "a", "rejected": "b", "truncated": True, "votes": 1, "wins": 1})
    rows.append({"prompt": "none", "chosen": "a", "rejected": " ", "votes": 1, "wins": 1})
    rows.append({"prompt": "long", "chosen": "a" * 600, "rejected": "b", "votes": 1, "wins": 1})
    place = tmp_path / "pairs.jsonl"
    place.write_text("\n".join(map(json.dumps, rows)))
    return place


def test_the_accuracy_is_that_of_a_plain_loop(models: tuple[str, str], pairs: Path) -> None:
    import torch

    from winsome.models.render import answer_ids, prompt_ids
    from winsome.models.weights import load
    from winsome.records import Message, Prompt, Text

    model = load(models[0])
    right = []
    for line in pairs.read_text().splitlines()[:8]:
        row = json.loads(line)
        asked = prompt_ids(model, Prompt((Message("user", (Text(row["prompt"]),)),)))
        sums = []
        for side in ("chosen", "rejected"):
            ids, total = list(asked), 0.0
            for token in answer_ids(model, row[side]):
                with torch.no_grad():
                    logits = model.network(torch.tensor([ids])).logits[0, -1].double()
                total += float(torch.log_softmax(logits, -1)[token])
                ids.append(token)
            sums.append(total)
        right.append(sums[0] > sums[1])
    record = audit_ranking(*models, pairs=pairs)
    assert record["tables"][0]["rows"][0][1]["estimate"] == pytest.approx(100 * np.mean(right))
    assert "4 pairs left out" in record["tables"][0]["notes"][0]
    assert record["left_out"] == {
        "with equal answers": 1, "with an answer that was cut": 1, "with an empty answer": 1, "longer than the context": 1,
    }  # fmt: skip


def test_log_probabilities_equal_a_float64_loop_over_tokens(models: tuple[str, str], pairs: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from winsome.audit import ranking_accuracy
    from winsome.models.render import answer_ids, prompt_ids
    from winsome.models.weights import load
    from winsome.records import Message, Prompt, Text

    model = load(models[0], "float32")
    rows = [json.loads(line) for line in pairs.read_text().splitlines()[:4]]
    prompts = [Prompt((Message("user", (Text(row["prompt"]),)),)) for row in rows]
    found, lengths, _ = ranking_accuracy._sums(model, [(prompt, prompt) for prompt in prompts], rows)
    network = AutoModelForCausalLM.from_pretrained(models[0], dtype=torch.float64).eval()
    for k, (prompt, row) in enumerate(zip(prompts, rows, strict=True)):
        for side, name in enumerate(("chosen", "rejected")):
            ids, told = prompt_ids(model, prompt), answer_ids(model, row[name])
            logs = network(torch.tensor([ids + told])).logits[0].detach().log_softmax(-1)
            total = sum(float(logs[len(ids) + i - 1, token]) for i, token in enumerate(told))
            assert found[k, side] == pytest.approx(total, rel=1e-5, abs=1e-5)
            assert lengths[k, side] == len(told)


def test_a_reference_of_another_family_is_one_line(
    models: tuple[str, str], pairs: Path, tmp_path: Path
) -> None:
    from tests.tiny_models import TEMPLATE
    from winsome.errors import Unsupported

    other = str(saved(tmp_path / "other", causal(seed=3), TEMPLATE.replace("assistant", "model")))
    with pytest.raises(BadInput, match="different chat templates"):
        audit_ranking(models[0], other, pairs=pairs)
    bare = str(saved(tmp_path / "bare", causal(seed=3), None))
    with pytest.raises(Unsupported, match="no chat template"):
        audit_ranking(models[0], bare, pairs=pairs)
    place = Path(saved(tmp_path / "moved", causal(seed=3)))
    tokens = json.loads((place / "tokenizer.json").read_text())
    vocabulary = tokens["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    (place / "tokenizer.json").write_text(json.dumps(tokens))
    with pytest.raises(BadInput, match="different tokenizers"):
        audit_ranking(models[0], str(place), pairs=pairs)


def test_dialogues_are_read_as_the_texts_that_they_hold(
    models: tuple[str, str], pairs: Path, tmp_path: Path
) -> None:
    """Lists of messages, the prompt beside the answers or within them; a turn before makes it another pair."""
    rows = [json.loads(line) for line in pairs.read_text().splitlines()[:8]]

    def turn(role: str, text: str) -> dict[str, str]:
        return {"role": role, "content": text}

    beside = [
        {"prompt": [turn("user", row["prompt"])], "chosen": [turn("assistant", row["chosen"])], "rejected": [turn("assistant", row["rejected"])]}
        for row in rows
    ]  # fmt: skip
    within = [{side: [*row["prompt"], *row[side]] for side in ("chosen", "rejected")} for row in beside]
    longer = [
        row | {"prompt": [turn("user", "hi"), turn("assistant", "yes"), *row["prompt"]]} for row in beside
    ]
    place = tmp_path / "dialogues.jsonl"

    def figures(found: list[dict[str, object]]) -> object:
        place.write_text("\n".join(map(json.dumps, found)))
        record = audit_ranking(*models, pairs=place)
        return record["tables"][0]["rows"], record["groups"], record["tables"][2]["rows"]

    plain = figures([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    assert figures(beside) == figures(within) == plain
    assert figures(longer)[2] != plain[2]
    with pytest.raises(BadInput, match=r"record 2 .*does not end with a turn of the assistant"):
        figures([beside[0], beside[1] | {"chosen": [turn("user", "no")]}])


def test_certain_votes_bring_the_optimum_near_100_and_the_gap_is_the_rest() -> None:
    draw = np.random.default_rng(0)
    after, before = draw.normal(-20, 3, (200, 2)), draw.normal(-20, 3, (200, 2))
    votes = np.tile([400.0, 400.0], (200, 1))
    record = ranking_record(
        "x", after, before, np.full((200, 2), 9.0), [str(k) for k in range(200)], votes, (0.01,)
    )
    rows = {row[0]: row[1] for row in record["tables"][0]["rows"]}
    best, gap = rows["idealised R* at beta 0.01"], rows["  gap R* - R at beta 0.01"]
    assert best["estimate"] > 99.9
    assert gap["estimate"] == pytest.approx(best["estimate"] - rows["ranking accuracy R (sums)"]["estimate"])
    assert sum(record["groups"].values()) == 200


@pytest.mark.parametrize(("line", "said"), [
    ({"prompt": "a", "chosen": "b"}, "no text rejected"),
    ({"prompt": "a", "chosen": "b", "rejected": "c", "votes": 0, "wins": 0}, "no votes"),
])  # fmt: skip
def test_mistakes_in_one_line(
    models: tuple[str, str], tmp_path: Path, line: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    place = tmp_path / "bad.jsonl"
    place.write_text(json.dumps(line) + "\n")
    assert (
        main(["audit", "ranking", "--model", models[0], "--reference", models[1], "--pairs", str(place)]) == 2
    )
    assert said in capsys.readouterr().err
