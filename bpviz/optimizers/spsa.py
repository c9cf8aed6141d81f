"""Gradient descent by differences along random directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Iterations(NamedTuple):
    """What SPSA remembers."""

    k: Array  # (runs, 1), epochs so far


@optimizer(
    "spsa",
    label="SPSA",
    needs="error",
    source=(
        "J. C. Spall, IEEE Trans. Automatic Control 37(3), 1992, pp. 332-341; with the gains of J. C. Spall, IEEE "
        "Trans. Aerospace and Electronic Systems 34(3), 1998, pp. 817-823"
    ),
    confused_with=(
        "Kiefer and Wolfowitz's method of 1952, which takes a difference along every weight; and random search, which "
        "compares errors. Versions that average several differences, or refuse steps, carry the name too."
    ),
    synonyms=("simultaneous-perturbation",),
)
class SimultaneousPerturbation:
    """Descend by the slope between two points on either side, all weights moved at once by random signs.

    aₖ = a / (A + k + 1)^α,  cₖ = c / (k + 1)^γ,  k = 0, 1, 2 ...
    ĝ ← (E(w + cₖ Δ) - E(w - cₖ Δ)) / (2 cₖ Δ),  Δ random signs, one a weight
    w ← w - aₖ ĝ

    a: step, c: perturbation, A: stability, α: alpha, γ: gamma; Δ: seed, which draws the same signs for all runs of
    an epoch
    """

    step: Column = hyper(10.0, "(0, inf)", "gain a, the factor on the slope")
    perturbation: Column = hyper(0.2, "(0, inf)", "gain c, how far the points are from the weights")
    stability: Column = hyper(10.0, "[0, inf)", "epochs A by which the fall of the steps is put off")
    alpha: Column = hyper(0.602, "(0, 1]", "exponent α with which the steps fall")
    gamma: Column = hyper(0.101, "(0, 1]", "exponent γ with which the distance of the points falls")
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
