"""A price on the size of the weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import record
from bpviz.problems.penalty import Penalized

W = np.array([[-1.2, 1.0], [0.4, -2.5], [3.0, 0.0]])


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_it_adds_by_hand(name):
    """At (-1.2, 1) with λ₁ 0.5 and λ₂ 3: 0.5 · 2.2 + 1.5 · (1.44 + 1) = 4.76; slope (-0.5 - 3.6, 0.5 + 3)."""
    problem = PROBLEMS[name]()
    bare, priced = problem.at(W), Penalized(problem, 0.5, 3.0).at(W)
    assert priced.error()[0] == pytest.approx(bare.error()[0] + 4.76, rel=1e-15)
    assert priced.gradient()[0] == pytest.approx(bare.gradient()[0] + [-4.1, 3.5], rel=1e-15)
    assert priced.gradient()[2, 1] == bare.gradient()[2, 1]  # |w| has no slope at 0
    assert priced.hessian() == pytest.approx(bare.hessian() + 3 * np.eye(2), rel=1e-15)


def test_squares_stay_squares():
    priced = Penalized(PROBLEMS["rosenbrock"](), l2=3.0)
    assert priced.offers == PROBLEMS["rosenbrock"].offers
    at = priced.at(W)
    residuals, jacobian = at.residuals(), at.jacobian()
    assert (residuals**2).sum(axis=1) == pytest.approx(at.error(), rel=1e-14)
    assert 2 * np.einsum("rsp,rs->rp", jacobian, residuals) == pytest.approx(at.gradient(), rel=1e-12)


def test_sizes_are_no_squares():
    assert Penalized(PROBLEMS["rosenbrock"](), l1=1.0).offers == {"error", "gradient", "hessian"}


def test_gradient_descent_shrinks_the_weights_as_weight_decay_does(six_points):
    """w ← w - η (g + λ w), the line that libraries call weight decay, in plain arrays."""
    penalized = Penalized(six_points, l2=0.05)
    (run,) = record(iterate(OPTIMIZERS["gd"](), penalized, [(-4, -4)], error_threshold=None, max_epochs=50))
    w = np.array([[-4.0, -4.0]])
    for epoch in range(50):
        w = w - 0.3 * (six_points.at(w).gradient() + 0.05 * w)
        np.testing.assert_allclose(run.weights[epoch + 1], w[0], rtol=1e-13)


def test_a_run_is_the_same_alone_and_in_company(six_points):
    penalized = Penalized(six_points, 0.01, 0.02)
    starts = np.random.default_rng(3).normal(size=(7, 2)) * 4
    rest = {"error_threshold": 0.2, "max_epochs": 40}
    for name in ("adam", "newton", "irprop+"):
        together = record(iterate(OPTIMIZERS[name](), penalized, starts, block=3, **rest))
        for start, run in zip(starts, together, strict=True):
            (alone,) = record(iterate(OPTIMIZERS[name](), penalized, [start], **rest))
            assert alone.weights.tobytes() == run.weights.tobytes()
            assert alone.errors.tobytes() == run.errors.tobytes()


def test_it_is_the_other_problem_in_all_else(six_points):
    penalized = Penalized(six_points, 0.01)
    assert (penalized.weights, penalized.start, penalized.threshold) == (("w1", "w2"), (-4.0, -4.0), 0.125)
    assert penalized.dataset is six_points.dataset
    assert penalized.minima == ()
    assert pickle.loads(pickle.dumps(penalized)) == penalized
