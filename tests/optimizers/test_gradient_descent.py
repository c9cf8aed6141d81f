"""Gradient descent, momentum and Nesterov's method."""

from __future__ import annotations

import pytest

from bpviz.declare import OPTIMIZERS, WRAPPERS
from bpviz.engine.loop import iterate
from bpviz.engine.results import Ending, record


def gd(f, w, *, step):
    """Cauchy 1847: each variable moves in proportion to its negative derivative."""
    eta = step
    while True:
        w = [x - eta * g for x, g in zip(w, f.gradient(w), strict=True)]
        yield w


def momentum(f, w, *, step, momentum, dampening, convention):
    """Polyak 1964, eq. (9): x(n+1) = x(n) - α g + β (x(n) - x(n-1)); or the lines of torch.optim.SGD with buffer b.

    Every gradient but the first is dampened.
    """
    alpha, beta = step, momentum
    before, b, kept = w, [0.0] * len(w), 1.0
    while True:
        g = [kept * d for d in f.gradient(w)]
        kept = 1 - dampening
        if convention == "torch":
            b = [beta * u + d for u, d in zip(b, g, strict=True)]
            w = [x - alpha * u for x, u in zip(w, b, strict=True)]
        else:
            w, before = [x - alpha * d + beta * (x - p) for x, d, p in zip(w, g, before, strict=True)], w
        yield w


def nesterov(f, w, *, step, momentum, convention):
    """Sutskever et al. 2013, eqs. (3) and (4), with weights θ; or the lines of torch.optim.SGD with buffer b."""
    epsilon, mu = step, momentum
    theta, v = w, [0.0] * len(w)
    b = v
    while convention == "torch":
        g = f.gradient(theta)
        b = [mu * x + d for x, d in zip(b, g, strict=True)]
        theta = [t - epsilon * (d + mu * x) for t, d, x in zip(theta, g, b, strict=True)]
        yield theta
    while True:
        g = f.gradient([t + mu * u for t, u in zip(theta, v, strict=True)])
        v = [mu * u - epsilon * d for u, d in zip(v, g, strict=True)]  # (3)
        theta = [t + u for t, u in zip(theta, v, strict=True)]  # (4)
        yield theta


TWINS = {"gd": gd, "momentum": momentum, "nesterov": nesterov}
UNUSUAL = {
    "gd": {"step": 0.07},
    "momentum": {"step": 0.05, "momentum": 0.31, "dampening": 0.43, "convention": "paper"},
    "nesterov": {"step": 0.05, "momentum": 0.31, "convention": "torch"},
}


# The bowl's gradient is (w1 - 3, 4 w2 + 4); every case starts at (1, 1), where it is (-2, 8), with step 0.1.
@pytest.mark.parametrize(
    ("name", "settings", "second", "third"),
    [
        # w = (1, 1) - 0.1 (-2, 8) = (1.2, 0.2); there g = (-1.8, 4.8)
        ("gd", {}, (1.2, 0.2), (1.38, -0.28)),
        # v = (-2, 8), the same first move; then v = 0.5 (-2, 8) + (-1.8, 4.8) = (-2.8, 8.8)
        ("momentum", {"momentum": 0.5}, (1.2, 0.2), (1.48, -0.68)),
        # the first gradient is not dampened; then v = 0.5 (-2, 8) + 0.75 (-1.8, 4.8) = (-2.35, 7.6)
        ("momentum", {"momentum": 0.5, "dampening": 0.25}, (1.2, 0.2), (1.435, -0.56)),
        # v = (0.2, -0.8), the same first move; ahead of (1.2, 0.2) by 0.5 v, at (1.3, -0.2), g = (-1.7, 3.2);
        # v = 0.5 (0.2, -0.8) - 0.1 (-1.7, 3.2) = (0.27, -0.72)
        ("nesterov", {"momentum": 0.5}, (1.2, 0.2), (1.47, -0.52)),
        # v = g, w = (1, 1) - 0.1 (g + 0.5 g) = (1.3, -0.2); there g = (-1.7, 3.2), v = 0.5 (-2, 8) + g = (-2.7, 7.2),
        # g + 0.5 v = (-3.05, 6.8)
        ("nesterov", {"momentum": 0.5, "convention": "torch"}, (1.3, -0.2), (1.605, -0.88)),
    ],
)
def test_two_epochs_by_hand(name, settings, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), step=0.1, max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(second, rel=1e-15)
    assert run.weights[2] == pytest.approx(third, rel=1e-15)


@pytest.mark.parametrize(
    ("convention", "third"),
    [
        # v = -0.1 g = (0.2, -0.8); then v = 0.5 (0.2, -0.8) - 0.05 (-1.8, 4.8) = (0.19, -0.64)
        ("paper", (1.39, -0.44)),
        # v = g = (-2, 8); then v = 0.5 (-2, 8) + (-1.8, 4.8) = (-2.8, 8.8), times a step of 0.05
        ("torch", (1.34, -0.24)),
    ],
)
def test_step_halved_after_the_first_epoch_by_hand(convention, third, bowl):
    """Both go from (1, 1) to (1.2, 0.2), where g is (-1.8, 4.8). The paper's form keeps the last update."""
    rule = OPTIMIZERS["momentum"](step=0.1, momentum=0.5, convention=convention)
    schedule = WRAPPERS["step-decay"](rule, decay=0.5, every=1)
    run = record(iterate(schedule, bowl, [(1, 1)], error_threshold=None, max_epochs=2))[0]
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-15)
    assert run.weights[2] == pytest.approx(third, rel=1e-14)


def test_all_three_without_momentum_are_gradient_descent(unequal, follow):
    plain = follow("gd", unequal, (-1.2, 1, 0.3), max_epochs=30)
    for name in ("momentum", "nesterov"):
        run = follow(name, unequal, (-1.2, 1, 0.3), momentum=0, max_epochs=30)
        assert run.weights == pytest.approx(plain.weights, rel=1e-14)


def test_gradient_descent_converges_geometrically_on_a_quadratic(bowl, follow):
    """The distance to the minimum shrinks by a factor of 1 - step · curvature per epoch: curvatures 1 and 4."""
    run = follow("gd", bowl, (1, 1), step=0.2, max_epochs=20)
    assert run.weights[20] == pytest.approx((3 - 2 * 0.8**20, -1 + 2 * 0.2**20), rel=1e-14)


def test_gradient_descent_diverges_beyond_two_over_the_curvature(bowl, follow):
    run = follow("gd", bowl, (1, 1), step=0.6, max_epochs=10_000)  # |1 - 0.6 · 4| = 1.4
    assert run.ending is Ending.DIVERGED


def test_nesterov_in_the_form_of_the_libraries(six_points, follow):
    """The weights of the libraries' form are the points where the paper's form evaluates the gradient.

    torch.optim.SGD (2.13.0) and optax.sgd (0.2.8) both take 91 epochs; the paper's form takes one more.
    """
    paper = follow("nesterov", six_points, (-4, -4), error_threshold=0.125)
    torch = follow("nesterov", six_points, (-4, -4), convention="torch", error_threshold=0.125)
    assert (paper.epochs, torch.epochs) == (92, 91)
    ahead = paper.weights[1:92] + 0.9 * (paper.weights[1:92] - paper.weights[:91])
    assert torch.weights[1:] == pytest.approx(ahead, rel=1e-12)


def test_averaged_form_of_momentum_is_momentum_with_a_smaller_step(unequal, follow):
    """v ← μ v + (1 - μ) g, as it is often written, is the rule with the step multiplied by 1 - μ."""
    run = follow("momentum", unequal, (-1.2, 1, 0.3), step=0.3 * (1 - 0.8), momentum=0.8, max_epochs=30)
    w, v = run.weights[0], 0.0
    for epoch in range(30):
        v = 0.8 * v + 0.2 * unequal.at(w[None]).gradient()[0]
        w = w - 0.3 * v
        assert run.weights[epoch + 1] == pytest.approx(w, rel=1e-12)


def test_dampened_momentum_on_the_published_problem(six_points, follow):
    """171 epochs with dampening 0.5, the count of torch.optim.SGD (2.13.0), float64."""
    assert follow("momentum", six_points, (-4, -4), dampening=0.5, error_threshold=0.125).epochs == 171
