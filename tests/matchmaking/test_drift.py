"""Judges that talk nonsense, refuse or change half way: reported, never averaged in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import winsome
from winsome.cli import main
from winsome.matchmaking.drift import change_of

N = 240


def files(folder: Path) -> tuple[str, str]:
    """The first answer has more letters e on two prompts of three."""
    made = []
    for name, word in (("a", "eee"), ("b", "ee")):
        rows = [
            {
                "id": str(n),
                "prompt": f"Question {n}",
                "output": f"{'ooo' if name == 'a' and n % 3 == 0 else word} {n}",
            }
            for n in range(N)
        ]
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        made.append(str(path))
    return made[0], made[1]


def compared(folder: Path, manner: str, limit: int | None = None) -> winsome.Comparison:
    judge = f"pairwise?model=(tests.matchmaking.unruly:{manner})"
    return winsome.compare(
        *files(folder), judge=judge, ledger=folder / f"{manner}.sqlite", folder=folder / "runs", quiet=True, concurrency=1,
        limit=limit
    )  # fmt: skip


def share_of(found: winsome.Comparison) -> float:
    return next(row.estimate or 0.0 for row in found.standings.rows if "a.jsonl" in row.contender)


@pytest.mark.parametrize(("manner", "reason"), [("garbage", "ambiguous"), ("refusals", "refused")])
def test_what_cannot_be_read_is_counted_and_never_scored(tmp_path: Path, manner: str, reason: str) -> None:
    found = compared(tmp_path, manner)
    asks = pl.read_parquet(found.folder / "asks.parquet")
    unread = asks.filter(pl.col("outcome") == "unparsed")
    assert abs(unread.height / asks.height - 0.3) < 0.1
    assert unread["share"].null_count() == unread.height
    assert all(text.startswith(reason) for text in unread["reason"].to_list())
    assert sum(entry["count"] for entry in found.record["dropped"]) == unread.height
    assert not found.complete or found.record["counts"]["unparsed"] == 0
    read = asks.filter(pl.col("share").is_not_null())
    truth = read.select(pl.when(pl.col("item").cast(pl.Int64) % 3 == 0).then(0.0).otherwise(1.0)).to_series()
    assert read["share"].to_list() == truth.to_list()
    assert share_of(found) == pytest.approx(100 * 2 / 3, abs=6)
    assert not [line for line in found.record["warnings"] if "changed" in line]


def test_nonsense_that_is_read_when_asked_again_is_told(tmp_path: Path) -> None:
    """Three replies of ten cannot be read, but hardly an ask stays unread after two more; a judge that can be read is not told of."""
    found = compared(tmp_path, "moody", 60)
    asks = pl.read_parquet(found.folder / "asks.parquet")
    assert (asks["outcome"] == "unparsed").mean() < 0.06  # 0.3 ** 3 = 2.7%
    # every reply but the last of an ask could not be read, and of those unread in the end neither could the last
    replies = asks["evidence"].list.len().sum()
    unread = replies - asks.filter(pl.col("outcome") != "unparsed").height
    (line,) = [line for line in found.record["warnings"] if "cannot be read" in line]
    assert f"{unread} of its {replies} replies ({unread / replies:.0%}, " in line
    assert abs(unread / replies - 0.3) < 0.1
    assert not compared(tmp_path, "plain", 60).record["warnings"]


def test_a_format_that_changes_in_the_middle_is_told(tmp_path: Path) -> None:
    found = compared(tmp_path, "turns")
    (line,) = [line for line in found.record["warnings"] if "changed its format" in line]
    assert line.startswith("pairwise")
    assert "0% of its first" in line
    asks = pl.read_parquet(found.folder / "asks.parquet")
    assert asks.filter(pl.col("outcome") == "unparsed")["share"].null_count() > 100
    assert share_of(found) == pytest.approx(100 * 2 / 3, abs=3)
    assert not [line for line in compared(tmp_path, "plain").record["warnings"] if "changed" in line]


@pytest.mark.parametrize(
    ("manner", "told"), [("garbage", "unparsed"), ("refusals", "unparsed"), ("turns", "changed its format")]
)
def test_the_command_ends_with_holes_and_tells_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    manner: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    judge = f"pairwise?model=(tests.matchmaking.unruly:{manner})"
    words = ["compare", *files(tmp_path), "--judge", judge, "--concurrency", "1", "--json"]
    assert main(words) == 3
    heard = capsys.readouterr()
    assert told in heard.err
    record = json.loads(heard.out)
    counts = record["counts"]
    # a contest has a share where one of its two orders was read
    assert counts["unparsed"] >= 0.05 * N
    assert counts["win"] + counts["loss"] + counts["unparsed"] == N
    (mine,) = [row for row in record["standings"]["rows"] if "a.jsonl" in row["contender"]]
    assert mine["estimate"] == pytest.approx(100 * 2 / 3, abs=6)


def test_the_place_of_a_change_is_found() -> None:
    draw = np.random.default_rng(1)
    happened = np.concatenate([draw.random(400) < 0.02, draw.random(200) < 0.9])
    found = change_of(happened)
    assert found is not None
    assert abs(found.place - 400) < 15
    assert found.before < 0.1
    assert found.after > 0.8


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3, 0.5, 1.0])
def test_an_even_rate_raises_no_alarm(rate: float) -> None:
    draw = np.random.default_rng(2)
    assert not any(change_of(draw.random(n) < rate) for n in (10, 60, 500, 2000) for _ in range(250))
