"""Powell's conjugate directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.domains import Choice
from bpviz.linesearch import bracket, brent, recall, resolution

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Mask, Oracle


class Directions(NamedTuple):
    """State of Powell's method."""

    d: Array  # (runs, params, params), the directions, one a row
    error: Array  # (runs, 1), at the weights; NaN before the first epoch
    p0: Array  # (runs, params), where the last epoch's searches began, or for scipy the epoch itself
    error0: Array  # (runs, 1), there; NaN before the first epoch and after one that found nothing lower
    fall: Array  # (runs, 1), the largest fall of the error along a direction, Δ
    best: Array  # (runs, 1), which direction it was, m
    axes: Array  # (runs, params, params), the directions to begin with, and to begin again with


@optimizer(
    "powell",
    label="Powell",
    needs="error",
    source=(
        "M. J. D. Powell, The Computer Journal 7, 1964, pp. 155-162, section 4; the searches as in R. P. Brent, "
        "Algorithms for Minimization without Derivatives, 1973, chapter 5"
    ),
    confused_with=(
        "Powell's later methods with models of the error (COBYLA, NEWUOA), his hybrid method for equations, and the "
        "basic procedure of 1964, which always takes the new direction. SciPy's method 'Powell' follows Numerical "
        "Recipes (`convention: scipy`): the new direction is as long as the search along it went and comes last, the "
        "last one takes the place of the one that goes, and the next new direction is counted from before that search."
    ),
    synonyms=("powells-method", "conjugate-directions", "direction-set"),
    recalls=True,
)
class Powell:
    """Search along each of n directions in turn, and exchange one for the way all of them led together.

    p₀: where the last epoch's searches began, ξ = w - p₀, f₁ = E(p₀), f₂ = E(w), f₃ = E(w + ξ)
    m, Δ: the direction along which the error fell most, and by how much
    f₃ < f₁ and (f₁ - 2 f₂ + f₃) (f₁ - f₂ - Δ)² < Δ (f₁ - f₃)² / 2:
        w ← lowest point along ξ;  d ← d₁ ... dₙ without dₘ, then ξ
    w ← lowest point along dᵢ,  i = 1 ... n

    dᵢ: step times the axes at the start, where the first epoch has the last line alone, and after an epoch that finds
    nothing lower. A search is Brent's, in a bracket found from 0 and 1, with tol: tolerance. The line before the
    last: convention. A run is stuck where an epoch along the axes finds nothing lower.
    """

    step: Column = hyper(1.0, "(0, inf)", "length of the first directions, where a search looks first", at_start=True)
    tolerance: Column = hyper(0.01, "(0, 1)", "relative length at which a bracket is short enough")
    convention: str = hyper("paper", Choice(("paper", "scipy")), "whose exchange of directions")

    def begin(self, w: Array, f: Oracle) -> Directions:
        xp, n = f.xp, w.shape[1]
        nan = xp.full_like(w[:, :1], xp.nan)
        d = xp.zeros((*w.shape, n)) + xp.asarray(self.step)[..., None] * xp.eye(n)
        return Directions(d, nan, w, nan, nan, nan, d)

    def advance(self, w: Array, state: Directions, f: Oracle) -> tuple[Array, Directions]:
        xp = f.xp
        new = xp.isnan(state.error0)[:, 0]
        state = state._replace(
            d=xp.where(new[:, None, None], state.axes, state.d), error=recall(state.error, f.error, w, f)
        )
        p, error, d = self._exchanged(w, state, ~new & f.live, f)
        p0, error0 = (w, error) if self.convention == "scipy" else (p, error)
        fall, best = 0 * error, 0 * error
        for i in range(w.shape[1]):
            before = error
            _, p, error = self._search(p, d[:, i], error, f.live, f)
            more = before - error > fall
            fall, best = xp.where(more, before - error, fall), xp.where(more, i, best)
        failed = ~(error < error0)
        f.cannot_go_on(failed[:, 0] & new)
        return p, Directions(d, error, p0, xp.where(failed, xp.nan, error0), fall, best, state.axes)

    def _exchanged(self, w: Array, state: Directions, where: Mask, f: Oracle) -> tuple[Array, Array, Array]:
        """Return weights, error and directions after the exchange that the last epoch calls for, if it does."""
        d, f2, p0, f1, fall, m, _ = state
        if not where.any():
            return w, f2, d
        xp, n = f.xp, w.shape[1]
        xi = w - p0
        f3 = f.error(w + xi, where)
        bend, rest, gain = f1 - 2 * f2 + f3, f1 - f2 - fall, f1 - f3
        takes = where & ((f3 < f1) & (bend * rest * rest < fall * gain * gain / 2))[:, 0]
        if not takes.any():
            return w, f2, d
        alpha, p, error = self._search(w, xi, f2, takes, f)
        place = xp.arange(n) >= m  # the directions from the m-th on
        if self.convention == "scipy":
            xi = alpha * xi
            takes = takes & (xi != 0).any(axis=1)
            place, moved_up = xp.arange(n) == m, xp.concat([d[:, -1:]] * n, axis=1)
        else:
            moved_up = xp.concat([d[:, 1:], xi[:, None]], axis=1)
        changed = xp.where(place[..., None], moved_up, d)
        changed = xp.concat([changed[:, :-1], xi[:, None]], axis=1)
        return p, error, xp.where(takes[:, None, None], changed, d)

    def _search(self, w: Array, d: Array, error: Array, where: Mask, f: Oracle) -> tuple[Array, Array, Array]:
        """Return the step to the lowest point along ``d``, that point and its error, of the runs ``where (runs,)``."""
        xp = f.xp

        def phi(alpha: Array, searching: Mask) -> Array:
            error = f.error(w + alpha * d, searching & where)
            height: Array = xp.where(xp.isnan(error), xp.inf, error)
            return height

        closest = resolution(w, d, f)
        start = bracket(phi, error, closest, f)
        start = start._replace(holds=start.holds & where[:, None])
        alpha, lowest = brent(phi, start, self.tolerance, closest, f)
        found = start.holds & (lowest <= error)
        alpha = xp.where(found, alpha, 0.0)
        return alpha, xp.where(found, w + alpha * d, w), xp.where(found, lowest, error)
