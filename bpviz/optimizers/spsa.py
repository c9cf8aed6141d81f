"""Gradient descent with finite differences along random directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Iterations(NamedTuple):
    """State of SPSA."""

    k: Array  # (runs, 1), number of epochs so far


@optimizer(
    "spsa",
    label="SPSA",
    needs="error",
    source=(
        "J. C. Spall, IEEE Trans. Automatic Control 37(3), 1992, pp. 332-341; with the gains of J. C. Spall, IEEE "
        "Trans. Aerospace and Electronic Systems 34(3), 1998, pp. 817-823"
    ),
    confused_with=(
        "Kiefer and Wolfowitz's method of 1952, which takes one difference per weight; and random search, which "
        "compares errors. Variants that average several differences or reject steps have the same name."
    ),
    synonyms=("simultaneous-perturbation",),
)
class SimultaneousPerturbation:
    """Simultaneous perturbation stochastic approximation.

    The gradient is estimated from two errors, with all weights perturbed at once by random signs.

    aₖ = a / (A + k + 1)^α,  cₖ = c / (k + 1)^γ,  k = 0, 1, 2 ...
    ĝ ← (E(w + cₖ Δ) - E(w - cₖ Δ)) / (2 cₖ Δ),  Δ random signs, one per weight
    w ← w - aₖ ĝ

    a: step, c: perturbation, A: stability, α: alpha, γ: gamma; Δ: seed (the same signs for all runs of an epoch)
    """

    step: Column = hyper(10.0, "(0, inf)", "gain a, the factor on the estimated gradient")
    perturbation: Column = hyper(0.2, "(0, inf)", "gain c, the size of the perturbation")
    stability: Column = hyper(10.0, "[0, inf)", "stability constant A, in epochs; delays the decay of the step")
    alpha: Column = hyper(0.602, "(0, 1]", "exponent of the step decay, α")
    gamma: Column = hyper(0.101, "(0, 1]", "exponent of the perturbation decay, γ")
    seed: int = hyper(0, "integer [0, inf)", "seed of the random signs Δ")

    def begin(self, w: Array, f: Oracle) -> Iterations:
        return Iterations(f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Iterations, f: Oracle) -> tuple[Array, Iterations]:
        k = state.k
        a = self.step / f.power(self.stability + k + 1, self.alpha)
        c = self.perturbation / f.power(k + 1, self.gamma)
        delta = f.drawn(self.seed, k, lambda draw: 2.0 * draw.integers(0, 2, w.shape[1]) - 1, len(w))
        slope = (f.error(w + c * delta) - f.error(w - c * delta)) / (2 * c * delta)  # ĝ
        return w - a * slope, Iterations(k + 1)
