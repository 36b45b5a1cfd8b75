"""report.json: its schema, counts that add up to the plan, and judge diagnostics against planted biases and hand counts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.report.synthetic import Law, made
from winsome.errors import BadInput
from winsome.ledger.store import Ledger
from winsome.records import OUTCOMES
from winsome.report.document import document, schema
from winsome.standings import Battles, win_rate

KEYS = [outcome.replace(" ", "_") for outcome in OUTCOMES]


def check(found: dict[str, Any]) -> None:
    jsonschema.validate(found, schema(), cls=jsonschema.Draft202012Validator)


def test_the_schema_is_a_valid_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_refuses_what_is_wrong(run: Any) -> None:
    found = document(run(prompts=10))
    check(found)
    for path, value in (
        (("counts", "contests"), -1),
        (("counts", "outcomes", "win"), None),
        (("headline", "decided"), "yes"),
        (("format",), 2),
        (("matrix", 0, "estimate"), "68"),
        (("more",), 1),
    ):
        broken = orjson.loads(orjson.dumps(found))
        place = broken
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            check(broken)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    contenders=st.integers(2, 4),
    prompts=st.integers(1, 30),
    orders=st.integers(1, 2),
    with_baseline=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_counts_add_up_to_the_plan(
    contenders: int, prompts: int, orders: int, with_baseline: bool, seed: int
) -> None:
    names = tuple("abcd"[:contenders])
    law = Law(
        names,
        (0.0, 1.0, 2.0, 3.0)[:contenders],
        "a" if with_baseline else None,
        prompts,
        orders,
        seed=seed,
        characters=60,
    )
    with tempfile.TemporaryDirectory() as place, Ledger.open(Path(place) / "ledger.sqlite") as ledger:
        found = document(made(Path(place) / "run", ledger, law))
        asks = pl.read_parquet(Path(place) / "run" / "asks.parquet")
    check(found)
    pairs = contenders - 1 if with_baseline else contenders * (contenders - 1) // 2
    assert found["counts"]["contests"] == prompts * pairs == sum(found["counts"]["outcomes"].values())
    assert found["counts"]["asks"] == prompts * pairs * orders == asks.height
    for row in found["standings"]["rows"]:
        met = pairs if with_baseline and row["contender"] == "a" else 1 if with_baseline else contenders - 1
        assert sum(row[key] for key in KEYS) == prompts * met
    dropped = asks.filter(pl.col("share").is_null()).height
    assert sum(line["count"] for line in found["dropped"]) == dropped
    cells = {(cell["contender"], cell["opponent"]): cell for cell in found["matrix"]}
    for (one, two), cell in cells.items():
        assert cell["estimate"] + cells[two, one]["estimate"] == pytest.approx(100)
        assert cell["low"] + cells[two, one]["high"] == pytest.approx(100)


def test_diagnostics_equal_counts_by_hand(run: Any) -> None:
    folder = run(prompts=120)
    found = document(folder)["diagnostics"]
    asks = pl.read_parquet(folder / "asks.parquet").to_dicts()
    judged = [ask for ask in asks if ask["verdict"] is not None]
    decided = [ask for ask in judged if ask["share"] is not None]
    firsts = [ask["share"] if ask["seat_a"] == 0 else 1 - ask["share"] for ask in decided]
    assert len(found) == 1
    assert found[0]["first_seat"]["estimate"] == pytest.approx(100 * sum(firsts) / len(firsts))
    assert found[0]["first_seat"]["battles"] == len(firsts)
    assert found[0]["ties"] == {"count": sum(ask["outcome"] == "tie" for ask in decided), "of": len(decided)}
    assert found[0]["unparsed"] == {
        "count": sum(ask["outcome"] == "unparsed" for ask in judged),
        "of": len(judged),
    }
    contests: dict[str, list[float]] = {}
    for ask in decided:
        contests.setdefault(ask["contest"], []).append(ask["share"])
    both = [shares for shares in contests.values() if len(shares) == 2]
    assert found[0]["flips"] == {"count": sum(sorted(shares) == [0, 1] for shares in both), "of": len(both)}
    words = [ask["reason"].removeprefix("label: ") for ask in decided]
    most = max(set(words), key=words.count)
    assert found[0]["commonest_label"] == {
        "label": most,
        "count": words.count(most),
        "of": len(words),
        "degenerate": False,
    }
    assert found[0]["served_by"] == [{"model": "small-judge-0613", "asks": len(judged)}]


def test_the_longer_answers_share_equals_a_count_by_hand(run: Any) -> None:
    folder = run(prompts=150, faults=False)
    found = document(folder)["length"]
    asks = pl.read_parquet(folder / "asks.parquet").to_dicts()
    contests: dict[str, list[tuple[float, float]]] = {}
    for ask in asks:
        share = ask["share"] if ask["length_a"] > ask["length_b"] else 1 - ask["share"]
        ratio = max(ask["length_a"], ask["length_b"]) / min(ask["length_a"], ask["length_b"])
        if ratio > 1:
            contests.setdefault(ask["contest"], []).append((share, ratio))
    means = [(sum(share for share, _ in rows) / len(rows), rows[0][1]) for rows in contests.values()]
    assert found["longer"]["estimate"] == pytest.approx(100 * sum(share for share, _ in means) / len(means))
    assert found["longer"]["battles"] == len(means)
    for each in found["bins"]:
        inside = [share for share, ratio in means if each["from"] <= ratio < (each["to"] or 1e9)]
        assert each["battles"] == len(inside)
        assert each["estimate"] == pytest.approx(100 * sum(inside) / len(inside))
    own = next(one for one in found["contenders"] if one["contender"] == "best-of-4")
    lengths = {
        ask["contest"]: ask["length_a"] if ask["a"] == "best-of-4" else ask["length_b"] for ask in asks
    }
    assert own["mean_length"] == pytest.approx(sum(lengths.values()) / len(lengths))
    assert sum(each["battles"] for each in own["bins"]) == 150


@pytest.mark.parametrize(("bias", "found"), [(3.0, True), (0.0, False)])
def test_a_planted_seat_bias_is_seen(run: Any, bias: float, found: bool) -> None:
    seat = document(run(prompts=200, seat_bias=bias, faults=False))["diagnostics"][0]["first_seat"]
    assert (seat["low"] > 50) is found


def test_a_judge_that_always_says_one_label_is_called_degenerate(run: Any) -> None:
    label = document(run(prompts=100, seat_bias=12.0, faults=False))["diagnostics"][0]["commonest_label"]
    assert label["label"] == "[[A]]"
    assert label["degenerate"] == (label["count"] >= 0.95 * label["of"])
    assert label["degenerate"] is True


def test_categories_are_the_standings_within_each(run: Any) -> None:
    folder = run(prompts=100)
    contests = pl.read_parquet(folder / "battles.parquet")
    for figure in document(folder)["categories"]:
        part = contests.filter(pl.col("category") == figure["category"])
        row = win_rate(Battles.from_frame(part), baseline="base").row(figure["contender"])
        assert (figure["estimate"], figure["low"], figure["high"], figure["n"]) == (
            row.estimate,
            row.low,
            row.high,
            row.n,
        )


def test_each_judge_has_its_own_diagnostics(run: Any) -> None:
    found = document(run(prompts=60, judges=("judge-one", "judge-two")))["diagnostics"]
    assert [one["judge"] for one in found] == ["judge-one", "judge-two"]
    assert found[0]["first_seat"] != found[1]["first_seat"]


def damage(folder: Path, what: str) -> None:
    record = orjson.loads((folder / "run.json").read_bytes())
    if what == "no run.json":
        (folder / "run.json").unlink()
    elif what == "cut":
        (folder / "run.json").write_bytes((folder / "run.json").read_bytes()[:500])
    elif what == "newer":
        (folder / "run.json").write_bytes(orjson.dumps(record | {"format": 99}))
    elif what == "no field":
        del record["standings"]
        (folder / "run.json").write_bytes(orjson.dumps(record))
    elif what == "a list":
        (folder / "run.json").write_bytes(b"[]")
    elif what == "not Parquet":
        (folder / "asks.parquet").write_bytes(b"PAR1 but no more")
    elif what == "no battles":
        (folder / "battles.parquet").unlink()
    else:
        pl.read_parquet(folder / "asks.parquet").drop("seat_a").write_parquet(folder / "asks.parquet")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("no run.json", "run.json: not there"),
        ("cut", "run.json: not readable as JSON"),
        ("newer", 'run.json: field "format" is 99'),
        ("no field", 'run.json: no field "standings"'),
        ("a list", "run.json: holds list"),
        ("not Parquet", "asks.parquet: not a readable Parquet file"),
        ("no battles", "battles.parquet: not there"),
        ("no column", 'asks.parquet: no column "seat_a"'),
    ],
)
def test_a_broken_folder_is_told_in_one_line(
    run: Any, monkeypatch: pytest.MonkeyPatch, what: str, told: str
) -> None:
    folder = run(prompts=5)
    monkeypatch.chdir(folder.parent)
    damage(folder, what)
    with pytest.raises(BadInput) as caught:
        document(folder.name)
    assert told in str(caught.value)
    assert len(str(caught.value)) <= 200
    assert "\n" not in str(caught.value)


def test_differences_between_neighbours_lie_on_the_scale_of_the_standings(run: Any) -> None:
    """Where every prompt met every side, a difference of two rows is that of their win rates, the baseline's 50 included."""
    found = document(run(contenders=("base", "a", "b"), skill=(0.0, 0.7, 0.2), prompts=60, faults=False))
    rows = {row["contender"]: row for row in found["standings"]["rows"]}
    assert len(found["differences"]) == 2
    for one in found["differences"]:
        gap = rows[one["first"]]["estimate"] - rows[one["second"]]["estimate"]
        assert one["difference"] == pytest.approx(gap, abs=1e-9)
        assert one["low"] < gap < one["high"]
        if "base" in (one["first"], one["second"]):
            other = rows[one["first"] if one["second"] == "base" else one["second"]]
            bounds = sorted(abs(other[end] - 50.0) for end in ("low", "high"))
            assert sorted(abs(one[end]) for end in ("low", "high")) == pytest.approx(bounds, abs=0.2)
