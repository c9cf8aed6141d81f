"""Variants of Adam with a different second moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.optimizers._means import Mean, mean, rectification

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Moments(NamedTuple):
    """State of Yogi, LaProp and M-SVAG."""

    m: Mean  # mean gradient
    v: Mean  # second moment


@optimizer(
    "yogi",
    label="Yogi",
    needs="gradient",
    source="M. Zaheer et al., NeurIPS 2018, Algorithm 2",
    confused_with=(
        "Yogi in optax and pytorch_optimizer, which starts both m and v at a small number and corrects their bias as "
        "if they had started at 0 (`convention: optax`)."
    ),
)
class Yogi:
    """Adam with bounded changes of the second moment.

    The second moment v increases and decreases by at most (1 - β₂) g² per epoch. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← v - (1 - β₂) sign(v - g²) g²
    w ← w - η m / (√v + ε)

    η: step, β₁: beta1, β₂: beta2, ε: epsilon; m: 0 at the start, v: initial at the start
    variant: convention; optax starts m at that value too and divides m by 1 - β₁ᵗ and v by 1 - β₂ᵗ
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-3, "(0, inf)", "constant for numerical stability, ε")
    initial: Column = hyper(1e-6, "[0, inf)", "initial mean squared gradient, v")
    convention: str = hyper("paper", Choice(("paper", "optax")), "variant: paper or optax")

    def begin(self, w: Array, f: Oracle) -> Moments:
        nothing = mean(w, f)
        v = nothing._replace(value=nothing.value + self.initial)
        return Moments(v if self.convention == "optax" else nothing, v)

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        v = state.v.value
        square = g**2
        m = state.m.add(g, self.beta1)
        v = v - (1 - self.beta2) * f.xp.sign(v - square) * square
        s = Mean(v, state.v.beta_t * self.beta2)
        above, below = (m.corrected, s.corrected) if self.convention == "optax" else (m.value, v)
        return w - self.step * above / (f.xp.sqrt(below) + self.epsilon), Moments(m, s)


class Belief(NamedTuple):
    """State of AdaBelief."""

    m: Mean  # mean gradient
    s: Mean  # mean squared deviation from it
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adabelief",
    label="AdaBelief",
    needs="gradient",
    source="J. Zhuang et al., NeurIPS 2020, arXiv:2010.07468, Algorithm 2",
    confused_with=(
        "Variants that do not add ε to s in every epoch, where it accumulates. optax has separate values for the two "
        "occurrences of ε, eps_root and eps, equal by default. The authors' code rectifies by default; so does "
        "pytorch_optimizer with `degenerated_to_sgd=True`, without which the weights do not move while ρ < 5."
    ),
)
class AdaBelief:
    """Adam scaled by the deviation from the mean gradient.

    The divisor is the root mean square of the difference between the gradient g = ∇E(w) and its running mean.

    m ← β₁ m + (1 - β₁) g
    s ← β₂ s + (1 - β₂) (g - m)² + ε
    m̂ = m / (1 - β₁ᵗ),  ŝ = s / (1 - β₂ᵗ)
    w ← w - α m̂ / (√ŝ + ε)
    nesterov: β₁ m / (1 - β₁ᵗ⁺¹) + (1 - β₁) g / (1 - β₁ᵗ) in place of m̂
    rectify: w ← w - α r √(1 - β₂ᵗ) m̂ / (√s + ε), and w ← w - α m̂ while ρ < 5; ρ and r as in radam

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, s: 0 at the start;
    Nesterov momentum: nesterov; rectified steps: rectify
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared deviation, β₂")
    epsilon: Column = hyper(1e-16, "(0, inf)", "constant for numerical stability, ε")
    nesterov: bool = hyper(False, Flag(), "whether the mean gradient has Nesterov momentum (optax)")
    rectify: bool = hyper(False, Flag(), "whether the variance of the step size is corrected, as in RAdam")

    def begin(self, w: Array, f: Oracle) -> Belief:
        return Belief(mean(w, f), mean(w, f), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Belief, f: Oracle) -> tuple[Array, Belief]:
        g, xp, t = f.gradient(w), f.xp, state.t + 1
        m = state.m.add(g, self.beta1)
        s = state.s.add((g - m.value) ** 2, self.beta2)
        s = s._replace(value=s.value + self.epsilon)
        m_hat = m.ahead(g, self.beta1) if self.nesterov else m.corrected
        if self.rectify:
            rho, r = rectification(t, s.beta_t, self.beta2, f)
            scale = r * xp.sqrt(1 - s.beta_t) / (xp.sqrt(s.value) + self.epsilon)
            return w - self.step * m_hat * xp.where(rho >= 5, scale, 1), Belief(m, s, t)
        return w - self.step * m_hat / (xp.sqrt(s.corrected) + self.epsilon), Belief(m, s, t)


class AdoptState(NamedTuple):
    """State of ADOPT."""

    m: Array  # (runs, params), m, mean scaled gradient
    v: Array  # (runs, params), v, mean squared gradient of the previous epochs
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adopt",
    label="ADOPT",
    needs="gradient",
    source="S. Taniguchi et al., NeurIPS 2024, arXiv:2411.02853",
    confused_with=(
        "ADOPT in pytorch_optimizer, which includes the first epoch in the count and clips at (t + 1)^¼; and the "
        "authors' later code, which replaces clipping by a large, decreasing ε."
    ),
)
class Adopt:
    """Adam scaled by previous gradients only.

    Each gradient is divided by the root mean square of the gradients before it, and the scaled gradients are averaged.
    g = ∇E(w).

    v ← g²,  w ← w                                   in the first epoch, t = 0
    m ← β₁ m + (1 - β₁) clip(g / max(√v, ε), t^¼)    from then on; clip: to [-t^¼, t^¼]
    w ← w - α m
    v ← β₂ v + (1 - β₂) g²
    nesterov: β₁ m + (1 - β₁) clip(...) in place of m in w ← w - α m

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, clipping: clip; m: 0 at the start; variant: nesterov
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean scaled gradient, β₁")
    beta2: Column = hyper(0.9999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-6, "(0, inf)", "lower bound of the divisor, ε")
    clip: bool = hyper(True, Flag(), "whether scaled gradients are clipped to ±t^¼")
    nesterov: bool = hyper(False, Flag(), "whether the mean scaled gradient has Nesterov momentum (optax)")

    def begin(self, w: Array, f: Oracle) -> AdoptState:
        return AdoptState(f.xp.zeros_like(w), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: AdoptState, f: Oracle) -> tuple[Array, AdoptState]:
        g, xp = f.gradient(w), f.xp
        m, v, t = state
        first = t == 0
        scaled = g / xp.maximum(xp.sqrt(v), self.epsilon)
        if self.clip:
            bound = xp.sqrt(xp.sqrt(t))
            scaled = xp.maximum(xp.minimum(scaled, bound), -bound)
        m = xp.where(first, m, self.beta1 * m + (1 - self.beta1) * scaled)
        ahead = xp.where(first, m, self.beta1 * m + (1 - self.beta1) * scaled) if self.nesterov else m
        v = xp.where(first, g**2, self.beta2 * v + (1 - self.beta2) * g**2)
        return w - self.step * ahead, AdoptState(m, v, t + 1)


class LargestMoments(NamedTuple):
    """State of Padam."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient
    largest: Array  # (runs, params), v̂, largest mean squared gradient so far


@optimizer(
    "padam",
    label="Padam",
    needs="gradient",
    source="J. Chen, D. Zhou, Y. Tang, Z. Yang, Y. Cao & Q. Gu, IJCAI 2020, arXiv:1806.06763, Algorithm 1, with ε",
    confused_with=(
        "pytorch_optimizer's PAdam, without the maximum and with bias corrections outside the power (`convention: "
        "torch`)."
    ),
    synonyms=("partially-adaptive-adam",),
)
class Padam:
    """Adam with a smaller power of the second moment.

    The power p of the second moment lies between that of momentum, 0, and that of AMSGrad, 1/2. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    v̂ ← max(v̂, v)
    w ← w - α m / (√v̂ + ε)²ᵖ
    convention torch: w ← w - α √(1 - β₂ᵗ) / (1 - β₁ᵗ) m / (√v + ε)²ᵖ

    α: step, β₁: beta1, β₂: beta2, p: power, ε: epsilon, t: epoch, from 1; m, v, v̂: 0 at the start;
    variant: convention
    """

    step: Column = hyper(0.1, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    power: Column = hyper(0.125, "(0, 0.5]", "power of the second moment, p")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    convention: str = hyper("paper", Choice(("paper", "torch")), "variant: paper or pytorch_optimizer")

    def begin(self, w: Array, f: Oracle) -> LargestMoments:
        return LargestMoments(mean(w, f), mean(w, f), f.xp.zeros_like(w))

    def advance(self, w: Array, state: LargestMoments, f: Oracle) -> tuple[Array, LargestMoments]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        largest = xp.maximum(state.largest, v.value)
        if self.convention == "torch":
            step, square = self.step * xp.sqrt(1 - v.beta_t) / (1 - m.beta_t), v.value
        else:
            step, square = self.step, largest
        divisor = f.power(xp.sqrt(square) + self.epsilon, 2 * self.power)
        return w - step * m.value / divisor, LargestMoments(m, v, largest)


@optimizer(
    "laprop",
    label="LaProp",
    needs="gradient",
    source="L. Ziyin, Z. T. Wang & M. Ueda, 2020, arXiv:2002.04839",
    confused_with=(
        "Adam, which averages gradients before scaling; and pytorch_optimizer's LaProp, which adds ε to the "
        "uncorrected √ν (`convention: torch`) and 1e-15 under the root."
    ),
)
class LaProp:
    """Momentum on gradients scaled by their root mean square.

    The gradient g = ∇E(w) is scaled first and averaged afterwards, which separates momentum from scaling.

    ν ← β₂ ν + (1 - β₂) g²
    m ← β₁ m + (1 - β₁) g / (√ν̂ + ε) with ν̂ = ν / (1 - β₂ᵗ)
    w ← w - λ m / (1 - β₁ᵗ)
    convention torch: √(1 - β₂ᵗ) / (√ν + ε) in place of 1 / (√ν̂ + ε)

    λ: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, ν: 0 at the start; variant: convention
    """

    step: Column = hyper(4e-4, "(0, inf)", "step size λ")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean scaled gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-15, "(0, inf)", "constant for numerical stability, ε")
    convention: str = hyper("paper", Choice(("paper", "torch")), "ε added to √ν̂ (paper) or to √ν (torch)")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        v = state.v.add(g**2, self.beta2)
        if self.convention == "torch":
            scaled = g * xp.sqrt(1 - v.beta_t) / (xp.sqrt(v.value) + self.epsilon)
        else:
            scaled = g / (xp.sqrt(v.corrected) + self.epsilon)
        m = state.m.add(scaled, self.beta1)
        return w - self.step * m.corrected, Moments(m, v)


@optimizer(
    "m-svag",
    label="M-SVAG",
    needs="gradient",
    source="L. Balles & P. Hennig, ICML 2018, arXiv:1705.07774, Algorithm 1",
    confused_with="Adam, whose update is the sign of the mean gradient, damped by the same estimate of its variance.",
    synonyms=("msvag", "stochastic-variance-adapted-gradient"),
)
class MSVAG:
    """Momentum damped by the estimated variance.

    The running means of the gradient g = ∇E(w) and its square estimate the variance of the mean gradient, ρ s, which
    is 0 in the first epoch.

    m ← β m + (1 - β) g,  v ← β v + (1 - β) g²
    m̂ = m / (1 - βᵗ),  v̂ = v / (1 - βᵗ)
    ρ = (1 - β) (1 + βᵗ) / ((1 + β) (1 - βᵗ)),  s = (v̂ - m̂²) / (1 - ρ)
    w ← w - α γ m̂ with γ = m̂² / (m̂² + ρ s), limited to 0 ... 1

    α: step, β: beta, t: epoch, from 1; m, v: 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size α")
    beta: Column = hyper(0.9, "(0, 1)", "decay of both means, β")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta), state.v.add(g**2, self.beta)
        rho = (1 - self.beta) * (1 + m.beta_t) / ((1 + self.beta) * (1 - m.beta_t))
        first = state.m.beta_t == 1
        square = m.corrected**2
        s = xp.where(first, 0, (v.corrected - square) / xp.where(first, 1, 1 - rho))
        total = square + rho * s
        gamma = xp.where(total == 0, 0, square / xp.where(total == 0, 1, total))
        return w - self.step * xp.minimum(xp.maximum(gamma, 0), 1) * m.corrected, Moments(m, v)
