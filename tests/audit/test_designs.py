"""How many prompts a design needs: against formulas, against simulation, after a pilot."""

from __future__ import annotations

import gzip
import json
import math
import statistics
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from winsome.audit.designs import designs, paired_design, pilot_of, pilot_of_verdicts, price_of
from winsome.errors import BadInput
from winsome.standings import win_rate
from winsome.standings.battles import battles
from winsome.standings.power import Pilot


def test_without_a_pilot_the_worst_case_is_that_of_one_ask_a_prompt() -> None:
    one, both = designs(3.0)
    assert (one.name, both.name) == ("one order", "both orders")
    assert one.prompts == both.prompts
    assert both.asks == 2 * one.asks
    z = stats.norm.ppf(0.975) * 0.5 + stats.norm.ppf(0.9) * math.sqrt(0.53 * 0.47)
    # one whole win more than the normal law asks for: 1 / 0.03 prompts
    assert one.prompts == pytest.approx((z / 0.03) ** 2 + 1 / 0.03, rel=0.003)


def test_the_promised_power_is_met() -> None:
    (design,) = designs(8.0, power=0.8, orders="one")
    rng, hits = np.random.default_rng(0), 0
    for _ in range(600):
        share = (rng.random(design.prompts) < 0.58).astype(float)
        n = len(share)
        found = win_rate(
            battles(["a"] * n, ["b"] * n, share, prompt=[str(i) for i in range(n)]), baseline="b"
        )
        low = found.row("a").low
        assert low is not None
        hits += low > 50
    assert hits / 600 > 0.8 - 2.6 * math.sqrt(0.8 * 0.2 / 600)


def test_a_pilot_makes_the_second_order_worth_its_price() -> None:
    pilot = Pilot(variance=0.25, correlation=0.2, prompts=50, asks=100)
    one, both = designs(3.0, pilot=pilot)
    assert both.prompts / one.prompts == pytest.approx(0.6, abs=0.01)
    (repeated,) = designs(3.0, orders="both-orders", repeats=3, pilot=pilot)
    assert repeated.prompts < both.prompts
    assert repeated.asks == 6 * repeated.prompts


def test_several_contenders_cost_more_prompts_and_asks_each() -> None:
    (two,) = designs(3.0, orders="one")
    (five,) = designs(3.0, orders="one", contenders=5)
    assert five.prompts > two.prompts
    assert five.asks == 4 * five.prompts


def test_prices_of_judges(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    rule = price_of("numeric", ledger)
    assert (rule.calls, rule.money) == (0, 0.0)
    paid = price_of("http://localhost:9/v1#m?price_in=2&price_out=10", ledger)
    assert paid.money == pytest.approx((2 * round(paid.tokens_in) + 10 * paid.tokens_out) / 1e6)
    (design,) = designs(3.0, orders="one", price=paid)
    assert design.money == pytest.approx(design.asks * (paid.money or 0))
    assert price_of("http://localhost:9/v1#m", ledger).money is None


def run_folder(folder: Path, baseline: str | None, names: tuple[str, ...] = ("a", "b")) -> Path:
    """A run of which only the asks matter here."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "a": name, "b": names[-1], "share": float(rng.random() < 0.5), "outcome": "", "order": order, "repeat": 0,
            "contest": f"{prompt}{name}", "cluster": str(prompt), "judge": "j", "category": None, "aspect": "",
            "extent": None, "length_a": 1, "length_b": 2,
        }
        for name in names[:-1] for prompt in range(40) for order in (0, 1)
    ]  # fmt: skip
    frame = pl.DataFrame(rows).with_columns(
        outcome=pl.when(pl.col("share") == 1).then(pl.lit("win")).otherwise(pl.lit("loss"))
    )
    folder.mkdir()
    frame.write_parquet(folder / "asks.parquet")
    (folder / "run.json").write_text(
        f'{{"baseline": {"null" if baseline is None else f"{chr(34)}{baseline}{chr(34)}"}}}'
    )
    return folder


def test_a_pilot_is_read_from_a_run_folder(tmp_path: Path) -> None:
    found = pilot_of(run_folder(tmp_path / "two", None))
    assert (found.prompts, found.asks) == (40, 80)
    assert found.correlation < 0.5
    three = run_folder(tmp_path / "three", "c", ("a", "b", "c"))
    assert pilot_of(three, "a").asks == 80
    with pytest.raises(BadInput, match="name --contender"):
        pilot_of(three)
    with pytest.raises(BadInput, match="contender 'z' is not among"):
        pilot_of(three, "z")
    with pytest.raises(BadInput, match="is no finished run"):
        pilot_of(tmp_path)


@pytest.mark.parametrize(
    "given", [{"detect": 0.0}, {"detect": 50.0}, {"detect": 3.0, "power": 1.0}, {"detect": 3.0, "level": 1.0}]
)
def test_settings_out_of_range(given: dict[str, float]) -> None:
    detect = given.pop("detect")
    with pytest.raises(BadInput):
        designs(detect, **given)


def test_two_contenders_on_the_same_prompts_need_fewer_than_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = []
    for prompt in range(120):
        hard = rng.random()
        for name, shift in (("a", 0.05), ("b", -0.05)):
            share = float(np.clip(hard + shift + rng.normal(0, 0.05), 0, 1))
            rows.append(
                {
                    "a": name, "b": "base", "share": share, "outcome": "win" if share > 0.5 else "loss" if share < 0.5 else "tie",
                    "order": 0, "repeat": 0, "contest": f"{prompt}{name}", "cluster": str(prompt), "judge": "j",
                    "category": None, "aspect": "", "extent": None, "length_a": 1, "length_b": 2,
                }
            )  # fmt: skip
    folder = tmp_path / "run"
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "asks.parquet")
    (folder / "run.json").write_text('{"baseline": "base", "orders": 1, "repeats": 1}')
    paired = paired_design(folder, "a", "b", 3.0)
    wide = np.array([row["share"] for row in rows]).reshape(-1, 2)
    spread = (wide[:, 0] - wide[:, 1]).std(ddof=1)
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    assert paired.prompts == pytest.approx((z * spread / 0.03) ** 2, rel=0.1)
    assert paired.asks == 2 * paired.prompts
    (apart,) = designs(3.0, orders="one", pilot=pilot_of(folder, "a"))
    assert paired.prompts < apart.prompts / 3
    with pytest.raises(BadInput, match="needs a run with a --baseline"):
        paired_design(folder, "a", "base", 3.0)


def test_a_file_of_verdicts_is_a_pilot(shared_data: Path) -> None:
    path = shared_data / "alpaca_eval_2" / "alpaca-7b.annotations.json.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        shares = [row["preference"] - 1 for row in json.load(file)]
    found = pilot_of_verdicts(path)
    assert (found.prompts, found.asks) == (805, 805)
    assert found.variance == pytest.approx(statistics.variance(shares))


def test_of_a_file_of_many_one_is_named(tmp_path: Path) -> None:
    rows = [f"{m},base,model_{'ab'[(n * 7) % 3 % 2]},p{n}" for m in "xy" for n in range(30)]
    path = tmp_path / "many.csv"
    path.write_text("model_a,model_b,winner,prompt_id\n" + "\n".join(rows), "utf-8")
    with pytest.raises(BadInput, match="has 3 contenders; name --contender"):
        pilot_of_verdicts(path)
