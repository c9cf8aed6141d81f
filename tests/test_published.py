"""Test that the published comparison is reproduced: two weights, six points, start (-4, -4), error threshold 0.125.

The numbers are from the table, the text and the figures of Yurii Shevchuk's article "Visualize Algorithms based on the
Backpropagation" (NeuPy, 2015-2016). The end points are not printed there; they were computed with a plain NumPy loop
that reproduces the published epochs. Where the article's code contradicts its results, the results are used: the code
has step 0.3 for both RPROPs, which takes 18 and 16 epochs, but table, text and figures are those of step 0.1.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bpviz.engine.results import Ending

START = (-4, -4)


@pytest.fixture
def published(six_points, follow):
    def published(name, **settings):
        return follow(name, six_points, START, error_threshold=0.125, **settings)

    return published


def test_six_points_are_the_published_ones(six_points):
    assert six_points.dataset.features == ((0.9, 0.3), (0.5, 0.3), (0.2, 0.1), (0.7, 0.5), (0.1, 0.8), (0.1, 0.9))
    assert six_points.dataset.targets == (1, 1, 1, 0, 0, 0)
    assert (six_points.activation, six_points.loss, six_points.weights) == ("sigmoid", "mse", ("w1", "w2"))


@pytest.mark.parametrize(
    ("name", "settings", "epochs"),
    [
        # the table of the article
        ("gd", {"step": 0.3}, 797),
        ("momentum", {"step": 0.3, "momentum": 0.9}, 92),
        ("rprop", {"step": 0.1}, 20),
        ("irprop+", {"step": 0.1}, 17),
        ("golden", {"tolerance": 0.1}, 2),
        # its text
        ("gd", {"step": 10}, 25),
        ("newton", {"step": 1, "penalty": 0.01}, 3),
        # its code for the two RPROPs, see above
        ("rprop", {"step": 0.3}, 18),
        ("irprop+", {"step": 0.3}, 16),
        # its code for Newton's method with ten times the penalty, in a plain NumPy loop
        ("newton", {"step": 1, "penalty": 0.1}, 24),
    ],
)
def test_reproduces_published_epochs(name, settings, epochs, published):
    run = published(name, **settings)
    assert (run.epochs, run.ending) == (epochs, Ending.REACHED)
    assert run.errors[-1] <= 0.125 < run.errors[:-1].min()


@pytest.mark.parametrize("name", ["gd", "momentum", "rprop", "irprop+", "golden", "newton"])
def test_defaults_are_the_published_settings(name, published):
    published_settings = {
        "gd": {"step": 0.3},
        "momentum": {"step": 0.3, "momentum": 0.9},
        "rprop": {"step": 0.1, "increase": 1.2, "decrease": 0.5, "min_step": 0.001, "max_step": 10},
        "irprop+": {"step": 0.1, "increase": 1.2, "decrease": 0.5, "min_step": 0.001, "max_step": 10},
        "golden": {"tolerance": 0.1},
        "newton": {"step": 1, "penalty": 0.01},
    }
    assert published(name).weights.tobytes() == published(name, **published_settings[name]).weights.tobytes()


@pytest.mark.parametrize(
    ("name", "settings", "end"),
    [
        ("gd", {"step": 0.3}, ("2.37661", "-3.03259")),
        ("gd", {"step": 10}, ("2.42061", "-3.09109")),
        ("momentum", {}, ("2.48856", "-2.98981")),
        ("rprop", {}, ("2.626", "-3.505")),
        ("irprop+", {}, ("2.455", "-3.089")),
    ],
)
def test_reproduces_end_points_to_every_printed_digit(name, settings, end, published):
    digits = len(end[0].partition(".")[2])
    assert tuple(f"{w:.{digits}f}" for w in published(name, **settings).weights[-1]) == end


def test_reproduces_three_points_of_newtons_method(published):
    """Read from the article's figure of the Newton steps, and recomputed."""
    points = published("newton").weights[1:]
    assert [[f"{w:.2f}" for w in point] for point in points] == [
        ["0.96", "-1.68"],
        ["1.92", "-2.43"],
        ["2.40", "-3.06"],
    ]


def test_reproduces_two_points_and_evaluations_of_golden_search(published, six_points, plain):
    """The points of SciPy's golden section search with tol 0.1 along the negative gradient."""
    run = published("golden")
    assert run.weights[1:] == pytest.approx(np.array([(1.29283, -1.37304), (3.13321, -6.08879)]), abs=1e-5)
    assert run.evaluations == {"error": 31, "gradient": 2, "hessian": 0, "residuals": 0, "jacobian": 0}
    f, w = plain(six_points), list(START)
    for epoch in (1, 2):
        g = f.gradient(w)
        found = minimize_scalar(
            lambda alpha, w=w, g=g: f.error([x - alpha * d for x, d in zip(w, g, strict=True)]),
            method="golden",
            tol=0.1,
        )
        w = [x - found.x * d for x, d in zip(w, g, strict=True)]
        assert run.weights[epoch] == pytest.approx(w, abs=1e-9)
    assert f.counts["error"] == 31


def test_reproduces_kink_in_paths_of_rprop_and_irprop_plus(published):
    """Figures "RPROP 11-14" and "iRPROP+ 12-17": eleven equal steps of both weights, then one gradient changes sign.

    The steps are 0.1, 0.12, ... 0.1 · 1.2¹⁰ = 0.619, their sum 3.215; the twelfth of the first weight is 0.743.
    """
    rprop, irprop = published("rprop").weights, published("irprop+").weights
    for path in (rprop, irprop):
        assert path[11] == pytest.approx((-0.785, -0.785), abs=5e-4)
        assert (np.diff(path[:12], axis=0) > 0).all()
        assert path[12][0] - path[11][0] == pytest.approx(0.743, abs=5e-4)
    assert rprop[12][1] - rprop[11][1] == pytest.approx(-0.619, abs=5e-4)  # RPROP reverts the step of the second weight
    assert irprop[12][1] == irprop[11][1]  # iRPROP+ does not, because the error has not increased
    assert rprop[:12].tobytes() == irprop[:12].tobytes()


def test_reproduces_published_evaluations(published):
    """The evaluations in the summary table of the published run."""
    evaluations = {
        name: tuple(published(name).evaluations.values())[:3]
        for name in ("gd", "momentum", "rprop", "irprop+", "newton")
    }
    assert evaluations == {
        "gd": (0, 797, 0),
        "momentum": (0, 92, 0),
        "rprop": (0, 20, 0),
        "irprop+": (17, 17, 0),
        "newton": (0, 3, 3),
    }
