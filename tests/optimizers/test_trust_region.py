"""Trust-region methods. The twin of ``sr1``, which uses a trust region too, is in this module."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.optimize
from plain_algebra import (
    apply,
    dot,
    eigen,
    exact_step,
    identity,
    length,
    plus,
    rank_one,
    region,
    repaired,
    solve,
)
from scipy.optimize._trustregion_exact import IterativeSubproblem

from bpviz import declare
from bpviz.declare import KINDS, OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.optimizers._curvature import Model, dogleg, exact

AGAINST = {"sr1": "its twin, its updates with scipy.optimize.SR1"}
RTOL, EPOCHS = 1e-8, 8  # they converge quickly, and from then on errors are equal


def dogleg_step(g, B, delta):
    """Nocedal & Wright 2006, eqs. (4.15) and (4.16)."""
    newton = solve(B, [-d for d in g])
    if length(newton) < delta:
        return newton, False
    cauchy = [-dot(g, g) / dot(g, apply(B, g)) * d for d in g]
    if length(cauchy) >= delta:
        return [-delta / length(g) * d for d in g], True
    leg = plus(newton, cauchy, -1)
    a, b, c = dot(leg, leg), 2 * dot(cauchy, leg), dot(cauchy, cauchy) - delta**2
    return plus(cauchy, leg, (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)), True


def dogleg_twin(f, x, *, repair, penalty, **settings):
    def model_of(hessian):
        """Return the Hessian itself if it needs no modification, since rounding errors of a copy would be amplified."""
        return hessian if eigen(hessian)[0][0] >= penalty else repaired(hessian, repair, penalty)

    return region(f, x, dogleg_step, model_of, **settings)


def exact_twin(f, x, *, tolerance, **settings):
    return region(f, x, lambda g, B, delta: exact_step(g, B, delta, tolerance), lambda hessian: hessian, **settings)


def sr1(f, x, *, step, accept, skip):
    """Nocedal & Wright 2006, Algorithm 6.2."""
    delta, fx, g, B = step, f.error(x), f.gradient(x), identity(len(x))
    while True:
        s, _ = exact_step(g, B, delta, 1e-10)
        predicted, there = -(dot(g, s) + dot(s, apply(B, s)) / 2), plus(x, s)
        if not predicted > 0 or there == x:
            yield x
            return
        f_there, g_there = f.error(there), f.gradient(there)
        y = plus(g_there, g, -1)
        ratio = (fx - f_there) / predicted
        if ratio > accept:
            x, fx, g = there, f_there, g_there
        if ratio > 0.75:
            delta = delta if length(s) <= 0.8 * delta else 2 * delta
        elif not 0.1 <= ratio <= 0.75:
            delta = 0.5 * delta
        rest = plus(y, apply(B, s), -1)
        if abs(dot(s, rest)) >= skip * length(s) * length(rest) and dot(s, rest) != 0:
            B = rank_one(B, 1 / dot(rest, s), rest, rest)
        yield x


TWINS = {"dogleg": dogleg_twin, "trust-exact": exact_twin, "sr1": sr1}
UNUSUAL = {
    "dogleg": {"step": 0.6, "max_step": 1.1, "accept": 0.2, "repair": "flip", "penalty": 0.02},
    "trust-exact": {"step": 0.05, "max_step": 1.1, "accept": 0.2, "tolerance": 0.3},
    "sr1": {"step": 0.05, "accept": 0.2, "skip": 0.4},
}


@pytest.mark.parametrize("unusual", [False, True])
@pytest.mark.parametrize("name", TWINS)
def test_matches_the_twins_far_from_minima(name, unusual, six_points, plain):
    """From twenty starts. Rejected steps are tested on Rosenbrock's function, below."""
    rule = OPTIMIZERS[name](**(UNUSUAL[name] if unusual else {}))
    starts = np.random.default_rng(2).uniform(-5, 5, size=(20, 2)).tolist()
    runs = record(iterate(rule, six_points, starts, error_threshold=None, max_epochs=25))
    for start, run in zip(starts, runs, strict=True):
        f = plain(six_points)
        weights = [start, *itertools.islice(TWINS[name](f, list(start), **declare.settings(rule)), 25)]
        np.testing.assert_allclose(run.weights, weights, RTOL, RTOL)
        assert [run.evaluations[kind] for kind in KINDS] == list(f.counts.values())


def test_two_epochs_of_dogleg_by_hand(bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4), E = 10. gᵀg = 68, gᵀHg = 260, so |pᵁ| = 17/65 · √68 = 2.16.

    This exceeds Δ = 1: p = -g / √68. The model is E itself, so ρ = 1 and Δ = 2. At (1.24254, 0.02986) g is
    (-1.75746, 4.11943), pᵁ = (0.49673, -1.16433), of norm 1.27, and pᴮ = (1.75746, -1.02986), of norm 2.04: p is
    the point with norm 2 on the segment between them, after 0.96356 of its length, at (1.71152, -1.03476).
    """
    run = follow("dogleg", bowl, (1, 1), max_epochs=2)
    assert run.weights[1] == pytest.approx((1 + 2 / math.sqrt(68), 1 - 8 / math.sqrt(68)), rel=1e-14)
    assert run.weights[2] == pytest.approx((1.24254 + 1.71152, 0.02986 - 1.03476), abs=3e-5)
    assert math.dist(run.weights[1], run.weights[2]) == pytest.approx(2, rel=1e-14)
    assert (run.evaluations["error"], run.evaluations["gradient"], run.evaluations["hessian"]) == (3, 2, 2)


def test_one_epoch_of_trust_exact_by_hand(bowl, follow):
    """From (1, 1) with λ = 1: p = -(H + I)⁻¹ g = (2/2, -8/5) of norm √3.56, which is the step for Δ = √3.56."""
    run = follow("trust-exact", bowl, (1, 1), step=math.sqrt(3.56), max_epochs=1)
    assert run.weights[1] == pytest.approx((2, -0.6), rel=1e-9)


@pytest.mark.parametrize("name", ["dogleg", "trust-exact"])
def test_step_within_the_region_is_newton_s(name, bowl, follow):
    run = follow(name, bowl, (1, 1), step=2.9, max_epochs=1)
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-14)


def test_hard_case_of_trust_exact_by_hand(follow):
    """E = 5 x² - y² from (1, 0): g = (10, 0) has no component along y, along which E decreases: the hard case.

    λ = 2, the smallest with H + λ I ≥ 0, gives x = -10 / 12, and y follows from |p| = Δ = 1: √(1 - 25/36) = √11 / 6.
    """
    run = follow("trust-exact", PROBLEMS["saddle"](), (1, 0), max_epochs=1)
    assert run.weights[1] == pytest.approx((1 / 6, math.sqrt(11) / 6), rel=1e-14)
    run = follow("trust-exact", PROBLEMS["saddle"](), (0, 0), max_epochs=1)  # also from the saddle point itself
    assert run.weights[1].tolist() == [0, 1]


def test_two_epochs_of_sr1_by_hand(bowl, follow):
    """From (1, 1) with B = I, Δ = 1.1: s = -1.1 g / √68 = (0.26679, -1.06715), m(s) = -1.1 √68 + 0.605 = -8.46583.

    E decreases from 10 to 3.24243: ρ = 0.798, and Δ = 2.2. y - Bs = (0, 3 · -1.06715) corrects the second entry of B,
    and the first was correct: B = H. The minimum is at a distance of 1.97.
    """
    run = follow("sr1", bowl, (1, 1), step=1.1, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.26679, -0.06715), abs=1e-5)
    assert run.weights[2] == pytest.approx((3, -1), rel=1e-12)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (3, 3)


def problems_within(rng, runs, params, hard):
    """Return random B, g and radii; if ``hard``, g is exactly orthogonal to the first eigenvector."""
    B = rng.normal(size=(runs, params, params))
    B, g = B + B.transpose(0, 2, 1), rng.normal(size=(runs, params))
    if hard:
        B = np.sort(rng.normal(size=(runs, params)))[:, :, None] * np.eye(params)
        g[:, 0] = 0
    return B, g, 10 ** rng.uniform(-2, 2.5, size=(runs, 1))


def within(step, model, *rest):
    """Return the step for a model, with warnings off, as in the loop."""
    with np.errstate(all="ignore"):
        return step(model, *rest)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("params", [2, 3, 6])
def test_exact_steps_satisfy_the_optimality_conditions(params, hard, six_points):
    """Nocedal & Wright 2006, Theorem 4.1: (B + λ I) p = -g, λ ≥ 0, λ (Δ - |p|) = 0, B + λ I ≥ 0."""
    B, g, radius = problems_within(np.random.default_rng(params), 300, params, hard)
    f = CountingOracle(six_points, 300)
    model = Model.of(B, g, f)
    p, at_edge = within(exact, model, radius, 1e-12, f)
    p, size = model.step(p, f), np.abs(np.linalg.eigvalsh(B)).max(axis=1)[:, None] + np.linalg.norm(g, axis=1)[:, None]
    long = np.linalg.norm(p, axis=1)[:, None]
    Bp = np.einsum("rij,rj->ri", B, p)
    lam = np.where(at_edge, -((g + Bp) * p).sum(axis=1)[:, None] / long**2, 0)
    assert (np.abs(g + Bp + lam * p) <= 1e-9 * size * np.maximum(1, long)).all()
    assert (lam >= -1e-9 * size).all()
    assert (long <= radius * (1 + 1e-11)).all()
    assert (long[at_edge] >= radius[at_edge] * (1 - 1e-11)).all()
    assert (np.linalg.eigvalsh(B)[:, :1] + lam >= -1e-9 * size).all()
    assert hard or params > 3 or 30 < at_edge.sum() < 300


@pytest.mark.parametrize("params", [2, 3, 6])
def test_exact_steps_are_at_least_as_good_as_scipy_s(params, six_points):
    """SciPy's search for λ, with a tighter tolerance, does not always converge; then its step is worse."""
    B, g, radius = problems_within(np.random.default_rng(10 + params), 60, params, hard=False)
    f = CountingOracle(six_points, 60)
    model = Model.of(B, g, f)
    p, at_edge = within(exact, model, radius, 1e-12, f)
    same = 0
    for mine, edge, h, slope, delta in zip(model.step(p, f), at_edge[:, 0], B, g, radius[:, 0], strict=True):
        scipy_s = IterativeSubproblem(
            0, lambda _: 0.0, lambda _, slope=slope: slope, lambda _, h=h: h, k_easy=1e-12, k_hard=1e-12, maxiter=200
        )
        theirs, hits = scipy_s.solve(delta)
        assert edge == hits
        mine_is, theirs_is = (slope @ p + p @ h @ p / 2 for p in (mine, theirs))
        if np.abs(mine - theirs).max() <= 1e-8 * delta:
            same += 1
        else:
            assert mine_is < theirs_is
    assert same >= 55


def test_tolerance_bounds_the_excess_over_the_radius(six_points):
    """The search also stops with a tolerance below rounding error."""
    B, g, radius = problems_within(np.random.default_rng(7), 300, 4, hard=False)
    f = CountingOracle(six_points, 300)
    model = Model.of(B, g, f)
    excess = {}
    for tolerance in (0.3, 0.01, 1e-12, 1e-300):
        p, at_edge = within(exact, model, radius, tolerance, f)
        excess[tolerance] = (np.linalg.norm(p, axis=1)[:, None] / radius - 1)[at_edge]
        assert (excess[tolerance] <= max(tolerance * (1 + 1e-9), 1e-14)).all()
        assert (excess[tolerance] >= -1e-15).all()
    assert (excess[0.3] >= 0.01).sum() > 10


def test_dogleg_steps_improve_with_the_radius_and_on_the_cauchy_point(six_points):
    """Nocedal & Wright 2006, Lemma 4.2: along the path |p| increases and m decreases; eqs. (4.11) and (4.12)."""
    rng = np.random.default_rng(9)
    B, g, _ = problems_within(rng, 200, 3, hard=False)
    B = B @ B + 0.01 * np.eye(3)
    f = CountingOracle(six_points, 200)
    model = Model.of(B, g, f)
    fall_before = long_before = np.zeros((200, 1))
    for delta in 10 ** np.linspace(-2, 3, 40):
        radius = np.full((200, 1), delta)
        p, at_edge = within(dogleg, model, radius, f)
        long, fall = np.linalg.norm(p, axis=1)[:, None], -model.change(p, f)
        np.testing.assert_allclose(long[at_edge], delta, rtol=1e-12)
        assert (long[~at_edge] < delta).all()
        assert (long >= long_before * (1 - 1e-12)).all()
        assert (fall >= fall_before * (1 - 1e-12)).all()
        size = np.linalg.norm(g, axis=1)[:, None]
        tau = np.minimum(1, size**3 / (delta * np.einsum("ri,rij,rj->r", g, B, g)[:, None]))
        cauchy = -tau * delta / size * g
        of_cauchy = -(g * cauchy).sum(axis=1) - np.einsum("ri,rij,rj->r", cauchy, B, cauchy) / 2
        assert (fall[:, 0] >= of_cauchy * (1 - 1e-9)).all()
        fall_before, long_before = fall, long


@pytest.mark.parametrize("name", ["dogleg", "trust-exact"])
@pytest.mark.parametrize("settings", [{}, {"step": 0.3, "max_step": 2.0, "accept": 0.2}])
def test_ratio_controls_acceptance_and_radius(name, settings):
    """Check Algorithm 4.1 by its definition in every epoch of a run that uses each of its branches."""
    rule, problem = OPTIMIZERS[name](**settings), PROBLEMS["rosenbrock"]()
    f = CountingOracle(problem, 1)
    w = np.array([[-1.2, 1.0]])
    state, met = rule.begin(w, f), set()
    for _ in range(22):
        f.uncounted_errors(w)
        at = problem.at(w)
        error, g, H = at.error()[0], at.gradient()[0], at.hessian()[0]
        radius = state.radius[0, 0]
        if name == "dogleg":
            p, at_edge = dogleg_step(g.tolist(), H.tolist(), radius)
        else:
            p, at_edge = exact_step(g.tolist(), H.tolist(), radius, 1e-10)
        there = w + p
        rho = (error - problem.at(there).error()[0]) / -(g @ p + p @ H @ p / 2)
        before = w
        w, state = rule.advance(w, state, f)
        expected = radius / 4 if rho < 1 / 4 else min(2 * radius, rule.max_step) if rho > 3 / 4 and at_edge else radius
        assert state.radius[0, 0] == pytest.approx(expected)
        taken = bool(rho > rule.accept)
        assert w[0] == pytest.approx((there if taken else before)[0], rel=1e-9)
        met.add((taken, expected > radius, expected < radius))
    assert len(met) >= 3


def test_dogleg_counts_match_scipy(follow):
    """On Rosenbrock's function: one error per step; gradient and Hessian at the start and after each accepted step."""
    problem, rows = PROBLEMS["rosenbrock"](), []
    result = scipy.optimize.minimize(
        lambda w: problem.at(w[None]).error()[0],
        (-1.2, 1),
        jac=lambda w: problem.at(w[None]).gradient()[0],
        hess=lambda w: problem.at(w[None]).hessian()[0],
        method="dogleg",
        callback=lambda w: rows.append(w.copy()),
    )
    run = follow("dogleg", problem, (-1.2, 1), max_epochs=result.nit)
    np.testing.assert_allclose(run.weights[1:], rows, rtol=1e-9)
    assert run.evaluations["error"] == result.nfev
    assert run.evaluations["gradient"] == run.evaluations["hessian"]
    assert run.evaluations["gradient"] == result.njev - 1  # SciPy also evaluates the last one, to test for convergence
    assert result.nfev - 1 > result.njev - 1  # some steps were rejected


@pytest.mark.parametrize("name", TWINS)
def test_run_at_a_minimum_is_stuck(name, bowl):
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=2))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert (there.evaluations["error"], there.evaluations["gradient"]) == (1, 1)
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 2)


@pytest.mark.parametrize("name", TWINS)
def test_run_is_stuck_if_the_step_does_not_change_the_weights(name, unequal, follow):
    """Near the minimum, rounding errors decide on acceptance; the radius shrinks until the step is ineffective."""
    run = follow(name, unequal, (-1.2, 1, 0.3), max_epochs=500)
    assert run.ending is Ending.STUCK
    assert np.linalg.norm(unequal.at(run.weights[-1:]).gradient()) < 1e-7


@pytest.mark.parametrize("name", ["dogleg", "trust-exact"])
def test_rejects_an_initial_radius_above_the_maximum(name):
    with pytest.raises(ValueError, match="max_step") as refusal:
        OPTIMIZERS[name](step=3, max_step=2)
    assert str(refusal.value) == f"{name}: step: 3 is greater than max_step (2)"
