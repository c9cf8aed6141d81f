"""Rules with layer-wise scaling; all weights form one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
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
        "LAMB in an earlier version of the paper, as in pytorch_optimizer: v is not corrected, the norm of the weights "
        "counts as at most 10, and the weight decay is decoupled (`convention: torch`). optax.lamb is the paper's rule."
    ),
)
class Lamb:
    """Adam with updates scaled to the norm of the weights.

    The Adam update is rescaled to the norm of the weights, times the step. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    r = m̂ / (√(v̂ + ε₀) + ε) + λ w with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    w ← w - η r ‖w‖ / ‖r‖, or w - η r where a norm is 0
    convention torch: w ← (1 - η λ) w,  r = m / (√(v + ε₀) + ε)
                      w ← w - η / (1 - β₁ᵗ) r min(‖w‖, 10) / (‖r‖ + ε)

    η: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, λ: weight_decay, t: epoch, from 1; m, v: 0 at the
    start; variant: convention
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η, relative to the norm of the weights")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-6, "(0, inf)", "constant for numerical stability, ε")
    epsilon_root: Column = hyper(0.0, "[0, inf)", "constant under the root, ε₀ (0 in the paper)")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, added to the update before scaling")
    convention: str = hyper("paper", Choice(("paper", "torch")), "variant: paper or an earlier version (torch)")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        if self.convention == "torch":
            w = w - self.step * self.weight_decay * w
            r = m.value / (xp.sqrt(v.value + self.epsilon_root) + self.epsilon)
        else:
            r = m.corrected / (xp.sqrt(v.corrected + self.epsilon_root) + self.epsilon) + self.weight_decay * w
        long, wide = xp.sqrt(f.dot(w, w)), xp.sqrt(f.dot(r, r))
        scales = (long > 0) & (wide > 0)
        if self.convention == "torch":
            trust = xp.where(scales, xp.minimum(long, 10) / (wide + self.epsilon), 1) / (1 - m.beta_t)
        else:
            trust = xp.where(scales, long / xp.where(wide > 0, wide, 1), 1)
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
        "Adam, whose mean square is one per weight. Libraries differ in β₂: 0.98, as here, in pytorch_optimizer; 0.25 "
        "in optax. pytorch_optimizer's `grad_averaging`, here `averaging`, is not in optax."
    ),
)
class NovoGrad:
    """Momentum on normalized gradients.

    Each gradient g = ∇E(w) is divided by the root of the running mean of its squared norm.

    v ← β₂ v + (1 - β₂) ‖g‖², and ‖g‖² in the first epoch
    m ← β₁ m + g / (√(v + ε₀) + ε) + d w
    w ← w - λ m
    averaging: m ← β₁ m + (1 - β₁) (g / (√(v + ε₀) + ε) + d w), from the second epoch on

    λ: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, d: weight_decay; m: 0 at the start;
    variant: averaging
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size λ")
    beta1: Column = hyper(0.95, "[0, 1)", "fraction of the last update kept, β₁")
    beta2: Column = hyper(0.98, "[0, 1)", "decay of the mean squared gradient norm, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    epsilon_root: Column = hyper(0.0, "[0, inf)", "constant under the root, ε₀ (0 in the paper)")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay d, added to the scaled gradient")
    averaging: bool = hyper(False, Flag(), "whether m is a mean of scaled gradients instead of a decaying sum")

    def begin(self, w: Array, f: Oracle) -> Layer:
        return Layer(f.xp.zeros_like(w), mean(w[:, :1], f))

    def advance(self, w: Array, state: Layer, f: Oracle) -> tuple[Array, Layer]:
        g, xp = f.gradient(w), f.xp
        square = f.dot(g, g)
        v = state.v.add(square, self.beta2)
        first = state.v.beta_t == 1
        v = v._replace(value=xp.where(first, square, v.value))
        added = g / (xp.sqrt(v.value + self.epsilon_root) + self.epsilon) + self.weight_decay * w
        if self.averaging:
            added = xp.where(first, 1, 1 - self.beta1) * added
        m = self.beta1 * state.m + added
        return w - self.step * m, Layer(m, v)


class Velocity(NamedTuple):
    """State of LARS."""

    v: Array  # (runs, params), v, last update


@optimizer(
    "lars",
    label="LARS",
    needs="gradient",
    source="Y. You, I. Gitman & B. Ginsburg, 2017, arXiv:1708.03888, Algorithm 1",
    confused_with=(
        "LARS in optax, whose divisor is the norm of g + β w instead of the sum of the norms (`convention: optax`), "
        "and in pytorch_optimizer, which moves vectors, such as the weights here, by momentum alone."
    ),
    synonyms=("layer-wise-adaptive-rate-scaling",),
)
class Lars:
    """Momentum with updates scaled to the norm of the weights.

    The length of the step is relative to the norm of the weights. g = ∇E(w).

    λ = η ‖w‖ / (‖g‖ + β ‖w‖), and 1 where a norm is 0
    v ← m v + γ λ (g + β w)
    w ← w - v
    convention optax: λ = η ‖w‖ / ‖g + β w‖

    γ: step, η: trust, m: momentum, β: weight_decay; v: 0 at the start; variant: convention
    """

    step: Column = hyper(1.0, "(0, inf)", "step size γ")
    trust: Column = hyper(1e-3, "(0, inf)", "trust coefficient η, the length of a step relative to the weights")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update kept, m")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay β, added to the gradient")
    convention: str = hyper("paper", Choice(("paper", "optax")), "divisor: sum of two norms (paper) or norm of the sum")

    def begin(self, w: Array, f: Oracle) -> Velocity:
        return Velocity(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Velocity, f: Oracle) -> tuple[Array, Velocity]:
        g, xp = f.gradient(w), f.xp
        u = g + self.weight_decay * w
        long = xp.sqrt(f.dot(w, w))
        if self.convention == "optax":
            wide = steep = xp.sqrt(f.dot(u, u))
        else:
            steep = xp.sqrt(f.dot(g, g))
            wide = steep + self.weight_decay * long
        moves = (long > 0) & (steep > 0)
        ratio = xp.where(moves, self.trust * long / xp.where(moves, wide, 1), 1)
        v = self.momentum * state.v + self.step * ratio * u
        return w - v, Velocity(v)


@optimizer(
    "fromage",
    label="Fromage",
    needs="gradient",
    source="J. Bernstein, A. Vahdat, Y. Yue & M.-Y. Liu, NeurIPS 2020, arXiv:2002.03432, Algorithm 1",
    confused_with="optax.fromage, which replaces norms below 1e-6 by 1e-6.",
    synonyms=("frobenius-matched-gradient-descent",),
)
class Fromage:
    """Gradient descent with steps relative to the weights.

    The step has the length of the weights times η; the division keeps their norm from growing. g = ∇E(w).

    w ← (w - η g ‖w‖ / ‖g‖) / √(1 + η²), without the ratio where a norm is 0

    η: step
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η, relative to the norm of the weights")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, xp = f.gradient(w), f.xp
        long, wide = xp.sqrt(f.dot(w, w)), xp.sqrt(f.dot(g, g))
        moves = (long > 0) & (wide > 0)
        ratio = xp.where(moves, long / xp.where(moves, wide, 1), 1)
        return (w - self.step * ratio * g) / xp.sqrt(1 + self.step * self.step), state
