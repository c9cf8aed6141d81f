"""Newton's method, and its repairs of a Hessian."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from plain_algebra import REPAIRS, apply, eigen, from_eigen, identity, plus, repaired, solve

from bpviz.declare import OPTIMIZERS
from bpviz.engine.loop import iterate
from bpviz.engine.oracle import CountingOracle
from bpviz.engine.results import Ending, record
from bpviz.optimizers._curvature import newton_direction
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron

AGAINST = {"newton": "its twin and the published path"}
RTOL, EPOCHS = 1e-8, 10  # far from a minimum a nearly singular Hessian makes roundoff grow, often a thousandfold


def newton(f, w, *, step, penalty, repair):
    """Nocedal & Wright 2006, eq. (3.30) with Eₖ = τ I, or another repair; the linear system by Cramer's rule."""
    while True:
        g, hessian = f.gradient(w), f.hessian(w)
        p = solve(repaired(hessian, repair, penalty), [-d for d in g])
        if p is None:
            yield w
            return
        w = plus(w, p, step)
        yield w


TWINS = {"newton": newton}
UNUSUAL = {"newton": {"step": 0.6, "penalty": 0.07, "repair": "cholesky"}}


@pytest.mark.parametrize("repair", REPAIRS)
def test_every_repair_equals_the_twin(repair, unequal, plain, follow):
    """At a start where the Hessian has eigenvalues of both signs."""
    start, settings = [-1.2, 1.0, 0.3], {"step": 0.9, "repair": repair, "penalty": 0.04}
    values = [value for value, _ in eigen(plain(unequal).hessian(start))]
    assert values[0] < 0 < values[-1]
    run = follow("newton", unequal, start, max_epochs=EPOCHS, **settings)
    weights = [start, *itertools.islice(newton(plain(unequal), start, **settings), EPOCHS)]
    np.testing.assert_allclose(run.weights, weights, RTOL, RTOL)


def test_one_epoch_by_hand(bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4), with penalty 1 diag(2, 5): direction (-1, 1.6), or half of it."""
    assert follow("newton", bowl, (1, 1), penalty=1, max_epochs=1).weights[1].tolist() == [2, 1 - 1.6]
    assert follow("newton", bowl, (1, 1), penalty=1, step=0.5, max_epochs=1).weights[1].tolist() == [1.5, 1 - 0.8]


@pytest.mark.parametrize(
    ("repair", "penalty", "there"),
    [
        ("clip", 2, (1 + 2 / 2, -1)),  # diag(2, 4)
        ("flip", 2, (1 + 2 / 2, -1)),
        ("shift", 2, (1 + 2 / 2, 1 - 8 / 5)),  # diag(2, 5)
        ("cholesky", 2, (1 + 2 / 2, -1)),  # pivots 4 and 1, the second made 2
        ("clip", 0.5, (3, -1)),  # 1 and 4 are above: the pure Newton step
        ("flip", 0.5, (3, -1)),
        ("shift", 0.5, (3, -1)),
        ("cholesky", 0.5, (3, -1)),
    ],
)
def test_one_epoch_of_each_repair_by_hand(repair, penalty, there, bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4)."""
    run = follow("newton", bowl, (1, 1), repair=repair, penalty=penalty, max_epochs=1)
    assert run.weights[1] == pytest.approx(there, rel=1e-15)


@pytest.mark.parametrize(
    ("repair", "direction"),
    [
        ("penalty", (-0.1, 1, 2)),  # the pure Newton direction, which leads uphill
        ("clip", (-0.1, 1, -2e8)),
        ("flip", (-0.1, 1, -2)),
    ],
)
def test_the_directions_of_nocedal_and_wright(repair, direction, six_points):
    """Section 3.4, "Eigenvalue modification": H = diag(10, 3, -1), g = (1, -3, 2), δ = 10⁻⁸."""
    H, g = np.diag([10.0, 3, -1])[None], np.array([[1.0, -3, 2]])
    found = newton_direction(H, g, repair, 0.0 if repair == "penalty" else 1e-8, CountingOracle(six_points, 1))
    assert found[0] == pytest.approx(direction, rel=1e-15)
    assert (found @ g.T > 0) == (repair == "penalty")


@pytest.mark.parametrize("repair", REPAIRS[1:])
def test_repaired_directions_lead_downhill(repair, six_points):
    """Whatever the Hessian; and where all eigenvalues are above the least, the direction is the pure one."""
    rng = np.random.default_rng(3)
    H = rng.normal(size=(200, 4, 4)) * 10.0 ** rng.integers(-3, 4, size=(200, 1, 1))
    H, g = H + H.transpose(0, 2, 1), rng.normal(size=(200, 4))
    f = CountingOracle(six_points, 200)
    d = newton_direction(H, g, repair, 1e-3, f)
    assert ((d * g).sum(axis=1) < 0).all()
    fine = H @ H.transpose(0, 2, 1) + 2e-3 * np.eye(4)
    pure = -np.linalg.solve(fine, g[:, :, None])[:, :, 0]
    np.testing.assert_allclose(newton_direction(fine, g, repair, 1e-3, f), pure, rtol=1e-6)


@pytest.mark.parametrize("repair", ["clip", "shift"])
def test_a_repair_changes_the_hessian_as_little_as_can_be(repair):
    """clip in the Frobenius norm, shift in the Euclidean one: section 3.4, "Eigenvalue modification"."""
    rng = np.random.default_rng(5)
    of = {"clip": "fro", "shift": 2}[repair]
    for _ in range(20):
        h = rng.normal(size=(3, 3))
        h = h + h.T
        change = np.array(repaired(h.tolist(), repair, 0.1)) - h
        for _ in range(200):
            other = rng.normal(size=(3, 3)) * rng.choice([0.1, 1])
            other = change + (other + other.T) / 2
            if np.linalg.eigvalsh(h + other)[0] >= 0.1:
                assert np.linalg.norm(other, of) >= np.linalg.norm(change, of) * (1 - 1e-9)


def test_a_quadratic_takes_one_epoch(bowl, follow):
    run = follow("newton", bowl, (1, 1), penalty=0, error_threshold=1e-25)
    assert run.epochs == 1
    assert run.weights[1] == pytest.approx((3, -1), rel=1e-15)


def test_the_published_start_is_a_saddle_for_the_quadratic_model(six_points):
    """H at (-4, -4) has eigenvalues -0.0064 and 0.00026, as an independent NumPy computation found."""
    h = six_points.at(np.array([[-4.0, -4.0]])).hessian()[0]
    assert np.linalg.eigvalsh(h) == pytest.approx((-0.0064, 0.00026), abs=5e-5)


def test_an_indefinite_hessian_may_lead_uphill(six_points, follow):
    """Without a penalty the step from (-4, -4) heads for the saddle of the quadratic model, and the error grows."""
    run = follow("newton", six_points, (-4, -4), penalty=0, max_epochs=1)
    assert run.errors[1] > run.errors[0]


def test_a_singular_hessian_ends_only_its_run():
    """One relu neuron that is off has no gradient and no curvature; its neighbor is on, and quadratic.

    x = 2, y = 6, E = (2 w - 6)² for w > 0: one epoch leads to w = 3.
    """
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    for repair in REPAIRS:
        newton = OPTIMIZERS["newton"](penalty=0.0, repair=repair)
        off, on, off_too = record(iterate(newton, problem, [[-1], [1], [-5]], error_threshold=1e-20, max_epochs=9))
        if repair != "cholesky":  # its pivots are never 0
            assert (off.ending, off.epochs, off.weights.tolist()) == (Ending.STUCK, 1, [[-1], [-1]])
            assert off.why == "singular Hessian"
            assert (off_too.ending, off_too.epochs, off_too.weights.tolist()) == (Ending.STUCK, 1, [[-5], [-5]])
            assert off.evaluations == {"error": 0, "gradient": 1, "hessian": 1, "residuals": 0, "jacobian": 0}
        assert (on.ending, on.epochs, on.weights.tolist()) == (Ending.REACHED, 1, [[1], [3]])


def test_a_penalty_repairs_a_singular_hessian():
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    for repair in REPAIRS:
        newton = OPTIMIZERS["newton"](repair=repair)
        run = record(iterate(newton, problem, [[-1]], error_threshold=None, max_epochs=3))[0]
        assert run.ending is Ending.EXHAUSTED


def test_twins_algebra():
    """Eigenvectors by rotations are those of the matrix, and Cramer's solutions solve the system."""
    rng = np.random.default_rng(8)
    for n in (1, 2, 3, 4):
        m = rng.normal(size=(n, n))
        m = (m + m.T).tolist()
        for value, vector in eigen(m):
            assert apply(m, vector) == pytest.approx([value * x for x in vector], abs=1e-13)
        assert from_eigen(eigen(m)) == pytest.approx(np.array(m), abs=1e-13)
        assert apply(m, solve(m, list(range(n)))) == pytest.approx(list(range(n)), abs=1e-10)
        assert eigen(identity(n)) == [(1.0, row) for row in sorted(identity(n))]
