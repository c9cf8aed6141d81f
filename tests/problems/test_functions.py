"""Compare the functions of two variables with their printed formulas and with published values.

``PRINTED`` contains every formula a second time, as printed in papers and test collections. The formulas are evaluated
on jets, numbers that carry their derivatives, so no derivative is computed by hand; jets of fractions are exact.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from fractions import Fraction as Q

import numpy as np
import pytest

from bpviz.declare import KINDS, PROBLEMS, fields
from bpviz.declare.domains import Choice, Flag, Interval
from bpviz.problems._formula import Function, SumOfSquares

FUNCTIONS = [name for name, cls in PROBLEMS.items() if issubclass(cls, Function)]
over_functions = pytest.mark.parametrize("name", FUNCTIONS)


# -- jets --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Jet:
    """A number with its derivatives with respect to x, y, xx, xy and yy."""

    value: float | Q
    first: tuple = (0, 0)
    second: tuple = (0, 0, 0)

    def through(self, f, f1, f2):
        """Return a function of this number, given its value and first two derivatives."""
        (x, y), (xx, xy, yy) = self.first, self.second
        return Jet(f, (f1 * x, f1 * y), (f2 * x * x + f1 * xx, f2 * x * y + f1 * xy, f2 * y * y + f1 * yy))

    def __add__(self, other):
        (a, (ax, ay), (axx, axy, ayy)), (b, (bx, by), (bxx, bxy, byy)) = parts(self), parts(other)
        return Jet(a + b, (ax + bx, ay + by), (axx + bxx, axy + bxy, ayy + byy))

    def __mul__(self, other):
        (a, (ax, ay), (axx, axy, ayy)), (b, (bx, by), (bxx, bxy, byy)) = parts(self), parts(other)
        mixed = (2 * ax * bx, ax * by + ay * bx, 2 * ay * by)
        whole = zip((axx, axy, ayy), (bxx, bxy, byy), mixed, strict=True)
        return Jet(a * b, (ax * b + a * bx, ay * b + a * by), tuple(p * b + a * q + m for p, q, m in whole))

    def __truediv__(self, other):
        b = jet(other)
        return self * b.through(1 / b.value, -1 / b.value**2, 2 / b.value**3)

    def __pow__(self, n):
        return math.prod([self] * n, start=Jet(1))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -jet(other)

    def __rsub__(self, other):
        return jet(other) - self

    def __rtruediv__(self, other):
        return jet(other) / self

    def __abs__(self):
        return self if self.value > 0 else -self

    __radd__, __rmul__ = __add__, __mul__


def jet(z):
    """Return a number as a jet, with integers as fractions, so that divisions are exact."""
    return z if isinstance(z, Jet) else Jet(Q(z) if isinstance(z, int) else z)


def parts(z):
    z = jet(z)
    return z.value, z.first, z.second


def sin(z):
    s, c = math.sin(z.value), math.cos(z.value)
    return z.through(s, c, -s)


def cos(z):
    s, c = math.sin(z.value), math.cos(z.value)
    return z.through(c, -s, -c)


def exp(z):
    e = math.exp(z.value)
    return z.through(e, e, e)


def sqrt(z):
    r = math.sqrt(z.value)
    return z.through(r, 1 / (2 * r), -1 / (4 * r**3))


def atan(z):
    k = 1 / (1 + z.value**2)
    return z.through(math.atan(z.value), k, -2 * z.value * k * k)


def test_jets_compute_derivatives():
    """At x = 2, y = 3: x² y has gradient (12, 4) and Hessian (6, 4, 0), and sin x / y follows the quotient rule."""
    x, y = Jet(Q(2), (1, 0)), Jet(Q(3), (0, 1))
    assert x**2 * y == Jet(12, (12, 4), (6, 4, 0))
    assert 1 / x - y == Jet(Q(1, 2) - 3, (Q(-1, 4), -1), (Q(1, 4), 0, 0))
    s, c = math.sin(2), math.cos(2)
    assert parts(sin(x) / y)[1:] == (
        (c / 3, pytest.approx(-s / 9)),
        (-s / 3, pytest.approx(-c / 9), pytest.approx(2 * s / 27)),
    )


# -- printed formulas --------------------------------------------------------------------------------------------------

PI = math.pi


def turned(x, y, center, angle):
    """Return the distances from a center along a line at an angle in degrees, and perpendicular to it, to the left."""
    along = (math.cos(angle * PI / 180), math.sin(angle * PI / 180))
    x, y = x - center[0], y - center[1]
    return x * along[0] + y * along[1], y * along[0] - x * along[1]


def quadratic(x, y, condition, angle):
    u, v = turned(x, y, (2, -1), angle)
    return u**2 / 2 + condition * v**2 / 2


def valley(x, y, steepness, angle):
    u, v = turned(x, y, (3, 1), angle)
    return sqrt(1 + u**2) - 1 + steepness * v**2


def plateau(x, y, radius):
    d = (x - 2) ** 2 + 2 * (y + 1) ** 2
    return d / (jet(radius) ** 2 + d)


def levy(x, y):
    w1, w2 = 1 + (x - 1) / 4, 1 + (y - 1) / 4
    return (
        sin(PI * w1) ** 2
        + (w1 - 1) ** 2 * (1 + 10 * sin(PI * w1 + 1) ** 2)
        + (w2 - 1) ** 2 * (1 + sin(2 * PI * w2) ** 2)
    )


def helical_valley(x, y):
    """θ as defined by Moré, Garbow and Hillstrom, for x ≠ 0."""
    theta = atan(y / x) / (2 * PI) + (0 if x.value > 0 else 0.5)
    return 100 * ((0 - 10 * theta) ** 2 + (sqrt(x**2 + y**2) - 1) ** 2)


# Exact coefficients, as fractions.
PRINTED = {
    "ackley": lambda x, y: (
        -20 * exp(-0.2 * sqrt(0.5 * (x**2 + y**2))) - exp(0.5 * (cos(2 * PI * x) + cos(2 * PI * y))) + math.e + 20
    ),
    "beale": lambda x, y: (
        (Q("1.5") - x + x * y) ** 2 + (Q("2.25") - x + x * y**2) ** 2 + (Q("2.625") - x + x * y**3) ** 2
    ),
    "booth": lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
    "brown-badly-scaled": lambda x, y: (x - 10**6) ** 2 + (y - Q(2, 10**6)) ** 2 + (x * y - 2) ** 2,
    "bukin": lambda x, y: 100 * sqrt(abs(y - 0.01 * x**2)) + 0.01 * abs(x + 10),
    "easom": lambda x, y: -cos(x) * cos(y) * exp(-((x - PI) ** 2 + (y - PI) ** 2)),
    "freudenstein-roth": lambda x, y: (-13 + x + ((5 - y) * y - 2) * y) ** 2 + (-29 + x + ((y + 1) * y - 14) * y) ** 2,
    "goldstein-price": lambda x, y: (
        (1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2))
        * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2))
    ),
    "griewank": lambda x, y: 1 + (x**2 + y**2) / 4000 - cos(x) * cos(y / math.sqrt(2)),
    "helical-valley": helical_valley,
    "himmelblau": lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "levy": levy,
    "matyas": lambda x, y: Q("0.26") * (x**2 + y**2) - Q("0.48") * x * y,
    "mccormick": lambda x, y: sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1,
    "monkey-saddle": lambda x, y: x**3 - 3 * x * y**2,
    "plateau": plateau,
    "quadratic": quadratic,
    "rastrigin": lambda x, y, a: 2 * a + (x**2 - a * cos(2 * PI * x)) + (y**2 - a * cos(2 * PI * y)),
    "rosenbrock": lambda x, y, a, b: b * (y - x**2) ** 2 + (a - x) ** 2,
    "saddle": lambda x, y, a: a * x**2 - y**2,
    "six-hump-camel": lambda x, y: (4 - Q("2.1") * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2,
    "styblinski-tang": lambda x, y: (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2,
    "three-hump-camel": lambda x, y: 2 * x**2 - Q("1.05") * x**4 + x**6 / 6 + x * y + y**2,
    "valley": valley,
}

UNUSUAL = {
    "plateau": [{"radius": 0.3}, {"radius": 40.0}],
    "quadratic": [{"condition": 1.0}, {"condition": 1e6, "angle": -180.0}, {"angle": 90.0}, {"angle": -71.5}],
    "rastrigin": [{"a": 0.0}, {"a": 3.7}],
    "rosenbrock": [{"a": -1.7}, {"a": 0.0, "b": 1.0}, {"b": 1e5}, {"a": 100.0, "b": 1e-3}],
    "saddle": [{"a": 1e-3}, {"a": 400.0}],
    "valley": [{"steepness": 1e-3, "angle": 180.0}, {"steepness": 1e5}, {"angle": -90.0}, {"angle": 133.0}],
}

# Functions that are not differentiable at their global minimum: the tip of a funnel or a point of a fold.
KINKS = ("ackley", "bukin")

# Functions with more minima in the window than those that are listed.
MANY_MORE = {"easom", "griewank", "levy", "rastrigin"}

CASES = [(name, settings) for name in FUNCTIONS for settings in ({}, *UNUSUAL.get(name, ()))]
over_cases = pytest.mark.parametrize(
    ("name", "settings"), CASES, ids=[" ".join([n, *(f"{k}={v:g}" for k, v in s.items())]) for n, s in CASES]
)


def printed(name, settings, x, y):
    """Return the printed formula with its derivatives at a point, in the number type of x."""
    kind = type(x)
    hypers = {field.name: kind(settings.get(field.name, field.default)) for field in fields(PROBLEMS[name]).values()}
    found = PRINTED[name](Jet(x, (kind(1), kind(0))), Jet(y, (kind(0), kind(1))), **hypers)
    return parts(found)


def points(f, count=30):
    """Return points all over the window, and the start."""
    (left, right), (bottom, top) = f.window
    w = np.random.default_rng(3).uniform((left, bottom), (right, top), size=(count, 2))
    return np.asfortranarray(np.vstack([w, f.start]))


def answers(f, w):
    """Return error, gradient and second derivatives as columns."""
    at = f.at(w)
    h = at.hessian()
    return at.error()[:, None], at.gradient(), np.column_stack([h[:, 0, 0], h[:, 0, 1], h[:, 1, 1]])


def test_every_function_has_a_printed_formula():
    assert set(PRINTED) == set(FUNCTIONS)
    assert set(PROBLEMS) - set(FUNCTIONS) == {"perceptron"}
    for name, cases in UNUSUAL.items():
        assert {setting for case in cases for setting in case} == set(fields(PROBLEMS[name]))
    assert {name for name in FUNCTIONS if fields(PROBLEMS[name])} == set(UNUSUAL)


def test_required_functions_are_registered():
    assert set(FUNCTIONS) >= {
        "rosenbrock", "beale", "himmelblau", "booth", "matyas", "mccormick", "goldstein-price", "three-hump-camel",
        "six-hump-camel", "styblinski-tang", "ackley", "rastrigin", "griewank", "levy", "bukin", "easom", "quadratic",
        "saddle", "monkey-saddle", "valley", "plateau", "helical-valley", "freudenstein-roth", "brown-badly-scaled",
    }  # fmt: skip


@over_cases
def test_error_gradient_and_hessian_match_the_printed_formula(name, settings):
    f = PROBLEMS[name](**settings)
    w = points(f)
    expected = [printed(name, settings, x, y) for x, y in w.tolist()]
    for found, each in zip(answers(f, w), zip(*expected, strict=True), strict=True):
        wanted = np.reshape(each, (len(w), -1))
        scale = np.abs(wanted).max(axis=1, keepdims=True) + 1e-3 * np.abs(wanted).max()
        assert (np.abs(found - wanted) / scale).max() < 1e-12


EXACT = [(name, settings) for name, settings in CASES if isinstance(printed(name, settings, Q(2), Q(3))[0], Q)]


@pytest.mark.parametrize(("name", "settings"), EXACT, ids=str)
def test_polynomials_are_exact_up_to_rounding(name, settings):
    """Compare with exact fractions at quarters of the window; only the function itself rounds."""
    f = PROBLEMS[name](**settings)
    (left, right), (bottom, top) = f.window
    places = [
        (left + i * (right - left) / 8, bottom + j * (top - bottom) / 8)
        for i, j in itertools.product((1, 3, 6), (2, 5, 7))
    ]
    found = answers(f, np.asfortranarray(places))
    for row, (x, y) in enumerate(places):
        for part, exact in zip(found, printed(name, settings, Q(x), Q(y)), strict=True):
            wanted = np.array([float(number) for number in np.ravel(exact)])
            assert np.abs(part[row] - wanted).max() <= 2e-14 * (np.abs(wanted).max() + np.abs(part).max())


def test_polynomials_are_exact_at_many_points():
    assert len({name for name, _ in EXACT}) == 14


SCIPY = "SciPy's benchmarks/go_benchmark_functions at 3dbf660"
GONUM = "Gonum's optimize/functions/functions_test.go, Moré, Garbow & Hillstrom's problems"
ESTIMAGIC = "Estimagic's benchmarking/more_wild.py, Moré, Garbow & Hillstrom's problems"

# Published values at points without symmetry, with tolerances according to their digits. SciPy has a different Levy
# function and no Booth function.
PUBLISHED = [
    ("ackley", (0.3, -1.2), 4.927941901071961, 1e-14, SCIPY),
    ("beale", (-1.3, 0.7), 24.161805809999997, 1e-14, SCIPY),
    ("bukin", (-12.3, 0.4), 105.51707566304376, 1e-14, SCIPY),
    ("easom", (2.3, 4.1), -0.07527813567859837, 1e-14, SCIPY),
    ("goldstein-price", (0.7, -1.3), 2893.60524464, 1e-14, SCIPY),
    ("griewank", (-5.3, 2.7), 1.1928810339795854, 1e-14, SCIPY),
    ("himmelblau", (1.3, -2.7), 146.76819999999998, 1e-14, SCIPY),
    ("matyas", (-3.7, 1.9), 7.872400000000001, 1e-14, SCIPY),
    ("mccormick", (1.7, -0.4), 2.823558185417193, 1e-14, SCIPY),
    ("rastrigin", (1.3, -2.2), 26.53000000000001, 1e-14, SCIPY),
    ("six-hump-camel", (-1.3, 0.6), 0.6695263333333332, 1e-14, SCIPY),
    ("styblinski-tang", (1.3, -2.7), -47.3399, 1e-14, SCIPY),
    ("three-hump-camel", (1.3, -0.7), 0.7655631666666665, 1e-14, SCIPY),
    ("levy", (0.5, 0.3), 0.26789159, 2e-8, "F3DASM's tests"),
    ("levy", (1.0, 0.8), 0.00273873, 2e-6, "F3DASM's tests"),
    ("rosenbrock", (-1.2, 1.0), 24.2, 1e-15, GONUM),
    ("beale", (1.0, 4.0), 4624.453125, 1e-15, GONUM),
    ("brown-badly-scaled", (1.0, 1.0), 999998000003.0, 1e-15, GONUM),
    ("helical-valley", (-1.0, 0.0), 2500.0, 1e-15, GONUM),
    ("helical-valley", (-10.0, 0.0), 10600.0, 1e-15, ESTIMAGIC),
    ("freudenstein-roth", (0.5, -2.0), 400.5, 1e-15, ESTIMAGIC),
    ("freudenstein-roth", (5.0, -20.0), 1.545754e8, 3e-7, ESTIMAGIC),
]


@pytest.mark.parametrize(
    ("name", "at", "error", "rel", "source"), PUBLISHED, ids=[f"{name} {at}" for name, at, *_ in PUBLISHED]
)
def test_published_values(name, at, error, rel, source):
    assert PROBLEMS[name]().at(np.array([at])).error()[0] == pytest.approx(error, rel=rel, abs=0), source


@pytest.mark.parametrize(
    ("name", "at", "gradient"),
    [
        ("rosenbrock", (-1.2, 1.0), (-215.6, -88.0)),
        ("beale", (1.0, 1.0), (0.0, 27.75)),
        ("beale", (1.0, 4.0), (8813.25, 6585.0)),
        ("brown-badly-scaled", (1.0, 1.0), (-2e6, -4e-6)),
        ("helical-valley", (-1.0, 0.0), (0.0, -1.59154943091895e03)),
    ],
)
def test_published_gradients(name, at, gradient):
    assert PROBLEMS[name]().at(np.array([at])).gradient()[0] == pytest.approx(gradient, rel=1e-14), GONUM


@pytest.mark.parametrize(
    ("name", "settings", "at", "error", "gradient", "hessian"),
    [
        # at 0 degrees u = 1 and v = 2: (1 + 10·4) / 2
        ("quadratic", {"angle": 0.0}, (3.0, 1.0), 20.5, (1.0, 20.0), (1.0, 0.0, 10.0)),
        # at 90 degrees u is up and v to the left: u = 2, v = -1
        ("quadratic", {"angle": 90.0}, (3.0, 1.0), 7.0, (10.0, 2.0), (10.0, 0.0, 1.0)),
        # √(1 + (3/4)²) = 5/4, and v = 2: 1/4 + 20·4
        ("valley", {"angle": 0.0}, (3.75, 3.0), 80.25, (0.6, 80.0), (0.512, 0.0, 40.0)),
        ("valley", {"angle": 180.0}, (3.75, 3.0), 80.25, (0.6, 80.0), (0.512, 0.0, 40.0)),
        # d = 1 + 2 = 3 and radius² = 1: 3/4; slope 1/16 of (2, 4); bend 2/64 of their products
        ("plateau", {}, (3.0, 0.0), 0.75, (0.125, 0.25), (0.0, -0.25, -0.25)),
        ("saddle", {}, (3.0, 2.0), 41.0, (30.0, -4.0), (10.0, 0.0, -2.0)),
        ("monkey-saddle", {}, (2.0, 3.0), -46.0, (-15.0, -36.0), (12.0, -18.0, -12.0)),
        ("booth", {}, (2.0, 7.0), 117.0, (42.0, 48.0), (10.0, 8.0, 10.0)),
        # r = 2, θ = 1/12, atan(y/x) = π/6: E = (100/12)² + 10²
        ("helical-valley", {}, (math.sqrt(3.0), 1.0), 2500 / 36 + 100, None, None),
    ],
)  # fmt: skip
def test_values_by_hand(name, settings, at, error, gradient, hessian):
    found = answers(PROBLEMS[name](**settings), np.array([at]))
    for part, wanted in zip(found, ([error], gradient, hessian), strict=True):
        if wanted is not None:
            assert part[0] == pytest.approx(wanted, rel=1e-14, abs=1e-13)


# -- differences -------------------------------------------------------------------------------------------------------


@over_cases
def test_derivatives_match_finite_differences(name, settings, differences):
    """Each derivative is compared with differences of the previous one. Steps are fractions of the window."""
    f = PROBLEMS[name](**settings)
    w = points(f)
    if name in KINKS:
        w = (
            w[np.abs(np.linalg.norm(w, axis=1)) > 1]
            if name == "ackley"
            else w[np.abs(w[:, 1] - w[:, 0] ** 2 / 100) > 0.3]
        )
    h = 1e-4 * np.ptp(f.window, axis=1)
    pairs = [("error", "gradient"), ("gradient", "hessian")]
    pairs += [("residuals", "jacobian")] if "jacobian" in f.offers else []
    for of, derivative in pairs:
        found = getattr(f.at(w), derivative)()
        expected, rounding = differences(lambda v, of=of: getattr(f.at(v), of)(), w, h)
        assert (np.abs(found - expected) <= 1e-6 * np.abs(found).max(axis=0) + 20 * rounding).all(), derivative


# -- least squares -----------------------------------------------------------------------------------------------------

LEAST_SQUARES = [(name, settings) for name, settings in CASES if issubclass(PROBLEMS[name], SumOfSquares)]
over_least_squares = pytest.mark.parametrize(("name", "settings"), LEAST_SQUARES, ids=str)


@over_least_squares
def test_error_is_the_sum_of_squared_residuals(name, settings):
    at = PROBLEMS[name](**settings).at(points(PROBLEMS[name]()))
    r, jacobian = at.residuals(), at.jacobian()
    assert (r**2).sum(axis=1) == pytest.approx(at.error(), rel=1e-14)
    twice = 2 * np.einsum("rnp,rn->rp", jacobian, r)
    sizes = 2 * np.einsum("rnp,rn->rp", np.abs(jacobian), np.abs(r))
    assert (np.abs(twice - at.gradient()) <= 1e-14 * sizes).all()


@over_least_squares
def test_gauss_newton_matrix_is_the_hessian_for_zero_residuals(name, settings):
    f = PROBLEMS[name](**settings)
    w = np.array([minimum.at for minimum in f.minima if minimum.error == 0])
    jacobian = f.at(w).jacobian()
    squared = 2 * np.einsum("rnp,rnq->rpq", jacobian, jacobian)
    assert f.at(w).hessian() == pytest.approx(squared, rel=1e-12, abs=1e-12 * np.abs(squared).max())


@over_functions
def test_offers_match_the_methods(name):
    f = PROBLEMS[name]()
    assert f.offers == {"error", "gradient", "hessian"} | (
        {"residuals", "jacobian"} if isinstance(f, SumOfSquares) else set()
    )
    at = f.at(points(f)[:5])
    count = len(f.residuals(*points(f)[:1].T)) if isinstance(f, SumOfSquares) else 0
    shapes = {
        "error": (5,),
        "gradient": (5, 2),
        "hessian": (5, 2, 2),
        "residuals": (5, count),
        "jacobian": (5, count, 2),
    }
    for kind in f.offers:
        assert getattr(at, kind)().shape == shapes[kind]
        assert getattr(at, kind)().dtype == np.float64


@over_cases
def test_hessians_are_symmetric(name, settings):
    f = PROBLEMS[name](**settings)
    hessian = f.at(points(f)).hessian()
    assert hessian.tolist() == hessian.transpose(0, 2, 1).tolist()


# -- minima ------------------------------------------------------------------------------------------------------------

MINIMA = [
    pytest.param(name, settings, minimum, id=f"{name} {settings or ''} {minimum.at}")
    for name, settings in CASES
    for minimum in PROBLEMS[name](**settings).minima
]


@pytest.mark.parametrize(("name", "settings", "minimum"), MINIMA)
def test_minima_satisfy_the_optimality_conditions(name, settings, minimum):
    """The error is the listed one and lower than nearby, the gradient is 0 and the curvature is not negative."""
    f = PROBLEMS[name](**settings)
    at = f.at(np.array([minimum.at]))
    assert at.error()[0] == pytest.approx(minimum.error, rel=1e-12, abs=1e-12)
    sides = np.ptp(f.window, axis=1)
    turns = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    for radius in (1e-5, 1e-3, 1e-2):
        around = np.array(minimum.at) + radius * sides * np.column_stack([np.cos(turns), np.sin(turns)])
        assert (f.at(np.asfortranarray(around)).error() > minimum.error).all()
    if name in KINKS:
        assert at.gradient().tolist() == [[0, 0]]
        return
    hessian = at.hessian()[0] * np.outer(sides, sides)  # in units of the window
    assert (np.linalg.eigvalsh(hessian) > 1e-12 * np.abs(hessian).max()).all()
    assert np.abs(np.linalg.solve(hessian, at.gradient()[0] * sides)).max() < 1e-14  # remaining distance


def newton_step(f, w):
    """Return Newton's step in units of the window, with positive curvatures, so that it is a descent step."""
    sides = np.ptp(f.window, axis=1)
    at = f.at(np.asfortranarray(w))
    bends, along = np.linalg.eigh(at.hessian() * np.outer(sides, sides))
    bends = np.maximum(np.abs(bends), 1e-9 * np.abs(bends).max(axis=1, keepdims=True))
    return -np.einsum("rpk,rk->rp", along, np.einsum("rpk,rp->rk", along, at.gradient() * sides) / bends)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - MANY_MORE - set(KINKS)))
def test_no_minimum_is_missing(name):
    """Newton's method, modified to descend, leads from all over the window to a known minimum or out of the window."""
    f = PROBLEMS[name]()
    low, high = np.array(f.window).T
    w = np.stack(np.meshgrid(*(np.linspace(*side, 21) for side in f.window)), axis=-1).reshape(-1, 2)
    w = w + 1e-3 * (high - low)  # avoid symmetric points
    for _ in range(80):
        error, step = f.at(np.asfortranarray(w)).error(), newton_step(f, w) * (high - low)
        for _ in range(40):
            up = f.at(np.asfortranarray(w + step)).error() > error
            step = np.where(up[:, None], step / 2, step)
        w = (w + np.where(up[:, None], 0, step))[~up | (np.abs(step) < 1e-9).all(axis=1)]
        w = w[((low < w) & (w < high)).all(axis=1)]
    ended = w[np.abs(newton_step(f, w)).max(axis=1) < 1e-9]
    known = np.array([minimum.at for minimum in f.minima]).reshape(-1, 2)
    away = np.abs((ended[:, None] - known) / (high - low)).max(axis=2)
    assert (away.min(axis=1, initial=np.inf) < 1e-8).all()
    assert (away.min(axis=0, initial=np.inf) < 1e-8).all()  # every minimum is found


@over_functions
def test_no_error_in_the_window_is_below_the_lowest(name):
    f = PROBLEMS[name]()
    (left, right), (bottom, top) = f.window
    x, y = np.meshgrid(np.linspace(left, right, 301), np.linspace(bottom, top, 301))
    errors = f.at(np.asfortranarray(np.column_stack([x.ravel(), y.ravel()]))).error()
    assert f.lowest is None or errors.min() >= f.lowest


@over_cases
def test_window_contains_start_and_minima_and_threshold_is_between_their_errors(name, settings):
    f = PROBLEMS[name](**settings)
    left, right = np.array(f.window).T
    assert f.weights == ("x", "y")
    assert (left < right).all()
    assert ((left < f.start) & (f.start < right)).all()
    for minimum in f.minima:
        assert ((left < minimum.at) & (minimum.at < right)).all()
    assert len({minimum.at for minimum in f.minima}) == len(f.minima)
    assert f.lowest == min((minimum.error for minimum in f.minima), default=None)
    assert (f.lowest or 0) + f.threshold < f.at(np.array([f.start])).error()[0]
    assert f.threshold > 0 or f.lowest is None
    assert bool(f.minima) == (name not in ("saddle", "monkey-saddle"))


@over_functions
def test_start_has_nonzero_derivatives(name):
    """Both derivatives are nonzero, so that a rule moves both weights, except for the standard starts of valleys."""
    f = PROBLEMS[name]()
    gradient = f.at(np.array([f.start])).gradient()[0]
    assert (gradient != 0).all() or name == "helical-valley"


def test_gradient_is_zero_at_kinks():
    """Both formulas divide by zero at these points."""
    fold = PROBLEMS["bukin"]().at(np.array([(-10.0, 1.0), (-20.0, 4.0), (-10.0, 2.0)]))
    assert fold.gradient().tolist() == [[0, 0], [-0.01, 0], [10, 50]]
    assert fold.hessian()[:2].tolist() == [[[0, 0], [0, 0]]] * 2
    tip = PROBLEMS["ackley"]().at(np.array([(0.0, 0.0)]))
    assert (tip.error().tolist(), tip.gradient().tolist()) == ([0], [[0, 0]])


def test_helical_valley_has_its_cliff_below_the_origin():
    """θ is 1/4 above the origin, 1/2 to its left, and jumps from -1/4 to 3/4 below it."""
    f = PROBLEMS["helical-valley"]()
    w = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (1e-12, -1.0), (-1e-12, -1.0)])
    assert f.at(w).residuals()[:, 0] == pytest.approx([0, 25, 50, -25, 75])


# -- hyperparameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [1.0, 7.0, 1e8])
@pytest.mark.parametrize("angle", [-135.0, -90.0, 0.0, 17.0, 180.0])
def test_quadratic_has_the_given_condition_and_angle(condition, angle):
    f = PROBLEMS["quadratic"](condition=condition, angle=angle)
    hessian = f.at(np.array([(0.3, 4.0)])).hessian()[0]
    axis = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    assert hessian @ axis == pytest.approx(axis, abs=1e-15 * condition)
    across = np.array([-axis[1], axis[0]])
    assert hessian @ across == pytest.approx(condition * across, rel=1e-14, abs=1e-15 * condition)


def test_minima_follow_the_hyperparameters():
    far = PROBLEMS["rosenbrock"](a=-3.0)
    assert far.minima == (((-3.0, 9.0), 0.0),)
    assert far.window == ((-6, 6), (-9, 27))


@pytest.mark.parametrize(
    ("name", "field"),
    [pytest.param(n, f, id=f"{n} {f.name}") for n, cls in PROBLEMS.items() for f in fields(cls).values()],
)
def test_rejects_values_outside_the_domain(name, field):
    bad = [field.domain.bad(), *((math.nan, math.inf, True, "1", None) if isinstance(field.domain, Interval) else ())]
    assert isinstance(field.domain, Interval | Choice | Flag)
    for value in bad:
        with pytest.raises(ValueError, match=name) as refusal:
            PROBLEMS[name](**{field.name: value})
        assert str(refusal.value) == f"{name}: {field.name}: {field.complaint(value)}"
        assert str(refusal.value).endswith(f"({field.meaning})")


# -- contract of all functions -----------------------------------------------------------------------------------------


def wild(f):
    """Return ordinary, distant and non-finite points."""
    far = [1e8, 1e77, 1e153, 1e300, -1e300, np.inf, -np.inf, np.nan, 0.0, -0.0, 5e-324]
    return np.vstack([points(f, 20), list(itertools.product(far, far))])


@over_cases
def test_is_batch_invariant(name, settings):
    """All evaluations are independent, bit for bit, of the other runs, their order and the memory layout."""
    f = PROBLEMS[name](**settings)
    w = wild(f)
    order = np.random.default_rng(1).permutation(len(w))
    for kind in KINDS:
        if kind in f.offers:
            with np.errstate(all="ignore"):
                many = getattr(f.at(np.asfortranarray(w)), kind)()
                shuffled = getattr(f.at(np.ascontiguousarray(w[order])), kind)()
                alone = np.concatenate([getattr(f.at(w[i : i + 1]), kind)() for i in range(len(w))])
                few = np.concatenate([getattr(f.at(w[i : i + 3]), kind)() for i in range(0, len(w), 3)])
            for other in (alone, few, shuffled[np.argsort(order)]):
                np.testing.assert_array_equal(other, many, strict=True)
                assert (np.signbit(other) == np.signbit(many))[~np.isnan(many)].all()


@over_functions
def test_non_finite_weights_give_non_finite_errors(name):
    """Infinite weights give non-finite errors or the limit of the formula; NaN weights give NaN."""
    f = PROBLEMS[name]()
    w = wild(f)
    with np.errstate(all="ignore"):
        errors = f.at(w).error()
    assert np.isnan(errors[np.isnan(w).any(axis=1)]).all()
    assert errors.shape == (len(w),)


@over_functions
def test_evaluations_are_independent_of_order_and_modify_nothing(name):
    f = PROBLEMS[name]()
    w = points(f)
    w.flags.writeable = False
    fresh = {kind: getattr(f.at(w), kind)().tolist() for kind in f.offers}
    at = f.at(w)
    for kind in (*sorted(f.offers), *sorted(f.offers, reverse=True)):
        assert getattr(at, kind)().tolist() == fresh[kind]
    answer = at.gradient()
    answer[:] = 7  # the returned array is not shared
    assert at.gradient().tolist() == fresh["gradient"]


@over_functions
def test_docstring_has_the_formula_and_every_hyperparameter(name):
    cls = PROBLEMS[name]
    summary, _, rest = cls.__doc__.partition("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    formula = rest.partition("\n\n")[0]
    assert formula.lstrip().startswith("E = ")
    for field in fields(cls):
        assert re.search(rf"(?<!\w){field}(?!\w)", formula), field
    assert ("residuals: " in formula) == issubclass(cls, SumOfSquares)


@over_functions
def test_names_and_synonyms_are_unique(name):
    cls = PROBLEMS[name]
    others = {n for other, thing in PROBLEMS.items() if other != name for n in (other, *getattr(thing, "synonyms", ()))}
    assert not {name, *cls.synonyms} & others
    assert name not in cls.synonyms
