"""signSGD with and without momentum, and Lion."""

from __future__ import annotations

import pytest


def sign(x):
    return (x > 0) - (x < 0)


def signsgd(f, x, *, step, momentum):
    """Bernstein et al. 2018, Algorithm 2 (SIGNUM); with β = 0 it is Algorithm 1."""
    delta, beta = step, momentum
    m = [0.0] * len(x)
    while True:
        g = f.gradient(x)
        m = [beta * a + (1 - beta) * d for a, d in zip(m, g, strict=True)]
        x = [a - delta * sign(b) for a, b in zip(x, m, strict=True)]
        yield x


def lion(f, theta, *, step, beta1, beta2, weight_decay):
    """Chen et al. 2023, Algorithm 2, line by line."""
    eta, lam = step, weight_decay
    m = [0.0] * len(theta)
    while True:
        g = f.gradient(theta)
        c = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        theta = [t - eta * (sign(a) + lam * t) for t, a in zip(theta, c, strict=True)]
        m = [beta2 * a + (1 - beta2) * d for a, d in zip(m, g, strict=True)]
        yield theta


TWINS = {"signsgd": signsgd, "lion": lion}
UNUSUAL = {
    "signsgd": {"step": 0.37, "momentum": 0.83},
    "lion": {"step": 0.37, "beta1": 0.35, "beta2": 0.6, "weight_decay": 0.2},
}


# The bowl's gradient is (w1 - 3, 4 w2 + 4). From (2.5, 1), where it is (-0.5, 8), with step 0.75 every rule goes to
# (3.25, 0.25), where g = (0.25, 5): the first weight has stepped over its minimum. Then
@pytest.mark.parametrize(
    ("name", "settings", "third"),
    [
        ("signsgd", {}, (2.5, -0.5)),  # moves back
        # the mean gradient, 0.75 (-0.125) + 0.25 · 0.25, is still negative: continues
        ("signsgd", {"momentum": 0.75}, (4, -0.5)),
        # so is the average c, 0.8 (-0.25) + 0.2 · 0.25, though the mean, 0.5 (-0.25) + 0.5 · 0.25, is 0
        ("lion", {"beta1": 0.8, "beta2": 0.5}, (4, -0.5)),
        ("signsgd", {"momentum": 0.5}, (3.25, -0.5)),  # and Signum, with this mean, does not move
    ],
)
def test_two_epochs_by_hand(name, settings, third, bowl, follow):
    run = follow(name, bowl, (2.5, 1), step=0.75, max_epochs=2, **settings)
    assert run.weights.tolist() == [[2.5, 1], [3.25, 0.25], list(third)]


def test_lion_decays_the_weights_before_the_move(bowl, follow):
    """With η 0.1 and λ 0.5: (1 + 0.1 - 0.05, 1 - 0.1 - 0.05), then 0.1 - 0.05 · 1.05 and -0.1 - 0.05 · 0.85 more."""
    run = follow("lion", bowl, (1, 1), step=0.1, weight_decay=0.5, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.85), rel=1e-15)
    assert run.weights[2] == pytest.approx((1.0975, 0.7075), rel=1e-15)


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    run = follow(name, bowl, (3, 1), max_epochs=5)
    assert run.weights[:, 0].tolist() == [3] * 6


def test_lion_with_equal_betas_is_signum(unequal, follow):
    lion = follow("lion", unequal, (-1.2, 1, 0.3), step=0.1, beta1=0.9, beta2=0.9, max_epochs=30)
    signum = follow("signsgd", unequal, (-1.2, 1, 0.3), step=0.1, momentum=0.9, max_epochs=30)
    assert (lion.weights == signum.weights).all()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        # 63 moves of 0.1, all with the same signs: optax 0.2.8's sign_sgd, signum (β 0.9) and lion, float64
        ("signsgd", {}),
        ("signsgd", {"momentum": 0.9}),
        ("lion", {}),
    ],
)
def test_on_the_published_problem(name, settings, six_points, follow):
    run = follow(name, six_points, (-4, -4), error_threshold=0.125, **settings)
    assert run.epochs == 63
    assert run.weights[-1] == pytest.approx((2.3, -3.3), rel=1e-12)
