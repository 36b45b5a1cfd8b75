"""The cost of one pass over texts: the operations and hours of a closed form, from the commands that read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from winsome.cli import main
from winsome.errors import BadInput
from winsome.models.forward_cost import forward_cost, parameters_of


def test_the_cost_is_two_operations_a_parameter_and_token() -> None:
    """Two texts of 7 and 8 characters are 2 and 3 tokens; 7e9 and 1e9 parameters: 2 * 8e9 * 5 operations."""
    found = forward_cost([7, 8], [7e9, 1e9])
    assert (found.texts, found.tokens, found.models, found.flops) == (2, 5, 2, 8e10)
    assert found.gpu_hours == pytest.approx(8e10 / (0.4 * 989e12) / 3600)
    assert found.gib == pytest.approx(14e9 / 2**30)


def test_60_000_pairs_of_a_7b_model_and_its_reference_are_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prompts and answers of 700 characters together are 200 tokens: 12M tokens, two models of 7e9, 3.4e17 operations."""
    path = tmp_path / "pairs.jsonl"
    row = json.dumps({"prompt": "p" * 300, "chosen": "c" * 200, "rejected": "r" * 200})
    path.write_text((row + "\n") * 60_000)
    assert main(["audit", "ranking", "--pairs", str(path), "--plan-for", "7e9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["texts"], found["tokens"], found["models"]) == (60_000, 12_000_000, 2)
    assert found["flops"] == pytest.approx(3.36e17)
    assert found["gpu_hours"] == pytest.approx(3.36e17 / (0.4 * 989e12 * 3600))
    assert main(["audit", "ranking", "--pairs", str(path), "--plan-for", "7e9"]) == 0
    assert "60,000 pairs, about 12,000,000 tokens" in capsys.readouterr().out


def test_statements_by_18_models_are_planned(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ",".join(["8e9"] * 18)
    assert main(["suites", "timestress", "--plan-for", sizes, "--limit", "20", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["models"], found["flops"]) == (18, pytest.approx(2 * 18 * 8e9 * found["tokens"]))
    assert found["texts"] > 1000


@pytest.mark.parametrize("text", ["", "7B", "0", "nan", "7e9,,8e9"])
def test_what_is_no_number_of_parameters_is_one_line(text: str) -> None:
    with pytest.raises(BadInput, match="numbers of parameters"):
        parameters_of(text)


@pytest.mark.parametrize("typed", [["audit", "ranking", "--pairs", "p.jsonl"], ["suites", "timestress"]])
def test_a_model_is_still_needed_where_nothing_is_planned(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == 2
    assert "--plan-for" in capsys.readouterr().err
