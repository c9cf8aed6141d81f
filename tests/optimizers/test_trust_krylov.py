"""Trust-region methods that use only products with the Hessian."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
from plain_algebra import apply, dot, exact_step, length, plus, region

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.optimizers._curvature import Model, exact
from bpviz.optimizers._krylov import lanczos, steihaug

RTOL, EPOCHS = 1e-8, 8  # they converge quickly, and from then on errors are equal


def steihaug_step(g, B, delta, forcing):
    """Nocedal & Wright 2006, Algorithm 7.2; the model is evaluated at both ends of the line."""

    def to_edge(z, d):
        a, b, c = dot(d, d), 2 * dot(z, d), dot(z, z) - delta**2
        return [plus(z, d, (-b + sign * math.sqrt(b * b - 4 * a * c)) / (2 * a)) for sign in (1, -1)]

    def model(p):
        return dot(g, p) + dot(p, apply(B, p)) / 2

    z, r, d = [0.0] * len(g), g, [-x for x in g]
    while True:
        bend = dot(d, apply(B, d))
        if bend <= 0:
            return min(to_edge(z, d), key=model), True
        alpha = dot(r, r) / bend
        if length(plus(z, d, alpha)) >= delta:
            return to_edge(z, d)[0], True
        z, after = plus(z, d, alpha), plus(r, apply(B, d), alpha)
        if length(after) < min(forcing, math.sqrt(length(g))) * length(g):
            return z, False
        d = plus([-x for x in after], d, dot(after, after) / dot(r, r))
        r = after


def krylov_step(g, B, delta, tolerance):
    """Minimize in spaces of growing dimension until (B + λ I) p + g is small, λ from its component along p."""
    basis, power = [], g
    while True:
        for _ in range(2):
            for q in basis:
                power = plus(power, q, -dot(q, power))
        basis.append([x / length(power) for x in power])
        T = [[dot(q, apply(B, r)) for r in basis] for q in basis]
        h, at_edge = exact_step([dot(q, g) for q in basis], T, delta, 1e-10)
        p = [sum(x * q[i] for x, q in zip(h, basis, strict=True)) for i in range(len(g))]
        rest = plus(g, apply(B, p))
        if at_edge:
            rest = plus(rest, p, -dot(rest, p) / dot(p, p))
        if len(basis) == len(g) or length(rest) <= tolerance * length(g):
            return p, at_edge
        power = apply(B, basis[-1])


def twin(step_within):
    def rule(f, x, *, step, max_step, accept, **setting):
        """A twin with the step of one model."""
        (value,) = setting.values()

        def within(g, B, delta):
            return step_within(g, B, delta, value) if any(g) else (g, False)

        return region(f, x, within, lambda hessian: hessian, step=step, max_step=max_step, accept=accept)

    return rule


TWINS = {"trust-ncg": twin(steihaug_step), "trust-krylov": twin(krylov_step)}
UNUSUAL = {
    "trust-ncg": {"step": 0.6, "max_step": 1.1, "accept": 0.2, "forcing": 0.03},
    "trust-krylov": {"step": 0.6, "max_step": 1.1, "accept": 0.2, "tolerance": 0.6},
}


@pytest.mark.parametrize("unusual", [False, True])
@pytest.mark.parametrize("name", TWINS)
def test_matches_the_twins_far_from_minima(name, unusual, six_points, plain):
    rule = OPTIMIZERS[name](**(UNUSUAL[name] if unusual else {}))
    starts = np.random.default_rng(2).uniform(-5, 5, size=(20, 2)).tolist()
    runs = record(iterate(rule, six_points, starts, error_threshold=None, max_epochs=EPOCHS))
    for start, run in zip(starts, runs, strict=True):
        f = plain(six_points)
        weights = [start, *itertools.islice(TWINS[name](f, list(start), **declare.settings(rule)), EPOCHS)]
        np.testing.assert_allclose(run.weights, weights, RTOL, RTOL)
        assert [run.evaluations[kind] for kind in KINDS] == list(f.counts.values())


def test_one_epoch_of_trust_ncg_by_hand(bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4); gᵀg = 68, gᵀHg = 260, so a = 17/65 and |a d| = 2.16.

    The remaining gradient (-96, -24)/65 has the norm 1.52, below ‖g‖/2 = 4.1 but not below ‖g‖/10 = 0.82, with which
    the next iteration gives the minimum (3, -1), at a distance of √8 = 2.83. Δ = 2 ends the first iteration, Δ = 2.5
    the second: there d = -r + (r'ᵀr' / rᵀr) d = (1.5109, 0.0944), and z = (0.5231, -2.0923) leaves after τ of it.
    """
    z, ncg = np.array([34, -136]) / 65, {"max_epochs": 1}
    run = follow("trust-ncg", bowl, (1, 1), step=3, **ncg)
    assert run.weights[1] == pytest.approx(1 + z, rel=1e-14)
    run = follow("trust-ncg", bowl, (1, 1), step=3, forcing=0.1, **ncg)
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-14)
    run = follow("trust-ncg", bowl, (1, 1), step=2, **ncg)
    assert run.weights[1] == pytest.approx(1 + 2 * z / np.linalg.norm(z), rel=1e-14)
    run = follow("trust-ncg", bowl, (1, 1), step=2.5, forcing=0.1, **ncg)
    d = run.weights[1] - 1 - z
    assert d / d[0] == pytest.approx((1, 0.0625), rel=1e-12)
    assert math.dist(run.weights[1], (1, 1)) == pytest.approx(2.5, rel=1e-14)
    assert d[0] > 0


def test_negative_curvature_by_hand(follow):
    """E = 5 x² - y² from (1, 0): g = (10, 0) and d = (-10, 0) keep y = 0 for ever, where E is a parabola.

    From (1, 1), g = (10, -2): gᵀg = 104, gᵀHg = 1000 - 8 = 992, z = -104/992 g = (-1.0484, 0.2097), of norm 1.07: the
    first step ends on the circle of Δ = 1. With Δ = 2 and ζ = 0.01, r = g + Hz = (-0.4839, -2.4194) and β = 6.0876/104,
    so d = (-0.1015, 2.5364) has the curvature 0.103 - 12.87: the step ends at |z + τ d| = 2, with τ > 0.
    """
    saddle = PROBLEMS["saddle"]()
    run = follow("trust-ncg", saddle, (1, 0), step=2, max_epochs=1)
    assert run.weights[1].tolist() == [0, 0]
    run = follow("trust-ncg", saddle, (1, 1), max_epochs=1)
    assert run.weights[1] == pytest.approx((1 - 10 / math.sqrt(104), 1 + 2 / math.sqrt(104)), rel=1e-14)
    run = follow("trust-ncg", saddle, (1, 1), step=2, forcing=0.01, max_epochs=1)
    tau = ((run.weights[1] - 1) - (-1.048387, 0.209677)) / (-0.101457, 2.536420)
    assert tau[0] == pytest.approx(tau[1], rel=1e-3)
    assert tau[0] > 0
    assert math.dist(run.weights[1], (1, 1)) == pytest.approx(2, rel=1e-14)


def solved(step_within, B, g, radius, setting):
    """Return the steps of a block, and which end on the boundary."""
    f = CountingOracle(PROBLEMS["booth"](), len(g))
    with np.errstate(all="ignore"):
        return step_within(np.array(B, float), np.array(g, float), np.array(radius, float)[:, None], setting, f)


def test_the_end_of_the_line_with_the_lower_model_by_hand():
    """B = diag(1, -3), g = (2, 1): gᵀBg = 1, so z = -5 g = (-10, -5), r = g + Bz = (-8, 16) and β = 64.

    d = -r - 64 g = -40 (3, 2) has the curvature 1600 (9 - 12) < 0. |z + t (3, 2)| = Δ = 25 at t = 10, where
    m = 55 + (400 - 675) / 2 = -82.5, and at t = -50/13, where m = -65.4: the lower one is against d.

    Without curvature, as with B = 0, the step goes along -g to the boundary.
    """
    p, at_edge = solved(steihaug, [np.diag([1, -3]), np.zeros((2, 2))], [(2, 1), (1, 0)], [25, 3], 0.1)
    np.testing.assert_allclose(p, [(20, 15), (-3, 0)], rtol=1e-13)
    assert at_edge.all()


def test_run_whose_krylov_space_is_complete_keeps_its_step():
    """With g along an eigenvector, the first space contains the minimum; the other run needs the second."""
    p, at_edge = solved(lanczos, [np.diag([1, 2])] * 2, [(1, 0), (1, 1)], [0.5, 10], 1e-8)
    np.testing.assert_allclose(p, [(-0.5, 0), (-1, -0.5)], rtol=1e-12)
    assert at_edge[:, 0].tolist() == [True, False]


def models(rng, runs, params):
    """Return random B, half of them positive definite, g and radii, and the oracle for them."""
    B = rng.normal(size=(runs, params, params))
    B = np.where(np.arange(runs)[:, None, None] % 2, B @ B.transpose(0, 2, 1) + 0.1 * np.eye(params), B)
    radius = 10 ** rng.uniform(-1, 2, size=(runs, 1))
    return (
        (B + B.transpose(0, 2, 1)) / 2,
        rng.normal(size=(runs, params)),
        radius,
        CountingOracle(PROBLEMS["booth"](), runs),
    )


def change(B, g, p):
    """Return m(p) for each run."""
    return np.einsum("ri,ri->r", g, p) + np.einsum("ri,rij,rj->r", p, B, p) / 2


def test_full_krylov_steps_are_the_exact_ones():
    B, g, radius, f = models(np.random.default_rng(4), 200, 5)
    with np.errstate(all="ignore"):
        p, at_edge = lanczos(B, g, radius, 1e-12, f)
        model = Model.of(B, g, f)
        best, best_at_edge = exact(model, radius, 1e-12, f)
    np.testing.assert_allclose(change(B, g, p), model.change(best, f)[:, 0], rtol=1e-8)
    assert (at_edge == best_at_edge).all()
    assert 20 < at_edge.sum() < 200
    assert (np.linalg.norm(p, axis=1)[:, None] <= radius * (1 + 1e-9)).all()


def test_tolerance_bounds_the_residual_of_krylov_steps():
    """The residual is that of (B + λ I) p = -g, with λ from the component along p on the boundary."""
    B, g, radius, f = models(np.random.default_rng(6), 300, 6)
    for tolerance in (0.4, 0.05):
        with np.errstate(all="ignore"):
            p, at_edge = lanczos(B, g, radius, tolerance, f)
        rest = g + np.einsum("rij,rj->ri", B, p)
        along = (rest * p).sum(axis=1, keepdims=True) / (p * p).sum(axis=1, keepdims=True)
        rest = np.linalg.norm(rest - np.where(at_edge, along, 0) * p, axis=1) / np.linalg.norm(g, axis=1)
        assert rest.max() <= tolerance
        assert (rest > tolerance / 3).sum() > 30


def test_conjugate_gradients_decrease_the_model_at_least_as_much_as_the_cauchy_point():
    """And within the region: Nocedal & Wright 2006, eqs. (4.11) and (4.12), and section 7.1."""
    B, g, radius, f = models(np.random.default_rng(8), 300, 4)
    with np.errstate(all="ignore"):
        p, at_edge = steihaug(B, g, radius, 0.1, f)
    size, bend = np.linalg.norm(g, axis=1), np.einsum("ri,rij,rj->r", g, B, g)
    tau = np.where(bend > 0, np.minimum(1, size**3 / (radius[:, 0] * bend)), 1)
    cauchy = -(tau * radius[:, 0] / size)[:, None] * g
    assert (change(B, g, p) <= change(B, g, cauchy) * (1 - 1e-9)).all()
    norms = np.linalg.norm(p, axis=1)[:, None]
    np.testing.assert_allclose(norms[at_edge], radius[at_edge], rtol=1e-12)
    assert (norms[~at_edge] < radius[~at_edge]).all()
    assert 20 < at_edge.sum() < 300


@pytest.mark.parametrize(("name", "options"), [("trust-ncg", {}), ("trust-krylov", {"inexact": False})])
def test_counts_match_scipy(name, options, follow):
    """On Rosenbrock's function: one error per step; a Hessian at the start and after each accepted step."""
    problem, rows = PROBLEMS["rosenbrock"](), []
    result = scipy.optimize.minimize(
        lambda w: problem.at(w[None]).error()[0],
        (-1.2, 1),
        jac=lambda w: problem.at(w[None]).gradient()[0],
        hess=lambda w: problem.at(w[None]).hessian()[0],
        method=name,
        callback=lambda w: rows.append(w.copy()),
        options=options,
    )
    run = follow(name, problem, (-1.2, 1), max_epochs=result.nit)
    np.testing.assert_allclose(run.weights[1:], rows, rtol=1e-7)
    assert (run.evaluations["error"], run.evaluations["hessian"]) == (result.nfev, result.nhev)
    # SciPy also evaluates the last gradient, to test for convergence, and for trust-krylov those of rejected steps
    assert run.evaluations["gradient"] == run.evaluations["hessian"] < result.njev
    assert name == "trust-krylov" or run.evaluations["gradient"] == result.njev - 1
    assert result.nfev - 1 > run.evaluations["gradient"]  # some steps were rejected


@pytest.mark.parametrize("name", TWINS)
def test_run_at_a_minimum_is_stuck(name, bowl):
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=2))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert (there.evaluations["error"], there.evaluations["gradient"]) == (1, 1)
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 2)
