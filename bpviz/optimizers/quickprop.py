"""Quickprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Parabola(NamedTuple):
    """State of Quickprop after the last epoch."""

    slope: Array  # (runs, params), S, gradient with weight decay
    move: Array  # (runs, params), Δ, update of each weight


@optimizer(
    "quickprop",
    label="Quickprop",
    needs="gradient",
    source=(
        "S. E. Fahlman, Carnegie Mellon University, CMU-CS-88-162, 1988; in detail as in his program quickprop 1 of "
        "September 1988, in the translation by T. Regier"
    ),
    confused_with=(
        "FANN's quickprop, which uses the gradient alone where the last update was within ±0.001; and NeuPy's, which "
        "bounds the update by a constant and multiplies it by the step."
    ),
    synonyms=("quick-prop", "fahlman"),
)
class Quickprop:
    """Per-weight parabola fits through two successive slopes.

    Each weight moves to the minimum of the parabola determined by its last two slopes. g = ∇E(w).

    S ← g + λ w
    P ← μ Δ             where S, in the direction of Δ, is more than μ / (1 + μ) of S'
        Δ S / (S' - S)  elsewhere
    Δ ← P - η S  where -S does not point against Δ,  P elsewhere
    w ← w + Δ

    η: step, μ: growth, λ: weight_decay, S': the last slope, Δ: the last update, 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η of the gradient term")
    growth: Column = hyper(1.75, "(0, inf)", "maximum growth factor of an update, μ")
    weight_decay: Column = hyper(1e-4, "[0, inf)", "weight decay λ, added to the slope")

    def begin(self, w: Array, f: Oracle) -> Parabola:
        zeros = f.xp.zeros_like(w)
        return Parabola(zeros, zeros)

    def advance(self, w: Array, state: Parabola, f: Oracle) -> tuple[Array, Parabola]:
        xp = f.xp
        slope = f.gradient(w) + self.weight_decay * w
        ensure_descent, last = -slope * xp.sign(state.move), -state.slope * xp.sign(state.move)
        parabola = (state.move != 0) & (ensure_descent <= self.growth / (1 + self.growth) * last)
        ratio = slope / xp.where(parabola, state.slope - slope, 1.0)
        jump = xp.where(parabola, ratio, self.growth) * state.move
        move = jump - xp.where(ensure_descent >= 0, self.step * slope, 0.0)
        return w + move, Parabola(slope, move)
