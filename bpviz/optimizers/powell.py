"""Powell's conjugate direction method."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.numerics.linesearch import bracket, brent, evaluate_unknown, resolution

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class Directions(NamedTuple):
    """State of Powell's method."""

    d: Array  # (runs, params, params), d, directions, one per row
    error: Array  # (runs, 1), error at the weights; NaN before the first epoch
    p0: Array  # (runs, params), p₀, weights before the last epoch's searches (scipy: before the epoch)
    error0: Array  # (runs, 1), error at p₀; NaN before the first epoch and after an epoch without a lower error
    fall: Array  # (runs, 1), Δ, largest decrease of the error along a direction
    best: Array  # (runs, 1), m, index of that direction
    axes: Array  # (runs, params, params), directions at the start and after a restart


@optimizer(
    "powell",
    label="Powell",
    needs="error",
    source=(
        "M. J. D. Powell, The Computer Journal 7, 1964, pp. 155-162, section 4; the searches as in R. P. Brent, "
        "Algorithms for Minimization without Derivatives, 1973, chapter 5"
    ),
    confused_with=(
        "Powell's later model-based methods (COBYLA, NEWUOA), his hybrid method for equations, and the basic procedure "
        "of 1964, which always replaces a direction. SciPy's method 'Powell' follows Numerical Recipes (`convention: "
        "scipy`): the new direction is scaled by the step of the search along it and becomes the last one, the "
        "previous last direction replaces the removed one, and p₀ is set before that search."
    ),
    synonyms=("powells-method", "conjugate-directions", "direction-set"),
    recalls=True,
)
class Powell:
    """Powell's conjugate direction method.

    Each epoch searches along n directions in turn. Between epochs, the total displacement ξ may replace a direction.

    p₀: weights before the last epoch's searches, ξ = w - p₀, f₁ = E(p₀), f₂ = E(w), f₃ = E(w + ξ)
    m, Δ: direction of the largest decrease of the error, and that decrease
    f₃ < f₁ and (f₁ - 2 f₂ + f₃) (f₁ - f₂ - Δ)² < Δ (f₁ - f₃)² / 2:
        w ← minimum along ξ;  d ← d₁ ... dₙ without dₘ, then ξ
    w ← minimum along dᵢ,  i = 1 ... n

    dᵢ: step times the axes at the start, where the first epoch executes the last line only, and after an epoch that
    finds no lower error. Each search uses Brent's method in a bracket grown from 0 and 1, with tol: tolerance. Variant
    of the second last line: convention. A run is stuck if an epoch along the axes finds no lower error.
    """

    step: Column = hyper(1.0, "(0, inf)", "length of the initial directions, the first trial step", at_start=True)
    tolerance: Column = hyper(0.01, "(0, 1)", "relative bracket length that ends a search, tol")
    convention: str = hyper(
        "paper", Choice(("paper", "scipy")), "variant of the replacement of directions: paper or SciPy"
    )

    def begin(self, w: Array, f: Oracle) -> Directions:
        xp, n = f.xp, w.shape[1]
        nan = xp.full_like(w[:, :1], xp.nan)
        d = xp.zeros((*w.shape, n)) + xp.asarray(self.step)[..., None] * xp.eye(n)
        return Directions(d, nan, w, nan, nan, nan, d)

    def advance(self, w: Array, state: Directions, f: Oracle) -> tuple[Array, Directions]:
        xp = f.xp
        new = xp.isnan(state.error0)[:, 0]
        state = state._replace(
            d=xp.where(new[:, None, None], state.axes, state.d), error=evaluate_unknown(state.error, f.error, w, f)
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
        """Return weights, error and directions after replacing a direction where the condition holds."""
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
        place = xp.arange(n) >= m  # directions from the m-th on
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
        """Return the step to the minimum along ``d``, the point and its error, for the runs ``where (runs,)``."""
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
