"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Oracle


class Moments(NamedTuple):
    """What Adam remembers."""

    m: Array  # (runs, params), mean of the gradients
    v: Array  # (runs, params), mean of their squares
    beta1_t: Array  # (runs, params), β₁ᵗ: a running product, because powers differ between one number and an array
    beta2_t: Array  # (runs, params), β₂ᵗ


@optimizer(
    "adam",
    label="Adam",
    needs="gradient",
    source="D. P. Kingma & J. Ba, ICLR 2015, arXiv:1412.6980, Algorithm 1",
    confused_with=(
        "The variant at the end of the paper's section 2 that adds ε to the uncorrected √v (ε-hat), and AdamW, which "
        "decays the weights beside the step."
    ),
    synonyms=("adma",),
)
class Adam:
    """Scale each weight's step by running means of its gradient and of the gradient's square. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - α m̂ / (√v̂ + ε)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, v: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "keeps the division finite, ε")

    def begin(self, w: Array, f: Oracle) -> Moments:
        zeros, ones = f.xp.zeros_like(w), f.xp.ones_like(w)
        return Moments(zeros, zeros, ones, ones)

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        beta1_t, beta2_t = state.beta1_t * self.beta1, state.beta2_t * self.beta2
        m = self.beta1 * state.m + (1 - self.beta1) * g
        v = self.beta2 * state.v + (1 - self.beta2) * g**2
        m_hat, v_hat = m / (1 - beta1_t), v / (1 - beta2_t)
        w = w - self.step * m_hat / (f.xp.sqrt(v_hat) + self.epsilon)
        return w, Moments(m, v, beta1_t, beta2_t)
