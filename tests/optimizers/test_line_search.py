"""Gradient descent with golden search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bpviz.declare import OPTIMIZERS
from bpviz.march import march
from bpviz.results import Ending, record

RTOL, EPOCHS = 1e-7, 10  # a parabola through nearly equal errors makes roundoff grow; near a minimum errors tie


def golden(f, w, *, tolerance):
    """SciPy's golden section, which brackets by itself, along the negative gradient."""
    while True:
        g = f.gradient(w)
        errors = {}

        def phi(alpha, w=w, g=g, errors=errors):
            errors[alpha] = f.error([x - alpha * d for x, d in zip(w, g, strict=True)])
            return errors[alpha]

        found = minimize_scalar(phi, method="golden", tol=tolerance)
        if not found.fun < errors[0.0]:
            yield w
            return
        w = [x - float(found.x) * d for x, d in zip(w, g, strict=True)]
        yield w


TWINS = {"golden": golden}
UNUSUAL = {"golden": {"tolerance": 0.003}}


def test_one_epoch_by_hand(bowl, follow):
    """From (1, 1), g = (-2, 8): φ(α) = ((2 α - 2)² + (4 - 16 α)²) / 2, lowest at α = 17/65 = 0.26154.

    φ(0) = 10 and φ(1) = 72, uphill, so the other way: φ(-1.618034) = 460.4 is up too. Bracket (1, 0, -1.618034),
    3 errors. Its longer part is the second, so the inner points are 0 and -0.618034 with φ 10 and 99.7, 2 errors. Of
    two inner points the bracket is cut at the worse and a new one is set, 1 error each: 0.381966 with φ 2.99, 0.618034
    with 17.63, 0.236068 with 1.19, 0.145898 with 2.85 and 0.291796 with 1.23. Then the bracket, from 0.381966 to
    0.145898, is no longer than 0.9 (0.291796 + 0.236068), while it was longer than 0.9 of their sum each time before.
    The better inner point is 0.236068: w = (1 + 2 · 0.236068, 1 - 8 · 0.236068). 10 errors in all.
    """
    run = follow("golden", bowl, (1, 1), tolerance=0.9, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.472136, -0.888544), abs=1e-6)
    assert run.evaluations["error"] == 10


def test_a_fine_tolerance_finds_the_lowest_point(bowl, follow):
    """Steepest descent with an exact search on a quadratic: α = gᵀg / gᵀHg = 68 / 260."""
    run = follow("golden", bowl, (1, 1), tolerance=1e-7, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 2 * 17 / 65, 1 - 8 * 17 / 65), abs=1e-6)


def test_a_search_that_finds_nothing_lower_ends_its_run_and_no_other(bowl):
    """At the minimum there is nowhere to go: φ is constant along a gradient of 0, as φ at 0, 1 and 2.618034 shows."""
    starts = [(3, -1), (1, 1)]
    there, elsewhere = record(march(OPTIMIZERS["golden"](), bowl, starts, error_threshold=None, max_epochs=3))
    assert (there.ending, there.epochs, there.weights.tolist()) == (Ending.STUCK, 1, [[3, -1], [3, -1]])
    assert there.evaluations["error"] == 3
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 3)
    assert (np.diff(elsewhere.errors) < 0).all()
