"""MADGRAD."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Sums(NamedTuple):
    """What MADGRAD remembers."""

    start: Array  # (runs, params), x₀
    s: Array  # (runs, params), weighted sum of the gradients
    v: Array  # (runs, params), weighted sum of their squares
    k: Array  # (runs, 1), epochs so far


@optimizer(
    "madgrad",
    label="MADGRAD",
    needs="gradient",
    source="A. Defazio & S. Jelassi, J. Machine Learning Research 23, 2022, arXiv:2101.11075, Algorithm 1",
    confused_with=(
        "MADGRAD in code, its authors', pytorch_optimizer's and optax's: there ε is added to the step too, which is "
        "this rule with step + ε for its step."
    ),
)
class Madgrad:
    """Dual averaging: go where all gradients since the start lead from there, scaled by a cube root. g = ∇E(w).

    λ = γ √(k + 1)
    s ← s + λ g,  ν ← ν + λ g²
    z = w₀ - s / (∛ν + ε)
    w ← μ w + (1 - μ) z

    γ: step, μ: momentum, ε: epsilon, k: epoch, from 0; s, ν: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size γ")
    momentum: Column = hyper(0.9, "[0, 1)", "share of the weights before in the weights after, μ = 1 - c")
    epsilon: Column = hyper(1e-6, "(0, inf)", "keeps the division finite, ε")

    def begin(self, w: Array, f: Oracle) -> Sums:
        return Sums(w, f.xp.zeros_like(w), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Sums, f: Oracle) -> tuple[Array, Sums]:
        g, k = f.gradient(w), state.k + 1
        weight = self.step * f.xp.sqrt(k)
        s, v = state.s + weight * g, state.v + weight * g**2
        z = state.start - s / (f.xp.cbrt(v) + self.epsilon)
        return self.momentum * w + (1 - self.momentum) * z, Sums(state.start, s, v, k)
