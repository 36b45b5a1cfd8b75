"""Why two figures differ: every aspect named, the parts add up, the paired figure is that of hand counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import winsome
from winsome.api import report_of_verdicts
from winsome.audit.difference import difference
from winsome.errors import BadInput
from winsome.matchmaking.methods import Settings, ranked
from winsome.matchmaking.verdict_files import recorded


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(path: Path, shares: dict[str, str], **beside: Any) -> Path:
    rows = [
        {"model_a": "x", "model_b": "y", "winner": w, "prompt_id": p, "judge": "j", **beside}
        for p, w in shares.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def folder_of(path: Path, **given: Any) -> Path:
    found = recorded(path, baseline="y")
    standings = ranked(found, given.pop("method", None), Settings(baseline="y", **given))
    return report_of_verdicts(found, standings, ledger="ledger.sqlite").parent


FIRST = {str(n): "model_a" if n % 3 else "model_b" for n in range(40)}
SECOND = {str(n): "model_a" if n % 4 else "model_b" for n in range(5, 55)}


def test_the_parts_add_up_and_the_paired_figure_is_a_hand_count(tmp_path: Path) -> None:
    one, two = folder_of(table(Path("v.jsonl"), FIRST)), folder_of(table(Path("v.jsonl"), SECOND))
    found = difference(one, two)
    assert found.prompts == (5, 35, 15)
    (x,) = found.paired
    common = [str(n) for n in range(5, 40)]
    shares = [np.array([float(side[p] == "model_a") for p in common]) for side in (FIRST, SECOND)]
    assert x.on_common == pytest.approx(100 * (shares[1] - shares[0]).mean())
    assert x.changed == int((shares[0] != shares[1]).sum())
    assert x.low is not None
    assert x.high is not None
    assert x.low < x.on_common < x.high
    assert x.first is not None
    assert x.second is not None
    assert sum(x.parts.values()) == pytest.approx(x.second - x.first)
    assert x.parts["verdicts on what both have"] == pytest.approx(x.on_common)
    assert {aspect for aspect, *_ in found.unlike} == {"prompts"}
    json.dumps(found.payload(), allow_nan=False)


def test_equal_verdicts_are_said_to_be_equal(tmp_path: Path) -> None:
    one = folder_of(table(Path("v.jsonl"), FIRST))
    found = difference(one / "report.json", one)
    assert found.comparable
    assert found.unlike == ()
    (x,) = found.paired
    assert (x.on_common, x.low, x.high, x.changed) == (0.0, None, None, 0)


def test_judge_method_level_and_baseline_are_named(tmp_path: Path) -> None:
    path = table(Path("v.jsonl"), FIRST, length_a=4, length_b=5)
    one = folder_of(path)
    other = folder_of(table(Path("v.jsonl"), FIRST, judge="k"), level=0.9, interval="wald")
    found = difference(one, other)
    assert {"judge", "level", "interval"} <= {aspect for aspect, *_ in found.unlike}
    assert not found.comparable
    assert {a: (x, y) for a, x, y in found.unlike}["judge"] == ("j", "k")
    bt = recorded(path)
    folder = report_of_verdicts(bt, ranked(bt, "bt", Settings()), ledger="ledger.sqlite").parent
    named = {aspect for aspect, *_ in difference(one, folder).unlike}
    assert {"method", "baseline"} <= named


def test_outputs_of_rank_are_compared_when_alike_and_refused_when_not(tmp_path: Path) -> None:
    def emitted(name: str, **given: Any) -> Path:
        path = Path(name)
        path.write_text(
            winsome.rank(table(Path("v.jsonl"), FIRST, length_a=1, length_b=2), **given).to_json(), "utf-8"
        )
        return path

    alike = difference(emitted("a.json", baseline="y"), emitted("b.json", baseline="y"))
    assert alike.comparable
    assert "nothing is paired" in alike.notes[0]
    unlike = difference("a.json", emitted("c.json", method="bt"))
    assert ("method", "win-rate", "bt") in unlike.unlike
    assert not unlike.comparable
    assert all(one.on_common is None and not one.parts for one in unlike.paired)


def test_a_sampled_prompt_set_is_quantified_only_on_common_prompts(tmp_path: Path) -> None:
    apart = {f"other {n}": "model_a" for n in range(9)}
    one, two = folder_of(table(Path("v.jsonl"), FIRST)), folder_of(table(Path("w.jsonl"), apart))
    with pytest.raises(BadInput, match="no prompt in common"):
        difference(one, two)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), ("{", "is no JSON"), ("[1]", "holds a list"), ('{"rows": []}', 'no "rows" and "method"'),
     ('{"method": "bt", "rows": [{"contender": "x"}]}', 'row 1 lacks "contender" or "estimate"')],
)  # fmt: skip
def test_files_that_hold_no_figure(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        Path("f.json").write_text(content, "utf-8")
    with pytest.raises(BadInput, match=said) as error:
        difference("f.json", "f.json")
    assert len(str(error.value)) <= 200


def test_no_contender_in_common(tmp_path: Path) -> None:
    for name, contender in (("a.json", "x"), ("b.json", "z")):
        rows = [{"contender": contender, "estimate": 50.0}]
        Path(name).write_text(json.dumps({"method": "win-rate", "rows": rows}), "utf-8")
    with pytest.raises(BadInput, match="no contender in common"):
        difference("a.json", "b.json")
