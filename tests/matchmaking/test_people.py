"""Judging by people: who sees which pair, what a label is worth, the figure with a judge beside it, and when enough is enough."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from winsome.errors import BadInput
from winsome.judges.human import HUMAN
from winsome.ledger import formats
from winsome.ledger.export import sheet, take_sheet
from winsome.ledger.formats.human import write_sheet
from winsome.ledger.store import Ledger
from winsome.matchmaking.board import Board, named
from winsome.matchmaking.compare import Comparison, compare
from winsome.matchmaking.people import People
from winsome.report.people import lines
from winsome.standings import control_variates

Annotator = Callable[[str, str, random.Random], str]


def longer(left: str, right: str, draw: random.Random) -> str:
    return "left" if len(left) > len(right) else "right" if len(right) > len(left) else "tie"


def mostly_longer(left: str, right: str, draw: random.Random) -> str:
    return longer(left, right, draw) if draw.random() < 0.8 else draw.choice(["left", "right"])


def labelling(say: Annotator, names: tuple[str, ...] = ("ann",), most: int | None = None) -> Any:
    """What serves a board to scripted annotators; each may be stopped after `most` labels."""

    @asynccontextmanager
    async def serve(board: Board) -> AsyncIterator[None]:
        async def person(name: str) -> None:
            draw, given = random.Random(name), 0
            while (place := board.next(name)) is not None and given != most:
                left, right = (side.response.text for side in board.match(place).seated)
                await board.label(name, place, say(left, right, draw))
                given += 1
                await asyncio.sleep(0)
            if given == most:
                board.closed = True
                board.changed.set()

        tasks = [asyncio.create_task(person(name)) for name in names]
        yield
        await asyncio.gather(*tasks)

    return serve


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(pairs: int, empty: int = 0) -> None:
    """Answers of random lengths, a's a little longer; the last `empty` of b's are empty, which a rule decides."""
    draw = random.Random(1)
    for name, most in (("a", 30), ("b", 25)):
        rows = [
            {
                "id": str(k),
                "prompt": f"say {k}",
                "output": "" if name == "b" and k >= pairs - empty else name + "x" * draw.randint(1, most),
            }
            for k in range(pairs)
        ]
        Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def run(people: People, **settings: Any) -> Comparison:
    return compare(
        "a.jsonl", "b.jsonl", judge="human", people=people, quiet=True, ledger="l.sqlite", **settings
    )


ASSIST = "regex?pattern=x{14}"


def test_the_assisted_figure_is_that_of_its_columns(folder: Path) -> None:
    files(120)
    found = run(People(labelling(mostly_longer), assist=ASSIST, labels=50))
    people = found.record["people"]
    y, s = (np.array([row[name] for row in people["drawn"]], float) for name in ("label", "score"))
    assert np.isfinite(y).sum() == people["labelled"] == 50
    assert np.isfinite(y[:50]).all(), "the labelled pairs are the first of the order drawn beforehand"
    own = control_variates(y[:50], s[:50], s)
    assert people["control_variates"]["estimate"] == pytest.approx(own.estimate)
    assert people["control_variates"]["low"] == pytest.approx(own.low, abs=1e-6)
    answers = [
        {row["id"]: row["output"] for row in map(json.loads, Path(f"{n}.jsonl").read_text().splitlines())}
        for n in "ab"
    ]
    scores = Counter(
        (("x" * 14 in a) - ("x" * 14 in b) + 1) / 2
        for a, b in zip(*(d.values() for d in answers), strict=True)
    )
    assert Counter(s.tolist()) == scores
    assert found.standings.row("recorded:a.jsonl").estimate == pytest.approx(100 * y[:50].mean())
    assert found.complete


def test_labels_stop_where_the_interval_is_narrow_and_as_planned(folder: Path) -> None:
    """The plan made from the first hundred labels and the labels used differ by less than a tenth."""
    files(500)
    found = run(People(labelling(mostly_longer), assist=ASSIST, half_width=0.06))
    people = found.record["people"]
    figure = people["control_variates"]
    assert (figure["high"] - figure["low"]) / 2 <= 0.06
    assert people["labelled"] < 300
    assert people["enough"]
    y, s = (np.array([row[name] for row in people["drawn"]], float) for name in ("label", "score"))
    from winsome.standings.label_plan import of_pilot

    planned = of_pilot(control_variates(y[:100], s[:100], s), 0.06).labels
    assert planned == pytest.approx(people["labelled"], rel=0.1)
    # a few labels may be under way when the interval is narrow enough
    n = people["labelled"] - 5
    assert control_variates(y[:n], s[:n], s).half_width > 0.06
    assert people["plan"]["labels"] == pytest.approx(people["labelled"], rel=0.03)


def test_labels_end_once_two_are_told_apart_at_every_look(folder: Path) -> None:
    """A crowd that mostly prefers the longer answers of b, and one that flips a coin."""
    files(160)
    for assist in (None, ASSIST):
        found = run(People(labelling(mostly_longer), assist=assist), stop_when="decided")
        people = found.record["people"]
        seen = people["anytime"]
        assert 30 <= people["labelled"] < 160
        assert people["enough"]
        assert found.complete
        assert seen["low"] > 0.5
        assert found.standings.interval == "sequential"
        if assist is None:
            assert [row.ranks for row in found.standings.rows] == [(1,), (2,)]
        assert any(line.startswith("at every look: recorded:a.jsonl") for line in lines(people))
        Path("l.sqlite").unlink()
    found = run(
        People(labelling(lambda left, right, draw: draw.choice(["left", "right"]))), stop_when="decided"
    )
    assert found.record["people"]["labelled"] == 160
    assert found.standings.rows[0].ranks == (1, 2)


def test_a_part_of_the_labels_and_all_that_rules_decide_make_one_figure(folder: Path) -> None:
    """30 of 90 pairs are forfeits for a; 20 of the other 60 are labelled, and each stands for three."""
    files(90, empty=30)
    found = run(People(labelling(longer), labels=20))
    y = np.array([row["label"] for row in found.record["people"]["drawn"]], float)
    share = float(np.nanmean(y))
    assert len(y) == 60
    row = found.standings.row("recorded:a.jsonl")
    assert row.estimate == pytest.approx(100 * (30 + 60 * share) / 90)
    asks = pl.read_parquet(found.folder / "asks.parquet")
    assert set(asks.filter(pl.col("outcome") != "not asked")["weight"].unique()) == {1.0, 3.0}


def test_several_annotators_share_what_is_shared_and_split_the_rest(folder: Path) -> None:
    files(80)
    found = run(People(labelling(longer, ("ann", "bob", "cleo")), overlap=0.25))
    people = found.record["people"]
    assert people["labelled"] == 80
    # a quarter is for everybody, as far as each came before all had a label
    total = sum(people["annotators"].values())
    assert 80 + 15 * 2 <= total <= 80 + 20 * 2
    assert people["alpha"]["estimate"] == 1.0
    assert found.battles.scored.sum() == 80
    asks = pl.read_parquet(found.folder / "asks.parquet")
    assert asks.height == total
    assert set(asks["served_by"].unique()) == {"ann", "bob", "cleo"}


def test_what_was_said_before_holds_under_other_seeds_and_sides(folder: Path) -> None:
    files(40)
    first = run(People(labelling(longer, most=15)))
    assert not first.complete
    assert first.record["people"]["labelled"] == 15
    asked: list[int] = []

    def counted(left: str, right: str, draw: random.Random) -> str:
        asked.append(1)
        return longer(left, right, draw)

    again = run(People(labelling(counted)), seed=5)
    assert len(asked) == 25
    wanted = Counter(
        longer(json.loads(a)["output"], json.loads(b)["output"], random.Random())
        for a, b in zip(*(Path(f"{n}.jsonl").read_text().splitlines() for n in "ab"), strict=True)
    )
    row = again.standings.row("recorded:a.jsonl")
    assert (row.counts["win"], row.counts["tie"]) == (wanted["left"], wanted["tie"])
    turned = compare(
        "b.jsonl", "a.jsonl", judge="human", people=People(labelling(counted)), quiet=True, ledger="l.sqlite"
    )
    assert len(asked) == 25
    assert turned.standings.row("recorded:a.jsonl").estimate == pytest.approx(row.estimate)


def test_sheets_and_the_page_are_one_store(folder: Path) -> None:
    """Labels of a filled-in sheet are found by the page: nobody is asked again."""
    files(12)
    compare("a.jsonl", "b.jsonl", judge="regex?pattern=x{14}", quiet=True, ledger="l.sqlite")
    with Ledger.open("l.sqlite") as ledger:
        rows = sheet(ledger)
        for row in rows:
            row["winner"], row["annotator"] = (
                ("model_a" if len(row["answer_a"]) > len(row["answer_b"]) else "model_b"),
                "ann",
            )
        write_sheet("sheet.csv", rows)
        take_sheet(ledger, formats.verdicts("sheet.csv", format="human_matches"), "sheet.csv")

    def never(left: str, right: str, draw: random.Random) -> str:
        raise AssertionError("asked again")

    found = run(People(labelling(never)))
    assert found.record["people"]["annotators"] == {"ann": 12}


def test_the_last_word_of_each_holds_and_history_stays(folder: Path) -> None:
    files(6)

    @asynccontextmanager
    async def serve(board: Board) -> AsyncIterator[None]:
        place = board.next("ann")
        assert place is not None
        await board.label("ann", place, "left")
        assert await board.undo("ann") == place
        assert await board.undo("ann") is None
        assert board.next("ann") == place
        await board.label("ann", place, "right")
        await board.label("ann", place, "right")
        await board.label("ann", place, "tie")
        assert board.counts() == {"ann": 1}
        board.closed = True
        yield

    found = run(People(serve))
    assert found.record["people"]["words"] == {"tie": 1}
    with Ledger.open("l.sqlite") as ledger:
        kept = ledger.query(f"SELECT m.repeat, v.outcome, v.reason FROM verdicts v JOIN matches m ON v.match = m.id WHERE v.judge = '{HUMAN}' ORDER BY 1")  # fmt: skip
    assert [(repeat, outcome == "tie") for repeat, outcome, _ in kept.rows()] == [
        (0, False),
        (1, False),
        (2, True),
    ]


def test_people_see_a_pair_once_whatever_the_judge_is_asked(folder: Path) -> None:
    files(10)
    found = run(People(labelling(longer), assist=ASSIST), orders=2, repeats=2)
    assert found.record["people"]["annotators"] == {"ann": 10}
    with Ledger.open("l.sqlite") as ledger:
        asked = ledger.query("SELECT judge, count(*) FROM verdicts GROUP BY 1").rows()
    assert dict(asked) == {HUMAN: 10, ASSIST: 40}


def test_names_of_annotators() -> None:
    assert named("  Ann   B ") == "Ann B"
    for wrong in ("", " ", "a" * 61, "a\u202eb", None, 3):
        with pytest.raises(BadInput, match="annotator"):
            named(wrong)


def test_people_need_somebody_to_ask(folder: Path) -> None:
    files(3)
    with pytest.raises(BadInput, match="needs somebody to ask"):
        compare("a.jsonl", "b.jsonl", judge="human", quiet=True)
    with pytest.raises(BadInput, match="labels=0"):
        People(labelling(longer), labels=0)
