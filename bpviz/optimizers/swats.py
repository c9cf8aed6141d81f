"""Switching from Adam to SGD (SWATS)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Phases(NamedTuple):
    """State of SWATS."""

    m: Mean  # mean gradient
    a: Mean  # mean squared gradient
    step: Mean  # (runs, 1), λ, mean of the equivalent gradient descent step γ
    v: Array  # (runs, params), v, velocity after the switch
    switched: Array  # (runs, 1), Λ, step size after the switch; 0 before it


@optimizer(
    "swats",
    label="SWATS",
    needs="gradient",
    source="N. S. Keskar & R. Socher, 2017, arXiv:1712.07628, Algorithm 1",
    confused_with=(
        "SWATS in pytorch_optimizer, which switches when λ̂ and γ agree within 1e-8 + ε γ instead of ε, and adds 1e-15 "
        "under the root. Its `nesterov`, as here, adds β₁ v to (1 - β₁) v; Nesterov's momentum would add it to g."
    ),
)
class Swats:
    """Adam with a switch to gradient descent with momentum.

    The switch happens once the equivalent step size γ of gradient descent has converged to its mean. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  a ← β₂ a + (1 - β₂) g²
    p = -α √(1 - β₂ᵏ) / (1 - β₁ᵏ) m / (√a + ε)
    w ← w + p
    λ ← β₂ λ + (1 - β₂) γ,  γ = -pᵀp / pᵀg, if pᵀg ≠ 0
    if k > 1 and |λ / (1 - β₂ᵏ) - γ| < ε: Λ = λ / (1 - β₂ᵏ), and from the next epoch on:

    v ← β₁ v + g
    w ← w - (1 - β₁) Λ v
    nesterov: w ← w - Λ ((1 - β₁) v + β₁ v)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, k: epoch, from 1; m, a, λ, v: 0 at the start; variant: nesterov
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size of Adam, α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient and of the velocity, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient and of the mean step, β₂")
    epsilon: Column = hyper(1e-9, "(0, inf)", "constant for numerical stability and tolerance of the switch, ε")
    nesterov: bool = hyper(False, Flag(), "whether β₁ v is added after the switch (pytorch_optimizer)")

    def begin(self, w: Array, f: Oracle) -> Phases:
        one = mean(w[:, :1], f)
        return Phases(mean(w, f), mean(w, f), one, f.xp.zeros_like(w), one.value)

    def advance(self, w: Array, state: Phases, f: Oracle) -> tuple[Array, Phases]:
        g, xp = f.gradient(w), f.xp
        adam = state.switched == 0
        m, a = state.m.add(g, self.beta1), state.a.add(g**2, self.beta2)
        p = -self.step * xp.sqrt(1 - a.beta_t) * m.corrected / (xp.sqrt(a.value) + self.epsilon)
        along = f.dot(p, g)
        projects = along != 0
        gamma = -f.dot(p, p) / xp.where(projects, along, 1)
        value, beta_t = state.step.add(gamma, self.beta2)
        mean_step = Mean(xp.where(projects, value, state.step.value), beta_t)
        needed = mean_step.corrected
        settled = projects & (state.m.beta_t < 1) & (abs(needed - gamma) < self.epsilon)
        v = xp.where(adam, 0, self.beta1 * state.v + g)
        share = 1 if self.nesterov else 1 - self.beta1
        w = xp.where(adam, w + p, w - share * state.switched * v)
        switched = xp.where(adam & settled, needed, state.switched)
        return w, Phases(m, a, mean_step, v, switched)
