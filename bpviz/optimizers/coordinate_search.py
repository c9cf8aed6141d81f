"""Derivative-free search along the coordinate axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.numerics.linesearch import evaluate_unknown

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Compass(NamedTuple):
    """State of coordinate search."""

    error: Array  # (runs, 1), error at the weights; NaN before the first epoch
    delta: Array  # (runs, 1), Δ, length of the next step


@optimizer(
    "coordinate-search",
    label="Coordinate search",
    needs="error",
    source=(
        "E. Fermi & N. Metropolis, Los Alamos report LA-1492, 1952; in the form of T. G. Kolda, R. M. Lewis & V. "
        "Torczon, SIAM Review 45(3), 2003, pp. 385-482, section 1.1 (compass search), with the expansion of section 3"
    ),
    confused_with=(
        "The pattern search of R. Hooke & T. A. Jeeves, 1961, which continues in the direction of its last moves; "
        "coordinate descent, which minimizes along each axis or uses derivatives; and variants that try all axes and "
        "take the best step. Not compared with a library: those available try the axes in random order."
    ),
    synonyms=("compass-search", "compass", "pattern-search", "generating-set-search", "direct-search"),
    recalls=True,
)
class CoordinateSearch:
    """Derivative-free search along the coordinate axes.

    Each epoch tries a step in both directions of every axis and takes the first that reduces the error; if none does,
    it shortens the step.

    for d = e₁, -e₁, e₂, -e₂ ...:  if E(w + Δ d) < E(w):  w ← w + Δ d,  Δ ← φ Δ,  end of the epoch
    if no step reduces the error:  Δ ← θ Δ

    Δ: step at the start, φ: increase, θ: decrease. A run is stuck once Δ < Δ_tol, Δ_tol: tolerance.
    """

    step: Column = hyper(1.0, "(0, inf)", "initial step length, Δ", at_start=True)
    increase: Column = hyper(1.0, "[1, inf)", "factor on the length after a step that reduces the error, φ")
    decrease: Column = hyper(0.5, "(0, 1)", "factor on the length if no step reduces the error, θ")
    tolerance: Column = hyper(1e-9, "(0, inf)", "step length below which a run is stuck, Δ_tol")

    def begin(self, w: Array, f: Oracle) -> Compass:
        nan = f.xp.full_like(w[:, :1], f.xp.nan)
        return Compass(nan, f.xp.zeros_like(nan) + self.step)

    def advance(self, w: Array, state: Compass, f: Oracle) -> tuple[Array, Compass]:
        xp, delta = f.xp, state.delta
        error = evaluate_unknown(state.error, f.error, w, f)
        after, lowest, searching = w, error, f.live[:, None]
        for axis in xp.eye(w.shape[1]):
            for d in (axis, -axis):
                if searching.any():
                    trial = w + delta * d
                    height = f.error(trial, searching[:, 0])
                    lower = searching & (height < error)  # False where the error is NaN
                    after, lowest = xp.where(lower, trial, after), xp.where(lower, height, lowest)
                    searching = searching & ~lower
        delta = xp.where(searching, self.decrease, self.increase) * delta
        f.cannot_go_on((delta < self.tolerance)[:, 0])
        return after, Compass(lowest, delta)
