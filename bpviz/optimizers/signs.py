"""Descent by the sign of the gradient, or of its mean: every weight moves by the step, no more and no less."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Mean(NamedTuple):
    """What the rules by sign remember."""

    m: Array  # (runs, params), mean of the gradients


@optimizer(
    "signsgd",
    label="signSGD",
    needs="gradient",
    source=(
        "J. Bernstein, Y.-X. Wang, K. Azizzadenesheli & A. Anandkumar, ICML 2018, arXiv:1802.04434, Algorithms 1 and 2"
    ),
    confused_with=(
        "Signum, which is this rule with momentum: optax.signum and pytorch_optimizer's SignSGD set it to 0.9; and the "
        "rprop family, whose step is another for each weight and adapts."
    ),
    synonyms=("signum", "sign-sgd", "sign-descent"),
)
class SignDescent:
    """Move every weight by the same step against the sign of its (mean) gradient. g = ∇E(w).

    m ← β m + (1 - β) g
    w ← w - δ sign(m)

    δ: step, β: momentum, 0 for the gradient itself; m: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size δ, by which every weight moves")
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
        "Signum, which takes the sign of the mean it keeps; and optax.lion (0.2.8), the same rule with a weight decay "
        "of 1e-3 unless it is told otherwise."
    ),
    synonyms=("evolved-sign-momentum",),
)
class Lion:
    """Move every weight by the sign of a mixture of its gradient and its mean gradient. g = ∇E(w).

    c ← β₁ m + (1 - β₁) g
    w ← w - η (sign(c) + λ w)
    m ← β₂ m + (1 - β₂) g

    η: step, β₁: beta1, β₂: beta2, λ: weight_decay, m: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size η, by which every weight moves")
    beta1: Column = hyper(0.9, "[0, 1)", "weight of the mean gradient in the mixture, β₁")
    beta2: Column = hyper(0.99, "[0, 1)", "decay of the mean gradient, β₂")
    weight_decay: Column = hyper(0.0, "[0, inf)", "decay λ of the weights beside the step")

    def begin(self, w: Array, f: Oracle) -> Mean:
        return Mean(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Mean, f: Oracle) -> tuple[Array, Mean]:
        g = f.gradient(w)
        c = self.beta1 * state.m + (1 - self.beta1) * g
        w = w - self.step * (f.xp.sign(c) + self.weight_decay * w)
        return w, Mean(self.beta2 * state.m + (1 - self.beta2) * g)
