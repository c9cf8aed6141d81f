"""Newton's method."""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS
from bpviz.march import march
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import Perceptron
from bpviz.results import Ending, record

AGAINST = {"newton": "its twin and the published path"}
RTOL, EPOCHS = 1e-8, 10  # far from a minimum a nearly singular Hessian makes roundoff grow, often a thousandfold


def determinant(m):
    """By expansion along the first row."""
    if not m:
        return 1.0
    minors = [[row[:j] + row[j + 1 :] for row in m[1:]] for j in range(len(m))]
    return sum((-1) ** j * m[0][j] * determinant(minor) for j, minor in enumerate(minors))


def newton(f, w, *, step, penalty):
    """Nocedal & Wright 2006, eq. (3.30) with Eₖ = τ I; the linear system by Cramer's rule."""
    while True:
        g, hessian = f.gradient(w), f.hessian(w)
        damped = [[h + penalty * (i == j) for j, h in enumerate(row)] for i, row in enumerate(hessian)]
        whole = determinant(damped)
        if whole == 0:
            yield w
            return
        columns = range(len(w))
        replaced = [[[*row[:j], -d, *row[j + 1 :]] for row, d in zip(damped, g, strict=True)] for j in columns]
        p = [determinant(m) / whole for m in replaced]
        w = [x + step * d for x, d in zip(w, p, strict=True)]
        yield w


TWINS = {"newton": newton}
UNUSUAL = {"newton": {"step": 0.6, "penalty": 0.07}}


def test_one_epoch_by_hand(bowl, follow):
    """From (1, 1): g = (-2, 8), H = diag(1, 4), with penalty 1 diag(2, 5): direction (-1, 1.6), or half of it."""
    assert follow("newton", bowl, (1, 1), penalty=1, max_epochs=1).weights[1].tolist() == [2, 1 - 1.6]
    assert follow("newton", bowl, (1, 1), penalty=1, step=0.5, max_epochs=1).weights[1].tolist() == [1.5, 1 - 0.8]


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


def test_a_singular_hessian_ends_its_run_and_no_other():
    """One relu neuron that is off has no gradient and no curvature; its neighbour is on, and quadratic.

    x = 2, y = 6, E = (2 w - 6)² for w > 0: one epoch leads to w = 3.
    """
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    newton = OPTIMIZERS["newton"](penalty=0.0)
    off, on, off_too = record(march(newton, problem, [[-1], [1], [-5]], error_threshold=1e-20, max_epochs=9))
    assert (off.ending, off.epochs, off.weights.tolist()) == (Ending.STUCK, 1, [[-1], [-1]])
    assert (on.ending, on.epochs, on.weights.tolist()) == (Ending.REACHED, 1, [[1], [3]])
    assert (off_too.ending, off_too.epochs, off_too.weights.tolist()) == (Ending.STUCK, 1, [[-5], [-5]])
    assert off.evaluations == {"error": 0, "gradient": 1, "hessian": 1, "residuals": 0, "jacobian": 0}


def test_a_penalty_mends_a_singular_hessian():
    problem = Perceptron(dataset=Dataset("one", ((2.0,),), (6.0,), ("x",)), activation="relu")
    run = record(march(OPTIMIZERS["newton"](), problem, [[-1]], error_threshold=None, max_epochs=3))[0]
    assert run.ending is Ending.EXHAUSTED
