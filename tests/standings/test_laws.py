"""The laws equal scipy's, and a closed form where scipy loses digits."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from winsome.standings import laws

DF = st.floats(0.3, 1e6)


@given(DF, st.floats(1e-3, 1e3))
def test_student_tails(df: float, t: float) -> None:
    assert laws.student_tails(df, t) == pytest.approx(2.0 * special.stdtr(df, -t), rel=1e-9, abs=1e-300)


@given(DF, st.floats(0.501, 1 - 1e-9))
def test_student_quantile(df: float, p: float) -> None:
    wanted = float(special.stdtrit(df, p))
    assert laws.student_quantile(df, p) == pytest.approx(wanted, rel=1e-8)
    assert laws.student_tails(df, wanted) == pytest.approx(2.0 * (1.0 - p), rel=1e-7)


@pytest.mark.parametrize("t", [1e-8, 1e-3, 1.0, 40.0, 1e6])
def test_one_degree_of_freedom_is_the_cauchy_law(t: float) -> None:
    assert laws.student_tails(1.0, t) == pytest.approx(2.0 / math.pi * math.atan2(1.0, t), rel=1e-13)
    assert laws.student_quantile(1.0, 0.75) == pytest.approx(1.0, rel=1e-14)


def test_the_ends() -> None:
    assert (laws.student_tails(5.0, 0.0), laws.student_tails(5.0, math.inf)) == (1.0, 0.0)
    assert math.isnan(laws.student_tails(5.0, math.nan))
    assert (laws.student_quantile(5.0, 0.5), laws.student_quantile(5.0, 1.0)) == (0.0, math.inf)
    assert laws.student_quantile(0.001, 0.999) == math.inf
    assert [laws.normal_quantile(p) for p in (0.0, 0.5, 1.0)] == [-math.inf, 0.0, math.inf]
    assert math.isnan(laws.normal_quantile(1.5))


@pytest.mark.parametrize("size", [3, 30])
def test_many_at_once(size: int) -> None:
    rng = np.random.default_rng(size)
    df, t = rng.uniform(0.5, 900, (size, size)), rng.uniform(0, 8, (size, size))
    np.testing.assert_allclose(laws.student_tails_each(df, t), 2 * special.stdtr(df, -t), rtol=1e-10)
    np.testing.assert_allclose(laws.normal_tails(t), 2 * special.ndtr(-t), rtol=1e-12)


@given(st.floats(1e-15, 1 - 1e-12))
def test_normal_quantile(p: float) -> None:
    assert laws.normal_quantile(p) == pytest.approx(special.ndtri(p), rel=1e-9, abs=1e-15)


def test_the_logistic_law_is_exact_in_both_tails() -> None:
    x = np.array([-800.0, -745.0, -40.0, -1.0, -0.0, 0.0, 1e-9, 1.0, 40.0, 800.0])
    np.testing.assert_allclose(laws.expit(x), special.expit(x), rtol=1e-15, atol=1e-320)
    np.testing.assert_allclose(laws.log_expit(x), special.log_expit(x), rtol=1e-15)
    assert float(laws.expit(np.float64(0.0))) == 0.5  # type: ignore[arg-type]


def test_ranking_needs_no_scipy() -> None:
    code = "import sys, winsome.standings; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
