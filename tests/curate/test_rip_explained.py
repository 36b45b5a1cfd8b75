"""Of each prompt of a real run, the explanation says what the filter did, and its figures are those of the frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from winsome.cli import main
from winsome.curate.rip_explained import explained
from winsome.errors import BadInput
from winsome.recipes.reached import reached
from winsome.recipes.run import Ran, run

RECIPE = {
    "winsome": 1,
    "name": "small",
    "seed": 0,
    "steps": [
        {"load": {"source": "world:prompt-quality?split=train&n=40"}},
        {
            "generate": {
                "by": "world:prompt-quality#oracle?quality=0.5",
                "n": 6,
                "sampling": {"temperature": 1.0},
            }
        },
        {"score": {"by": "world:prompt-quality#scorer?sd=0.3"}},
        {"pair": {"rule": "best_worst"}},
        {"filter": {"id": "rip", "rule": "rip", "tau": {"rejected_reward": "p40", "gap": "p70"}}},
        # what comes after must not be taken for what the filter was given
        {"filter": {"id": "later", "rule": "rip", "from": "pair", "tau": {"gap": "p10"}}},
    ],
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("rip")
    return run(RECIPE, ledger=folder / "l.sqlite", folder=folder / "runs")


def test_the_step_is_given_what_reached_it(ran: Ran) -> None:
    for step, before in (("rip", "pair"), ("later", "pair"), ("pair", "score")):
        found = reached(ran.folder, step=step)
        assert set(found.frames) >= {"prompts", "responses", "scores"}
        for name, table in found.frames.items():
            assert table.equals(ran.frame(before, name)), (step, name)
    assert reached(ran.folder, fact="thresholds").step["step"] == "rip"


@pytest.mark.parametrize("step", ["rip", "later"])
def test_every_prompt_s_explanation_is_what_the_filter_did(ran: Ran, step: str) -> None:
    found = reached(ran.folder, step=step, fact="thresholds")
    thresholds = found.step["facts"]["thresholds"]
    kept = set(ran.frame(step, "pairs")["prompt_id"])
    pairs = ran.frame("pair", "pairs")
    told = {id: explained(found.frames, thresholds, id) for id in pairs["prompt_id"]}
    assert {id for id, one in told.items() if one.kept} == kept
    assert 0 < len(kept) < pairs.height
    rated = dict(ran.frame("score", "scores").select("subject_id", "value").iter_rows())
    gaps = np.array([rated[c] - rated[r] for c, r in pairs.select("chosen_id", "rejected_id").iter_rows()])
    for (id, chosen, rejected), gap in zip(
        pairs.select("prompt_id", "chosen_id", "rejected_id").iter_rows(), gaps, strict=True
    ):
        one = told[id]
        metrics = {metric.name: metric for metric in one.metrics}
        assert metrics["gap"].value == pytest.approx(gap)
        assert metrics["rejected_reward"].value == rated[rejected]
        ranks = 100 * (np.mean(gaps < gap) + 0.5 * np.mean(gaps == gap))
        assert metrics["gap"].percentile == pytest.approx(ranks)
        assert metrics["rejected_length"].threshold is None
        assert all(m.name in one.reason for m in one.metrics if not m.passed)
        assert [a.value for a in one.answers] == sorted((a.value for a in one.answers), reverse=True)  # type: ignore[type-var]
        assert len(one.answers) == 6
        assert {a.side: a.value for a in one.answers if a.side != "neither"} == {
            "chosen": rated[chosen], "rejected": rated[rejected]
        }  # fmt: skip


def test_the_command_tells_it_on_the_terminal_and_as_json(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    dropped = ran.frame("pair", "pairs").join(ran.frame("rip", "pairs"), on="pair_id", how="anti")
    id = dropped["prompt_id"][0]
    typed = ["rip", "explain", str(ran.folder), "--prompt-id", id[:12]]
    assert main(typed) == 0
    shown = capsys.readouterr().out
    assert f"prompt {id}" in shown
    assert "dropped: " in shown
    assert "rating of the worst answer" in shown
    assert "not compared" in shown
    assert main([*typed, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["step"], told["prompt_id"], told["kept"]) == ("rip", id, False)
    assert len(told["answers"]) == 6


def test_mistakes_are_one_line(ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match=r"no recipe.json of a recipe's run can be read there"):
        reached(tmp_path)
    with pytest.raises(BadInput, match='no step "rap" has ended'):
        reached(ran.folder, step="rap")
    with pytest.raises(BadInput, match="step pair that keeps thresholds is not there"):
        reached(ran.folder, step="pair", fact="thresholds")
    found = reached(ran.folder, step="rip")
    thresholds = found.step["facts"]["thresholds"]
    with pytest.raises(BadInput, match='0 prompts have an id that begins with "zz"'):
        explained(found.frames, thresholds, "zz")
    with pytest.raises(BadInput, match="no prompts have an id"):
        explained(found.frames, thresholds, "")
    alone = found.frames["prompts"]["prompt_id"][0]
    without = {**found.frames, "pairs": found.frames["pairs"].filter(pl.col("prompt_id") != alone)}
    with pytest.raises(BadInput, match="has no pair"):
        explained(without, thresholds, alone)
    assert main(["rip", "explain", str(tmp_path), "--prompt-id", "a"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
