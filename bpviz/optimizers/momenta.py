"""Generalizations of momentum: quasi-hyperbolic and aggregated."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

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
    confused_with="Implementations that take a list of β: the paper's 0, 0.9, 0.99 corresponds to a = 0.1 and K = 3.",
    synonyms=("aggregated-momentum",),
)
class AggregatedMomentum:
    """Aggregated momentum.

    The update is the mean of several velocities with different momentum coefficients. g = ∇E(w).

    vᵢ ← βᵢ vᵢ + g  with βᵢ = 1 - aⁱ, i = 0 ... K - 1
    w ← w - (γ / K) (v₀ + v₁ + ...)

    γ: step, a: damping, K: velocities, vᵢ: 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size γ, the factor on the mean velocity")
    damping: Column = hyper(0.1, "(0, 1)", "damping a; the momentum coefficients are 0, 1 - a, 1 - a², ...")
    velocities: int = hyper(3, "integer [1, 20]", "number of velocities, K")

    def begin(self, w: Array, f: Oracle) -> Velocities:
        return Velocities((f.xp.zeros_like(w),) * self.velocities)

    def advance(self, w: Array, state: Velocities, f: Oracle) -> tuple[Array, Velocities]:
        g = f.gradient(w)
        v, lost, total = [], f.xp.ones((1, 1)), 0 * g
        for last in state.v:
            v.append((1 - lost) * last + g)
            total = total + v[-1]
            lost = lost * self.damping
        return w - self.step / self.velocities * total, Velocities(tuple(v))
