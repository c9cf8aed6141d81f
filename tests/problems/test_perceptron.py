"""Every problem's error and derivatives, against plain floats, differences and numbers worked by hand in print."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, getcontext
from typing import Protocol

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import PROBLEMS
from bpviz.problems.data import DATASETS
from bpviz.problems.datasets import Dataset
from bpviz.problems.perceptron import ACTIVATIONS, LOSSES, Perceptron

SQUARES = ("mse", "half-mse")

# Unequal in everything; labels for cross-entropy must lie in [0, 1].
FEATURES = ((0.9, -1.7), (0.4, 2.3), (-1.3, 0.6), (0.2, 0.5), (-0.7, -3.1))
TARGETS = (0.8, 0.05, 0.45, 1.0, 0.0)
DATASET = Dataset("unequal", FEATURES, TARGETS, ("x1", "x2"))

CONFIGURATIONS = [
    Perceptron(dataset=DATASET, activation=activation, loss=loss, bias=bias)
    for activation, loss, bias in itertools.product(ACTIVATIONS, LOSSES, (False, True))
    if loss != "cross-entropy" or activation == "sigmoid"
]
CONFIGURATIONS.append(Perceptron(dataset=Dataset("one feature", tuple((x[1],) for x in FEATURES), TARGETS, ("x1",))))
over_configurations = pytest.mark.parametrize(
    "problem", CONFIGURATIONS, ids=lambda p: f"{p.activation} {p.loss} {' '.join(p.weights)}"
)


def points(problem):
    """Return random weights, at which no weighted sum and no deviation is near a kink."""
    w = np.random.default_rng(5).normal(size=(40, len(problem.weights))) * 1.5
    x = np.array([(*x, 1.0) if problem.bias else x for x in problem.dataset.features])
    z = w @ x.T
    p = {"relu": np.maximum(z, 0), "linear": z, "tanh": np.tanh(z), "softplus": np.logaddexp(z, 0)}.get(
        problem.activation, 1 / (1 + np.exp(-z))
    )
    near = (np.abs(z) < 1e-2).any(axis=1) & (problem.activation == "relu")
    near |= (np.abs(p - np.array(TARGETS)) < 1e-3).any(axis=1) & (problem.loss == "mae")
    kept = w[~near][:8]
    assert len(kept) == 8
    return kept


@over_configurations
def test_values_and_derivatives_are_those_of_plain_floats(problem, plain):
    f, w = plain(problem), points(problem)
    at = problem.at(w)
    assert at.error() == pytest.approx([f.error(row) for row in w.tolist()], rel=1e-13)
    assert at.gradient() == pytest.approx(np.array([f.gradient(row) for row in w.tolist()]), rel=1e-10, abs=1e-13)
    assert at.hessian() == pytest.approx(np.array([f.hessian(row) for row in w.tolist()]), rel=1e-10, abs=1e-13)


@over_configurations
def test_the_gradient_is_the_error_s_derivative(problem, differences):
    w = points(problem)
    expected, _ = differences(lambda v: problem.at(v).error(), w, 1e-3)
    assert problem.at(w).gradient() == pytest.approx(expected, rel=1e-8, abs=1e-10)


@over_configurations
def test_the_hessian_is_the_gradient_s_derivative_and_symmetric(problem, differences):
    w = points(problem)
    hessian = problem.at(w).hessian()
    expected, _ = differences(lambda v: problem.at(v).gradient(), w, 1e-3)
    assert hessian == pytest.approx(expected, rel=1e-7, abs=1e-9)
    assert hessian == pytest.approx(hessian.transpose(0, 2, 1), rel=1e-13, abs=1e-16)


@pytest.mark.parametrize(
    "problem",
    [p for p in CONFIGURATIONS if p.loss in SQUARES],
    ids=lambda p: f"{p.activation} {p.loss} {' '.join(p.weights)}",
)
def test_residuals_and_jacobian(problem, differences):
    """The error is the sum of the residuals' squares, the Jacobian their derivative, and 2 Jᵀr the gradient."""
    w = points(problem)
    at = problem.at(w)
    r, jacobian = at.residuals(), at.jacobian()
    assert r.shape == (8, 5)
    assert (r**2).sum(axis=1) == pytest.approx(at.error(), rel=1e-13)
    expected, _ = differences(lambda v: problem.at(v).residuals(), w, 1e-3)
    assert jacobian == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert 2 * np.einsum("rnp,rn->rp", jacobian, r) == pytest.approx(at.gradient(), rel=1e-12, abs=1e-14)


@over_configurations
def test_offered_evaluations_exist(problem):
    both = {"error", "gradient", "hessian"}
    assert problem.offers == both | ({"residuals", "jacobian"} if problem.loss in SQUARES else set())
    shapes = {"error": (8,), "gradient": (8, 0), "hessian": (8, 0, 0), "residuals": (8, 5), "jacobian": (8, 5, 0)}
    params = len(problem.weights)
    at = problem.at(points(problem))
    for kind in problem.offers:
        assert getattr(at, kind)().shape == tuple(n or params for n in shapes[kind])


@over_configurations
def test_questions_may_come_in_any_order_and_more_than_once(problem):
    """They share work memory; no answer may depend on what was asked before."""
    w = points(problem)
    fresh = {kind: getattr(problem.at(w), kind)() for kind in problem.offers}
    for order in itertools.permutations(sorted(problem.offers), 2):
        at = problem.at(w)
        for kind in (*order, *order):
            assert getattr(at, kind)().tolist() == fresh[kind].tolist(), order


def test_a_spare_point_lends_its_memory_and_nothing_else(six_points):
    rng = np.random.default_rng(1)
    spare = None
    for runs in (3, 3, 1, 7, 2, 0, 5):
        w = rng.normal(size=(runs, 2))
        spare = six_points.at(w, spare)
        assert spare.error().tolist() == six_points.at(w).error().tolist()
        assert spare.gradient().tolist() == six_points.at(w).gradient().tolist()


def test_weights_are_named_in_order():
    assert Perceptron().weights == ("w1", "w2")
    assert Perceptron(bias=True).weights == ("w1", "w2", "b")


def test_the_bias_is_the_last_weight():
    """p = 0.1 · 2 - 0.3 · 1 + 5 = 4.9, error (4.9 - 4)² = 0.81, gradient 1.8 (2, -1, 1)."""
    problem = Perceptron(dataset=Dataset("one", ((2.0, -1.0),), (4.0,), ("a", "b")), activation="linear", bias=True)
    at = problem.at(np.array([[0.1, 0.3, 5.0]]))
    assert at.error()[0] == pytest.approx(0.81, rel=1e-14)
    assert at.gradient()[0] == pytest.approx((3.6, -1.8, 1.8), rel=1e-14)


def test_the_published_neuron_to_every_printed_digit():
    """One neuron worked by hand in print: x = (0.1, 0.3), desired 0.03, w = (0.5, 0.2), b = 1.83, E = (d - p)² / 2.

    Printed: s = 1.94, predicted 0.874352143, E = 0.356465271, dE/dw = (0.009276093, 0.027828278).
    """
    problem = Perceptron(dataset=Dataset("neuron", ((0.1, 0.3),), (0.03,), ("x1", "x2")), bias=True, loss="half-mse")
    at = problem.at(np.array([[0.5, 0.2, 1.83]]))
    predicted = 0.03 + math.sqrt(2) * at.residuals()[0, 0]
    gradient = at.gradient()[0]
    numbers = [predicted, at.error()[0], gradient[0], gradient[1]]
    assert [f"{n:.9f}" for n in numbers] == ["0.874352143", "0.356465271", "0.009276093", "0.027828278"]
    # dE/db = dE/ds · ds/db = 0.844352143 · 0.109860473 · 1; the print takes ds/db for 0, which is a slip
    assert gradient[2] == pytest.approx(0.844352143 * 0.109860473, rel=1e-8)


def exact_cross_entropy(z, y):
    """Return log(1 + exp z) - y z in 60 digits."""
    getcontext().prec = 60
    z, y = Decimal(z), Decimal(y)
    return float((1 + z.exp()).ln() - y * z)


@pytest.mark.parametrize("z", [-1e4, -800.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 800.0, 1e4])
@pytest.mark.parametrize("y", [0.0, 0.25, 1.0])
def test_cross_entropy_is_finite_and_right_however_large_the_sum(z, y):
    dataset = Dataset("one", ((1.0,),), (y,), ("x",))
    with np.errstate(over="ignore"):  # as in the loop
        at = Perceptron(dataset=dataset, loss="cross-entropy").at(np.array([[z]]))
        error, gradient, hessian = at.error()[0], at.gradient()[0, 0], at.hessian()[0, 0, 0]
    assert error == pytest.approx(exact_cross_entropy(z, y), rel=1e-13, abs=1e-14)
    assert gradient == pytest.approx(1 / (1 + math.exp(min(-z, 700))) - y, abs=1e-15)
    assert 0 <= hessian <= 0.25


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_are_finite_far_out(activation):
    """At sums of ±1e4 an activation saturates or grows, and nothing overflows."""
    dataset = Dataset("two", ((1.0,), (-1.0,)), (0.5, 0.25), ("x",))
    for loss in ("mse", "half-mse", "mae"):
        with np.errstate(over="ignore"):
            at = Perceptron(dataset=dataset, activation=activation, loss=loss).at(np.array([[1e4], [-1e4]]))
            answers = (at.error(), at.gradient(), at.hessian())
        assert all(np.isfinite(answer).all() for answer in answers)


def test_at_a_kink_the_slope_is_zero():
    """relu at z = 0 and the absolute error at d = 0 have no derivative; both take 0."""
    one = Dataset("one", ((1.0,),), (2.0,), ("x",))
    assert Perceptron(dataset=one, activation="relu").at(np.array([[0.0]])).gradient().tolist() == [[0]]
    assert Perceptron(dataset=one, activation="linear", loss="mae").at(np.array([[2.0]])).gradient().tolist() == [[0]]


@pytest.mark.parametrize("activation", [a for a in ACTIVATIONS if a != "sigmoid"])
def test_cross_entropy_needs_a_sigmoid(activation):
    with pytest.raises(ValueError, match="cross-entropy") as refusal:
        Perceptron(activation=activation, loss="cross-entropy")
    assert str(refusal.value) == (f"perceptron: loss: cross-entropy requires activation sigmoid (got {activation})")


@pytest.mark.parametrize("target", [-0.5, 1.5])
def test_cross_entropy_needs_targets_that_are_probabilities(target):
    dataset = Dataset("one", ((1.0,), (2.0,)), (0.0, target), ("x",))
    with pytest.raises(ValueError, match="cross-entropy") as refusal:
        Perceptron(dataset=dataset, loss="cross-entropy")
    assert str(refusal.value) == (
        "perceptron: loss: cross-entropy requires targets in [0, 1] (1 of 2 is outside); use targets 0 and 1"
    )


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        (
            {"activation": "logistic"},
            (
                "activation: expected sigmoid, tanh, relu, softplus or linear, got 'logistic' "
                "(activation function a, applied to the weighted sum); did you mean 'sigmoid'?"
            ),
        ),
        (
            {"bias": "yes"},
            "bias: expected true or false, got 'yes' (whether to add a bias to the weighted sum, as one more weight)",
        ),
        (
            {"loss": "l2"},
            (
                "loss: expected mse, half-mse, cross-entropy or mae, got 'l2' "
                "(loss of one sample; the error is the mean over all samples); did you mean 'mse'?"
            ),
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(setting, complaint):
    with pytest.raises(ValueError, match="expected") as refusal:
        Perceptron(**setting)
    assert str(refusal.value) == f"perceptron: {complaint}"


def test_accepted_activations_and_losses_are_the_implemented_ones():
    from bpviz.problems import _neuron

    fields = declare.fields(Perceptron)
    assert fields["activation"].domain.words == tuple(ACTIVATIONS)
    assert fields["loss"].domain.words == tuple(LOSSES)
    classes = {
        name: kind for name, kind in vars(_neuron).items() if getattr(kind, "__module__", "") == _neuron.__name__
    }
    implemented = {name for name, kind in classes.items() if hasattr(kind, "slope") and Protocol not in kind.__bases__}
    assert implemented == {*ACTIVATIONS.values(), *LOSSES.values()}


@pytest.mark.parametrize(
    ("activation", "targets", "warning"),
    [
        (
            "sigmoid",
            (-1.0, 1.0, 1.0, -1.0),
            (
                "2 of 4 targets are outside [0, 1], the range of sigmoid: the error cannot fall below 0.5; use "
                "activation tanh, or targets 0 and 1 (two `classes` of a CSV file)"
            ),
        ),
        (
            "sigmoid",
            (0.0, 1.0, 2.0),
            (
                "1 of 3 targets is outside [0, 1], the range of sigmoid: the error cannot fall below 0.3333; use "
                "activation linear, or targets 0 and 1 (two `classes` of a CSV file)"
            ),
        ),
        (
            "sigmoid",
            tuple(1.0 + i for i in range(11)),
            (
                "10 of 11 targets are outside [0, 1], the range of sigmoid: the error cannot fall below 35; use "
                "activation linear, or targets 0 and 1"
            ),
        ),
        (
            "tanh",
            (0.0, 2.0),
            (
                "1 of 2 targets is outside [-1, 1], the range of tanh: the error cannot fall below 0.5; use activation "
                "linear, or targets -1 and 1"
            ),
        ),
        (
            "relu",
            (-1.0, 1.0),
            (
                "1 of 2 targets is outside [0, inf), the range of relu: the error cannot fall below 0.5; use "
                "activation tanh, or targets of 0 or more"
            ),
        ),
        ("tanh", (-1.0, 1.0), ""),
        ("softplus", (0.0, 100.0), ""),
        ("linear", (-100.0, 100.0), ""),
    ],
)
def test_warning_about_targets_that_no_weights_predict(activation, targets, warning):
    problem = Perceptron(Dataset("data", tuple((x,) for x in targets), targets, ("x",)), activation)
    assert problem.data_warning == warning


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_s_defaults_have_derivatives(name, differences):
    """At random places of its window, whatever the problem: gradient and Hessian against differences."""
    problem = PROBLEMS[name]()
    low, high = np.array(problem.window).T
    params = len(problem.weights)
    low, high = np.resize(low, params), np.resize(high, params)
    w = np.random.default_rng(9).uniform(low, high, size=(6, params))
    at, h = problem.at(w), 1e-4 * (high - low)
    for of, derivative in (("error", "gradient"), ("gradient", "hessian")):
        if derivative in problem.offers:
            found = getattr(at, derivative)()
            expected, rounding = differences(lambda v, of=of: getattr(problem.at(v), of)(), w, h)
            assert (np.abs(found - expected) <= 1e-6 * np.abs(found).max(axis=0) + 20 * rounding).all()


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_a_full_table(name):
    dataset = DATASETS[name]().dataset()
    assert dataset.name == name
    assert dataset.source
    assert len(dataset.features) == len(dataset.targets)
    assert {len(row) for row in dataset.features} == {len(dataset.feature_names)}
    assert all(type(number) is float for row in (*dataset.features, dataset.targets) for number in row)
