"""winsome card, plan and diff as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.sheets import sheet, votes
from tests.cli.typed import lines, typed


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return sheet(tmp_path / "human.csv", votes(24))


def test_a_card_is_shown_kept_and_linked_by_the_report(people: Path, tmp_path: Path) -> None:
    rows = votes(24, annotators=1)
    for side in "ab":
        answers = [{"prompt": r["prompt"], "output": r[f"answer_{side}"], "model": side} for r in rows]
        lines(tmp_path / f"{side}.jsonl", answers)
    judge = "regex?pattern=good"
    before = typed("compare", "a.jsonl", "b.jsonl", "--judge", judge, "--json", cwd=tmp_path)
    assert before.code == 0, before.err
    done = typed("card", judge, "--against", "human.csv", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    record = done.json()
    assert record["against"] == {
        "name": "human.csv",
        "pairs": 24,
        "prompts": 24,
        "votes": 72,
        "annotators": 3,
    }
    assert record["agreement"]["accuracy"]["low"] > 0.5
    (kept,) = (tmp_path / ".winsome" / "cards").iterdir()
    assert kept.stem == record["judge"]["id"]
    shown = typed("card", str(kept), cwd=tmp_path).out
    assert "agrees with a vote that names a side" in shown
    assert "two people who name a side agree" in shown
    report = typed("report", "--json", cwd=tmp_path).json()["document"]
    assert report["judge"]["card"]["agreement"] == record["agreement"]


def test_a_plan_of_a_card_asks_nothing(people: Path, tmp_path: Path) -> None:
    done = typed("card", "http://127.0.0.1:9/v1#m", "--against", "human.csv", "--dry-run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "24 contests, 48 asks" in done.err
    assert not (tmp_path / ".winsome" / "cards").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("exact",), "card needs people's votes"),
        (("exact", "--against", "nowhere.csv"), "nowhere.csv: does not exist"),
        (("nosuchkind:x", "--against", "human.csv"), "no judge kind"),
        (("exact", "--against", "human.csv", "--cluster", "town"), '"town" is none of'),
    ],
)
def test_mistakes_with_cards(words: tuple[str, ...], expected: str, people: Path, tmp_path: Path) -> None:
    done = typed("card", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert done.err.count("\n") == 1


def test_a_plan_names_designs_prompts_and_money(tmp_path: Path) -> None:
    done = typed("plan", "--detect", "3%", "--power", "0.9", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "one order" in done.out
    assert "both orders" in done.out
    judge = "http://localhost:9/v1#m?price_in=2&price_out=10"
    found = typed(
        "plan", "--detect", "0.03", "--pairs", "one", "--judge", judge, "--json", cwd=tmp_path
    ).json()
    (design,) = found["designs"]
    # (1.96 x 0.5 + 1.2816 x sqrt(0.53 x 0.47))^2 / 0.03^2 + 1 / 0.03 = 2948 by the normal law
    assert 2945 < design["prompts"] < 2955
    assert design["calls"] == design["asks"] == design["prompts"]
    assert design["money"] > 10
    wrong = typed("plan", "--detect", "60", cwd=tmp_path)
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "between 0 and 50" in wrong.err


def test_a_pilot_changes_the_plan(tmp_path: Path) -> None:
    rows = votes(30, annotators=1)
    for side in "ab":
        lines(
            tmp_path / f"{side}.jsonl", [{"prompt": r["prompt"], "output": r[f"answer_{side}"]} for r in rows]
        )
    assert (
        typed("compare", "a.jsonl", "b.jsonl", "--judge", "regex?pattern=good", "--quiet", cwd=tmp_path).code
        == 0
    )
    (run,) = (tmp_path / ".winsome" / "runs").iterdir()
    done = typed("plan", "--detect", "3%", "--pilot", run.name, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "30 asks on 30 prompts" in done.out
    assert "no finished run" in typed("plan", "--detect", "3%", "--pilot", "none", cwd=tmp_path).err


def test_a_difference_is_explained(tmp_path: Path) -> None:
    first = [{"model_a": "x", "model_b": "y", "winner": "model_a", "prompt_id": str(n)} for n in range(20)]
    lines(tmp_path / "v.jsonl", first)
    assert typed("rank", "v.jsonl", "--baseline", "y", "--report", "--quiet", cwd=tmp_path).code == 0
    lines(
        tmp_path / "v.jsonl",
        [row | {"winner": "model_b" if n < 5 else "tie"} for n, row in enumerate(first[:15])],
    )
    assert typed("rank", "v.jsonl", "--baseline", "y", "--report", "--quiet", cwd=tmp_path).code == 0
    runs = sorted((tmp_path / ".winsome" / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    done = typed("diff", *map(str, runs), cwd=tmp_path)
    assert done.code == 0, done.err
    assert "15 in both, 5 only in A, 0 only in B" in done.out
    assert "15 verdicts changed" in done.out
    assert "x: 100.00 in A, 33.33 in B" in done.out
    found = typed("diff", *map(str, runs), "--json", cwd=tmp_path).json()
    assert found["contenders"][0]["on_common"] == pytest.approx(-200 / 3)
    for name, method in (("a.json", "win-rate"), ("b.json", "bt")):
        (tmp_path / name).write_text(typed("rank", "v.jsonl", "--method", method, "--json", cwd=tmp_path).out)
    unlike = typed("diff", "a.json", "b.json", cwd=tmp_path)
    assert unlike.code == 0
    assert "win-rate" in unlike.out
    assert "the difference of the estimates says nothing of the contenders" in " ".join(unlike.out.split())


def test_a_worlds_card_shows_its_judge_its_bases_and_samples(tmp_path: Path) -> None:
    done = typed("card", "world:instruction", "--limit", "60", "--json", "--out", "card.json", cwd=tmp_path)
    assert done.code == 0, done.err
    card = done.json()
    assert json.loads((tmp_path / "card.json").read_text()) == card
    assert card["judge"]["right_first"] == card["judge"]["asked"] == card["clear"] == 60
    assert set(card["bases"]) >= {"0.2M", "1M"}
    shown = typed("card", "world:attribute", "--limit", "60", cwd=tmp_path).out
    assert "right over wrong in 60 of 60 pairs" in shown
    assert "    right: " in shown
    assert "did you mean" in typed("card", "world:atribute", cwd=tmp_path).err
