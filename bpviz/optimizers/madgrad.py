"""Momentumized, adaptive dual averaging (MADGRAD)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Sums(NamedTuple):
    """State of MADGRAD."""

    start: Array  # (runs, params), w₀
    s: Array  # (runs, params), s, weighted sum of gradients
    v: Array  # (runs, params), ν, weighted sum of squared gradients
    k: Array  # (runs, 1), k, number of epochs so far


@optimizer(
    "madgrad",
    label="MADGRAD",
    needs="gradient",
    source="A. Defazio & S. Jelassi, J. Machine Learning Research 23, 2022, arXiv:2101.11075, Algorithm 1",
    confused_with=(
        "The implementations of its authors, pytorch_optimizer and optax, which also add ε to the step: they equal "
        "this rule with a step of step + ε."
    ),
)
class Madgrad:
    """Momentumized, adaptive dual averaging.

    The weighted sum of all gradients g = ∇E(w), scaled by a cube root, gives a displacement z from the start; the
    weights average z with momentum.

    λ = γ √(k + 1)
    s ← s + λ g,  ν ← ν + λ g²
    z = w₀ - s / (∛ν + ε)
    w ← μ w + (1 - μ) z

    γ: step, μ: momentum, ε: epsilon, k: epoch, from 0; s, ν: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size γ")
    momentum: Column = hyper(0.9, "[0, 1)", "weight of the previous weights in the average, μ = 1 - c")
    epsilon: Column = hyper(1e-6, "(0, inf)", "constant for numerical stability, ε")

    def begin(self, w: Array, f: Oracle) -> Sums:
        return Sums(w, f.xp.zeros_like(w), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Sums, f: Oracle) -> tuple[Array, Sums]:
        g, k = f.gradient(w), state.k + 1
        weight = self.step * f.xp.sqrt(k)
        s, v = state.s + weight * g, state.v + weight * g**2
        z = state.start - s / (f.xp.cbrt(v) + self.epsilon)
        return self.momentum * w + (1 - self.momentum) * z, Sums(state.start, s, v, k)
