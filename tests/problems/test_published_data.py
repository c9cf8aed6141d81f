"""Test the numbers published with the neuron and with iris.

The neuron is trained by hand in an article on backpropagation, the first 100 rows of iris in one on logistic
regression. The digits beyond those printed were recomputed twice with plain NumPy.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpviz.problems.data import DATASETS
from bpviz.problems.perceptron import Perceptron


@pytest.mark.parametrize(("step", "error"), [(0.001, 0.3908802350630125), (0.01, 0.06716381411659708)])
def test_iris_from_zeros(step, error, follow):
    dataset = DATASETS["iris"](rows=(0, 100)).dataset()
    problem = Perceptron(dataset=dataset, bias=True, loss="cross-entropy")
    run = follow("gd", problem, [0.0] * 5, step=step)
    assert run.epochs == 1000
    assert run.errors[-1] == pytest.approx(error, rel=1e-12)


@pytest.mark.slow
def test_neuron_after_80_000_epochs(follow):
    problem = Perceptron(dataset=DATASETS["neuron"]().dataset())
    run = follow("gd", problem, (0.5, 0.5), step=0.01, max_epochs=80_000)
    assert run.weights[-1] == pytest.approx((0.85135005611466, 1.90540022445864), abs=1e-12)
    assert run.errors[-1] == pytest.approx(3.371529126948375e-13, rel=1e-6)
    assert np.flatnonzero(run.errors <= 1e-6)[0] == 30334
