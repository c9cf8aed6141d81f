"""Variants of Adam that bound the step sizes of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Moments(NamedTuple):
    """State of AdaBound."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient
    largest: Array  # (runs, params), v̂, largest mean squared gradient so far
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adabound",
    label="AdaBound",
    needs="gradient",
    source="L. Luo, Y. Xiong, Y. Liu & X. Sun, ICLR 2019, arXiv:1902.09843, Algorithm 2, as in the authors' code",
    confused_with=(
        "The paper's algorithm, which does not correct the bias and divides the step by √t, unlike the authors' code. "
        "pytorch_optimizer adds 1e-15 under the root."
    ),
)
class AdaBound:
    """Adam with step sizes between bounds that meet.

    The bounds converge from 0 and ∞ to the final step size, so that Adam becomes momentum. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    η = α √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε), limited to α* (1 - 1 / (γ t + 1)) ... α* (1 + 1 / (γ t))
    w ← w - η m
    amsbound: v̂ ← max(v̂, v), and η with v̂ in place of v

    α: step, α*: final_step, γ: gamma, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, v, v̂: 0 at the start;
    variant: amsbound
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α of Adam")
    final_step: Column = hyper(0.1, "(0, inf)", "step size to which the bounds converge, α*")
    gamma: Column = hyper(1e-3, "(0, inf)", "speed at which the bounds converge, γ")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    amsbound: bool = hyper(False, Flag(), "whether to divide by the largest mean square so far")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp, t = f.gradient(w), f.xp, state.t + 1
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        largest = xp.maximum(state.largest, v.value)
        step = self.step * xp.sqrt(1 - v.beta_t) / (1 - m.beta_t)
        eta = step / (xp.sqrt(largest if self.amsbound else v.value) + self.epsilon)
        lower = self.final_step * (1 - 1 / (self.gamma * t + 1))
        upper = self.final_step * (1 + 1 / (self.gamma * t))
        eta = xp.minimum(xp.maximum(eta, lower), upper)
        return w - eta * m.value, Moments(m, v, largest, t)


class StepSizes(NamedTuple):
    """State of AdaMod."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient
    s: Array  # (runs, params), s, mean step size


@optimizer(
    "adamod",
    label="AdaMod",
    needs="gradient",
    source="J. Ding, X. Ren, R. Luo & X. Sun, 2019, arXiv:1910.12249, Algorithm 1",
    confused_with=(
        "The authors' code and pytorch_optimizer, which average the step size with both bias corrections in it and add "
        "ε to the uncorrected √v (`convention: torch`)."
    ),
)
class AdaMod:
    """Adam with step sizes bounded by their running mean.

    The mean of each weight's step sizes η starts at 0, so the first steps are short. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    η = α / (√v̂ + ε) with v̂ = v / (1 - β₂ᵗ)
    s ← β₃ s + (1 - β₃) η
    w ← w - min(η, s) m / (1 - β₁ᵗ)
    convention torch: η = α √(1 - β₂ᵗ) / (1 - β₁ᵗ) / (√v + ε),  w ← w - min(η, s) m

    α: step, β₁: beta1, β₂: beta2, β₃: beta3, ε: epsilon, t: epoch, from 1; m, v, s: 0 at the start;
    variant: convention
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    beta3: Column = hyper(0.999, "[0, 1)", "decay of the mean step size, β₃")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    convention: str = hyper("paper", Choice(("paper", "torch")), "variant: paper or PyTorch code")

    def begin(self, w: Array, f: Oracle) -> StepSizes:
        return StepSizes(mean(w, f), mean(w, f), f.xp.zeros_like(w))

    def advance(self, w: Array, state: StepSizes, f: Oracle) -> tuple[Array, StepSizes]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        if self.convention == "torch":
            eta = self.step * xp.sqrt(1 - v.beta_t) / (1 - m.beta_t) / (xp.sqrt(v.value) + self.epsilon)
            moved = m.value
        else:
            eta = self.step / (xp.sqrt(v.corrected) + self.epsilon)
            moved = m.corrected
        s = self.beta3 * state.s + (1 - self.beta3) * eta
        return w - xp.minimum(eta, s) * moved, StepSizes(m, v, s)
