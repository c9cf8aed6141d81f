"""Quasi-hyperbolic and aggregated momentum."""

from __future__ import annotations

import pytest


def qhm(f, theta, *, step, momentum, nu):
    """Ma & Yarats 2019, section 3; the buffer g is a discounted mean of the gradients."""
    alpha, beta = step, momentum
    g = [0.0] * len(theta)
    while True:
        nabla = f.gradient(theta)
        g = [beta * b + (1 - beta) * d for b, d in zip(g, nabla, strict=True)]
        theta = [t - alpha * ((1 - nu) * d + nu * b) for t, d, b in zip(theta, nabla, g, strict=True)]
        yield theta


def aggmo(f, theta, *, step, damping, velocities, betas):
    """Lucas et al. 2019, section 3, with the exponential damping β(i) = 1 - aⁱ, or with given β(i)."""
    gamma, a = step, damping
    beta = betas or [1 - a**i for i in range(velocities)]
    k = len(beta)
    v = [[0.0] * len(theta) for _ in beta]
    while True:
        d = f.gradient(theta)
        v = [[b * x - y for x, y in zip(u, d, strict=True)] for b, u in zip(beta, v, strict=True)]
        theta = [t + gamma / k * sum(moves) for t, *moves in zip(theta, *v, strict=True)]
        yield theta


def accsgd(f, w, *, step, kappa, xi, constant):
    """Kidambi et al. 2018: a short step, and a running mean of long steps."""
    delta, mean = step, list(w)
    alpha = 1 - constant**2 * xi / kappa
    beta = 1 - alpha
    zeta = constant / (constant + beta)
    while True:
        g = f.gradient(w)
        mean = [alpha * v + beta * (x - kappa * delta / constant * d) for v, x, d in zip(mean, w, g, strict=True)]
        w = [zeta * (x - delta * d) + (1 - zeta) * v for x, d, v in zip(w, g, mean, strict=True)]
        yield w


def pid(f, theta, *, step, momentum, integral, derivative):
    """An et al. 2018, as in the authors' code."""
    i_buf, d_buf, last = [0.0] * len(theta), [0.0] * len(theta), None
    while True:
        g = f.gradient(theta)
        i_buf = [momentum * i + d for i, d in zip(i_buf, g, strict=True)]
        change = [a - b for a, b in zip(g, last or g, strict=True)]
        d_buf = [momentum * d + (1 - momentum) * c for d, c in zip(d_buf, change, strict=True)]
        last = g
        p = [a + integral * i + derivative * d for a, i, d in zip(g, i_buf, d_buf, strict=True)]
        theta = [x - step * a for x, a in zip(theta, p, strict=True)]
        yield theta


def adai(f, theta, *, step, beta0, beta2, epsilon, convention):
    """Xie et al. 2022, Adai; with convention torch, the bound on v̄ of pytorch_optimizer 4.1.0."""
    m, v, product, t = [0.0] * len(theta), [0.0] * len(theta), [1.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        v_hat = [b / (1 - beta2**t) for b in v]
        average = sum(v_hat) / len(v_hat)
        average = max(average, epsilon) if convention == "torch" else average
        beta1 = [min(max(1 - beta0 / average * b, 0), 1 - epsilon) for b in v_hat]
        m = [c * a + (1 - c) * d for c, a, d in zip(beta1, m, g, strict=True)]
        product = [a * c for a, c in zip(product, beta1, strict=True)]
        theta = [x - step * a / (1 - c) for x, a, c in zip(theta, m, product, strict=True)]
        yield theta


TWINS = {"qhm": qhm, "aggmo": aggmo, "accsgd": accsgd, "pid": pid, "adai": adai}
UNUSUAL = {
    "qhm": {"step": 0.07, "momentum": 0.83, "nu": 0.4},
    "aggmo": {"step": 0.05, "damping": 0.6, "velocities": 4, "betas": (0.83, 0.1, 0.6)},
    "accsgd": {"step": 0.05, "kappa": 30, "xi": 4, "constant": 0.6},
    "pid": {"step": 0.02, "momentum": 0.6, "integral": 1.5, "derivative": 2.5},
    "adai": {"step": 0.05, "beta0": 0.35, "beta2": 0.6, "epsilon": 0.2, "convention": "torch"},
}


# The bowl's gradient is (w1 - 3, 4 w2 + 4); at (1, 1) it is (-2, 8). The step is 0.1.
@pytest.mark.parametrize(
    ("name", "settings", "second", "third"),
    [
        # m = (-1, 4), average (-1.5, 6); at (1.15, 0.4) g = (-1.85, 5.6), m = (-1.425, 4.8), average (-1.6375, 5.2)
        ("qhm", {"momentum": 0.5, "nu": 0.5}, (1.15, 0.4), (1.31375, -0.12)),
        # β = 0 and 0.5. Both velocities are g; at (1.2, 0.2) g = (-1.8, 4.8), the second velocity is (-2.8, 8.8),
        # and the mean is (-2.3, 6.8)
        ("aggmo", {"damping": 0.5, "velocities": 2}, (1.2, 0.2), (1.43, -0.48)),
        # the velocities are (-2.8, 8.8) and (-2.3, 6.8), and their mean is (-2.55, 7.8)
        ("aggmo", {"betas": (0.5, 0.25)}, (1.2, 0.2), (1.455, -0.58)),
    ],
)
def test_two_epochs_by_hand(name, settings, second, third, bowl, follow):
    run = follow(name, bowl, (1, 1), step=0.1, max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(second, rel=1e-15)
    assert run.weights[2] == pytest.approx(third, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "settings", "other", "others"),
    [
        ("qhm", {"step": 0.2, "nu": 0}, "gd", {"step": 0.2}),
        ("qhm", {"step": 0.2, "momentum": 0.75, "nu": 1}, "momentum", {"step": 0.05, "momentum": 0.75}),
        # Ma & Yarats 2019, section 4: Nesterov's method is ν = β
        (
            "qhm",
            {"step": 0.2, "momentum": 0.75, "nu": 0.75},
            "nesterov",
            {"step": 0.05, "momentum": 0.75, "convention": "torch"},
        ),
        ("aggmo", {"step": 0.2, "velocities": 1}, "gd", {"step": 0.2}),
        ("aggmo", {"step": 0.2, "betas": (0.75,)}, "momentum", {"step": 0.2, "momentum": 0.75}),
        ("aggmo", {"step": 0.2, "betas": (0, 0.9, 0.99)}, "aggmo", {"step": 0.2}),
    ],
)
def test_special_cases(name, settings, other, others, unequal, follow):
    run = follow(name, unequal, (-1.2, 1, 0.3), max_epochs=30, **settings)
    assert run.weights == pytest.approx(
        follow(other, unequal, (-1.2, 1, 0.3), max_epochs=30, **others).weights, rel=1e-12
    )


@pytest.mark.parametrize(
    ("name", "settings", "epochs"),
    [
        # Counts of QHM and AggMo in pytorch_optimizer 4.1.0 with the same settings, float64
        ("qhm", {"step": 3, "momentum": 0.9}, 89),
        ("aggmo", {}, 137),
    ],
)
def test_on_the_published_problem(name, settings, epochs, six_points, follow):
    assert follow(name, six_points, (-4, -4), error_threshold=0.125, **settings).epochs == epochs


def test_an_epoch_of_accsgd_by_hand(bowl, follow):
    """c = 1/2, κ = 4, ξ = 2: b = 1/8; v = w - b · 8 δ g = w - 0.1 g, and so is the short step w - δ g."""
    run = follow("accsgd", bowl, (1, 1), step=0.1, kappa=4, xi=2, constant=0.5, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-14)
    # g₁ = -1.8: v = 7/8 · 1.2 + 1/8 (1.2 + 0.8 · 1.8) = 1.38, the short step leads to 1.38 as well
    assert run.weights[2][0] == pytest.approx(1.38, rel=1e-14)


def test_accsgd_with_unequal_steps_by_hand(bowl, follow):
    """c = 1/2, κ = 16, ξ = 8: b = 1/8; v = w - b · 32 δ g = w - 0.4 g; w ← (0.5 (w - 0.1 g) + 0.125 v) / 0.625."""
    run = follow("accsgd", bowl, (1, 1), step=0.1, kappa=16, xi=8, constant=0.5, max_epochs=1)
    moved = (0.5 * 0.1 + 0.125 * 0.4) / 0.625
    assert run.weights[1] == pytest.approx((1 + 2 * moved, 1 - 8 * moved), rel=1e-14)


def test_two_epochs_of_pid_by_hand(bowl, follow):
    """1: I = g, D = 0, so w - 0.1 (1 + 2) g. 2: g = (-1.4, -1.6), I = g + 0.5 g', D = 0.5 (g - g') = (0.3, -4.8)."""
    run = follow("pid", bowl, (1, 1), step=0.1, momentum=0.5, integral=2, derivative=3, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.6, -1.4), rel=1e-14)
    second = (1.6 - 0.1 * (-1.4 + 2 * -2.4 + 3 * 0.3), -1.4 - 0.1 * (-1.6 + 2 * 2.4 + 3 * -4.8))
    assert run.weights[2] == pytest.approx(second, rel=1e-13)


def test_two_epochs_of_adai_by_hand(bowl, follow):
    """1: v̂ = (4, 64), v̄ = 34, β₁ = 1 - 0.17 v̂ / 34 = (0.98, 0.68); m / (1 - β₁) = g, so w = (1, 1) - 0.1 g."""
    run = follow("adai", bowl, (1, 1), step=0.1, beta0=0.17, beta2=0, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.2, 0.2), rel=1e-13)
    # g = (-1.8, 4.8), v̂ = (3.24, 23.04), v̄ = 13.14
    beta = 1 - 0.17 * 3.24 / 13.14
    m = beta * 0.02 * -2 + (1 - beta) * -1.8
    assert run.weights[2][0] == pytest.approx(1.2 - 0.1 * m / (1 - 0.98 * beta), rel=1e-12)


def test_adai_limits_the_momentum(bowl, follow):
    """With ε = 0.5 the second β₁, 0.68, becomes 0.5 too; the first epoch moves by g whatever β₁ is."""
    run = follow("adai", bowl, (1, 1), step=0.1, beta0=0.17, beta2=0, epsilon=0.5, max_epochs=2)
    assert run.weights[2][0] == pytest.approx(1.2 - 0.1 * (0.5 * 0.5 * -2 + 0.5 * -1.8) / 0.75, rel=1e-13)
