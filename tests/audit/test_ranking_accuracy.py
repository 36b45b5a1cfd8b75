"""winsome audit ranking: its sums are those of a plain loop, its votes are checked, its page is whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from winsome.audit.ranking_accuracy import audit_ranking, ranking_record
from winsome.cli import main

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
    assert "1 pairs left out" in record["tables"][0]["notes"][0]


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
