"""Coordinate search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record


def coordinate_search(f, x, *, step, increase, decrease, tolerance):
    """Kolda, Lewis & Torczon 2003, section 3, with ρ = 0, constant φ and θ, and directions in a fixed order."""
    delta, phi, theta = step, increase, decrease
    fx = f.error(x)
    while True:
        for i, sign in itertools.product(range(len(x)), (1, -1)):
            trial = [a + sign * delta if j == i else a for j, a in enumerate(x)]
            there = f.error(trial)
            if there < fx:
                x, fx = trial, there
                delta = phi * delta
                break
        else:
            delta = theta * delta
        yield x
        if delta < tolerance:
            return


TWINS = {"coordinate-search": coordinate_search}
UNUSUAL = {"coordinate-search": {"step": 0.35, "increase": 1.7, "decrease": 0.3, "tolerance": 1e-3}}


def test_four_epochs_by_hand(bowl, follow):
    """From (1, 1), where E = ((w1 - 3)² + (2 w2 + 2)²) / 2 is 10, with Δ = 2.

    1. (3, 1) has 8, lower. 2. (5, 1), (1, 1) and (3, 3) are higher, (3, -1) has 0. 3. No trial is lower: Δ ← 1.
    4. No trial is lower: Δ ← 1/2. One error at the start, then 1, 4, 4 and 4.
    """
    run = follow("coordinate-search", bowl, (1, 1), step=2, max_epochs=4)
    assert run.weights.tolist() == [[1, 1], [3, 1], [3, -1], [3, -1], [3, -1]]
    assert run.counts[:, 0].tolist() == [0, 2, 6, 10, 14]


def test_growing_steps_by_hand(bowl, follow):
    """With φ = 2, Δ = 1/2: to (1.5, 1), Δ ← 1: to (2.5, 1), Δ ← 2: both trials along the first axis are higher, and so
    is (2.5, 3), but (2.5, -1) is lower: Δ ← 4."""
    run = follow("coordinate-search", bowl, (1, 1), step=0.5, increase=2, max_epochs=3)
    assert run.weights.tolist() == [[1, 1], [1.5, 1], [2.5, 1], [2.5, -1]]
    assert run.counts[:, 0].tolist() == [0, 2, 3, 7]


def test_step_length_bounds_the_gradient_after_an_unsuccessful_epoch(follow):
    """Kolda, Lewis & Torczon 2003, Theorem 3.3: |∇E| ≤ √n M Δ if ∇E changes by at most M |h| over h.

    For Booth's function, M is the larger eigenvalue of its Hessian (10, 8; 8, 10), 18.
    """
    problem = PROBLEMS["booth"]()
    run = follow("coordinate-search", problem, (-6, 8), max_epochs=400)
    delta, held = 1.0, 0
    for w, after in itertools.pairwise(run.weights):
        if (w == after).all():
            assert np.linalg.norm(problem.at(w[None]).gradient()[0]) <= np.sqrt(2) * 18 * delta
            delta, held = delta / 2, held + 1
        else:
            assert np.abs(after - w).max() == delta
    assert held >= 20


@pytest.mark.parametrize("nowhere", [np.nan, np.inf])
def test_rejects_non_finite_errors(nowhere, landscape, follow):
    def cliff(w):
        error = (w[:, 0] - 3) ** 2 + (w[:, 1] + 1) ** 2 + 1
        return np.where(w.sum(axis=1) > 2.2, nowhere, error)

    run = follow("coordinate-search", landscape(cliff, 2), (-3.3, 2), max_epochs=400)
    assert run.weights[-1] == pytest.approx((3, -1), abs=1e-7)
    assert np.isfinite(run.errors).all()


def test_run_below_the_tolerance_is_stuck_and_others_continue(bowl):
    """Δ = 1, 1/2, 1/4 and 1/8; then 1/16 is below the tolerance of 1/8."""
    rule = OPTIMIZERS["coordinate-search"](tolerance=0.125)
    there, elsewhere = record(iterate(rule, bowl, [(3, -1), (-9.5, 7)], error_threshold=None, max_epochs=20))
    assert (there.ending, there.epochs, there.evaluations["error"]) == (Ending.STUCK, 4, 17)
    assert (elsewhere.ending, elsewhere.epochs) == (Ending.EXHAUSTED, 20)
    assert [there.weights[-1].tolist(), elsewhere.weights[-1].tolist()] == [[3, -1], [2.5, -1]]
