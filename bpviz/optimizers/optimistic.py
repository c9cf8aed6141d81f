"""Optimistic gradient descent and Adam: each update extrapolates the change of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Last(NamedTuple):
    """State of optimistic gradient descent."""

    g: Array  # (runs, params), gradient of the last epoch
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "optimistic-gd",
    label="Optimistic gradient descent",
    needs="gradient",
    source=(
        "C. Daskalakis et al., ICLR 2018, arXiv:1711.00141, section 2, with the two coefficients of A. Mokhtari, "
        "A. Ozdaglar & S. Pattathil, AISTATS 2020, arXiv:1901.08511"
    ),
    confused_with=(
        "The extragradient method, which evaluates a second gradient per epoch instead of recalling the last one; and "
        "momentum, whose coefficient of the last gradient is positive."
    ),
    synonyms=("ogd", "ogda", "optimistic-gradient-descent"),
)
class OptimisticGradientDescent:
    """Gradient descent with a correction by the last gradient.

    The update adds the change of the gradient g = ∇E(w) since the last epoch, where the gradient was g'.

    w ← w - η ((α + β) g - β g')

    η: step, α: alpha, β: beta; g' = g in the first epoch. The paper has α = β = 1.
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η")
    alpha: Column = hyper(1.0, "[0, inf)", "weight of the gradient, α")
    beta: Column = hyper(1.0, "[0, inf)", "weight of the change of the gradient, β")

    def begin(self, w: Array, f: Oracle) -> Last:
        return Last(f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Last, f: Oracle) -> tuple[Array, Last]:
        g = f.gradient(w)
        last = f.xp.where(state.t == 0, g, state.g)
        return w - self.step * ((self.alpha + self.beta) * g - self.beta * last), Last(g, state.t + 1)


class Moments(NamedTuple):
    """State of optimistic Adam."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient
    r: Array  # (runs, params), update of Adam in the last epoch, without the step


@optimizer(
    "optimistic-adam",
    label="Optimistic Adam",
    needs="gradient",
    source="C. Daskalakis et al., ICLR 2018, arXiv:1711.00141, Algorithm 1, with the coefficients and start of optax",
    confused_with=(
        "optax.optimistic_adam, whose `optimism` is the step times β, by default the square of the step; "
        "optax.optimistic_adam_v2 has the settings of this rule."
    ),
)
class OptimisticAdam:
    """Adam with a correction by its last update.

    The update adds the change of Adam's update r since the last epoch, where it was r'. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    r = m̂ / (√(v̂ + ε₀) + ε) with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    w ← w - η ((α + β) r - β r')
    nesterov: β₁ m / (1 - β₁ᵗ⁺¹) + (1 - β₁) g / (1 - β₁ᵗ) in place of m̂

    η: step, α: alpha, β: beta, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, t: epoch, from 1; m, v: 0 at the
    start; r' = r in the first epoch. The paper has α = β = 1. Variant: nesterov
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η")
    alpha: Column = hyper(1.0, "[0, inf)", "weight of Adam's update, α")
    beta: Column = hyper(1.0, "[0, inf)", "weight of the change of Adam's update, β")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    epsilon_root: Column = hyper(0.0, "[0, inf)", "constant under the root, ε₀ (0 in the paper)")
    nesterov: bool = hyper(False, Flag(), "whether r has Nesterov momentum, as by default in optax")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f), f.xp.zeros_like(w))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        m_hat = m.ahead(g, self.beta1) if self.nesterov else m.corrected
        r = m_hat / (f.xp.sqrt(v.corrected + self.epsilon_root) + self.epsilon)
        last = f.xp.where(state.m.beta_t == 1, r, state.r)
        return w - self.step * ((self.alpha + self.beta) * r - self.beta * last), Moments(m, v, r)
