"""D-Adaptation and Prodigy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def dadapt_sgd(f, x, *, step, momentum, first_distance):
    """Defazio & Mishchenko 2023, SGD with D-Adaptation, with γ constant, line by line."""
    gamma, beta, d = step, momentum, first_distance
    s, z, total, big_g = [0.0] * len(x), x, 0.0, None
    while True:
        g = f.gradient(x)
        if big_g is None:
            big_g = math.sqrt(_dot(g, g))
        lambda_ = d * gamma / big_g
        total = total + lambda_ * _dot(g, s)
        s = [a + lambda_ * b for a, b in zip(s, g, strict=True)]
        z = [a - lambda_ * b for a, b in zip(z, g, strict=True)]
        x = [beta * a + (1 - beta) * b for a, b in zip(x, z, strict=True)]
        d = max(d, 2 * total / math.sqrt(_dot(s, s)))
        yield x


def dadapt_adam(f, x, *, step, beta1, beta2, epsilon, first_distance, weight_decay, convention):
    """Defazio & Mishchenko 2023, Adam with D-Adaptation, with γ constant, or in the order of the implementations."""
    gamma, d = step, first_distance
    sqrt_beta2 = math.sqrt(beta2)
    k, r = 0, 0.0
    m, v, s = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x)
    while True:
        g = f.gradient(x)
        bias = math.sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1)) if convention == "optax" else 1
        dlr = d * gamma * bias
        m = [beta1 * a + (1 - beta1) * dlr * b for a, b in zip(m, g, strict=True)]
        v_before, v = v, [beta2 * a + (1 - beta2) * b**2 for a, b in zip(v, g, strict=True)]
        measure = v if convention == "paper" else v_before
        product = sum(b * c / (math.sqrt(a) + epsilon) for a, b, c in zip(measure, g, s, strict=True))
        x = [y - weight_decay * dlr * y - a / (math.sqrt(b) + epsilon) for y, a, b in zip(x, m, v, strict=True)]
        s = [sqrt_beta2 * a + (1 - sqrt_beta2) * dlr * b for a, b in zip(s, g, strict=True)]
        r = sqrt_beta2 * r + (1 - sqrt_beta2) * dlr * product
        d = max(d, r / ((1 - sqrt_beta2) * sum(map(abs, s))))
        k = k + 1
        yield x


def prodigy(
    f, x, *, step, beta1, beta2, epsilon, first_distance, coefficient, weight_decay, safeguard_warmup, convention
):
    """Mishchenko & Defazio 2023, Prodigy (Adam version), with γ constant, or ε and bias as in implementations.

    With safeguard_warmup, s is a sum without γ and without the correction of the bias, as in the authors' code.
    """
    gamma, x0 = step, x
    beta3 = math.sqrt(beta2)
    d, k, r = first_distance, 0, 0.0
    m, v, s = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x)
    while True:
        g = f.gradient(x)
        bias = math.sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1)) if convention == "optax" else 1
        m = [beta1 * a + (1 - beta1) * d * b for a, b in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * d**2 * b**2 for a, b in zip(v, g, strict=True)]
        back = [a - b for a, b in zip(x0, x, strict=True)]
        r = beta3 * r + (1 - beta3) * gamma * bias * d**2 * _dot(g, back)
        scale = 1 if safeguard_warmup else gamma * bias
        s = [beta3 * a + (1 - beta3) * scale * d**2 * b for a, b in zip(s, g, strict=True)]
        d_hat = coefficient * r / sum(map(abs, s))
        d_k, d = d, max(d, d_hat)
        damped = d_k if convention == "paper" else d
        dlr = gamma * bias * d_k
        x = [
            y - dlr * a / (math.sqrt(b) + damped * epsilon) - dlr * weight_decay * y
            for y, a, b in zip(x, m, v, strict=True)
        ]
        k = k + 1
        yield x


TWINS = {"dadapt-sgd": dadapt_sgd, "dadapt-adam": dadapt_adam, "prodigy": prodigy}
_ADAM = {"step": 0.7, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2, "first_distance": 0.02, "weight_decay": 0.03}
UNUSUAL = {
    "dadapt-sgd": {"step": 0.6, "momentum": 0.8, "first_distance": 0.02},
    "dadapt-adam": {**_ADAM, "convention": "torch"},
    "prodigy": {**_ADAM, "coefficient": 0.8, "safeguard_warmup": True, "convention": "torch"},
}
AGAINST = {
    "dadapt-sgd": "dadaptation.DAdaptSGD at update 300",
    "dadapt-adam": "dadaptation.DAdaptAdam at update 300",
    "prodigy": "prodigyopt.Prodigy at update 300",
}
EPOCHS, RTOL = 20, 1e-9  # with the large estimated steps, rounding errors grow a hundredfold in about ten epochs
CONVENTIONS = [
    (name, word)
    for name in ("dadapt-adam", "prodigy")
    for word in declare.fields(OPTIMIZERS[name])["convention"].domain.words
]


@pytest.mark.parametrize(("name", "convention"), CONVENTIONS)
def test_every_convention_matches_its_twin(name, convention, six_points, plain, follow):
    settings = {**UNUSUAL[name], "convention": convention}
    run = follow(name, six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = TWINS[name](plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


def test_three_epochs_of_dadapt_sgd_by_hand(bowl, follow):
    """From (0, 0) with γ 2, β 0.5, d 0.25: g = (-3, 4), so G = 5.

    1: λ = 0.25 · 2 / 5 = 0.1, s = (-0.3, 0.4), z = -s, w = (0.15, -0.2), r = 0
    2: g = (-2.85, 3.2), r = 0.1 (0.855 + 1.28) = 0.2135, s = (-0.585, 0.72), w = ½ (0.15, -0.2) + ½ (0.585, -0.72)
       = (0.3675, -0.46), d = 0.427 / ‖s‖, which is more than 0.25
    3: g = (-2.6325, 2.16), λ = 2 d / 5
    """
    run = follow("dadapt-sgd", bowl, (0, 0), step=2, momentum=0.5, first_distance=0.25, max_epochs=3)
    assert run.weights[1:3] == pytest.approx(np.array([(0.15, -0.2), (0.3675, -0.46)]), rel=1e-14)
    d = 0.427 / math.hypot(0.585, 0.72)
    assert d > 0.25
    third = (0.18375 + (0.585 + 0.4 * d * 2.6325) / 2, -0.23 + (-0.72 - 0.4 * d * 2.16) / 2)
    assert run.weights[3] == pytest.approx(third, rel=1e-14)


@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_three_epochs_of_dadapt_adam_by_hand(convention, bowl, follow):
    """From (0, 0) with γ 3, β₁ 0.5, β₂ 0.36 = 0.6², ε 0.6 and d 0.1: g = (-3, 4), λ = 0.3.

    1: m = 0.15 g, v = 0.64 g², A = 0.8 |g| + 0.6 = (3, 3.8), w = -m / A = (0.15, -0.6 / 3.8), s = 0.12 g, r = 0
    2: g = (-2.85, 4 w2 + 4); r uses the new A in the paper, (3, 3.8) in the code
    """
    settings = {"step": 3, "beta1": 0.5, "beta2": 0.36, "epsilon": 0.6, "first_distance": 0.1}
    run = follow("dadapt-adam", bowl, (0, 0), **settings, convention=convention, max_epochs=3)
    first = (0.15, -0.6 / 3.8)
    assert run.weights[1] == pytest.approx(first, rel=1e-14)
    g1, g2 = -2.85, 4 - 2.4 / 3.8
    v1, v2 = 0.36 * 0.64 * 9 + 0.64 * g1**2, 0.36 * 0.64 * 16 + 0.64 * g2**2
    a1, a2 = math.sqrt(v1) + 0.6, math.sqrt(v2) + 0.6
    m1, m2 = 0.5 * -0.45 + 0.15 * g1, 0.5 * 0.6 + 0.15 * g2
    second = (first[0] - m1 / a1, first[1] - m2 / a2)
    assert run.weights[2] == pytest.approx(second, rel=1e-14)
    b1, b2 = (a1, a2) if convention == "paper" else (3, 3.8)
    r = 0.4 * 0.3 * (g1 * -0.36 / b1 + g2 * 0.48 / b2)
    s1, s2 = 0.6 * -0.36 + 0.12 * g1, 0.6 * 0.48 + 0.12 * g2
    d = r / (0.4 * (abs(s1) + abs(s2)))
    assert d > 0.1
    h1, h2 = second[0] - 3, 4 * second[1] + 4
    m1, m2 = 0.5 * m1 + 0.5 * 3 * d * h1, 0.5 * m2 + 0.5 * 3 * d * h2
    a1, a2 = math.sqrt(0.36 * v1 + 0.64 * h1**2) + 0.6, math.sqrt(0.36 * v2 + 0.64 * h2**2) + 0.6
    assert run.weights[3] == pytest.approx((second[0] - m1 / a1, second[1] - m2 / a2), rel=1e-14)


@pytest.mark.parametrize("safeguard", [False, True])
@pytest.mark.parametrize("convention", ["paper", "torch"])
def test_two_epochs_of_prodigy_by_hand(convention, safeguard, bowl, follow):
    """From (0, 0) with γ 2, β₁ 0.5, β₂ 0.36 = 0.6², ε 0.6, c 5 and d 0.1: g = (-3, 4), λ = 0.2.

    1: m = 0.05 g, √v = 0.08 |g|, s = 0.008 g, r = 0, w = -0.2 m / (√v + 0.06) = (0.1, -0.04 / 0.38), d unchanged
    2: g = (-2.9, 4 w2 + 4), r = 0.008 ⟨g, -w⟩; d increases, and the code multiplies ε by the new d.

    With safeguard_warmup, 0.4 d² replaces 0.4 λ d = 0.008 in s.
    """
    settings = {"step": 2, "beta1": 0.5, "beta2": 0.36, "epsilon": 0.6, "first_distance": 0.1, "coefficient": 5}
    settings["safeguard_warmup"] = safeguard
    run = follow("prodigy", bowl, (0, 0), **settings, convention=convention, max_epochs=2)
    w1, w2 = 0.1, -0.04 / 0.38
    assert run.weights[1] == pytest.approx((w1, w2), rel=1e-14)
    g1, g2 = -2.9, 4 * w2 + 4
    m1, m2 = 0.5 * -0.15 + 0.05 * g1, 0.5 * 0.2 + 0.05 * g2
    v1, v2 = 0.36 * 0.0576 + 0.0064 * g1**2, 0.36 * 0.1024 + 0.0064 * g2**2
    r = 0.008 * (-g1 * w1 - g2 * w2)
    share = 0.004 if safeguard else 0.008
    s1, s2 = 0.6 * share * -3 + share * g1, 0.6 * share * 4 + share * g2
    d = 5 * r / (abs(s1) + abs(s2))
    assert d > 0.1
    damping = 0.06 if convention == "paper" else d * 0.6
    second = (w1 - 0.2 * m1 / (math.sqrt(v1) + damping), w2 - 0.2 * m2 / (math.sqrt(v2) + damping))
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_bias_correction_of_optax(bowl, follow):
    """From (1, 1), β₁ 0.5, β₂ 0.75: the step is √0.25 / 0.5 = 1 times as long in the first epoch, √0.4375 / 0.75 in
    the second. With β₂ 0.9375 it is ½ as long in the first."""
    settings = {"beta1": 0.5, "beta2": 0.9375, "epsilon": 1e-300, "first_distance": 0.1, "max_epochs": 1}
    for name in ("dadapt-adam", "prodigy"):
        short, long = (follow(name, bowl, (1, 1), convention=word, **settings) for word in ("optax", "torch"))
        assert long.weights[1] - 1 == pytest.approx((0.1 * 0.5 / 0.25, -0.1 * 0.5 / 0.25), rel=1e-13)
        assert short.weights[1] - 1 == pytest.approx((long.weights[1] - 1) / 2, rel=1e-13)


@pytest.mark.parametrize("name", TWINS)
def test_stays_where_the_gradient_is_zero(name, bowl, follow):
    """The gradient and s are 0, and 0 / 0 is avoided."""
    assert follow(name, bowl, (3, -1), max_epochs=3).weights.tolist() == [[3, -1]] * 4


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    weights = follow(name, bowl, (0, -1), first_distance=0.1, max_epochs=9).weights
    assert (weights[:, 1] == -1).all()
    assert (weights[1:, 0] != 0).all()


@pytest.mark.parametrize("name", TWINS)
def test_is_invariant_to_the_scale_of_the_error(name, bowl, follow):
    """Halving all gradients does not change the path if ε is negligible."""
    settings = {"first_distance": 0.03, "max_epochs": 40, **({} if name == "dadapt-sgd" else {"epsilon": 1e-300})}
    half = type(bowl)(dataset=bowl.dataset, activation="linear", loss="half-mse")
    whole, halved = (follow(name, problem, (1, 1), **settings) for problem in (bowl, half))
    assert halved.weights == pytest.approx(whole.weights, rel=1e-11)


@pytest.mark.parametrize(
    ("name", "settings", "last"),
    [
        ("dadapt-sgd", {"momentum": 0}, (25.5951220154, -9.55698150926)),
        ("dadapt-adam", {"convention": "torch"}, (106.539639234, -159.873730737)),
        ("prodigy", {"convention": "torch"}, (73.9698861185, -49.6431188305)),
    ],
)
def test_authors_code_on_the_published_problem(name, settings, last, six_points, follow):
    """dadaptation 3.2 and prodigyopt 1.1.2 with their defaults, float64, after 300 updates from (-4, -4)."""
    assert follow(name, six_points, (-4, -4), max_epochs=300, **settings).weights[-1] == pytest.approx(last, rel=1e-10)
