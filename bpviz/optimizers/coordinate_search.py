"""Steps along the axes, without derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.numerics.linesearch import recall

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Compass(NamedTuple):
    """What coordinate search remembers."""

    error: Array  # (runs, 1), at the weights; NaN before the first epoch
    delta: Array  # (runs, 1), length of the next step


@optimizer(
    "coordinate-search",
    label="Coordinate search",
    needs="error",
    source=(
        "E. Fermi & N. Metropolis, Los Alamos report LA-1492, 1952; in the form of T. G. Kolda, R. M. Lewis & V. "
        "Torczon, SIAM Review 45(3), 2003, pp. 385-482, section 1.1 (compass search), with the expansion of section 3"
    ),
    confused_with=(
        "The pattern search of R. Hooke & T. A. Jeeves, 1961, which goes on in the direction of its last moves; "
        "coordinate descent, which searches along each axis for the lowest point or uses derivatives; and versions "
        "that try all axes and take the best. Compared with no library: those at hand try the axes in random order."
    ),
    synonyms=("compass-search", "compass", "pattern-search", "generating-set-search", "direct-search"),
    recalls=True,
)
class CoordinateSearch:
    """Try a step up and down each axis and take the first that leads lower; if none does, shorten the step.

    for d = e₁, -e₁, e₂, -e₂ ...:  if E(w + Δ d) < E(w):  w ← w + Δ d,  Δ ← φ Δ,  end of the epoch
    if there is none:  Δ ← θ Δ

    Δ: step at the start, φ: increase, θ: decrease. A run whose Δ falls below Δ_tol cannot go on, Δ_tol: tolerance.
    """

    step: Column = hyper(1.0, "(0, inf)", "length Δ of the steps at the start", at_start=True)
    increase: Column = hyper(1.0, "[1, inf)", "factor on the length after a step that leads lower, φ")
    decrease: Column = hyper(0.5, "(0, 1)", "factor on the length when no step does, θ")
    tolerance: Column = hyper(1e-9, "(0, inf)", "length below which a run cannot go on, Δ_tol")

    def begin(self, w: Array, f: Oracle) -> Compass:
        nan = f.xp.full_like(w[:, :1], f.xp.nan)
        return Compass(nan, f.xp.zeros_like(nan) + self.step)

    def advance(self, w: Array, state: Compass, f: Oracle) -> tuple[Array, Compass]:
        xp, delta = f.xp, state.delta
        error = recall(state.error, f.error, w, f)
        after, lowest, searching = w, error, f.live[:, None]
        for axis in xp.eye(w.shape[1]):
            for d in (axis, -axis):
                if searching.any():
                    there = w + delta * d
                    height = f.error(there, searching[:, 0])
                    lower = searching & (height < error)  # not where the error is not a number
                    after, lowest = xp.where(lower, there, after), xp.where(lower, height, lowest)
                    searching = searching & ~lower
        delta = xp.where(searching, self.decrease, self.increase) * delta
        f.cannot_go_on((delta < self.tolerance)[:, 0])
        return after, Compass(lowest, delta)
