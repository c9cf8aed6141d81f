"""Variants of Adam with a different first moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Mixture(NamedTuple):
    """State of AdEMAMix."""

    fast: Mean  # m₁, mean gradient
    slow: Array  # (runs, params), m₂, mean gradient with a much slower decay
    v: Mean  # mean squared gradient
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "ademamix",
    label="AdEMAMix",
    needs="gradient",
    source="M. Pagliardini, P. Ablin & D. Grangier, 2024, arXiv:2409.03137, Algorithm 1",
    confused_with="Its authors' code, which increases β₃ by a different formula during warm-up.",
)
class AdEMAMix:
    """Adam with a second, slower mean of gradients.

    The update adds a mean over much older gradients, weighted by α, to the mean gradient of Adam. g = ∇E(w).

    m₁ ← β₁ m₁ + (1 - β₁) g,  m₂ ← β₃(t) m₂ + (1 - β₃(t)) g,  ν ← β₂ ν + (1 - β₂) g²
    m̂₁ = m₁ / (1 - β₁ᵗ),  ν̂ = ν / (1 - β₂ᵗ)
    w ← w - η ((m̂₁ + α(t) m₂) / (√ν̂ + ε) + λ w)

    α(t) = α x and β₃(t) = exp(ln β₁ ln β₃ / ((1 - x) ln β₃ + x ln β₁)) with x = t / T < 1, then α and β₃

    η: step, β₁: beta1, β₂: beta2, β₃: beta3, α: alpha, T: warmup, ε: epsilon, λ: weight_decay
    t: epoch, from 1; m₁, m₂, ν: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the fast mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    beta3: Column = hyper(0.9999, "(0, 1)", "decay of the slow mean gradient, β₃")
    alpha: Column = hyper(5.0, "[0, inf)", "weight of the slow mean gradient, α")
    warmup: Column = hyper(0.0, "[0, inf)", "number of warm-up epochs for α and β₃, T")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay per epoch, λ, times the step")

    def begin(self, w: Array, f: Oracle) -> Mixture:
        return Mixture(mean(w, f), f.xp.zeros_like(w), mean(w, f), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Mixture, f: Oracle) -> tuple[Array, Mixture]:
        g, xp = f.gradient(w), f.xp
        t = state.t + 1
        x = xp.minimum(t / xp.maximum(self.warmup, 1), 1)
        fast, v = state.fast.add(g, self.beta1), state.v.add(g**2, self.beta2)
        beta3 = xp.where(x < 1, self._growing(x, f), self.beta3)
        slow = beta3 * state.slow + (1 - beta3) * g
        scaled = (fast.corrected + self.alpha * x * slow) / (xp.sqrt(v.corrected) + self.epsilon)
        return w - self.step * (scaled + self.weight_decay * w), Mixture(fast, slow, v, t)

    def _growing(self, x: Array, f: Oracle) -> Array:
        """Return β₃(t); numerator and denominator are divided by ln β₁ so that β₁ may be 0."""
        log3 = f.xp.log(self.beta3)
        ratio = f.xp.where(self.beta1 > 0, log3 / f.xp.log(f.xp.maximum(self.beta1, 1e-300)), 0)
        grown: Array = f.xp.minimum(f.xp.exp(log3 / ((1 - x) * ratio + x)), self.beta3)
        return grown


class Moments(NamedTuple):
    """State of QHAdam and Grams."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient


@optimizer(
    "qhadam",
    label="QHAdam",
    needs="gradient",
    source="J. Ma & D. Yarats, ICLR 2019, arXiv:1810.06801",
    confused_with=(
        "QHAdam with the defaults of its code, ν₁ = ν₂ = 1, which is Adam; the defaults here are those its authors "
        "recommend. pytorch_optimizer computes the bias corrections in single precision."
    ),
)
class QHAdam:
    """Adam with quasi-hyperbolic moments.

    Numerator and denominator mix the running means with the current gradient g = ∇E(w) and its square.

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - α ((1 - ν₁) g + ν₁ m̂) / (√((1 - ν₂) g² + ν₂ v̂) + ε)

    α: step, β₁: beta1, β₂: beta2, ν₁: nu1, ν₂: nu2, ε: epsilon, t: epoch, from 1; m, v: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.995, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    nu1: Column = hyper(0.7, "[0, 1]", "weight of the mean gradient in the numerator, ν₁")
    nu2: Column = hyper(1.0, "[0, 1]", "weight of the mean squared gradient in the denominator, ν₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        above = (1 - self.nu1) * g + self.nu1 * m.corrected
        below = (1 - self.nu2) * g**2 + self.nu2 * v.corrected
        return w - self.step * above / (f.xp.sqrt(below) + self.epsilon), Moments(m, v)


class Difference(NamedTuple):
    """State of diffGrad."""

    m: Mean  # mean gradient
    v: Mean  # mean squared gradient
    largest: Array  # (runs, params), u, largest mean squared gradient so far
    g: Array  # (runs, params), gradient of the last epoch


@optimizer(
    "diffgrad",
    label="diffGrad",
    needs="gradient",
    source="S. R. Dubey et al., IEEE Trans. Neural Networks and Learning Systems 31, 2020, arXiv:1909.11015",
    confused_with=(
        "Its PyTorch implementations, which add ε to the uncorrected √v (`convention: torch`). The first of them "
        "compared the gradient with itself, so that ξ was always ½; pytorch_optimizer adds 1e-15 under the root."
    ),
)
class DiffGrad:
    """Adam with friction from gradient differences.

    The friction ξ, between 1/2 and 1, reduces the step of a weight if its gradient hardly changed. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    ξ = 1 / (1 + exp(-|g' - g|)), g' the previous gradient, 0 at the start
    w ← w - α ξ m̂ / (√v̂ + ε)
    convention torch: w ← w - α √(1 - β₂ᵗ) ξ m̂ / (√v + ε)
    amsbound: u ← max(u, v), and u in place of v in v̂ and √v

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, v, u: 0 at the start;
    variant: convention; largest v: amsbound
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    amsbound: bool = hyper(False, Flag(), "whether to divide by the largest mean square so far")
    convention: str = hyper("paper", Choice(("paper", "torch")), "variant: paper or PyTorch code")

    def begin(self, w: Array, f: Oracle) -> Difference:
        zeros = f.xp.zeros_like(w)
        return Difference(mean(w, f), mean(w, f), zeros, zeros)

    def advance(self, w: Array, state: Difference, f: Oracle) -> tuple[Array, Difference]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        largest = xp.maximum(state.largest, v.value) if self.amsbound else state.largest
        square = v._replace(value=largest) if self.amsbound else v
        xi = 1 / (1 + xp.exp(-abs(state.g - g)))
        if self.convention == "torch":
            scaled = xp.sqrt(1 - v.beta_t) * xi * m.corrected / (xp.sqrt(square.value) + self.epsilon)
        else:
            scaled = xi * m.corrected / (xp.sqrt(square.corrected) + self.epsilon)
        return w - self.step * scaled, Difference(m, v, largest, g)


class Sum(NamedTuple):
    """State of simplified AdEMAMix."""

    m: Array  # (runs, params), m, decaying sum of gradients
    v: Mean  # mean squared gradient


@optimizer(
    "simplified-ademamix",
    label="Simplified AdEMAMix",
    needs="gradient",
    source="D. Morwani, N. Vyas, H. Zhang & S. Kakade, 2025, arXiv:2502.02431",
    confused_with=(
        "ademamix, with two means; and Adam, which is this rule with α = 0, its step multiplied by 1 - β₁, without the "
        "bias correction of m."
    ),
)
class SimplifiedAdEMAMix:
    """Adam with the gradient added to a sum of gradients.

    The numerator is a decaying sum of gradients plus a multiple of the current gradient g = ∇E(w).

    m ← β₁ m + g,  ν ← β₂ ν + (1 - β₂) g²
    w ← w - η ((m + α g) / (√ν̂ + ε) + λ w) with ν̂ = ν / (1 - β₂ᵗ)

    η: step, β₁: beta1, β₂: beta2, α: alpha, ε: epsilon, λ: weight_decay, t: epoch, from 1; m, ν: 0 at the start
    """

    step: Column = hyper(1e-4, "(0, inf)", "step size η")
    beta1: Column = hyper(0.99, "[0, 1)", "fraction of the sum of gradients kept, β₁")
    beta2: Column = hyper(0.95, "[0, 1)", "decay of the mean squared gradient, β₂")
    alpha: Column = hyper(0.0, "[0, inf)", "weight of the current gradient, α")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay per epoch, λ, times the step")

    def begin(self, w: Array, f: Oracle) -> Sum:
        return Sum(f.xp.zeros_like(w), mean(w, f))

    def advance(self, w: Array, state: Sum, f: Oracle) -> tuple[Array, Sum]:
        g = f.gradient(w)
        m, v = self.beta1 * state.m + g, state.v.add(g**2, self.beta2)
        scaled = (m + self.alpha * g) / (f.xp.sqrt(v.corrected) + self.epsilon)
        return w - self.step * (scaled + self.weight_decay * w), Sum(m, v)


@optimizer(
    "grams",
    label="Grams",
    needs="gradient",
    source="Y. Cao, X. Li & Z. Song, 2024, arXiv:2412.17107",
    confused_with="Cautious Adam, which drops the parts of an update whose sign differs from that of the gradient.",
    synonyms=("gradient-descent-with-adaptive-momentum-scaling",),
)
class Grams:
    """Adam with the signs of the gradient.

    Each weight moves by the size of Adam's update in the direction of the current gradient g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - η (sign(g) |m̂ / (√v̂ + ε)| + λ w)

    η: step, β₁: beta1, β₂: beta2, ε: epsilon, λ: weight_decay, t: epoch, from 1; m, v: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-6, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay per epoch, λ, times the step")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g, xp = f.gradient(w), f.xp
        m, v = state.m.add(g, self.beta1), state.v.add(g**2, self.beta2)
        size = abs(m.corrected / (xp.sqrt(v.corrected) + self.epsilon))
        return w - self.step * (xp.sign(g) * size + self.weight_decay * w), Moments(m, v)
