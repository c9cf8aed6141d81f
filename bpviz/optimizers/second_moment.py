"""Adam with something else below: rules that scale by another second moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Moments(NamedTuple):
    """What these rules remember."""

    m: Mean  # of the gradients
    v: Mean  # of what the rule scales by


@optimizer(
    "yogi",
    label="Yogi",
    needs="gradient",
    source="M. Zaheer et al., NeurIPS 2018, Algorithm 2",
    confused_with=(
        "Yogi in optax and pytorch_optimizer, which starts both m and v at a small number and corrects both as Adam "
        "does, as if they had started at 0: convention: optax."
    ),
)
class Yogi:
    """Adam whose mean of squares moves by a bounded amount, whichever way it moves. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← v - (1 - β₂) sign(v - g²) g²
    w ← w - η m / (√v + ε)

    η: step, β₁: beta1, β₂: beta2, ε: epsilon; m: 0 at the start, v: initial at the start
    convention: convention; optax starts m at that value too and divides m by 1 - β₁ᵗ and v by 1 - β₂ᵗ
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-3, "(0, inf)", "keeps the division finite, ε")
    initial: Column = hyper(1e-6, "[0, inf)", "the mean squared gradient at the start")
    convention: str = hyper("paper", Choice(("paper", "optax")), "whose Yogi")

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


@optimizer(
    "adabelief",
    label="AdaBelief",
    needs="gradient",
    source="J. Zhuang et al., NeurIPS 2020, arXiv:2010.07468, Algorithm 2",
    confused_with=(
        "Versions that forget to add ε to s in every epoch, where it adds up. optax has two numbers for the two places "
        "of ε, eps_root and eps, equal by default."
    ),
)
class AdaBelief:
    """Adam that scales by how far gradients are from what their mean led to expect. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    s ← β₂ s + (1 - β₂) (g - m)² + ε
    m̂ = m / (1 - β₁ᵗ),  ŝ = s / (1 - β₂ᵗ)
    w ← w - α m̂ / (√ŝ + ε)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, s: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared surprise, β₂")
    epsilon: Column = hyper(1e-16, "(0, inf)", "keeps the division finite, ε")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        m = state.m.add(g, self.beta1)
        s = state.v.add((g - m.value) ** 2, self.beta2)
        s = s._replace(value=s.value + self.epsilon)
        return w - self.step * m.corrected / (f.xp.sqrt(s.corrected) + self.epsilon), Moments(m, s)


class Adopted(NamedTuple):
    """What ADOPT remembers."""

    m: Array  # (runs, params), mean of the scaled gradients
    v: Array  # (runs, params), mean of the squares of the gradients before this epoch's
    t: Array  # (runs, 1), epochs so far


@optimizer(
    "adopt",
    label="ADOPT",
    needs="gradient",
    source="S. Taniguchi et al., NeurIPS 2024, arXiv:2411.02853",
    confused_with=(
        "ADOPT in pytorch_optimizer, which counts the first epoch too when it cuts, at (t + 1)^¼; and the authors' "
        "later code, which cuts nothing and lets a large ε shrink instead."
    ),
)
class Adopt:
    """Adam that scales a gradient by the gradients before it, and averages what is scaled. g = ∇E(w).

    v ← g²,  w ← w                                   in the first epoch, t = 0
    m ← β₁ m + (1 - β₁) clip(g / max(√v, ε), t^¼)    from then on; clip cuts to ±t^¼
    w ← w - α m
    v ← β₂ v + (1 - β₂) g²

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, clip: clip (or not); m: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean scaled gradient, β₁")
    beta2: Column = hyper(0.9999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-6, "(0, inf)", "the least that a gradient is divided by, ε")
    clip: bool = hyper(True, Flag(), "whether scaled gradients are cut to ±t^¼")

    def begin(self, w: Array, f: Oracle) -> Adopted:
        return Adopted(f.xp.zeros_like(w), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Adopted, f: Oracle) -> tuple[Array, Adopted]:
        g, xp = f.gradient(w), f.xp
        m, v, t = state
        first = t == 0
        scaled = g / xp.maximum(xp.sqrt(v), self.epsilon)
        if self.clip:
            bound = xp.sqrt(xp.sqrt(t))
            scaled = xp.maximum(xp.minimum(scaled, bound), -bound)
        m = xp.where(first, m, self.beta1 * m + (1 - self.beta1) * scaled)
        v = xp.where(first, g**2, self.beta2 * v + (1 - self.beta2) * g**2)
        return w - self.step * m, Adopted(m, v, t + 1)
