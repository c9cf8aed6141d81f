"""Quasi-Newton: bfgs, dfp and the two l-bfgs. The twin of sr1 is in the module of trust regions.

The twins take their steps from SciPy's ``line_search``. Those of l-bfgs write the matrix down that the two loops only
multiply by.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import scipy.optimize
from plain_algebra import apply, dot, identity, length, plus, product, rank_one, wolfe

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

SEARCHED = ("bfgs", "dfp", "l-bfgs")
AGAINST = {
    "dfp": "a twin with the steps of scipy.optimize.line_search, its updates with scipy.optimize.BFGS",
    "l-bfgs": "its directions with scipy.optimize.LbfgsInvHessProduct",
}
RTOL, EPOCHS = 1e-8, 9  # a cubic through nearly equal errors makes roundoff grow; on a plateau errors tie


def bfgs_update(H, s, y):
    """Nocedal & Wright 2006, eq. (6.17)."""
    rho = 1 / dot(y, s)
    left, right = (rank_one(identity(len(s)), -rho, a, b) for a, b in ((s, y), (y, s)))
    return rank_one(product(product(left, H), right), rho, s, s)


def dfp_update(H, s, y):
    """Nocedal & Wright 2006, eq. (6.15)."""
    Hy = apply(H, y)
    return rank_one(rank_one(H, -1 / dot(y, Hy), Hy, Hy), 1 / dot(y, s), s, s)


def searched(f, x, direction, learn, settings):
    """Take steps that meet the strong Wolfe conditions along ``direction`` of the gradient; ``learn`` from each."""
    fx, g = f.error(x), f.gradient(x)
    before = fx + length(g) / 2
    while found := wolfe(f, x, direction(g), g, fx, before, **settings):
        s, there, new = found
        learn(s, plus(new, g, -1))
        x, before, fx, g = plus(x, s), fx, there, new
        yield x
    yield x


def secant(update, f, x, *, scale, **settings):
    """Nocedal & Wright 2006, Algorithm 6.1, with eq. (6.20) if ``scale``."""
    H, first = identity(len(x)), scale

    def learn(s, y):
        nonlocal H, first
        if first:
            H = identity(len(x), dot(y, s) / dot(y, y))
        first = False
        if dot(y, s) > 0:
            H = update(H, s, y)

    return searched(f, x, lambda g: [-d for d in apply(H, g)], learn, settings)


def written_down(pairs, gamma, n):
    """Return the matrix of L-BFGS: Nocedal & Wright 2006, eqs. (7.16) and (7.17), one pair after the other."""
    return functools.reduce(lambda H, pair: bfgs_update(H, *pair), pairs, identity(n, gamma))


def l_bfgs(f, x, *, memory, scale, **settings):
    """Nocedal & Wright 2006, Algorithm 7.5, with γ of eq. (7.20) if ``scale``."""
    pairs, gamma = [], 1.0

    def learn(s, y):
        nonlocal pairs, gamma
        if dot(y, s) > 0:
            pairs = [*pairs, (s, y)][-memory:]
            gamma = dot(s, y) / dot(y, y) if scale else 1.0

    return searched(f, x, lambda g: [-d for d in apply(written_down(pairs, gamma, len(x)), g)], learn, settings)


def l_bfgs_fixed(f, x, *, step, memory, scale, convention):
    """torch.optim.LBFGS without line_search_fn, as its code has it; optax.lbfgs without linesearch likewise."""
    pairs, gamma, s, last = [], 1.0, None, None
    while True:
        g, t = f.gradient(x), step
        if s is None:
            magnitude = sum(abs(d) for d in g) if convention == "torch" else length(g)
            t = step * min(1.0, 1 / magnitude) if convention == "torch" or scale else step
        else:
            y = plus(g, last, -1)
            if dot(s, y) > 1e-10 or convention == "optax":
                pairs = [*pairs, (s, y)][-memory:]
                gamma = dot(s, y) / dot(y, y) if scale else 1.0
        s, last = [-t * d for d in apply(written_down(pairs, gamma, len(x)), g)], g
        x = plus(x, s)
        yield x


TWINS = {
    "bfgs": functools.partial(secant, bfgs_update),
    "dfp": functools.partial(secant, dfp_update),
    "l-bfgs": l_bfgs,
    "l-bfgs-fixed": l_bfgs_fixed,
}
UNUSUAL = {
    "bfgs": {"step": 6.5, "c1": 0.09, "c2": 0.4, "scale": True},
    "dfp": {"step": 6.5, "c1": 0.09, "c2": 0.4, "scale": True},
    "l-bfgs": {"step": 6.5, "c1": 0.09, "c2": 0.4, "memory": 2, "scale": False},
    "l-bfgs-fixed": {"step": 0.7, "memory": 2, "scale": False, "convention": "optax"},
}


@pytest.mark.parametrize(
    ("name", "settings", "there"),
    [
        ("bfgs", {}, (3.06817, -0.99574)),
        ("dfp", {}, (3.01724, -0.99892)),
        ("bfgs", {"scale": True}, (1.91386, -1.06788)),
        ("l-bfgs", {}, (1.91386, -1.06788)),
        ("l-bfgs", {"scale": False}, (3.06817, -0.99574)),
    ],
)
def test_two_epochs_by_hand(name, settings, there, bowl, follow):
    """From (1, 1), where g = (-2, 8), the first epoch is that of ``wolfe``: α = 1.01 / √68.

    s = (0.24496, -0.97984) leads to g' = (-1.75504, 4.08062), so y = (0.24496, -3.91938), yᵀs = 3.90038 and
    yᵀy = 15.42151. By eqs. (6.17), (6.15) and (6.20) the matrices are then

        bfgs             [[1.04544, 0.00284], [0.00284, 0.25018]]
        dfp              [[1.01149, 0.00072], [0.00072, 0.25005]]
        from γ = 0.25292 [[0.27591, -0.04526], [-0.04526, 0.24717]]

    and the whole of -H g' will do.
    """
    run = follow(name, bowl, (1, 1), max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx((1.24496, 0.02016), abs=1e-5)
    assert run.weights[2] == pytest.approx(there, abs=2e-5)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (3, 3)


@pytest.mark.parametrize(
    ("convention", "first", "second"),
    [("torch", (1.2, 0.2), (1.91386, -1.06788)), ("optax", (1.24254, 0.02986), (1.91386, -1.06788))],
)
def test_two_epochs_of_the_fixed_step_by_hand(convention, first, second, bowl, follow):
    """From (1, 1): |g|₁ = 10 and |g|₂ = √68. On a quadratic s along -g gives the matrix above, however long it is.

    And it leads to the same point from all points on that line, w + s: H (g + y) = H g + s.
    """
    run = follow("l-bfgs-fixed", bowl, (1, 1), convention=convention, max_epochs=2)
    assert run.weights[1] == pytest.approx(first, abs=1e-5)
    assert run.weights[2] == pytest.approx(second, abs=1e-5)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (0, 2)


def quadratic():
    """Return least squares in five weights, E = |A w - b|² / 14, and its Hessian AᵀA / 7, of condition 30 or so."""
    rng = np.random.default_rng(3)
    A, b = rng.normal(size=(7, 5)), rng.normal(size=7)
    dataset = Dataset("quadratic", tuple(map(tuple, A.tolist())), tuple(b.tolist()), tuple(f"x{i}" for i in range(5)))
    return Perceptron(dataset=dataset, activation="linear", loss="half-mse"), A.T @ A / 7


AT = (1, -2, 0.5, 3, -1)


def epochs_of(rule, problem, start, epochs):
    """Yield the weights, the gradient and the state of a rule at its start and after every epoch."""
    f, w = CountingOracle(problem, 1), np.array([start], dtype=float)
    state = rule.begin(w, f)
    yield w[0], problem.at(w).gradient()[0], state
    for _ in range(epochs):
        f.uncounted_errors(w)
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        yield w[0], problem.at(w).gradient()[0], state


def learned(rule, problem, start, epochs):
    """Yield s, y and the matrix that was learned from them, after every epoch."""
    for (w, g, _), (w_new, g_new, state) in itertools.pairwise(epochs_of(rule, problem, start, epochs)):
        yield w_new - w, g_new - g, state.H[0]


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("name", ["bfgs", "dfp"])
def test_the_secant_equation_holds_after_every_update(name, scale, unequal):
    """H y = s; and H is symmetric to the last bit and, after steps that meet the Wolfe conditions, as it should be."""
    for start in ((-1.2, 1, 0.3), (0.6, -0.25, -1.5)):
        for s, y, H in learned(OPTIMIZERS[name](scale=scale), unequal, start, 10):
            np.testing.assert_allclose(H @ y, s, rtol=1e-5, atol=1e-9 * np.abs(H).max() * np.abs(y).max())
            assert (H.T == H).all()
            assert (np.linalg.eigvalsh(H) > 0).all()


def test_updates_of_bfgs_equal_scipy(unequal):
    """``scipy.optimize.BFGS`` keeps such a matrix for ``trust-constr``."""
    theirs = scipy.optimize.BFGS(init_scale=1)
    theirs.initialize(3, "inv_hess")
    for s, y, H in learned(OPTIMIZERS["bfgs"](), unequal, (-1.2, 1, 0.3), 8):
        theirs.update(s, y)
        np.testing.assert_allclose(H, theirs.get_matrix(), rtol=1e-6)


def test_updates_of_dfp_are_those_of_bfgs_with_s_and_y_exchanged(unequal):
    """So those of SciPy's approximation of the Hessian, told that y was the step and s the change of the gradient."""
    theirs = scipy.optimize.BFGS(init_scale=1)
    theirs.initialize(3, "hess")
    for s, y, H in learned(OPTIMIZERS["dfp"](), unequal, (-1.2, 1, 0.3), 8):
        theirs.update(y, s)
        np.testing.assert_allclose(H, theirs.get_matrix(), rtol=1e-6)


def test_scale_multiplies_the_matrix_before_its_first_update(unequal):
    """Eq. (6.20): with H = γ I, γ = yᵀs / yᵀy, then updated; so H y = s, and across both γ is left."""
    (s, y, H), *_ = learned(OPTIMIZERS["bfgs"](scale=True), unequal, (-1.2, 1, 0.3), 1)
    across = np.cross(s, y)
    np.testing.assert_allclose(H @ across, (y @ s) / (y @ y) * across, rtol=1e-9)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("name", SEARCHED)
def test_exact_searches_minimize_a_quadratic_in_n_epochs(name, scale, follow):
    """Nocedal & Wright 2006, Theorem 6.4: steps conjugate, earlier secant equations kept, H = the inverse at the end.

    With H₀ = I, or l-bfgs with room for all, the path is that of conjugate gradients.
    """
    problem, hessian = quadratic()
    run = follow(name, problem, AT, c1=1e-8, c2=1e-7, scale=scale, max_epochs=5)
    assert np.linalg.norm(problem.at(run.weights[-1:]).gradient()) < 1e-6
    moves = np.diff(run.weights, axis=0)
    moves /= np.linalg.norm(moves, axis=1)[:, None]
    conjugate = moves @ hessian @ moves.T
    assert conjugate == pytest.approx(np.diag(np.diag(conjugate)), abs=1e-5)
    cg = follow("cg-hs", problem, AT, c1=1e-8, c2=1e-7, max_epochs=5)
    assert run.weights == pytest.approx(cg.weights, abs=1e-5)
    if name != "l-bfgs":
        *_, (_, _, H) = learned(OPTIMIZERS[name](c1=1e-8, c2=1e-7, scale=scale), problem, AT, 5)
        np.testing.assert_allclose(H, np.linalg.inv(hessian), rtol=1e-3)


def test_dfp_equals_bfgs_with_exact_searches(unequal, follow):
    """L. C. W. Dixon, Mathematical Programming 2, 1972: whatever the function, all of Broyden's class do."""
    runs = [follow(name, unequal, (-1.2, 1, 0.3), c1=1e-9, c2=1e-8, max_epochs=4) for name in ("bfgs", "dfp")]
    assert runs[0].weights == pytest.approx(runs[1].weights, rel=1e-5)
    apart = [follow(name, unequal, (-1.2, 1, 0.3), max_epochs=4).weights for name in ("bfgs", "dfp")]
    assert np.abs(apart[0] - apart[1]).max() > 1e-3


@pytest.mark.parametrize("memory", [1, 2, 3, 20])
@pytest.mark.parametrize("scale", [False, True])
def test_directions_of_l_bfgs_equal_those_of_scipy(memory, scale, unequal):
    """``scipy.optimize.LbfgsInvHessProduct`` starts from I; from γ I it is γ times the one of s / γ and y."""
    rule = OPTIMIZERS["l-bfgs"](memory=memory, scale=scale)
    steps = list(epochs_of(rule, unequal, (-1.2, 1, 0.3), 8))
    s = np.diff([w for w, _, _ in steps], axis=0)
    y = np.diff([g for _, g, _ in steps], axis=0)
    for k in range(1, 8):
        gamma = s[k - 1] @ y[k - 1] / (y[k - 1] @ y[k - 1]) if scale else 1.0
        kept = slice(max(0, k - memory), k)
        direction = -gamma * (scipy.optimize.LbfgsInvHessProduct(s[kept] / gamma, y[kept]) @ steps[k][1])
        assert s[k] / np.linalg.norm(s[k]) == pytest.approx(direction / np.linalg.norm(direction), rel=1e-5, abs=1e-6)


def test_l_bfgs_with_all_pairs_from_the_identity_equals_bfgs(unequal, follow):
    runs = [
        follow(name, unequal, (-1.2, 1, 0.3), max_epochs=9, **settings)
        for name, settings in (("bfgs", {}), ("l-bfgs", {"scale": False}))
    ]
    assert runs[0].weights == pytest.approx(runs[1].weights, rel=1e-7)
    assert runs[0].evaluations == runs[1].evaluations


def test_l_bfgs_with_one_pair_and_exact_searches_equals_cg_hs(unequal, follow):
    """Nocedal & Wright 2006, section 7.2: memoryless BFGS from I is the method of Hestenes and Stiefel."""
    exact = {"c1": 1e-9, "c2": 1e-8, "max_epochs": 5}
    one = follow("l-bfgs", unequal, (-1.2, 1, 0.3), memory=1, scale=False, **exact)
    assert one.weights == pytest.approx(follow("cg-hs", unequal, (-1.2, 1, 0.3), **exact).weights, rel=1e-4)
    assert np.abs(one.weights - follow("bfgs", unequal, (-1.2, 1, 0.3), **exact).weights).max() > 1e-3


@pytest.mark.parametrize("c2", [0.9, 0.4])
@pytest.mark.parametrize("where", ["six_points", "unequal"])
def test_bfgs_equals_scipy_with_the_same_search(where, c2, plain, follow, request, monkeypatch):
    """SciPy's BFGS uses this search, with at most ten doublings, where Moré and Thuente's fails; both are replaced."""
    monkeypatch.setattr(scipy.optimize._optimize, "line_search_wolfe1", lambda *_, **__: (None,))
    patient = functools.partial(scipy.optimize._optimize.line_search_wolfe2, maxiter=1000)
    monkeypatch.setattr(scipy.optimize._optimize, "line_search_wolfe2", patient)
    problem = request.getfixturevalue(where)
    start, f, weights = (-1.2, 1, 0.3)[: len(problem.weights)], plain(problem), []
    result = scipy.optimize.minimize(
        lambda w: f.error(w.tolist()),
        start,
        jac=lambda w: np.array(f.gradient(w.tolist())),
        method="BFGS",
        callback=lambda w: weights.append(w.tolist()),
        options={"c2": c2, "gtol": 0, "maxiter": 10},
    )
    run = follow("bfgs", problem, start, c2=c2, max_epochs=10)
    assert len(weights) == 10
    np.testing.assert_allclose(run.weights[1:], weights, 1e-8)
    assert (run.evaluations["error"], run.evaluations["gradient"]) == (result.nfev, result.njev)


@pytest.mark.parametrize("name", SEARCHED)
def test_steps_meet_the_strong_wolfe_conditions_downhill(name, unequal, plain, follow):
    run = follow(name, unequal, (-1.2, 1, 0.3), max_epochs=9)
    f = plain(unequal)
    for w, after in itertools.pairwise(run.weights):
        slope, there = (after - w) @ f.gradient(w), (after - w) @ f.gradient(after)
        assert slope < 0
        assert f.error(after) <= f.error(w) + 1e-4 * slope
        assert abs(there) <= 0.9 * abs(slope) * (1 + 1e-9)


@pytest.mark.parametrize("name", SEARCHED)
def test_is_stuck_at_a_minimum(name, bowl):
    there, elsewhere = record(iterate(OPTIMIZERS[name](), bowl, [(3, -1), (1, 1)], error_threshold=None, max_epochs=2))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations == {"error": 1, "gradient": 1, "hessian": 0, "residuals": 0, "jacobian": 0}
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 2)


@pytest.mark.parametrize("name", SEARCHED)
def test_rejects_c1_above_c2(name):
    with pytest.raises(ValueError, match="c1") as refusal:
        OPTIMIZERS[name](c1=0.3, c2=0.2)
    assert str(refusal.value) == f"{name}: c1: 0.3 is not below c2, 0.2"


def test_the_fixed_step_stays_at_a_minimum(bowl, follow):
    """Division by 0 there does not change the weights."""
    for convention in ("torch", "optax"):
        run = follow("l-bfgs-fixed", bowl, (3, -1), convention=convention, max_epochs=3)
        assert run.weights.tolist() == [[3, -1]] * 4


def trials(rule, problem, start, epochs):
    """Yield s, y, B before and B after of every epoch of sr1, whether or not its step was taken."""
    f, w = CountingOracle(problem, 1), np.array([start], dtype=float)
    state, asked = rule.begin(w, f), []
    ask = f.gradient
    f.gradient = lambda w, where=None: asked.append(w[0]) or ask(w, where)
    for _ in range(epochs):
        f.uncounted_errors(w)
        g, B, here = problem.at(w).gradient()[0], state.B[0], w[0]
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        yield asked[-1] - here, problem.at(asked[-1][None]).gradient()[0] - g, B, state.B[0]


def test_updates_of_sr1_equal_scipy_and_meet_the_secant_equation(unequal):
    theirs = scipy.optimize.SR1(init_scale=1, min_denominator=1e-8)
    theirs.initialize(3, "hess")
    for s, y, _, B in trials(OPTIMIZERS["sr1"](), unequal, (-1.2, 1, 0.3), 12):
        theirs.update(s, y)
        np.testing.assert_allclose(B, theirs.get_matrix(), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(B @ s, y, rtol=1e-6, atol=1e-12)
        assert (B.T == B).all()


def test_sr1_finds_the_hessian_of_a_quadratic_in_n_epochs():
    """Nocedal & Wright 2006, Theorem 6.1: whatever the steps, B s = y for all of them, and in the end B = H."""
    problem, hessian = quadratic()
    steps, taken = [], []
    for s, y, _, B in trials(OPTIMIZERS["sr1"](step=0.3, accept=0.2), problem, AT, 5):
        steps.append(s)
        taken.append(y)
        np.testing.assert_allclose(B @ np.transpose(steps), np.transpose(taken), atol=1e-9)
    np.testing.assert_allclose(B, hessian, atol=1e-6)


def test_sr1_skips_updates_with_a_small_denominator(unequal):
    """|sᵀ(y - Bs)| ≥ r |s| |y - Bs|, eq. (6.26), by its definition: with r = 0.8 some are made and some are not."""
    made = []
    for s, y, before, after in trials(OPTIMIZERS["sr1"](skip=0.8), unequal, (-1.2, 1, 0.3), 12):
        rest = y - before @ s
        fit = abs(s @ rest) >= 0.8 * np.linalg.norm(s) * np.linalg.norm(rest)
        assert (after != before).any() == fit
        made.append(fit)
    assert 0 < sum(made) < 12


def test_sr1_follows_negative_curvature(follow):
    """On a saddle, E = 5 x² - y²: B becomes diag(10, -2), which no rule with a positive definite matrix could learn."""
    saddle = PROBLEMS["saddle"]()
    *_, (_, _, _, B) = trials(OPTIMIZERS["sr1"](), saddle, (-1.5, 0.01), 4)
    np.testing.assert_allclose(B, np.diag([10, -2]), atol=1e-6)
    assert follow("sr1", saddle, (-1.5, 0.01), max_epochs=12).errors[-1] < -100


def test_sr1_grows_and_shrinks_its_radius_by_the_ratio(six_points):
    """Algorithm 6.2 by its definition: ½, 1 or 2 times, the last only after a step to the edge, more or less."""
    rule, w, met = OPTIMIZERS["sr1"](), np.array([[2.5, 3.0]]), set()
    f = CountingOracle(six_points, 1)
    state = rule.begin(w, f)
    asked, ask = [], f.error
    f.error = lambda w, where=None: asked.append(w) or ask(w, where)
    for _ in range(40):
        f.uncounted_errors(w)
        before, here = state, w
        g = six_points.at(w).gradient()[0]
        with np.errstate(all="ignore"):  # as the loop does
            w, state = rule.advance(w, state, f)
        s = (asked[-1] - here)[0]
        falls = six_points.at(here).error()[0] - six_points.at(asked[-1]).error()[0]
        ratio = falls / -(g @ s + s @ before.B[0] @ s / 2)
        factor = state.radius[0, 0] / before.radius[0, 0]
        at_edge = np.linalg.norm(s) > 0.8 * before.radius[0, 0]
        assert factor == (2 if ratio > 0.75 and at_edge else 1 if ratio >= 0.1 else 0.5)
        assert (w != here).any() == (ratio > 1e-4)
        met.add(factor)
    assert met == {0.5, 1, 2}
