"""Line searches compared with SciPy's, run by run, to the last bit and the last evaluation.

SciPy's ``bracket``, ``golden`` and ``brent`` work on one function at a time, follow the same pages of Numerical
Recipes, and have the same rounded constants.
"""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import bracket as scipy_bracket
from scipy.optimize import minimize_scalar

from bpviz.engine.oracle import CountingOracle
from bpviz.numerics.linesearch import (
    KnownValues,
    StrongWolfe,
    _between,
    _Trial,
    along,
    backtrack,
    bracket,
    brent,
    golden_section,
    resolution,
)

# One function per branch of the textbook's loop, found with a copy of the loop that prints its branches.
ON_THE_WAY = {
    "a minimum between 0 and 1": lambda x: (x - 0.3) ** 2,
    "uphill first, so backwards": lambda x: (x + 7) ** 2,
    "a parabola whose minimum is the new point": lambda x: (x - 2) ** 2,
    "a parabola that steps beyond": lambda x: (x - 50) ** 2,
    "a parabola that leads too far": lambda x: math.sqrt(1 + (x - 300) ** 2),
    "far beyond, and then it has risen": lambda x: x**3 / 3e5 - x if x > -900 else 1e9,
    "a parabola upside down": lambda x: math.log(1 + (x - 30) ** 2),
    "a parabola between that misses": lambda x: math.exp(-x) + 0.001 * x,
    "a straight line": lambda x: abs(x - 1e5),
    "so nearly level that a parabola is lost in roundoff": lambda x: 1e-21 * abs(x - 40) ** 1.01,
    "a parabola whose minimum is a maximum": lambda x: math.sin(2.5 * x - 2.8) + 0.0121 * (x - 2.4) ** 2,
    "stairs": lambda x: float(math.floor(abs(x - 9.3))),
}


def waves():
    """Return 1000 lopsided functions with many minima each: every branch is taken a dozen times or more."""
    numbers = random.Random(20)
    draws = [[numbers.uniform(-3, 3) for _ in range(4)] for _ in range(1000)]
    return [lambda x, a=a, b=b, c=c, d=d: math.sin(a * x + b) + 0.01 * (c * (x - d)) ** 2 for a, b, c, d in draws]


class Lines:
    """The functions as φ of one block, with the number of evaluations of each."""

    def __init__(self, functions, problem):
        self.functions = functions
        self.asked = [0] * len(functions)
        self.f = CountingOracle(problem, len(functions))
        self.zero = np.zeros((len(functions), 1))

    def __call__(self, alpha, where):
        answer = np.full(alpha.shape, np.nan)
        for run in np.flatnonzero(where):
            self.asked[run] += 1
            answer[run] = self.functions[run](float(alpha[run, 0]))
        return answer

    def bracket(self):
        with np.errstate(all="ignore"):  # as the loop that calls it does
            return bracket(self, self(self.zero, self.f.live), self.zero, self.f)

    def brent(self, tolerance):
        with np.errstate(all="ignore"):
            return brent(self, self.bracket(), tolerance, self.zero, self.f)

    def golden(self, tolerance, start=None):
        with np.errstate(all="ignore"):
            return golden_section(self, start or self.bracket(), tolerance, 0.0, self.f)


@pytest.fixture(params=["on the way", "waves"])
def functions(request):
    return list(ON_THE_WAY.values()) if request.param == "on the way" else waves()


def test_brackets_equal_scipy(functions, six_points):
    lines = Lines(functions, six_points)
    found = lines.bracket()
    assert found.holds.all()
    for run, function in enumerate(functions):
        *points, _, phi_b, _, asked = scipy_bracket(function)
        assert ([*points, phi_b], asked) == ([p[run, 0] for p in found[:4]], lines.asked[run]), run


@pytest.mark.parametrize("tolerance", [0.5, 0.1, 1e-6])
def test_golden_sections_equal_scipy(functions, tolerance, six_points):
    lines = Lines(functions, six_points)
    alpha, lowest = lines.golden(tolerance)
    for run, function in enumerate(functions):
        expected = minimize_scalar(function, method="golden", tol=tolerance)
        assert (expected.x, expected.fun, expected.nfev) == (alpha[run, 0], lowest[run, 0], lines.asked[run]), run


@pytest.mark.parametrize("tolerance", [0.5, 0.1, 1e-6])
def test_brent_searches_equal_scipy(functions, tolerance, six_points):
    lines = Lines(functions, six_points)
    alpha, lowest = lines.brent(tolerance)
    for run, function in enumerate(functions):
        expected = minimize_scalar(function, method="brent", tol=tolerance)
        assert (expected.x, expected.fun, expected.nfev) == (alpha[run, 0], lowest[run, 0], lines.asked[run]), run


@pytest.mark.parametrize("search", ["golden", "brent"])
def test_finds_a_minimum_close_to_the_start(search, six_points):
    """The best step is 1e-13, and SciPy's methods stop where steps are shorter than 1e-11."""
    lines = Lines([lambda x: (1e13 * x - 1) ** 2, lambda x: (x - 1) ** 2], six_points)
    alpha, lowest = getattr(lines, search)(0.01)
    assert alpha[0, 0] == pytest.approx(1e-13, rel=0.02)
    assert lowest[0, 0] < 0.01
    assert alpha[1, 0] == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("search", ["golden", "brent"])
def test_stops_where_steps_are_lost_in_rounding(search, landscape):
    """E = 1 + |w - 1| is lowest at the start, w = 1, and a step of less than ε = 2.2e-16 leaves it there."""
    f, w = CountingOracle(landscape(lambda w: 1 + abs(w[:, 0] - 1), 1), 1), np.array([[1.0]])
    phi, closest = along(f, w, w), resolution(w, w, f)
    assert closest.tolist() == [[np.finfo(float).eps]]
    start = bracket(phi, f.error(w), closest, f)
    with np.errstate(all="ignore"):
        _, lowest = {"golden": golden_section, "brent": brent}[search](phi, start, 0.1, closest, f)
    assert lowest.tolist() == [[1.0]]
    assert f.counts()[0, 0] < 120


def test_resolution_is_the_step_lost_in_rounding(six_points):
    """It is the least ε |w| / |d| over the weights that move."""
    w, d = np.array([[4.0, -1.0], [0.0, 8.0], [3.0, 2.0]]), np.array([[-2.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
    least = resolution(w, d, CountingOracle(six_points, 3)) / np.finfo(float).eps
    assert least.tolist() == [[1], [4], [math.inf]]


def test_backtracking_takes_no_step_without_a_fall(six_points):
    """φ(1) is φ(0) and c₁ φ'(0) is lost in rounding: half of it is tried, where φ falls. The other never falls."""
    lines = Lines([lambda x: 1e6 + 1e-4 * x * (x - 1), lambda x: 1e6 + x], six_points)
    slope, height = np.array([[-1e-4], [-1e-4]]), np.full((2, 1), 1e6)
    closest = np.array([[1e-12], [1e-12]])
    found, alpha, lowest = backtrack(lines, height, slope, 1.0, 0.5, 1e-9, closest, lines.f)
    assert found.tolist() == [[True], [False]]
    assert alpha[0, 0] == 0.5
    assert lowest[0, 0] < 1e6
    assert lines.asked == [2, 41]  # 2⁻⁴⁰ is the first below 1e-12


def test_backtracking_reaches_short_steps_with_a_factor_close_to_1(six_points):
    """0.999¹⁰⁰⁰ is 0.37; from there on steps are halved, down to those that are lost in rounding."""
    lines = Lines([lambda x: (1e6 * x - 1) ** 2, lambda x: 1 + x], six_points)
    slope, height, none = np.array([[-2e6], [-1.0]]), np.ones((2, 1)), np.zeros((2, 1))
    found, alpha, _ = backtrack(lines, height, slope, 1.0, 0.999, 1e-4, none, lines.f)
    assert found.tolist() == [[True], [False]]
    assert 0 < alpha[0, 0] < 2e-6
    assert max(lines.asked) <= 2000


class Curves:
    """A problem of one weight, from a function and its derivative, that records all trials."""

    name = "curves"
    weights = ("w1",)
    offers = frozenset({"error", "gradient"})
    width = 1

    def __init__(self, function, slope):
        self.function, self.slope, self.tried = function, slope, []

    def at(self, w, spare=None):
        def error():
            self.tried.append(float(w[0, 0]))
            return np.array([self.function(float(x)) for x in w[:, 0]])

        return SimpleNamespace(error=error, gradient=lambda: np.array([[self.slope(float(x))] for x in w[:, 0]]))


def searched(function, slope, accept=None, **settings):
    """Return what a search for a strong Wolfe step finds from w = 0 along d = 1, and its trials."""
    problem = Curves(function, slope)
    f, w = CountingOracle(problem, 1), np.array([[0.0]])
    with np.errstate(all="ignore"):
        known = KnownValues.unknown(w, f).at(w, f)
        found = StrongWolfe(**settings).search(w, np.array([[1.0]]), known, f, accept)
    return found, problem.tried[1:]


def test_a_zoom_shrinks_at_every_trial():
    """On random waves that fall from 0, no trial is repeated and the result meets both conditions."""
    numbers = random.Random(5)
    zoomed = 0
    for _ in range(300):
        a, b, c = numbers.uniform(1, 9), numbers.uniform(0, 3), numbers.uniform(0.01, 1)

        def function(x, a=a, b=b, c=c):
            return math.sin(a * x + b) + c * x * x

        def slope(x, a=a, b=b, c=c):
            return a * math.cos(a * x + b) + 2 * c * x

        if slope(0) >= 0:
            continue
        found, tried = searched(function, slope, step=8.0, c1=0.1, c2=0.11)
        assert len(set(tried)) == len(tried)
        assert found.holds.all()
        alpha = float(found.alpha[0, 0])
        assert function(alpha) <= function(0) + 0.1 * alpha * slope(0)
        assert abs(slope(alpha)) <= 0.11 * abs(slope(0))
        zoomed += len(tried) > 5
    assert zoomed > 10


def test_a_trial_is_inside_its_bracket(six_points):
    """Low is 1, with slope 1, and high is 0. Parabolas through them have their stationary points at 1.05 and at 0."""
    low = _Trial(np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))
    high = _Trial(np.array([[0.0], [0.0]]), np.array([[-11.0], [-0.5]]), np.full((2, 1), np.nan))
    middle = np.full((2, 1), 0.5)
    assert _between(low, high, None, middle, CountingOracle(six_points, 2)).tolist() == middle.tolist()


def test_a_step_that_falls_enough_is_kept_where_none_meets_both_conditions():
    """φ = max(-α, 9 α - 10) has slopes -1 and 9 alone: no step is level, and the lowest, about 1, falls enough."""
    found, tried = searched(lambda x: max(-x, 9 * x - 10), lambda x: -1 if x < 1 else 9, step=0.3)
    assert found.holds.all()
    assert found.alpha[0, 0] == pytest.approx(1, abs=1e-9)
    assert found.known.error[0, 0] == min(max(-x, 9 * x - 10) for x in tried)
    assert found.known.g[0, 0] in (-1, 9)
    assert len(set(tried)) == len(tried) < 100


def test_the_lowest_step_is_kept_where_all_are_refused():
    found, tried = searched(lambda x: (x - 2) ** 2, lambda x: 2 * (x - 2), lambda g: g < -9)
    assert found.holds.all()
    assert found.known.error[0, 0] == min((x - 2) ** 2 for x in tried)
    assert found.alpha[0, 0] == pytest.approx(2, abs=1e-6)


def test_no_step_is_found_where_the_error_rises_against_its_slope():
    found, tried = searched(abs, lambda x: -1.0)
    assert not found.holds.any()
    assert found.alpha.tolist() == [[0]]
    assert found.known.failed.all()
    assert len(set(tried)) == len(tried)


def test_takes_a_tolerance_per_run(six_points):
    functions = waves()[:3]
    tolerance = np.array([[0.5], [0.1], [1e-6]])
    lines = Lines(functions, six_points)
    alpha, _ = lines.golden(tolerance)
    expected = [
        minimize_scalar(function, method="golden", tol=tol)
        for function, tol in zip(functions, tolerance[:, 0], strict=True)
    ]
    assert [e.x for e in expected] == alpha[:, 0].tolist()
    assert [e.nfev for e in expected] == lines.asked


def test_finds_no_bracket_where_the_function_is_flat(six_points):
    """0, 1 and 2.618034 are tried, and 1 is returned; the other run goes on."""
    lines = Lines([lambda _: 0.25, lambda x: (x - 2) ** 2], six_points)
    found = lines.bracket()
    assert found.holds[:, 0].tolist() == [False, True]
    alpha, lowest = lines.golden(0.1, found)
    assert (alpha[0, 0], lowest[0, 0], lines.asked[0]) == (1, 0.25, 3)
    assert alpha[1, 0] == pytest.approx(2, abs=0.2)


def test_stops_at_infinity_on_a_falling_function(six_points):
    lines = Lines([lambda x: -math.log(1 + abs(x + 0.5))], six_points)
    alpha, _ = lines.golden(0.1)
    assert alpha[0, 0] == math.inf
    assert lines.asked[0] < 2 * 1000


def test_finds_no_bracket_next_to_nan(six_points):
    """Beyond 2 the function is NaN, so that 1 is the lowest step."""
    lines = Lines([lambda x: -x if x < 2 else math.nan], six_points)
    alpha, lowest = lines.golden(0.1)
    assert (alpha[0, 0], lowest[0, 0], lines.asked) == (1, -1, [3])


@pytest.mark.parametrize("search", ["golden", "brent"])
def test_a_bracket_does_not_reach_to_infinity(search, six_points):
    """The function falls to the largest number and is infinite beyond it: the last finite step is the result."""
    lines = Lines([lambda x: -x if math.isfinite(x) else math.inf], six_points)
    alpha, lowest = getattr(lines, search)(0.1)
    assert 1e300 < alpha[0, 0] < math.inf
    assert lowest[0, 0] == -alpha[0, 0]
    assert lines.asked[0] < 1000


def test_a_bracket_begins_with_a_step_that_rounding_does_not_lose(six_points):
    tried = []
    lines = Lines([lambda x: tried.append(x) or (x - 30) ** 2], six_points)
    with np.errstate(all="ignore"):
        found = bracket(lines, np.array([[900.0]]), np.array([[5.0]]), lines.f)
    assert tried[0] == 10
    assert found.a[0, 0] < 30 < found.c[0, 0]


def test_does_not_evaluate_ended_runs(six_points):
    lines = Lines(list(ON_THE_WAY.values()), six_points)
    lines.f.live[::2] = False
    lines.golden(0.1)
    assert set(lines.asked[::2]) == {0}
    assert min(lines.asked[1::2]) >= 5


def test_along_returns_the_error_on_a_line(six_points, plain):
    f = CountingOracle(six_points, 2)
    w, direction = np.array([[-1.2, 1.0], [0.5, 2.0]]), np.array([[0.3, -0.7], [1.0, 4.0]])
    phi = along(f, w, direction)(np.array([[2.0], [-0.5]]), np.array([True, False]))
    assert phi[0, 0] == pytest.approx(plain(six_points).error([-0.6, -0.4]), rel=1e-14)
    assert phi[1, 0] == math.inf
    assert f.counts()[:, 0].tolist() == [1, 0]
