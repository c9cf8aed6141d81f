"""Nonlinear conjugate gradients: each direction is the negative gradient plus β times the direction before it.

The four variants differ in β alone. They are equivalent on a quadratic with exact searches; elsewhere

    cg-fr  has downhill directions (c₂ < 1/2), but may make little progress for many epochs after one poor direction
    cg-pr  restarts when it makes little progress; its steps must lead to a downhill direction
    cg-hs  has successive directions that are conjugate over the step taken, whatever the search
    cg-dy  has downhill directions after any step that meets the Wolfe conditions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.numerics.linesearch import KnownValues, StrongWolfe, ensure_descent

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

_WRIGHT = "J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006, section 5.2"
_DOWNHILL = 0.01  # least slope of a direction of cg-pr, as a fraction of |g|²
_ROUNDING = 1e-12  # a gradient shorter than this, as a fraction of the one before, is rounding error


class Conjugate(NamedTuple):
    """State of conjugate gradients."""

    known: KnownValues
    d: Array  # (runs, params), the next direction; NaN before the first epoch and after a search that failed


@dataclass(frozen=True)
class _ConjugateGradients(StrongWolfe):
    """Base of the four variants, without β."""

    # Conjugate directions need a finer search than others.
    c2: Column = hyper(0.1, "(0, 1)", "maximum remaining fraction of the slope, c₂")

    def begin(self, w: Array, f: Oracle) -> Conjugate:
        return Conjugate(KnownValues.unknown(w, f), f.xp.full_like(w, f.xp.nan))

    def advance(self, w: Array, state: Conjugate, f: Oracle) -> tuple[Array, Conjugate]:
        known = state.known.at(w, f)
        g = known.g
        d, _ = ensure_descent(state.d, g, f)

        def bent(g_new: Array) -> Array:
            d_new: Array = self._beta(g_new, g, d, f) * d - g_new
            return d_new

        found = self.descend(w, d, known, f, lambda g_new: self._fit(g_new, bent(g_new), g, f))
        d_new = f.xp.where(found.forgets, f.xp.nan, bent(found.known.g))
        return found.w, Conjugate(found.known, d_new)

    def _beta(self, g_new: Array, g: Array, d: Array, f: Oracle) -> Array:
        raise NotImplementedError

    def _fit(self, g_new: Array, d_new: Array, g: Array, f: Oracle) -> Mask:
        """Return which runs ``(runs, 1)`` may take a step from the gradient g to g_new, to go on along d_new."""
        return f.live[:, None]


@optimizer(
    "cg-fr",
    label="CG Fletcher-Reeves",
    needs="error gradient",
    source=f"R. Fletcher & C. M. Reeves, The Computer Journal 7, 1964, pp. 149-154; {_WRIGHT}, Algorithm 5.4",
    confused_with=(
        "The linear conjugate gradients for systems of equations, which are this algorithm on a quadratic with exact "
        "steps."
    ),
    synonyms=("fletcher-reeves", "fr", "ncg-fr"),
    recalls=True,
)
class FletcherReeves(_ConjugateGradients):
    """Conjugate gradients with β from the gradient norms.

    w ← w + α d,  α a step that meets the strong Wolfe conditions
    β ← gᵀg / g'ᵀg'
    d ← -g + β d

    g = ∇E(w), g' the previous gradient; d: -g at the start, if -g + β d is not a descent direction, and after an epoch
    in which the search finds no step and the weights stay; c₁: c1, c₂: c2, and ᾱ: step, the maximum first trial, as in
    `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _beta(self, g_new: Array, g: Array, d: Array, f: Oracle) -> Array:
        return f.dot(g_new, g_new) / f.dot(g, g)


@optimizer(
    "cg-pr",
    label="CG Polak-Ribière+",
    needs="error gradient",
    source=(
        "E. Polak & G. Ribière, Revue française d'informatique et de recherche opérationnelle 3(16), 1969, pp. 35-43; "
        f"J. C. Gilbert & J. Nocedal, SIAM J. Optimization 2, 1992, pp. 21-42; {_WRIGHT}"
    ),
    confused_with=(
        "The algorithm of 1969, whose β may be negative, and which need not converge; and CG in scipy.optimize, which "
        "is this algorithm with c2 = 0.4 and Moré and Thuente's search, and with this search where that fails."
    ),
    synonyms=("cg", "conjugate-gradient", "conjugate-gradients", "polak-ribiere", "cg-pr+", "prp", "ncg"),
    recalls=True,
)
class PolakRibiere(_ConjugateGradients):
    """Conjugate gradients that restart after small steps.

    w ← w + α d,  α a step that meets the strong Wolfe conditions and leads to gᵀd ≤ -gᵀg / 100
    β ← max(0, gᵀ(g - g') / g'ᵀg')
    d ← -g + β d

    g = ∇E(w), g' the previous gradient; d: -g at the start, if -g + β d is not a descent direction, and after an epoch
    in which the search finds no step and the weights stay; c₁: c1, c₂: c2, and ᾱ: step, the maximum first trial, as in
    `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _beta(self, g_new: Array, g: Array, d: Array, f: Oracle) -> Array:
        beta: Array = f.xp.maximum(f.dot(g_new, g_new - g) / f.dot(g, g), 0.0)
        return beta

    def _fit(self, g_new: Array, d_new: Array, g: Array, f: Oracle) -> Mask:
        g_g = f.dot(g_new, g_new)
        fit: Mask = (f.dot(g_new, d_new) <= -_DOWNHILL * g_g) | (g_g <= _ROUNDING * _ROUNDING * f.dot(g, g))
        return fit


@optimizer(
    "cg-hs",
    label="CG Hestenes-Stiefel",
    needs="error gradient",
    source=(
        f"M. R. Hestenes & E. Stiefel, J. Research of the National Bureau of Standards 49, 1952, pp. 409-436; {_WRIGHT}"
    ),
    confused_with=(
        "HS+, with max(0, β); and the algorithm of 1952 for systems of equations, where all variants are equivalent."
    ),
    synonyms=("hestenes-stiefel", "hs"),
    recalls=True,
)
class HestenesStiefel(_ConjugateGradients):
    """Conjugate gradients with exactly conjugate directions.

    w ← w + α d,  α a step that meets the strong Wolfe conditions
    β ← gᵀ(g - g') / dᵀ(g - g')
    d ← -g + β d

    g = ∇E(w), g' the previous gradient; d: -g at the start, if -g + β d is not a descent direction, and after an epoch
    in which the search finds no step and the weights stay; c₁: c1, c₂: c2, and ᾱ: step, the maximum first trial, as in
    `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _beta(self, g_new: Array, g: Array, d: Array, f: Oracle) -> Array:
        y = g_new - g
        return f.dot(g_new, y) / f.dot(d, y)


@optimizer(
    "cg-dy",
    label="CG Dai-Yuan",
    needs="error gradient",
    source=f"Y. H. Dai & Y. Yuan, SIAM J. Optimization 10, 1999, pp. 177-182; {_WRIGHT}",
    confused_with=(
        "The hybrid of the same authors, β = max(0, min(HS, DY)); and cg-fr, which has the same β if dᵀg = 0."
    ),
    synonyms=("dai-yuan", "dy"),
    recalls=True,
)
class DaiYuan(_ConjugateGradients):
    """Conjugate gradients with downhill directions.

    w ← w + α d,  α a step that meets the strong Wolfe conditions
    β ← gᵀg / dᵀ(g - g')
    d ← -g + β d

    g = ∇E(w), g' the previous gradient; d: -g at the start, if -g + β d is not a descent direction, and after an epoch
    in which the search finds no step and the weights stay; c₁: c1, c₂: c2, and ᾱ: step, the maximum first trial, as in
    `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _beta(self, g_new: Array, g: Array, d: Array, f: Oracle) -> Array:
        return f.dot(g_new, g_new) / f.dot(d, g_new - g)
