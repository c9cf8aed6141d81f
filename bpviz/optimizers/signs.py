"""Descent by the sign of the gradient or of its mean; every weight moves by exactly the step size."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Mean(NamedTuple):
    """State of signSGD and Lion."""

    m: Array  # (runs, params), m, mean gradient


@optimizer(
    "signsgd",
    label="signSGD",
    needs="gradient",
    source=(
        "J. Bernstein, Y.-X. Wang, K. Azizzadenesheli & A. Anandkumar, ICML 2018, arXiv:1802.04434, Algorithms 1 and 2"
    ),
    confused_with=(
        "Signum, which is this rule with momentum (0.9 by default in optax.signum and pytorch_optimizer's SignSGD); "
        "and the variants of rprop, which adapt one step size per weight."
    ),
    synonyms=("signum", "sign-sgd", "sign-descent"),
)
class SignDescent:
    """Sign descent, optionally with momentum.

    Every weight moves by the same step against the sign of its mean gradient. g = ∇E(w).

    m ← β m + (1 - β) g
    w ← w - δ sign(m)

    δ: step, β: momentum, 0 for the gradient itself; m: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size δ, the distance each weight moves")
    momentum: Column = hyper(0.0, "[0, 1)", "decay of the mean gradient, β")

    def begin(self, w: Array, f: Oracle) -> Mean:
        return Mean(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Mean, f: Oracle) -> tuple[Array, Mean]:
        g = f.gradient(w)
        m = self.momentum * state.m + (1 - self.momentum) * g
        return w - self.step * f.xp.sign(m), Mean(m)


@optimizer(
    "lion",
    label="Lion",
    needs="gradient",
    source="X. Chen et al., NeurIPS 2023, arXiv:2302.06675, Algorithm 2",
    confused_with=(
        "Signum, which takes the sign of the running mean m itself; and optax.lion (0.2.8), the same rule with a "
        "default weight decay of 1e-3."
    ),
    synonyms=("evolved-sign-momentum",),
)
class Lion:
    """Evolved sign momentum.

    Every weight moves against the sign of a weighted average of its gradient and mean gradient. g = ∇E(w).

    c ← β₁ m + (1 - β₁) g
    w ← w - η (sign(c) + λ w)
    m ← β₂ m + (1 - β₂) g

    η: step, β₁: beta1, β₂: beta2, λ: weight_decay, m: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size η, the distance each weight moves")
    beta1: Column = hyper(0.9, "[0, 1)", "weight of the mean gradient in the average c, β₁")
    beta2: Column = hyper(0.99, "[0, 1)", "decay of the mean gradient, β₂")
    weight_decay: Column = hyper(0.0, "[0, inf)", "decoupled weight decay λ, times the step")

    def begin(self, w: Array, f: Oracle) -> Mean:
        return Mean(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Mean, f: Oracle) -> tuple[Array, Mean]:
        g = f.gradient(w)
        c = self.beta1 * state.m + (1 - self.beta1) * g
        w = w - self.step * (f.xp.sign(c) + self.weight_decay * w)
        return w, Mean(self.beta2 * state.m + (1 - self.beta2) * g)
