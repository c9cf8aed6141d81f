"""RMSprop."""

from __future__ import annotations

import math

import pytest


def rmsprop(f, w, *, step, decay, momentum, epsilon, initial, bias_correction, centered, convention):
    """Graves 2013, eqs. (38) to (41), in the paper's notation: ε is the gradient; Hebrew letters are spelled out.

    If not centered, g of eq. (39) stays 0, which is Tieleman & Hinton's rule if there is no momentum. The initial n and
    the bias correction are those of optax 0.2.8.
    """
    aleph, beth, gimel, daleth = decay, momentum, step, epsilon
    many = range(len(w))
    n, g, delta = [initial] * len(w), [0.0] * len(w), [0.0] * len(w)
    t = 0
    while True:
        t = t + 1
        c = 1 - decay**t if bias_correction else 1
        eps = f.gradient(w)
        n = [aleph * n[i] + (1 - aleph) * eps[i] ** 2 for i in many]  # (38)
        if centered:
            g = [aleph * g[i] + (1 - aleph) * eps[i] for i in many]  # (39)
        if convention == "torch":
            delta = [beth * delta[i] - eps[i] / (math.sqrt(n[i] / c - (g[i] / c) ** 2) + daleth) for i in many]
            w = [w[i] + gimel * delta[i] for i in many]
        else:
            roots = [math.sqrt(n[i] / c - (g[i] / c) ** 2 + daleth) for i in many]
            delta = [beth * delta[i] - gimel * eps[i] / roots[i] for i in many]  # (40)
            w = [w[i] + delta[i] for i in many]  # (41)
        yield w


TWINS = {"rmsprop": rmsprop}
UNUSUAL = {
    "rmsprop": {
        "step": 0.02,
        "decay": 0.7,
        "momentum": 0.4,
        "epsilon": 0.05,
        "initial": 0.3,
        "bias_correction": True,
        "centered": True,
        "convention": "torch",
    }
}


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        # n = 0.5 g² = (2, 32), v = 0.1 g / √(n + 7)
        ({"epsilon": 7}, (1 + 0.2 / 3, 1 - 0.8 / math.sqrt(39))),
        # n = 0.5 · 6 + 0.5 g² = (5, 35), v = 0.1 g / √(n + 4)
        ({"epsilon": 4, "initial": 6}, (1 + 0.2 / 3, 1 - 0.8 / math.sqrt(39))),
        # n / 0.5 = (10, 70), v = 0.1 g / √(n / 0.5 + 6)
        ({"epsilon": 6, "initial": 6, "bias_correction": True}, (1.05, 1 - 0.8 / math.sqrt(76))),
        # m / 0.5 = g = (-2, 8), n / 0.5 - g² = (10, 70) - (4, 64) = (6, 6)
        ({"epsilon": 10, "initial": 6, "bias_correction": True, "centered": True}, (1.05, 0.8)),
        # m = 0.5 g = (-1, 4), n - m² = (1, 16), v = 0.1 g / √(n - m² + 9)
        ({"epsilon": 9, "centered": True}, (1 + 0.2 / math.sqrt(10), 1 - 0.8 / 5)),
        # w = (1, 1) - 0.1 g / (√(n - m²) + 9)
        ({"epsilon": 9, "centered": True, "convention": "torch"}, (1 + 0.2 / 10, 1 - 0.8 / 13)),
    ],
)
def test_an_epoch_by_hand(settings, first, bowl, follow):
    """From (1, 1) on the bowl, where g = (-2, 8), with η 0.1 and ρ 0.5; the momentum has no effect yet."""
    run = follow("rmsprop", bowl, (1, 1), step=0.1, decay=0.5, momentum=0.25, max_epochs=1, **settings)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)


def test_second_epoch_by_hand(bowl, follow):
    """With ρ 0 the root is √(g² + ε): v = 0.3 g / √(g² + 5) = (-0.2, 2.4 / √69), then a quarter of it is kept."""
    run = follow("rmsprop", bowl, (1, 1), step=0.3, decay=0, momentum=0.25, epsilon=5, max_epochs=2)
    v2 = 2.4 / math.sqrt(69)
    assert run.weights[1] == pytest.approx((1.2, 1 - v2), rel=1e-15)
    g1, g2 = -1.8, 4 * (1 - v2) + 4
    w1 = 1.2 + 0.25 * 0.2 - 0.3 * g1 / math.sqrt(g1**2 + 5)
    w2 = 1 - v2 - 0.25 * v2 - 0.3 * g2 / math.sqrt(g2**2 + 5)
    assert run.weights[2] == pytest.approx((w1, w2), rel=1e-15)


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_every_form_matches_its_twin(corrected, centered, convention, six_points, plain, follow):
    settings = {"step": 0.02, "decay": 0.7, "momentum": 0.4, "epsilon": 0.05, "initial": 0.3}
    settings |= {"bias_correction": corrected, "centered": centered, "convention": convention}
    run = follow("rmsprop", six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = rmsprop(plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


def test_weight_with_zero_gradient_stays(bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8); on the other axis the first step is η / √(1 - ρ)."""
    for convention in ("paper", "torch"):
        run = follow("rmsprop", bowl, (3, 1), decay=0.75, max_epochs=1, convention=convention)
        assert run.weights[1][0] == 3
        assert run.weights[1][1] == pytest.approx(0.98, rel=1e-8)


# torch.optim.RMSprop (2.13.0) and optax.rmsprop (0.2.8), float64: equal counts; the position of ε changes the paths.
@pytest.mark.parametrize(
    ("settings", "epochs", "end"),
    [
        ({"step": 0.3, "convention": "torch"}, 14, (2.26302636, -3.24356806)),
        ({"step": 0.3}, 14, (2.26291485, -3.24332196)),
        ({"step": 0.1, "centered": True, "momentum": 0.5, "convention": "torch"}, 18, (2.35247811, -3.12556177)),
        ({"step": 0.1, "centered": True, "momentum": 0.5}, 18, (2.35231142, -3.125232)),
    ],
)
def test_on_the_published_problem(settings, epochs, end, six_points, follow):
    run = follow("rmsprop", six_points, (-4, -4), error_threshold=0.125, **settings)
    assert run.epochs == epochs
    assert run.weights[-1] == pytest.approx(end, rel=1e-8)
