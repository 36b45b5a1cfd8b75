from __future__ import annotations

import numpy as np
import pytest

from winsome.errors import BadInput
from winsome.standings import battles, bradley_terry, elo


def test_three_games_by_hand() -> None:
    # k = 4: x beats y from equal (1002, 998); x and z tie: x expected 1 / (1 + 10^(-2/400)); z beats y.
    found = battles(["x", "x", "z"], ["y", "z", "y"], [1.0, 0.5, 1.0])
    x, y, z = 1002.0, 998.0, 1000.0
    move = 4 * (0.5 - 1 / (1 + 10 ** ((z - x) / 400)))
    x, z = x + move, z - move
    move = 4 * (1.0 - 1 / (1 + 10 ** ((y - z) / 400)))
    z, y = z + move, y - move
    standings = elo(found)
    assert [standings.row(name).estimate for name in "xyz"] == pytest.approx([x, y, z], abs=1e-10)
    assert "file order used" in standings.warnings


def test_evalica_gives_the_same_ratings() -> None:
    evalica = pytest.importorskip("evalica")
    rng = np.random.default_rng(0)
    a = rng.integers(0, 5, 400)
    b = (a + rng.integers(1, 5, 400)) % 5
    share = rng.choice([0.0, 0.5, 1.0], 400)
    winners = [{1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}[s] for s in share]
    names = [[f"m{i}" for i in codes] for codes in (a, b)]
    theirs = evalica.elo(*names, winners, initial=1000.0, base=10.0, scale=400.0, k=4.0).scores
    ours = elo(battles(*names, share), replicates=2)
    for name in theirs.index:
        assert ours.row(name).estimate == pytest.approx(theirs[name], abs=1e-6)


def test_passes_repeat_by_seed_and_forget_the_order() -> None:
    rng = np.random.default_rng(1)
    share = (rng.random(300) < 0.7).astype(float)
    found, backwards = (
        battles(["x"] * 300, ["y"] * 300, share),
        battles(["x"] * 300, ["y"] * 300, share[::-1].copy()),
    )
    one, two = (elo(found, passes=100, replicates=20, seed=3).row("x") for _ in range(2))
    assert one == two
    assert one.estimate == pytest.approx(
        elo(backwards, passes=100, replicates=20, seed=4).row("x").estimate, abs=3.0
    )
    assert one.low is not None
    assert one.high is not None
    bradley = bradley_terry(found).row("x").estimate
    assert bradley is not None
    # With k = 4 and 300 battles Elo has come most of the way from its start.
    assert 1000 < (one.estimate or 0) < bradley + 5
    assert one.low < (one.estimate or 0) < one.high


def test_the_order_of_rows_matters_and_is_said() -> None:
    wins = [1.0] * 20 + [0.0] * 20
    early, late = (elo(battles(["x"] * 40, ["y"] * 40, s)).row("x").estimate for s in (wins, wins[::-1]))
    assert early is not None
    assert late is not None
    assert early < 1000 < late


def test_mistakes_are_told() -> None:
    with pytest.raises(BadInput, match="give k > 0"):
        elo(battles(["x"], ["y"], [1.0]), k=0)
