"""Nelder and Mead's simplex method."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class Simplex(NamedTuple):
    """State of Nelder-Mead; the weights are the first vertex."""

    P: Array  # (runs, params + 1, params), P, vertices by increasing error
    y: Array  # (runs, params + 1), y, errors of the vertices; NaN before the first epoch


@optimizer(
    "nelder-mead",
    label="Nelder-Mead",
    needs="error",
    source="J. A. Nelder & R. Mead, The Computer Journal 7, 1965, pp. 308-313",
    confused_with=(
        "The simplex method of linear programming, and the regular simplices of W. Spendley et al., 1962. SciPy's "
        "method 'Nelder-Mead' is the form of J. C. Lagarias et al., SIAM J. Optim. 9, 1998 (`convention: scipy`): it "
        "accepts an expansion only if its error is lower than that of the reflection, whereas the paper compares with "
        "the best vertex; it resolves ties differently; and it discards a reflection whose contraction fails, which "
        "the paper keeps. The adaptive coefficients of F. Gao & L. Han, 2012, for n weights are γ = 1 + 2/n, "
        "β = 3/4 - 1/(2n) and δ = 1 - 1/n, which are the defaults for two weights."
    ),
    synonyms=("simplex", "downhill-simplex", "amoeba", "neldermead", "nm"),
    recalls=True,
)
class NelderMead:
    """Downhill simplex method.

    Each epoch reflects the worst vertex, h, of a simplex through the centroid P̄ of the others; l is the best vertex.

    P* ← (1 + α) P̄ - α Pₕ,  y* = E(P*)
    y* < yₗ:  P** ← γ P* + (1 - γ) P̄;  Pₕ ← P** if y** < yₗ, else P*
    y* ≤ yᵢ for an i ≠ h:  Pₕ ← P*
    else:  Pₕ ← P* if y* ≤ yₕ;  P** ← β Pₕ + (1 - β) P̄;  Pₕ ← P** if y** ≤ yₕ, else all Pᵢ ← Pₗ + δ (Pᵢ - Pₗ)
    w ← the best vertex

    α: reflection, γ: expansion, β: contraction, δ: shrink, s: step. The initial simplex consists of w and, for each
    weight, w with this weight multiplied by 1 + s, or set to s / 200 if it is 0. Variant: convention (lines 2 to 4).
    A run is stuck once all its vertices coincide.
    """

    step: Column = hyper(0.05, "(0, inf)", "size of the initial simplex relative to each weight, s", at_start=True)
    reflection: Column = hyper(1.0, "(0, inf)", "coefficient of reflection, α")
    expansion: Column = hyper(2.0, "(1, inf)", "coefficient of expansion, γ")
    contraction: Column = hyper(0.5, "(0, 1)", "coefficient of contraction, β")
    shrink: Column = hyper(0.5, "(0, 1)", "coefficient of shrinkage towards the best vertex, δ")
    convention: str = hyper("paper", Choice(("paper", "scipy")), "variant: paper or SciPy")

    def begin(self, w: Array, f: Oracle) -> Simplex:
        xp, n = f.xp, w.shape[1]
        longer = xp.where(w == 0, self.step / 200, (1 + self.step) * w)
        P = [w, *(xp.where(axis > 0, longer, w) for axis in xp.eye(n))]
        return Simplex(xp.stack(P, axis=1), xp.full((len(w), n + 1), xp.nan))

    def advance(self, w: Array, state: Simplex, f: Oracle) -> tuple[Array, Simplex]:
        xp, n = f.xp, w.shape[1]
        P, y = _known(state, f)
        alpha, gamma, beta, delta = self.reflection, self.expansion, self.contraction, self.shrink
        lagarias = self.convention == "scipy"
        Ph, yl, ys, yh = P[:, -1], y[:, :1], y[:, -2:-1], y[:, -1:]  # s: the second highest
        middle = reduce(add, (P[:, i] for i in range(n))) / n  # P̄
        P1 = (1 + alpha) * middle - alpha * Ph  # P*
        y1 = _height(P1, f)
        expand = y1 < yl
        contract = ~expand & (y1 >= ys) if lagarias else y1 > ys
        nearer = y1 < yh if lagarias else y1 <= yh
        Pm, ym = xp.where(nearer, P1, Ph), xp.where(nearer, y1, yh)  # the lower of P* and Pₕ
        P2 = xp.where(expand, gamma * P1 + (1 - gamma) * middle, beta * Pm + (1 - beta) * middle)  # P**
        again = expand | contract
        y2 = _height(P2, f, again[:, 0]) if again.any() else ym
        if lagarias:
            lower = xp.where(expand, y2 < y1, xp.where(nearer, y2 <= ym, y2 < ym))
        else:
            lower = xp.where(expand, y2 < yl, y2 <= ym)
        found, failed = again & lower, contract & ~lower
        kept = Ph if lagarias else Pm  # last vertex before shrinking
        last = xp.where(found, P2, xp.where(failed, kept, Pm))
        P = xp.concat([P[:, :-1], last[:, None]], axis=1)
        y = xp.concat([y[:, :-1], xp.where(found, y2, ym)], axis=1)
        if failed.any():
            P, y = _shrunk(P, y, delta, failed, f)
        P, y = _sorted(P, y, f)
        f.cannot_go_on((P[:, 1:] == P[:, :1]).all(axis=(1, 2)))
        return P[:, 0], Simplex(P, y)


def _height(w: Array, f: Oracle, where: Mask | None = None) -> Array:
    """Return the errors ``(runs, 1)``, with NaN replaced by infinity."""
    error = f.error(w, where)
    height: Array = f.xp.where(f.xp.isnan(error), f.xp.inf, error)
    return height


def _known(simplex: Simplex, f: Oracle) -> Simplex:
    """Return the simplex with its errors, which the first epoch has to evaluate."""
    P, y = simplex
    new = f.xp.isnan(y[:, 0])
    if not new.any():
        return simplex
    asked = f.xp.concat([_height(P[:, i], f, new) for i in range(P.shape[1])], axis=1)
    return _sorted(P, f.xp.where(new[:, None], asked, y), f)


def _shrunk(P: Array, y: Array, delta: Column, where: Mask, f: Oracle) -> Simplex:
    """Shrink the simplex towards its first vertex, in the runs ``where (runs, 1)``."""
    xp, lowest = f.xp, P[:, 0]
    moved, heights = [lowest], [y[:, :1]]
    for i in range(1, P.shape[1]):
        moved.append(xp.where(where, lowest + delta * (P[:, i] - lowest), P[:, i]))
        heights.append(xp.where(where, _height(moved[i], f, where[:, 0]), y[:, i : i + 1]))
    return Simplex(xp.stack(moved, axis=1), xp.concat(heights, axis=1))


def _sorted(P: Array, y: Array, f: Oracle) -> Simplex:
    order = f.xp.argsort(y, axis=1, stable=True)
    return Simplex(f.xp.take_along_axis(P, order[..., None], axis=1), f.xp.take_along_axis(y, order, axis=1))
