"""Lower bounds of the error for targets that an activation cannot reach."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz.problems.network import activations
from bpviz.problems.network.layers import ACTIVATIONS
from bpviz.problems.targets import least_error, range_warning


@pytest.mark.parametrize("loss", ["mse", "half-mse", "mae"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("targets", [(-1.0, 1.0), (0.0, 1.0), (0.0, 1.0, 2.0), (-0.5, 0.5, 7.0), (3.0,)])
def test_least_error_is_that_of_the_best_prediction_of_every_sample(activation, loss, targets):
    """Found by trying predictions of a fine grid of weighted sums, each sample by itself."""
    of_one = {"mse": lambda d: d * d, "half-mse": lambda d: d * d / 2, "mae": abs}[loss]
    sums = np.linspace(-30, 30, 6001) if activation != "leaky-relu" else np.linspace(-300, 30, 33001)
    predictions = getattr(activations, ACTIVATIONS[activation]).value(sums)
    expected = sum(of_one(predictions - target).min() for target in targets) / len(targets)
    least = least_error(targets, activation, loss)
    assert least == pytest.approx(expected, abs=6e-3)  # half of the grid's step
    assert bool(range_warning(targets, activation, loss)) == (expected > 0.01)


def test_smallest_value_of_gelu():
    """z (1 + tanh u) / 2 is smallest at z = -0.7524..., where a fine grid finds it."""
    values = activations.Gelu.value(np.linspace(-0.8, -0.7, 100_001))
    assert least_error((-1.0,), "gelu", "mae") == pytest.approx(1 + values.min(), abs=1e-5)
    assert math.isclose(values.min(), -0.17004, abs_tol=1e-5)
