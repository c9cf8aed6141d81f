"""Rules with layer-wise scaling; all weights form one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Moments(NamedTuple):
    """State of LAMB."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient


@optimizer(
    "lamb",
    label="LAMB",
    needs="gradient",
    source="Y. You et al., ICLR 2020, arXiv:1904.00962, Algorithm 2, with φ(z) = z",
    confused_with=(
        "LAMB in an earlier version of the paper and in pytorch_optimizer, with uncorrected v, ‖w‖ clipped at 10 and "
        "decoupled weight decay. optax.lamb is this rule."
    ),
)
class Lamb:
    """Adam with updates scaled to the norm of the weights.

    The Adam update is rescaled to the norm of the weights, times the step. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    r = m̂ / (√v̂ + ε) + λ w with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    w ← w - η r ‖w‖ / ‖r‖, or w - η r where a norm is 0

    η: step, β₁: beta1, β₂: beta2, ε: epsilon, λ: weight_decay, t: epoch, from 1; m, v: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η, relative to the norm of the weights")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-6, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, added to the update before scaling")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        r = m.corrected / (xp.sqrt(v.corrected) + self.epsilon) + self.weight_decay * w
        long, wide = xp.sqrt(f.dot(w, w)), xp.sqrt(f.dot(r, r))
        trust = xp.where((long > 0) & (wide > 0), long / xp.where(wide > 0, wide, 1), 1)
        return w - self.step * trust * r, Moments(m, v)


class Layer(NamedTuple):
    """State of NovoGrad."""

    m: Array  # (runs, params), m, decaying sum of scaled gradients
    v: Mean  # (runs, 1), mean squared gradient norm


@optimizer(
    "novograd",
    label="NovoGrad",
    needs="gradient",
    source="B. Ginsburg et al., 2019, arXiv:1905.11286, Algorithm 1; with ε in the first epoch, as in implementations",
    confused_with=(
        "Its other form, which weights each scaled gradient by 1 - β₁. Libraries differ in β₂: 0.98, as here, in "
        "pytorch_optimizer; 0.25 in optax."
    ),
)
class NovoGrad:
    """Momentum on normalized gradients.

    Each gradient g = ∇E(w) is divided by the root of the running mean of its squared norm.

    v ← β₂ v + (1 - β₂) ‖g‖², and ‖g‖² in the first epoch
    m ← β₁ m + g / (√v + ε) + d w
    w ← w - λ m

    λ: step, β₁: beta1, β₂: beta2, ε: epsilon, d: weight_decay; m: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size λ")
    beta1: Column = hyper(0.95, "[0, 1)", "fraction of the last update kept, β₁")
    beta2: Column = hyper(0.98, "[0, 1)", "decay of the mean squared gradient norm, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay d, added to the scaled gradient")

    def begin(self, w: Array, f: Oracle) -> Layer:
        return Layer(f.xp.zeros_like(w), mean(w[:, :1], f))

    def advance(self, w: Array, state: Layer, f: Oracle) -> tuple[Array, Layer]:
        g, xp = f.gradient(w), f.xp
        square = f.dot(g, g)
        v = state.v.add(square, self.beta2)
        v = v._replace(value=xp.where(state.v.beta_t == 1, square, v.value))
        m = self.beta1 * state.m + (g / (xp.sqrt(v.value) + self.epsilon) + self.weight_decay * w)
        return w - self.step * m, Layer(m, v)
