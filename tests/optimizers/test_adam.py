"""Adam and its variants."""

from __future__ import annotations

import math

import pytest

from bpviz import declare
from bpviz.declare import OPTIMIZERS
from bpviz.engine.results import Ending


def adam(f, theta, *, step, beta1, beta2, epsilon, epsilon_root):
    """Kingma & Ba 2015, Algorithm 1, line by line, with a constant under the root as in optax 0.2.8."""
    alpha = step
    m = [0.0] * len(theta)
    v = [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        v = [beta2 * a + (1 - beta2) * d**2 for a, d in zip(v, g, strict=True)]
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [a / (1 - beta2**t) for a in v]
        roots = [math.sqrt(b + epsilon_root) + epsilon for b in v_hat]
        theta = [x - alpha * a / b for x, a, b in zip(theta, m_hat, roots, strict=True)]
        yield theta


def means(g, m, v, beta1, beta2):
    """The two lines of Algorithm 1 shared by the variants."""
    m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
    v = [beta2 * a + (1 - beta2) * d**2 for a, d in zip(v, g, strict=True)]
    return m, v


def adamw(f, theta, *, step, beta1, beta2, epsilon, epsilon_root, weight_decay, convention):
    """Loshchilov & Hutter 2019, Algorithm 2 with schedule multiplier η = 1; torch multiplies the decay by α."""
    alpha, lambda_ = step, weight_decay
    if convention == "torch":
        lambda_ = alpha * weight_decay
    m, v = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        m, v = means(f.gradient(theta), m, v, beta1, beta2)
        m_hat = [a / (1 - beta1**t) for a in m]
        v_hat = [a / (1 - beta2**t) for a in v]
        theta = [
            x - (alpha * a / (math.sqrt(b + epsilon_root) + epsilon) + lambda_ * x)  # line 12
            for x, a, b in zip(theta, m_hat, v_hat, strict=True)
        ]
        yield theta


def adamax(f, theta, *, step, beta1, beta2, epsilon):
    """Kingma & Ba 2015, Algorithm 2, line by line, with ε added to the absolute gradient."""
    alpha = step
    m, u = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m = [beta1 * a + (1 - beta1) * d for a, d in zip(m, g, strict=True)]
        u = [max(beta2 * a, abs(d) + epsilon) for a, d in zip(u, g, strict=True)]
        theta = [x - (alpha / (1 - beta1**t)) * a / b for x, a, b in zip(theta, m, u, strict=True)]
        yield theta


def nadam(f, theta, *, step, beta1, beta2, epsilon, epsilon_root, momentum_decay, convention):
    """Dozat's rule as documented by torch.optim.NAdam, with a scheduled μ; optax uses β₁ instead."""

    def mu(t):
        return beta1 if convention == "optax" else beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    m, v = [0.0] * len(theta), [0.0] * len(theta)
    t = 0
    while True:
        t = t + 1
        g = f.gradient(theta)
        m, v = means(g, m, v, beta1, beta2)
        until = math.prod(mu(i) for i in range(1, t + 1))
        m_hat = [
            mu(t + 1) * a / (1 - until * mu(t + 1)) + (1 - mu(t)) * d / (1 - until) for a, d in zip(m, g, strict=True)
        ]
        v_hat = [a / (1 - beta2**t) + epsilon_root for a in v]
        theta = [x - step * a / (math.sqrt(b) + epsilon) for x, a, b in zip(theta, m_hat, v_hat, strict=True)]
        yield theta


def amsgrad(f, x, *, step, beta1, beta2, epsilon, epsilon_root, convention):
    """Reddi, Kale & Kumar 2018, Algorithm 2, unconstrained and with ε; and the variants of two libraries.

    torch.optim.Adam(amsgrad=True) corrects the bias of m and of the largest v, optax.amsgrad the bias of m and of every
    v, or of m alone.
    """
    alpha = step
    m, v, largest = ([0.0] * len(x) for _ in range(3))
    t = 0
    while True:
        t = t + 1
        m, v = means(f.gradient(x), m, v, beta1, beta2)
        bias1, bias2 = 1 - beta1**t, 1 - beta2**t
        if convention == "paper":
            largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
            roots = [math.sqrt(a + epsilon_root) + epsilon for a in largest]
            x = [a - alpha * b / c for a, b, c in zip(x, m, roots, strict=True)]
        elif convention == "torch":
            largest = [max(a, b) for a, b in zip(largest, v, strict=True)]
            denominators = [math.sqrt(a / bias2 + epsilon_root) + epsilon for a in largest]
            x = [a - alpha / bias1 * b / c for a, b, c in zip(x, m, denominators, strict=True)]
        else:
            corrected = [b / bias2 for b in v] if convention == "optax" else v
            largest = [max(a, b) for a, b in zip(largest, corrected, strict=True)]
            roots = [math.sqrt(a + epsilon_root) + epsilon for a in largest]
            x = [a - alpha * (b / bias1) / c for a, b, c in zip(x, m, roots, strict=True)]
        yield x


def radam(f, theta, *, step, beta1, beta2, epsilon, epsilon_root, threshold, convention):
    """Liu et al. 2020, Algorithm 2, with ε and a variable threshold in place of the 4 in line 9."""
    alpha = step
    m, v = [0.0] * len(theta), [0.0] * len(theta)
    rho_inf = 2 / (1 - beta2) - 1
    t = 0
    while True:
        t = t + 1
        m, v = means(f.gradient(theta), m, v, beta1, beta2)
        m_hat = [a / (1 - beta1**t) for a in m]
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > threshold:
            if convention == "torch":
                ell = [math.sqrt(1 - beta2**t) / (math.sqrt(a + epsilon_root) + epsilon) for a in v]
            else:
                ell = [1 / (math.sqrt(a / (1 - beta2**t) + epsilon_root) + epsilon) for a in v]
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta = [x - alpha * r * a * b for x, a, b in zip(theta, m_hat, ell, strict=True)]
        else:
            theta = [x - alpha * a for x, a in zip(theta, m_hat, strict=True)]
        yield theta


TWINS = {"adam": adam, "adamw": adamw, "adamax": adamax, "nadam": nadam, "amsgrad": amsgrad, "radam": radam}
_ADAM = {"step": 0.3, "beta1": 0.35, "beta2": 0.6, "epsilon": 0.2}
UNUSUAL = {
    "adam": {**_ADAM, "epsilon_root": 0.3},
    "adamw": {**_ADAM, "epsilon_root": 0.3, "weight_decay": 0.07, "convention": "torch"},
    "adamax": _ADAM,
    "nadam": {**_ADAM, "epsilon_root": 0.3, "momentum_decay": 0.3, "convention": "optax"},
    "amsgrad": {**_ADAM, "epsilon_root": 0.3, "convention": "torch"},
    # no rectification for β₂ below 0.6
    "radam": {**_ADAM, "epsilon_root": 0.3, "beta2": 0.9, "threshold": 6.5, "convention": "torch"},
}
CONVENTIONS = [
    (name, word)
    for name in TWINS
    if "convention" in UNUSUAL[name]
    for word in declare.fields(OPTIMIZERS[name])["convention"].domain.words
]


@pytest.mark.parametrize(("name", "convention"), CONVENTIONS)
def test_every_convention_matches_its_twin(name, convention, six_points, plain, follow):
    settings = {**UNUSUAL[name], "convention": convention}
    run = follow(name, six_points, (-1.2, 1), max_epochs=50, **settings)
    twin = TWINS[name](plain(six_points), [-1.2, 1.0], **settings)
    for epoch in range(1, 51):
        assert run.weights[epoch] == pytest.approx(next(twin), rel=1e-12)


def test_two_epochs_of_adam_by_hand(bowl, follow):
    """From (1, 1) on the bowl with α 0.1, β₁ 0.5, β₂ 0.75 and an ε of 2, large enough for its position to matter.

    1: g = (-2, 8), m̂ = g, √v̂ = (2, 8), so w = (1 + 0.1 · 2/4, 1 - 0.1 · 8/10) = (1.05, 0.92)
    2: g = (-1.95, 7.68), m = 0.5 (-1, 4) + 0.5 g = (-1.475, 5.84), m̂ = m / 0.75,
       v = 0.75 (1, 16) + 0.25 g² = (1.700625, 26.7456), v̂ = v / 0.4375
    """
    run = follow("adam", bowl, (1, 1), step=0.1, beta1=0.5, beta2=0.75, epsilon=2, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    w1 = 1.05 + 0.1 * (1.475 / 0.75) / (math.sqrt(1.700625 / 0.4375) + 2)
    w2 = 0.92 - 0.1 * (5.84 / 0.75) / (math.sqrt(26.7456 / 0.4375) + 2)
    assert run.weights[2] == pytest.approx((w1, w2), rel=1e-14)


def test_two_epochs_of_adamax_by_hand(bowl, follow):
    """From (1, 1) on the bowl with α 0.1, β₁ 0.5, β₂ 0.99 and an ε of 2.

    1: g = (-2, 8), m̂ = g, u = (4, 10), so w = (1.05, 0.92)
    2: g = (-1.95, 7.68), m = (-1.475, 5.84) as above, and 0.99 u = (3.96, 9.9) exceeds |g| + 2 = (3.95, 9.68)
    """
    run = follow("adamax", bowl, (1, 1), step=0.1, beta1=0.5, beta2=0.99, epsilon=2, max_epochs=2)
    assert run.weights[1] == pytest.approx((1.05, 0.92), rel=1e-15)
    second = (1.05 + 0.1 * 1.475 / 0.75 / 3.96, 0.92 - 0.1 * 5.84 / 0.75 / 9.9)
    assert run.weights[2] == pytest.approx(second, rel=1e-15)


# From (1, 1) on the bowl, where g = (-2, 8): for any β₂, √v̂ is (2, 8), and √v̂ + ε is (4, 10).
@pytest.mark.parametrize(
    ("name", "settings", "first"),
    [
        # √(v̂ + 12) + 2 = (6, √76 + 2)
        ("adam", {"step": 0.3, "epsilon_root": 12}, (1.1, 1 - 2.4 / (math.sqrt(76) + 2))),
        ("adamw", {"step": 0.3, "epsilon_root": 12, "weight_decay": 0}, (1.1, 1 - 2.4 / (math.sqrt(76) + 2))),
        # 4/3 g, as below, divided by (6, √76 + 2), times 0.3
        ("nadam", {"step": 0.3, "epsilon_root": 12, "convention": "optax"}, (1 + 0.8 / 6, 1 - 3.2 / (76**0.5 + 2))),
        # m̂ = g and √(v̂ + 12) + 2, as for Adam
        ("amsgrad", {"step": 0.3, "epsilon_root": 12, "convention": "optax"}, (1.1, 1 - 2.4 / (math.sqrt(76) + 2))),
        # 0.1 m̂ / (√v̂ + ε) = (-0.05, 0.08), and half of w, or a tenth of that
        ("adamw", {"step": 0.1, "weight_decay": 0.5}, (0.55, 0.42)),
        ("adamw", {"step": 0.1, "weight_decay": 0.5, "convention": "torch"}, (1.0, 0.87)),
        # μ = 0.5 at every epoch: m̂ = 0.5 (0.5 g) / (1 - 0.25) + 0.5 g / 0.5 = 4/3 g, times 0.3
        ("nadam", {"step": 0.3, "convention": "optax"}, (1.2, 0.68)),
        # μ = 0.5 (1 - 1/2) = 0.25: m̂ = 0.25 (0.5 g) / (1 - 0.0625) + 0.75 g / 0.75 = 17/15 g, times 0.3
        ("nadam", {"step": 0.3, "momentum_decay": 0}, (1.17, 0.728)),
    ],
)
def test_an_epoch_by_hand(name, settings, first, bowl, follow):
    run = follow(name, bowl, (1, 1), beta1=0.5, epsilon=2, max_epochs=1, **settings)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)


# β₁ = 0, so m = g; β₂ = 0.5, so v = (2, 32) after the first epoch; ε is negligible.
@pytest.mark.parametrize(
    ("convention", "first", "second"),
    [
        # v̂ = (2, 32), so both weights move by r = 1/√2; then g = (-2 + r, 8 - 4 r), v < v̂, and they move by r - 1/4
        ("paper", (1 + 0.5**0.5, 1 - 0.5**0.5), (0.75 + 2**0.5, 1.25 - 2**0.5)),
        # v̂ / 0.5 = (4, 64); then g = (-1.5, 6), and v̂ = v = (2.125, 34), to be divided by 0.75
        ("torch", (1.5, 0.5), (1.5 + 0.75 / (2.125 / 0.75) ** 0.5, 0.5 - 3 / (34 / 0.75) ** 0.5)),
        # v̂ = (4, 64), which exceeds v / 0.75 = (2.83, 45.3)
        ("optax", (1.5, 0.5), (1.875, 0.125)),
        # as the paper, since m̂ = m for a β₁ of 0
        ("optax-raw", (1 + 0.5**0.5, 1 - 0.5**0.5), (0.75 + 2**0.5, 1.25 - 2**0.5)),
    ],
)
def test_two_epochs_of_amsgrad_by_hand(convention, first, second, bowl, follow):
    settings = {"step": 0.5, "beta1": 0, "beta2": 0.5, "epsilon": 1e-300, "convention": convention}
    run = follow("amsgrad", bowl, (1, 1), max_epochs=2, **settings)
    assert run.weights[1] == pytest.approx(first, rel=1e-15)
    assert run.weights[2] == pytest.approx(second, rel=1e-14)


def test_amsgrad_can_correct_the_mean_gradient_alone(bowl, follow):
    """m = g / 2, so m̂ = g; √v = |g| / 2: 0.1 m̂ / (√v + 2) is 0.1 (-2 / 3, 8 / 6)."""
    settings = {"step": 0.1, "beta1": 0.5, "beta2": 0.75, "epsilon": 2, "convention": "optax-raw"}
    run = follow("amsgrad", bowl, (1, 1), max_epochs=1, **settings)
    assert run.weights[1] == pytest.approx((1 + 0.2 / 3, 1 - 0.8 / 6), rel=1e-15)


def test_radam_is_gradient_descent_with_momentum_until_it_rectifies(bowl, follow):
    """With β₂ 0.75, ρ∞ is 7 and ρ = 7 - 2 t 0.75ᵗ / (1 - 0.75ᵗ): 1, 1.86, 2.62, 3.30, 3.89 and then 4.40.

    With β₁ 0, m̂ is g. At the sixth epoch r = √(0.40 · 2.40 · 7 / (3 · 5 · 4.40)) = 0.32.
    """
    run = follow("radam", bowl, (1, 1), step=0.1, beta1=0, beta2=0.75, max_epochs=6)
    plain = follow("gd", bowl, (1, 1), step=0.1, max_epochs=6)
    assert run.weights[:6] == pytest.approx(plain.weights[:6], rel=1e-15)
    gradients = [w[0] - 3 for w in plain.weights[:6]]
    v_hat = sum(0.25 * 0.75 ** (5 - i) * g**2 for i, g in enumerate(gradients)) / (1 - 0.75**6)
    rho = 7 - 12 * 0.75**6 / (1 - 0.75**6)
    r = math.sqrt((rho - 4) * (rho - 2) * 7 / (3 * 5 * rho))
    assert (round(rho, 2), round(r, 2)) == (4.4, 0.32)
    assert run.weights[6][0] == pytest.approx(run.weights[5][0] - 0.1 * r * gradients[5] / math.sqrt(v_hat), rel=1e-9)


@pytest.mark.parametrize(("threshold", "first"), [(4, 5), (5, 6)])
def test_first_rectified_epoch_of_radam_by_threshold(threshold, first, bowl, follow):
    """With the default β₂, ρ is 1.00, 2.00, 3.00, 4.00, 5.00 and 6.00, each slightly less than the epoch.

    The paper rectifies from the fifth epoch on, the libraries (threshold 5) from the sixth.
    """
    plain = follow("gd", bowl, (1, 1), step=0.1, max_epochs=7)
    run = follow("radam", bowl, (1, 1), step=0.1, beta1=0, threshold=threshold, max_epochs=7)
    parted = [abs(a - b).max() > 1e-6 for a, b in zip(run.weights, plain.weights, strict=True)]
    assert parted.index(True) == first


def test_adamw_without_decay_is_adam(unequal, follow):
    plain = follow("adam", unequal, (-1.2, 1, 0.3), step=0.1, max_epochs=30)
    for convention in ("paper", "torch"):
        run = follow("adamw", unequal, (-1.2, 1, 0.3), step=0.1, weight_decay=0, convention=convention, max_epochs=30)
        assert (run.weights == plain.weights).all()


@pytest.mark.parametrize("name", ["adam", "adamax"])
def test_first_move_has_the_length_of_the_step_size(name, unequal, follow):
    """m̂ / √v̂ and m̂ / u are ±1 at t = 1; here, ε reduces them by less than 1e-5."""
    run = follow(name, unequal, (-1.2, 1, 0.3), step=0.25, max_epochs=1)
    assert abs(run.weights[1] - run.weights[0]) == pytest.approx([0.25] * 3, rel=1e-5)


@pytest.mark.parametrize("name", TWINS)
def test_weight_with_zero_gradient_stays(name, bowl, follow):
    """At (3, 1) the bowl's gradient is (0, 8), and 0 / (0 + ε) is 0, not NaN."""
    settings = {"weight_decay": 0} if name == "adamw" else {}
    run = follow(name, bowl, (3, 1), max_epochs=1, **settings)
    assert run.weights[1][0] == 3
    assert run.weights[1][1] < 1


def test_adamax_with_zero_epsilon_is_the_paper_s(bowl, follow):
    """With ε = 0, a weight with zero gradient gets 0/0."""
    assert follow("adamax", bowl, (1, 1), epsilon=0, max_epochs=1).weights[1] == pytest.approx((1.002, 0.998))
    assert follow("adamax", bowl, (3, 1), epsilon=0, max_epochs=1).ending is Ending.DIVERGED


# Final weights from (-4, -4) with step 0.3, computed by torch.optim (2.13.0) and optax (0.2.8) in float64.
@pytest.mark.parametrize(
    ("name", "settings", "epochs", "end"),
    [
        ("adamw", {"weight_decay": 0.1, "convention": "torch"}, 25, (2.48766374, -3.07571489)),  # both
        ("adamax", {}, 32, (2.49435543, -3.08137231)),  # both
        ("nadam", {}, 25, (2.40080878, -3.17005622)),  # torch
        ("nadam", {"convention": "optax"}, 23, (2.68650426, -3.19141328)),
        ("amsgrad", {"convention": "torch"}, 25, (2.80674009, -3.22556601)),
        ("amsgrad", {"convention": "optax"}, 25, (2.59270747, -3.15874026)),
        ("amsgrad", {}, 8, (4.92663697, -5.22890466)),  # optax, bias_correction_mu=False, bias_correction_nu=False
        ("radam", {"threshold": 5, "convention": "torch"}, 124, (2.30744731, -3.16104866)),
        ("radam", {"threshold": 5}, 124, (2.30745043, -3.16105305)),  # optax
        ("radam", {}, 124, (2.3075274, -3.16120714)),  # optax, threshold=4
    ],
)
def test_on_the_published_problem(name, settings, epochs, end, six_points, follow):
    run = follow(name, six_points, (-4, -4), step=0.3, error_threshold=0.125, **settings)
    assert run.epochs == epochs
    assert run.weights[-1] == pytest.approx(end, rel=1e-8)


def test_adam_on_the_published_problem(six_points, follow):
    """25 epochs with step 0.3, the count of torch.optim.Adam (2.13.0) and optax.adam (0.2.8), float64."""
    assert follow("adam", six_points, (-4, -4), step=0.3, error_threshold=0.125).epochs == 25
