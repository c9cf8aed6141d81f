"""Adaptive rules that scale each gradient by the gradients before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Deviation(NamedTuple):
    """State of ACProp."""

    m: Mean  # mean gradient
    s: Mean  # mean squared deviation


@optimizer(
    "acprop",
    label="ACProp",
    needs="gradient",
    source="J. Zhuang et al., NeurIPS 2021, arXiv:2110.05454, as in optax",
    confused_with=(
        "adabelief, which divides the mean gradient by a deviation that includes the current gradient, measured from "
        "the new mean."
    ),
    synonyms=("asynchronous-adabelief",),
)
class ACProp:
    """Gradients scaled by their previous deviations.

    The gradient g = ∇E(w) is divided by the root mean square of the deviations of the gradients before it from their
    running mean.

    ŝ = s / (1 - β₂ᵗ⁻¹), and 1 in the first epoch
    w ← w - α g / (√ŝ + ε)
    s ← β₂ s + (1 - β₂) (g - m)² + ε
    m ← β₁ m + (1 - β₁) g

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, s: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared deviation, β₂")
    epsilon: Column = hyper(1e-16, "(0, inf)", "constant for numerical stability, ε")

    def begin(self, w: Array, f: Oracle) -> Deviation:
        return Deviation(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Deviation, f: Oracle) -> tuple[Array, Deviation]:
        g, xp = f.gradient(w), f.xp
        m, s = state
        first = s.beta_t == 1
        s_hat = xp.where(first, 1, s.value / xp.where(first, 1, 1 - s.beta_t))
        w = w - self.step * g / (xp.sqrt(s_hat) + self.epsilon)
        s = s.add((g - m.value) ** 2, self.beta2)
        return w, Deviation(m.add(g, self.beta1), s._replace(value=s.value + self.epsilon))


class Window(NamedTuple):
    """State of AdaShift."""

    gradients: tuple[Array, ...]  # (runs, params) each, gradients of the last n epochs, the latest first
    v: Mean  # mean squared gradient, of gradients n epochs ago
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adashift",
    label="AdaShift",
    needs="gradient",
    source="Z. Zhou, Q. Zhang, G. Lu, H. Wang, W. Zhang & Y. Yu, ICLR 2019, arXiv:1810.00143",
    confused_with=(
        "Adam with delayed squares of each weight (`block: false`); and adopt, which also scales by previous gradients "
        "only, but averages them after scaling."
    ),
)
class AdaShift:
    """Adam with the second moment of gradients n epochs ago.

    The mean of the last n gradients g = ∇E(w) is divided by the root mean square of the gradients before them, so that
    both are independent under noise. All weights form one block, whose largest square counts.

    v ← β₂ v + (1 - β₂) max(gₙ²),  gₙ the gradient n epochs ago, max over all weights
    m = (g + β₁ g₁ + ... + β₁ⁿ⁻¹ gₙ₋₁) / (1 + β₁ + ... + β₁ⁿ⁻¹)
    w ← w - α m / (√(v / (1 - β₂ᵗ⁻ⁿ)) + ε), from the epoch t = n + 1 on

    α: step, β₁: beta1, β₂: beta2, n: kept, max: block, ε: epsilon, t: epoch, from 1; v: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the weights of the last gradients, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-10, "(0, inf)", "constant for numerical stability, ε")
    kept: int = hyper(10, "integer [1, 50]", "number of gradients that are averaged, n")
    block: bool = hyper(True, Flag(), "whether all weights share the largest squared gradient")

    def begin(self, w: Array, f: Oracle) -> Window:
        return Window((f.xp.zeros_like(w),) * self.kept, mean(w, f), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Window, f: Oracle) -> tuple[Array, Window]:
        g, xp = f.gradient(w), f.xp
        gradients = (g, *state.gradients[:-1])
        oldest = state.gradients[-1] ** 2
        square = oldest.max(axis=-1, keepdims=True) if self.block else oldest
        ready = state.t >= self.kept
        v = state.v.add(square, self.beta2)
        v = Mean(xp.where(ready, v.value, state.v.value), xp.where(ready, v.beta_t, state.v.beta_t))
        above, below, weight = 0 * g, xp.zeros((1, 1)), xp.ones((1, 1))
        for gradient in gradients:
            above, below, weight = above + weight * gradient, below + weight, weight * self.beta1
        v_hat = v.value / xp.where(ready, 1 - v.beta_t, 1)
        moved = self.step * (above / below) / (xp.sqrt(v_hat) + self.epsilon)
        return xp.where(ready, w - moved, w), Window(gradients, v, state.t + 1)


class Moments(NamedTuple):
    """State of AvaGrad."""

    m: Array  # (runs, params), m, mean gradient
    v: Array  # (runs, params), v, mean squared gradient of the previous epochs


@optimizer(
    "avagrad",
    label="AvaGrad",
    needs="gradient",
    source="P. Savarese, D. McAllester, S. Babu & M. Maire, CVPR 2021, arXiv:1912.01823",
    confused_with="Implementations with bias corrections, and Adam, whose step size and ε depend on each other.",
)
class AvaGrad:
    """Adam with step sizes of previous gradients, normalized.

    The step sizes have the root mean square α, so that the step α and ε can be chosen independently. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    η = 1 / (√v + ε)
    w ← w - α η m / ‖η / √n‖,  n the number of weights
    v ← β₂ v + (1 - β₂) g²

    α: step, β₁: beta1, β₂: beta2, ε: epsilon; m, v: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(0.1, "(0, inf)", "constant added to the root mean square, ε")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(f.xp.zeros_like(w), f.xp.zeros_like(w))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        m = self.beta1 * state.m + (1 - self.beta1) * g
        eta = 1 / (xp.sqrt(state.v) + self.epsilon)
        size = xp.sqrt(f.dot(eta, eta) / w.shape[1])
        return w - self.step * eta * m / size, Moments(m, self.beta2 * state.v + (1 - self.beta2) * g**2)
