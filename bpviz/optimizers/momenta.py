"""Generalizations of momentum: quasi-hyperbolic, aggregated, accelerated, with a controller, adaptive."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Interval, ListOf, Nullable
from bpviz.optimizers._means import Mean as RunningMean
from bpviz.optimizers._means import mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Mean(NamedTuple):
    """State of quasi-hyperbolic momentum."""

    m: Array  # (runs, params), m, mean gradient


@optimizer(
    "qhm",
    label="QHM",
    needs="gradient",
    source="J. Ma & D. Yarats, ICLR 2019, arXiv:1810.06801, section 3",
    confused_with=(
        "momentum, which is this rule with ν = 1 and the step multiplied by 1 - β; and Nesterov's method in the form "
        "of the libraries, which is this rule with ν = β and the step multiplied by 1 - β."
    ),
    synonyms=("quasi-hyperbolic-momentum",),
)
class QuasiHyperbolicMomentum:
    """Quasi-hyperbolic momentum.

    The update is a weighted average of the gradient g = ∇E(w) and the running mean of gradients.

    m ← β m + (1 - β) g
    w ← w - α ((1 - ν) g + ν m)

    α: step, β: momentum, ν: nu, m: 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size α, the factor on the weighted average")
    momentum: Column = hyper(0.999, "[0, 1)", "decay of the mean gradient, β")
    nu: Column = hyper(0.7, "[0, 1]", "weight of the mean gradient, ν")

    def begin(self, w: Array, f: Oracle) -> Mean:
        return Mean(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Mean, f: Oracle) -> tuple[Array, Mean]:
        g = f.gradient(w)
        m = self.momentum * state.m + (1 - self.momentum) * g
        return w - self.step * ((1 - self.nu) * g + self.nu * m), Mean(m)


class Velocities(NamedTuple):
    """State of aggregated momentum."""

    v: tuple[Array, ...]  # (runs, params) each, vᵢ, velocities by increasing momentum


@optimizer(
    "aggmo",
    label="AggMo",
    needs="gradient",
    source="J. Lucas, S. Sun, R. Zemel & R. Grosse, ICLR 2019, arXiv:1804.00325, section 3",
    confused_with="momentum, which has one velocity, and whose step is not divided by their number.",
    synonyms=("aggregated-momentum",),
)
class AggregatedMomentum:
    """Aggregated momentum.

    The update is the mean of several velocities with different momentum coefficients. g = ∇E(w).

    vᵢ ← βᵢ vᵢ + g  with βᵢ = 1 - aⁱ, i = 0 ... K - 1
    w ← w - (γ / K) (v₀ + v₁ + ...)

    γ: step, a: damping, K: velocities, vᵢ: 0 at the start; βᵢ: betas, if given, in place of a and K
    """

    step: Column = hyper(0.3, "(0, inf)", "step size γ, the factor on the mean velocity")
    damping: Column = hyper(0.1, "(0, 1)", "damping a; the momentum coefficients are 0, 1 - a, 1 - a², ...")
    velocities: int = hyper(3, "integer [1, 20]", "number of velocities, K")
    betas: tuple[float, ...] | None = hyper(
        None,
        Nullable(ListOf(Interval.parse("[0, 1)"), 1, 20), "those of damping and velocities"),
        "momentum coefficients, βᵢ",
    )

    def begin(self, w: Array, f: Oracle) -> Velocities:
        return Velocities((f.xp.zeros_like(w),) * len(self._momenta()))

    def _momenta(self) -> list[Column]:
        """Return the βᵢ, by default 0, 1 - a, 1 - a², ..."""
        if self.betas is not None:
            return list(self.betas)
        lost = itertools.accumulate(itertools.repeat(self.damping, self.velocities - 1), operator.mul, initial=1.0)
        return [1 - power for power in lost]

    def advance(self, w: Array, state: Velocities, f: Oracle) -> tuple[Array, Velocities]:
        g = f.gradient(w)
        v = tuple(beta * last + g for beta, last in zip(self._momenta(), state.v, strict=True))
        total = 0 * g
        for velocity in v:
            total = total + velocity
        return w - self.step / len(v) * total, Velocities(v)


class Anchor(NamedTuple):
    """State of AccSGD."""

    v: Array  # (runs, params), v, mean of long steps


@optimizer(
    "accsgd",
    label="AccSGD",
    needs="gradient",
    source=(
        "R. Kidambi, P. Netrapalli, P. Jain & S. M. Kakade, ICLR 2018, arXiv:1803.05591; the algorithm is that of "
        "P. Jain et al., COLT 2018, arXiv:1704.08227"
    ),
    confused_with="nesterov, which has one coefficient in place of κ and ξ.",
    synonyms=("accelerated-sgd", "asgd-jain"),
)
class AccSGD:
    """Accelerated stochastic gradient descent.

    The weights move between a short step and a running mean of long steps. g = ∇E(w).

    b = c² ξ / κ
    v ← (1 - b) v + b (w - (κ δ / c) g)
    w ← (c (w - δ g) + b v) / (c + b)

    δ: step, κ: kappa, ξ: xi, c: constant; v: the start
    """

    step: Column = hyper(0.1, "(0, inf)", "short step δ")
    kappa: Column = hyper(1000.0, "[1, inf)", "ratio of the long step to the short step, times c, κ")
    xi: Column = hyper(10.0, "(0, inf)", "advantage over gradient descent, ξ, at most √κ")
    constant: Column = hyper(0.7, "(0, 1)", "constant c of the analysis")

    def conflicts(self) -> list[tuple[str, str]]:
        if self.constant**2 * self.xi <= self.kappa:
            return []
        return [("xi", f"expected at most kappa / constant² = {self.kappa / self.constant**2:.6g}, got {self.xi:g}")]

    def begin(self, w: Array, f: Oracle) -> Anchor:
        return Anchor(w)

    def advance(self, w: Array, state: Anchor, f: Oracle) -> tuple[Array, Anchor]:
        g, c = f.gradient(w), self.constant
        b = c * c * self.xi / self.kappa
        v = (1 - b) * state.v + b * (w - self.kappa * self.step / c * g)
        return (c * (w - self.step * g) + b * v) / (c + b), Anchor(v)


class Controller(NamedTuple):
    """State of the PID rule."""

    g: Array  # (runs, params), gradient of the last epoch
    i: Array  # (runs, params), I, decaying sum of gradients
    d: Array  # (runs, params), D, mean change of the gradient
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "pid",
    label="PID",
    needs="gradient",
    source="W. An, H. Wang, Q. Sun, J. Xu, Q. Dai & L. Zhang, CVPR 2018, pp. 8522-8531, as in the authors' code",
    confused_with="momentum, which is this rule with Kd = 0 and without the gradient itself.",
    synonyms=("pid-optimizer",),
)
class PID:
    """Proportional, integral and derivative of the gradient.

    The gradient g = ∇E(w) is the error signal of a controller; its change since the last epoch, where it was g', damps
    the overshoot of momentum.

    I ← μ I + g
    D ← μ D + (1 - μ) (g - g'), 0 in the first epoch
    w ← w - η (g + Kᵢ I + Kd D)

    η: step, μ: momentum, Kᵢ: integral, Kd: derivative; I: 0 at the start
    """

    step: Column = hyper(0.05, "(0, inf)", "step size η")
    momentum: Column = hyper(0.9, "[0, 1)", "decay of the sum and of the mean change, μ")
    integral: Column = hyper(5.0, "[0, inf)", "weight of the sum of gradients, Kᵢ")
    derivative: Column = hyper(10.0, "[0, inf)", "weight of the change of the gradient, Kd")

    def begin(self, w: Array, f: Oracle) -> Controller:
        zeros = f.xp.zeros_like(w)
        return Controller(zeros, zeros, zeros, zeros[:, :1])

    def advance(self, w: Array, state: Controller, f: Oracle) -> tuple[Array, Controller]:
        g = f.gradient(w)
        i = self.momentum * state.i + g
        change = f.xp.where(state.t == 0, 0, g - state.g)
        d = self.momentum * state.d + (1 - self.momentum) * change
        return w - self.step * (g + self.integral * i + self.derivative * d), Controller(g, i, d, state.t + 1)


class Inertia(NamedTuple):
    """State of Adai."""

    m: Array  # (runs, params), m, mean gradient
    product: Array  # (runs, params), product of β₁ over the epochs
    v: RunningMean  # mean squared gradient


@optimizer(
    "adai",
    label="Adai",
    needs="gradient",
    source="Z. Xie, X. Wang, H. Zhang, I. Sato & M. Sugiyama, ICML 2022, arXiv:2006.15815",
    confused_with=(
        "Adam, which adapts the step size of each weight instead of its momentum; and pytorch_optimizer, which also "
        "limits the average v̄ to at least ε (`convention: torch`)."
    ),
    synonyms=("adaptive-inertia",),
)
class Adai:
    """Momentum with an adaptive coefficient per weight.

    Weights with larger squared gradients than the average get less momentum. g = ∇E(w).

    v ← β₂ v + (1 - β₂) g²,  v̂ = v / (1 - β₂ᵗ),  v̄ = mean of v̂ over the weights
    β₁ = 1 - β₀ v̂ / v̄, limited to 0 ... 1 - ε
    m ← β₁ m + (1 - β₁) g
    w ← w - η m / (1 - product of all β₁)
    convention torch: v̄ at least ε

    η: step, β₀: beta0, β₂: beta2, ε: epsilon, t: epoch, from 1; m, v: 0 at the start; variant: convention
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η")
    beta0: Column = hyper(0.1, "(0, 1)", "mean fraction of the gradient in the momentum, β₀")
    beta2: Column = hyper(0.99, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-3, "(0, 1)", "smallest fraction of the gradient in the momentum, ε")
    convention: str = hyper("paper", Choice(("paper", "torch")), "variant: paper or pytorch_optimizer")

    def begin(self, w: Array, f: Oracle) -> Inertia:
        return Inertia(f.xp.zeros_like(w), f.xp.ones_like(w), mean(w, f))

    def advance(self, w: Array, state: Inertia, f: Oracle) -> tuple[Array, Inertia]:
        g, xp = f.gradient(w), f.xp
        v = state.v.add(g**2, self.beta2)
        average = f.dot(v.corrected, xp.ones_like(w)) / w.shape[1]
        if self.convention == "torch":
            average = xp.maximum(average, self.epsilon)
        fresh = self.beta0 * v.corrected / xp.where(average > 0, average, 1)
        beta1 = xp.minimum(xp.maximum(1 - fresh, 0), 1 - self.epsilon)
        m, product = beta1 * state.m + (1 - beta1) * g, state.product * beta1
        return w - self.step * m / (1 - product), Inertia(m, product, v)
