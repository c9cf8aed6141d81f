"""AdEMAMix, QHAdam and diffGrad."""

from __future__ import annotations

import math

import pytest


def ademamix(f, theta, *, step, beta1, beta2, beta3, alpha, warmup, epsilon, weight_decay):
    """Pagliardini et al. 2024, Algorithm 1, with the schedulers of section 3 from 0 and β₁."""
    eta, lambda_, T = step, weight_decay, warmup
    m1, m2, nu = [0.0] * len(theta), [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        alpha_t, beta3_t = alpha, beta3
        if t < T:
            ln1, ln3 = math.log(beta1), math.log(beta3)
            alpha_t = t * alpha / T
            beta3_t = min(math.exp(ln1 * ln3 / ((1 - t / T) * ln3 + t / T * ln1)), beta3)
        g = f.gradient(theta)
        m1 = [beta1 * a + (1 - beta1) * d for a, d in zip(m1, g, strict=True)]
        m2 = [beta3_t * a + (1 - beta3_t) * d for a, d in zip(m2, g, strict=True)]
        nu = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(nu, g, strict=True)]
        m1_hat = [a / (1 - beta1**t) for a in m1]
        nu_hat = [b / (1 - beta2**t) for b in nu]
        theta = [
            x - eta * ((a + alpha_t * s) / (math.sqrt(b) + epsilon) + lambda_ * x)
            for x, a, s, b in zip(theta, m1_hat, m2, nu_hat, strict=True)
        ]
        yield theta


def qhadam(f, theta, *, step, beta1, beta2, nu1, nu2, epsilon):
    """Ma & Yarats 2019, the update rule of QHAdam in section 4, where g and s are the means."""
    alpha = step
    g, s = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        grad = f.gradient(theta)
        g = [beta1 * a + (1 - beta1) * d for a, d in zip(g, grad, strict=True)]
        s = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(s, grad, strict=True)]
        g_prime = [a / (1 - beta1**t) for a in g]
        s_prime = [b / (1 - beta2**t) for b in s]
        theta = [
            x - alpha * ((1 - nu1) * d + nu1 * a) / (math.sqrt((1 - nu2) * d**2 + nu2 * b) + epsilon)
            for x, d, a, b in zip(theta, grad, g_prime, s_prime, strict=True)
        ]
        yield theta


def diffgrad(f, theta, *, step, beta1, beta2, epsilon, amsbound, convention):
    """Dubey et al. 2020, the update rule of diffGrad; with convention torch, the last lines of their corrected code.

    With amsbound, the largest v so far is the divisor, as in pytorch_optimizer 4.1.0.
    """
    alpha = step
    m, v, before = [0.0] * len(theta), [0.0] * len(theta), [0.0] * len(theta)
    largest = [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
        squares = largest if amsbound else v
        xi = [1 / (1 + math.exp(-abs(p - d))) for p, d in zip(before, g, strict=True)]
        c1, c2 = 1 - beta1**t, 1 - beta2**t
        if convention == "torch":
            scale = [math.sqrt(b) + epsilon for b in squares]
            alpha_t = alpha * math.sqrt(c2) / c1
        else:
            scale = [math.sqrt(b / c2) + epsilon for b in squares]
            alpha_t = alpha / c1
        theta = [x - alpha_t * e * a / b for x, e, a, b in zip(theta, xi, m, scale, strict=True)]
        before = g
        yield theta


def simplified_ademamix(f, theta, *, step, beta1, beta2, alpha, epsilon, weight_decay):
    """Morwani et al. 2025, Simplified AdEMAMix, with decoupled decay as in optax 0.2.8."""
    m, v, t = [0.0] * len(theta), [0.0] * len(theta), 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        scaled = [(a + alpha * d) / (math.sqrt(b / (1 - beta2**t)) + epsilon) for a, d, b in zip(m, g, v, strict=True)]
        theta = [x - step * (u + weight_decay * x) for x, u in zip(theta, scaled, strict=True)]
        yield theta


def grams(f, w, *, step, beta1, beta2, epsilon, weight_decay):
    """Cao et al. 2024: the sign of the gradient and the size of Adam's update."""
    m, v, t = [0.0] * len(w), [0.0] * len(w), 0
    while True:
        t = t + 1
        g = f.gradient(w)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * b + (1 - beta2) * d**2 for b, d in zip(v, g, strict=True)]
        u = [a / (1 - beta1**t) / (math.sqrt(b / (1 - beta2**t)) + epsilon) for a, b in zip(m, v, strict=True)]
        moved = [math.copysign(abs(a), d) if d else 0.0 for a, d in zip(u, g, strict=True)]
        w = [x - step * (a + weight_decay * x) for x, a in zip(w, moved, strict=True)]
        yield w


TWINS = {
    "ademamix": ademamix,
    "qhadam": qhadam,
    "diffgrad": diffgrad,
    "simplified-ademamix": simplified_ademamix,
    "grams": grams,
}
_UNUSUAL = {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {
    "ademamix": {**_UNUSUAL, "step": 0.05, "beta3": 0.97, "alpha": 2.3, "warmup": 17, "weight_decay": 0.03},
    "qhadam": {**_UNUSUAL, "nu1": 0.4, "nu2": 0.8},
    "diffgrad": {**_UNUSUAL, "amsbound": True, "convention": "torch"},
    "simplified-ademamix": {**_UNUSUAL, "step": 0.05, "alpha": 2.3, "weight_decay": 0.03},
    "grams": {**_UNUSUAL, "step": 0.05, "weight_decay": 0.03},
}

# On the bowl from (1, 1) the gradient is (-2, 8). An ε of 2 is large enough for its position to matter.
_HAND = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2}


def test_an_epoch_of_ademamix_by_hand(bowl, follow):
    """m̂₁ = g, m₂ = 0.1 g, √ν̂ = (2, 8): (g + 0.3 g) / (4, 10) = (-0.65, 1.04), plus 0.5 w."""
    run = follow("ademamix", bowl, (1, 1), **_HAND, beta3=0.9, alpha=3, weight_decay=0.5, max_epochs=1)
    assert run.weights[1] == pytest.approx((1 + 0.065 - 0.05, 1 - 0.104 - 0.05), rel=1e-15)


@pytest.mark.parametrize(
    ("beta1", "beta3"),
    [
        # halfway from β₁ = 1/4 to β₃ = 1/2 in half-lives (1/2 and 1) is a half-life of 3/4 of an epoch: 2^(-4/3)
        (0.25, 2 ** (-4 / 3)),
        # a β₁ of 0 has a half-life of 0; halfway is half an epoch
        (0, 0.25),
        # for β₁ above β₃, β₃(t) is β₃ from the start
        (0.9, 0.5),
    ],
)
def test_half_life_grows_linearly_during_warm_up(beta1, beta3, bowl, follow):
    """At t = 1 of T = 2 α is half of 6: (g + 3 (1 - β₃(1)) g) / (|g| + 2)."""
    settings = {**_HAND, "beta1": beta1, "beta3": 0.5, "alpha": 6, "warmup": 2}
    run = follow("ademamix", bowl, (1, 1), **settings, max_epochs=1)
    both = 1 + 3 * (1 - beta3)
    assert run.weights[1] == pytest.approx((1 + 0.05 * both, 1 - 0.08 * both), rel=1e-14)


def test_two_epochs_of_qhadam_by_hand(bowl, follow):
    """The first epoch equals Adam's, since m̂ = g: w = (1.05, 0.92). Then g = (-1.95, 7.68) and Adam's m̂ and v̂ are

    (-1.475, 5.84) / 0.75 and (1.700625, 26.7456) / 0.4375; a quarter of each is replaced by g and g².
    """
    run = follow("qhadam", bowl, (1, 1), **_HAND, nu1=0.75, nu2=0.75, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    above = 0.25 * 1.95 + 0.75 * 1.475 / 0.75
    below = math.sqrt(0.25 * 1.95**2 + 0.75 * 1.700625 / 0.4375) + 2
    assert run.weights[2][0] == pytest.approx(1.05 + 0.1 * above / below, rel=1e-14)


def test_qhadam_with_nu_1_is_adam(unequal, follow):
    adam = follow("adam", unequal, (-1.2, 1, 0.3), max_epochs=30)
    run = follow("qhadam", unequal, (-1.2, 1, 0.3), beta1=0.9, nu1=1, nu2=1, max_epochs=30)
    assert run.weights == pytest.approx(adam.weights, rel=1e-13)


@pytest.mark.parametrize(
    ("convention", "scale"),
    [
        ("paper", (4, 10)),  # √v̂ + ε = |g| + 2
        ("torch", (6, 12)),  # (√v + ε) / √(1 - β₂) = (|g| / 2 + 2) / 0.5
    ],
)
def test_an_epoch_of_diffgrad_by_hand(convention, scale, bowl, follow):
    """The previous gradient is 0, so ξ = 1 / (1 + exp(-|g|))."""
    run = follow("diffgrad", bowl, (1, 1), **_HAND, convention=convention, max_epochs=1)
    w1 = 1 + 0.1 * 2 / (1 + math.exp(-2)) / scale[0]
    w2 = 1 - 0.1 * 8 / (1 + math.exp(-8)) / scale[1]
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-15)


@pytest.mark.parametrize("convention", ["paper", "torch"])
@pytest.mark.parametrize("amsbound", [False, True])
def test_every_form_of_diffgrad_matches_its_twin(amsbound, convention, six_points, plain, follow):
    settings = {**_UNUSUAL, "amsbound": amsbound, "convention": convention}
    run = follow("diffgrad", six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = diffgrad(plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


def test_two_epochs_of_diffgrad_with_amsbound_by_hand(bowl, follow):
    """With betas of 0, the second epoch still divides by the first gradient, 8 on the second axis, where it is smaller.

    1: ξ = 1 / (1 + e⁻⁸), w = 1 - ξ, g = 8 - 4 ξ. 2: ξ' = 1 / (1 + e^(-4 ξ)), w = 1 - ξ - ξ' g / 8.
    """
    settings = {"step": 1, "beta1": 0, "beta2": 0, "epsilon": 1e-300, "amsbound": True}
    run = follow("diffgrad", bowl, (1, 1), **settings, max_epochs=2)
    xi = 1 / (1 + math.exp(-8))
    second = 1 - xi - (8 - 4 * xi) / 8 / (1 + math.exp(-4 * xi))
    assert [w[1] for w in run.weights[1:]] == pytest.approx([1 - xi, second], rel=1e-13)


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / ε is 0, not NaN."""
    run = follow(name, bowl, (3, 1), max_epochs=2)
    assert run.weights[2][0] == 3
    assert run.weights[2][1] < 1


def test_an_epoch_of_simplified_ademamix_by_hand(bowl, follow):
    """m = g, ν̂ = g², so (1 + α) g / (|g| + 2) with α = 1: (-1, 1.6); plus 0.5 w."""
    run = follow("simplified-ademamix", bowl, (1, 1), **_HAND, alpha=1, weight_decay=0.5, max_epochs=1)
    assert run.weights[1] == pytest.approx((1.05, 1 - 0.21), rel=1e-15)


def test_grams_moves_against_the_gradient_where_adam_overshoots(bowl, follow):
    """m̂ of Adam points downhill for some epochs after a minimum is passed; Grams takes its size only.

    1: m̂ / (|g| + 2) = (-0.5, 0.8), so w = (1, 1) - 5 (-0.5, 0.8) = (3.5, -3). 2: g = (0.5, -8), m = (-0.25, -2),
    m̂ = m / 0.75, v = (0.8125, 28), v̂ = v / 0.4375.
    """
    run = follow("grams", bowl, (1, 1), **{**_HAND, "step": 5}, max_epochs=2)
    assert run.weights[1] == pytest.approx((3.5, -3), rel=1e-15)
    sizes = (0.25 / 0.75 / (math.sqrt(0.8125 / 0.4375) + 2), 2 / 0.75 / (math.sqrt(28 / 0.4375) + 2))
    assert run.weights[2] == pytest.approx((3.5 - 5 * sizes[0], -3 + 5 * sizes[1]), rel=1e-14)
