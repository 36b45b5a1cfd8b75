"""Control variates: unbiased for any score, the variance of its formula, intervals that cover; on worlds and on a real crowd."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from winsome.errors import BadInput
from winsome.standings.control_curves import control_curves
from winsome.standings.control_variates import control_variates
from winsome.standings.label_plan import half_width_of, label_plan, of_pilot


def world(size: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels 1, 0.5 or 0 and a score that knows a part of what decides them, off by 0.1."""
    quality = draw.random(size)
    luck = draw.random(size)
    y = np.where(luck < 0.8 * quality, 1.0, np.where(luck < 0.8 * quality + 0.2, 0.5, 0.0))
    return y, np.clip(quality + 0.1 + draw.normal(0, 0.15, size), 0, 1)


SCORES = {
    "random": lambda y, draw: draw.random(len(y)),
    "inverted": lambda y, draw: np.where(draw.random(len(y)) < 0.8, 1.0 - y, y),
    "biased": lambda y, draw: np.clip(
        np.where(draw.random(len(y)) < 0.7, y, draw.random(len(y))) + 0.3, 0, 1.3
    ),
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("alpha", ["cross-fit", 0.7])
def test_unbiased_over_subsets_for_any_score(kind: str, alpha: str | float) -> None:
    draw = np.random.default_rng(3)
    y, _ = world(200, draw)
    s = SCORES[kind](y, draw)
    found = np.empty(2_000)
    for k in range(len(found)):
        place = draw.permutation(200)[:12]
        found[k] = control_variates(y[place], s[place], s, alpha=alpha).estimate  # type: ignore[arg-type]
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - y.mean()) < 3 * error


def test_cross_fitting_is_unbiased_over_every_subset() -> None:
    """No draw at all: the mean over all 792 subsets of 5 of 12 is the truth to rounding, that of the plug-in is not."""
    import itertools

    draw = np.random.default_rng(4)
    y, s = world(12, draw)
    s = s + 0.4 * (y - 0.5) ** 2
    means = {}
    for alpha in ("cross-fit", "optimal"):
        all_of_them = [
            control_variates(y[list(place)], s[list(place)], s, alpha=alpha).estimate
            for place in itertools.combinations(range(12), 5)
        ]
        means[alpha] = float(np.mean(all_of_them)) - y.mean()
    assert abs(means["cross-fit"]) < 1e-12
    assert 1e-4 < abs(means["optimal"]) < 1 / 5


def test_two_line_numpy_gives_the_same_coefficients_and_estimate() -> None:
    draw = np.random.default_rng(5)
    y, s = world(300, draw)
    every = np.stack([s, draw.random(300), s**2 + draw.normal(0, 0.1, 300)], 1)
    place = draw.permutation(300)[:80]
    design = np.column_stack([np.ones(80), every[place]])
    beta = np.linalg.lstsq(design, y[place], rcond=None)[0]
    found = control_variates(y[place], every[place], every, alpha="optimal")
    assert found.alpha == pytest.approx(beta[1:], abs=1e-10)
    assert found.estimate == pytest.approx(float(beta[0] + every.mean(0) @ beta[1:]), abs=1e-12)


def test_the_code_of_the_cross_fit_is_that_of_a_plain_loop() -> None:
    draw = np.random.default_rng(6)
    y, s = world(90, draw)
    place = draw.permutation(90)[:24]
    cluster = (np.arange(24) // 3).astype(np.int32)
    labels, scores, wanted = y[place], s[place], float(y[place].mean())
    for g in range(8):
        out = cluster != g
        alpha = np.cov(labels[out], scores[out])[0, 1] / scores[out].var(ddof=1)
        rest = (s.sum() - scores[out].sum()) / (90 - 21)
        wanted -= (3 / 24) * alpha * (1 - 21 / 90) * (scores[~out].mean() - rest)
    assert control_variates(labels, scores, s, clusters=cluster).estimate == pytest.approx(wanted, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.floats(-50, 50).filter(lambda a: abs(a) > 0.01), st.floats(-20, 20), st.integers(0, 1_000))
def test_affine_scores_change_nothing(slope: float, shift: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y, s = world(60, draw)
    place = draw.permutation(60)[:20]
    for alpha in ("cross-fit", "optimal"):
        one = control_variates(y[place], s[place], s, alpha=alpha)
        two = control_variates(y[place], slope * s[place] + shift, slope * s + shift, alpha=alpha)
        assert two.estimate == pytest.approx(one.estimate, abs=1e-10)
        assert two.standard_error == pytest.approx(one.standard_error, rel=1e-7)
        assert two.rho2 == pytest.approx(one.rho2, rel=1e-7, abs=1e-10)


def test_the_ends_all_labelled_constant_and_perfect() -> None:
    draw = np.random.default_rng(7)
    y, s = world(150, draw)
    every = control_variates(y, s, s)
    assert every.estimate == pytest.approx(y.mean(), abs=1e-12)
    place = draw.permutation(150)[:40]
    flat = control_variates(y[place], np.full(40, 0.3), np.full(150, 0.3))
    assert (flat.estimate, flat.alpha, flat.rho2, flat.saving) == (y[place].mean(), (0.0,), 0.0, 0.0)
    assert (flat.low, flat.high) == (flat.human.low, flat.human.high)
    assert "do not vary" in flat.warnings[0]
    perfect = control_variates(y[place], y[place], y)
    assert perfect.estimate == pytest.approx(y.mean(), abs=1e-12)
    assert perfect.standard_error == pytest.approx(y.std(ddof=1) / np.sqrt(150), rel=1e-9)
    assert control_variates(y[place], y[place], y, target="pairs").standard_error == pytest.approx(
        0, abs=1e-9
    )


@pytest.mark.parametrize("target", ["population", "pairs"])
@pytest.mark.parametrize("part", [0.05, 0.2, 0.5, 1.0])
def test_variance_is_that_of_the_formula(part: float, target: str) -> None:
    """Var(y)/n (1 - rho^2 (1 - f)) over fresh populations, S^2/n (1 - f)(1 - rho^2) over subsets of one; alpha fixed at its best."""
    draw = np.random.default_rng(8)
    many_y, many_s = world(400_000, draw)
    covariance = np.cov(many_y, many_s)
    alpha = covariance[0, 1] / covariance[1, 1]
    rho2 = covariance[0, 1] ** 2 / covariance[0, 0] / covariance[1, 1]
    size, n = 800, round(800 * part)
    runs = 12_000
    y, s = world(size, draw)
    gap = (y - y.mean()) - alpha * (s - s.mean())
    found = np.empty(runs)
    for k in range(runs):
        if target == "population":
            y, s = world(size, draw)
            found[k] = y[:n].mean() - alpha * (s[:n].mean() - s.mean())
        else:
            found[k] = gap[draw.permutation(size)[:n]].mean()
    wanted = covariance[0, 0] / n * (1 - rho2 * (1 - part))
    if target == "pairs":
        wanted = gap.var(ddof=1) / n * (1 - part)
    assert found.var() == pytest.approx(wanted, rel=0.045, abs=1e-12)
    told = [control_variates(y[p], s[p], s, alpha=alpha, target=target).standard_error ** 2  # type: ignore[arg-type]
            for p in (draw.permutation(size)[:n] for _ in range(200))]  # fmt: skip
    assert np.mean(told) == pytest.approx(wanted, rel=0.06, abs=1e-12)


@pytest.mark.parametrize("n", [50, 100, 400])
def test_intervals_cover(n: int) -> None:
    draw = np.random.default_rng(n)
    truth = world(3_000_000, np.random.default_rng(1))[0].mean()
    runs, inside = 2_500, 0
    for _ in range(runs):
        y, s = world(4 * n, draw)
        found = control_variates(y[:n], s[:n], s)
        inside += found.low <= truth <= found.high
    # 93.5 to 96.5%, and three standard errors of 2,500 draws
    assert 0.935 - 0.0131 < inside / runs < 0.965 + 0.011


def test_intervals_cover_with_annotators_of_their_own_taste() -> None:
    """Each of 40 annotators labels 5 pairs and leans to a side; the interval without clusters covers far less."""
    draw = np.random.default_rng(9)
    inside = {"clusters": 0, "none": 0}
    runs, annotators = 1_500, np.repeat(np.arange(40, dtype=np.int32), 5)
    quality = draw.random(2_000_000)
    lean = draw.normal(0, 0.35, 2_000_000)
    truth = float((draw.random(2_000_000) < np.clip(quality + lean, 0, 1)).mean())
    for _ in range(runs):
        quality = draw.random(800)
        lean = draw.normal(0, 0.35, 40)[annotators]
        y = (draw.random(200) < np.clip(quality[:200] + lean, 0, 1)).astype(float)
        s = np.clip(quality + draw.normal(0, 0.1, 800), 0, 1)
        for kind, clusters in (("clusters", annotators), ("none", None)):
            found = control_variates(y, s[:200], s, clusters=clusters)
            inside[kind] += found.low <= truth <= found.high
    assert 0.925 < inside["clusters"] / runs < 0.975
    assert inside["none"] / runs < inside["clusters"] / runs - 0.02


def test_prompts_that_repeat_among_unlabelled_pairs_widen_the_interval() -> None:
    """20 prompts of 30 pairs, scores and labels alike within a prompt: the interval covers only with both columns of clusters."""
    draw = np.random.default_rng(10)
    inside = {True: 0, False: 0}
    runs = 1_000
    for _ in range(runs):
        prompt = np.repeat(np.arange(60, dtype=np.int32), 10)
        level = np.clip(draw.normal(0.5, 0.2, 60), 0, 1)[prompt]
        y = (draw.random(600) < level).astype(float)
        s = np.clip(level + draw.normal(0, 0.1, 600), 0, 1)
        place = draw.permutation(600)[:150]
        for whole in (True, False):
            more = {"clusters": prompt[place], "clusters_all": prompt} if whole else {}
            found = control_variates(y[place], s[place], s, **more)
            inside[whole] += found.low <= 0.5 <= found.high
    assert 0.925 < inside[True] / runs < 0.98
    assert inside[False] / runs < inside[True] / runs - 0.03


# The crowd


@pytest.fixture(scope="module")
def crowd(shared_data: Path) -> dict[str, np.ndarray]:
    """Of 1,479 pairs: mean vote and single votes of the crowd, and the recorded verdicts, all as the left answer's share."""
    import polars as pl

    share = pl.col("winner").replace_strict({"left": 1.0, "tie": 0.5, "right": 0.0}).alias("share")
    folder = shared_data / "llmfao"
    votes = pl.read_csv(folder / "crowd_votes.csv").with_columns(share)
    table = votes.group_by("id").agg(pl.col("share").mean().alias("human"))
    for name in ("gpt4", "gpt3"):
        one = pl.read_csv(folder / f"{name}_votes.csv").select("id", share.alias(name))
        table = table.join(one, on="id")
        votes = votes.join(one, on="id")
    table = table.sort("id")
    columns = {name: table[name].to_numpy() for name in ("human", "gpt4", "gpt3")}
    return columns | {"vote": votes["share"].to_numpy(), "vote_gpt4": votes["gpt4"].to_numpy(), "vote_gpt3": votes["gpt3"].to_numpy()}  # fmt: skip


def test_the_crowd_is_the_published_one(crowd: dict[str, np.ndarray]) -> None:
    assert (len(crowd["human"]), len(crowd["vote"])) == (1_479, 6_204)
    assert crowd["human"].mean() == pytest.approx(0.516, abs=0.0005)
    for judge, pooled, single in (("gpt4", 0.092, 0.042), ("gpt3", 0.027, 0.011)):
        every = control_variates(crowd["human"], crowd[judge], crowd[judge])
        assert every.rho2 == pytest.approx(pooled, abs=0.0005)
        assert np.corrcoef(crowd["vote"], crowd[f"vote_{judge}"])[0, 1] ** 2 == pytest.approx(
            single, abs=0.0006
        )


@pytest.mark.parametrize(("judge", "ratio"), [("gpt4", 0.93), ("gpt3", 0.98)])
def test_unbiased_over_10_000_resamples_of_the_crowd_and_the_saving_is_its_formula(
    crowd: dict[str, np.ndarray], judge: str, ratio: float
) -> None:
    y, s = crowd["human"], crowd[judge]
    draw = np.random.default_rng(0)
    runs, n, size, truth = 10_000, 100, len(y), y.mean()
    found, human, inside, saving = np.empty(runs), np.empty(runs), 0, np.empty(runs)
    for k in range(runs):
        place = draw.permutation(size)[:n]
        one = control_variates(y[place], s[place], s, target="pairs")
        found[k], human[k], saving[k] = one.estimate, one.human.estimate, one.saving
        inside += one.low <= truth <= one.high
    assert abs(found.mean() - truth) < 3 * found.std() / np.sqrt(runs)
    assert found.var() / human.var() == pytest.approx(ratio, abs=0.03)
    # 1 - (1 - rho^2) (n - 2) / (n - 3): the saving at n = 100, the price of an estimated coefficient included
    rho2 = np.corrcoef(y, s)[0, 1] ** 2
    formula = 1 - (1 - rho2) * (n - 2) / (n - 3)
    assert 1 - found.var() / human.var() == pytest.approx(formula, abs=0.02)
    assert saving.mean() == pytest.approx(formula, abs=0.02)
    assert 0.935 < inside / runs < 0.965
    if judge == "gpt3":
        assert s.mean() - truth == pytest.approx(0.154, abs=0.0005)


def test_curves_in_matrix_form(crowd: dict[str, np.ndarray]) -> None:
    """10^4 draws of 20 sizes in seconds; people alone at n / (1 - rho^2) labels err as control variates at n."""
    sizes = [int(n) for n in np.linspace(40, 800, 20)]
    started = time.process_time()
    found = control_curves(crowd["human"], crowd["gpt4"], sizes)
    seconds = time.process_time() - started
    assert np.abs(found.human_bias).max() < 3 * np.sqrt(found.human_mse.max() / 10_000)
    assert found.synthetic_bias == pytest.approx(crowd["gpt4"].mean() - crowd["human"].mean())
    shifted = found.human_mse * (1 - found.rho2)
    assert found.assisted_mse[4:] == pytest.approx(shifted[4:], rel=0.05)
    assert found.human_mse[-1] == pytest.approx(crowd["human"].var() / 800, rel=0.05)
    assert seconds < 5
    print(f"{seconds:.1f} CPU s")


# The planner


@pytest.mark.parametrize("target", ["population", "pairs"])
def test_the_plan_gives_the_half_width(target: str) -> None:
    """At the planned number of labels the mean half-width over fresh draws is the wanted one, with and without the judge."""
    draw = np.random.default_rng(12)
    y, s = world(2_000, draw)
    pilot = control_variates(y, s, s)
    plan = label_plan(pilot.variance, pilot.rho2, 2_000, 0.04, target=target)  # type: ignore[arg-type]
    assert plan.labels is not None
    assert plan.human_only is not None
    assert plan.saving == pytest.approx(1 - plan.labels / plan.human_only)
    widths: dict[str, list[float]] = {"assisted": [], "human": []}
    for _ in range(300):
        order = draw.permutation(2_000)
        one = control_variates(y[order[: plan.labels]], s[order[: plan.labels]], s, target=target)  # type: ignore[arg-type]
        two = control_variates(
            y[order[: plan.human_only]], s[order[: plan.human_only]], s, target=target
        ).human  # type: ignore[arg-type]
        widths["assisted"].append(one.half_width)
        widths["human"].append((two.high - two.low) / 2)
    assert np.mean(widths["assisted"]) == pytest.approx(0.04, rel=0.02)
    assert np.mean(widths["human"]) == pytest.approx(0.04, rel=0.02)


def test_a_plan_beyond_the_pairs_says_so_and_a_pilot_makes_one() -> None:
    assert label_plan(0.2, 0.3, 100, 0.01).labels is None
    assert label_plan(0.2, 0.3, 100, 0.01, target="pairs").labels is not None
    draw = np.random.default_rng(13)
    y, s = world(1_000, draw)
    found = control_variates(y[:100], s[:100], s)
    plan = of_pilot(found, 0.05)
    assert plan.saving_low is not None
    assert plan.saving_high is not None
    assert plan.saving is not None
    assert plan.saving_low <= plan.saving <= plan.saving_high
    assert plan.remaining(100) == plan.labels - 100  # type: ignore[operator]
    # z = 1.959964 + 1.281552 at 0.95 and 0.9 (normal tables)
    assert half_width_of(0.03) == pytest.approx(0.03 * 1.959964 / 3.241516, rel=1e-6)


Y, S = np.array([1.0, 0.0, 0.5, 1.0, 0.0]), np.array([0.9, 0.2, 0.4, 0.7, 0.1])


@pytest.mark.parametrize(("words", "call"), [
    ("3 human labels; 4 are the least", lambda: control_variates(Y[:3], S[:3], S)),
    ("no synthetic score", lambda: control_variates(Y, np.where(S < 0.2, np.nan, S), S)),
    ("outside 0 to 1", lambda: control_variates(Y * 2, S, S)),
    ("outside 0 to 1", lambda: control_variates(np.where(Y == 0.5, np.nan, Y), S, S)),
    ("s_all holds the labelled pairs", lambda: control_variates(Y, S, S[:4])),
    ("give each label's pair a score", lambda: control_variates(Y, S[:4], S)),
    ("2 clusters for 5 rows", lambda: control_variates(Y, S, S, clusters=np.zeros(2, np.int32))),
    ("half-width 0.7", lambda: label_plan(0.2, 0.1, 100, 0.7)),
    ("sizes [2]", lambda: control_curves(Y, S, [2])),
])  # fmt: skip
def test_mistakes_in_one_line(words: str, call: object) -> None:
    with pytest.raises(BadInput) as error:
        call()  # type: ignore[operator]
    assert words in str(error.value)
    assert len(str(error.value)) <= 200


def test_few_labels_and_opposite_seats_are_warned_of() -> None:
    assert "5 human labels" in control_variates(Y, S, S).warnings[0]
    draw = np.random.default_rng(14)
    y, s = world(100, draw)
    assert any("against each other" in line for line in control_variates(y, 1 - s, 1 - s).warnings)
    assert not control_variates(y, s, s).warnings
