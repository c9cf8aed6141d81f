"""Gradient descent with a line search.

The four rules search for different points along the negative gradient:

    golden        the minimum, by the golden section
    brent         the minimum, by parabolas
    backtracking  a point that satisfies Armijo's condition
    wolfe         a point that satisfies the strong Wolfe conditions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Interval, Nullable
from bpviz.numerics.linesearch import (
    KnownValues,
    StrongWolfe,
    along,
    backtrack,
    bracket,
    brent,
    end_failed_searches,
    evaluate_unknown,
    golden_section,
    resolution,
)

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle
    from bpviz.numerics.linesearch import Bracket, Phi

_WRIGHT = "J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006"


@dataclass(frozen=True)
class _Lowest:
    """Base of the searches for the minimum, without the method that shrinks a bracket."""

    tolerance: Column = hyper(0.1, "(0, 1)", "relative length at which a bracket is short enough, tol")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, error = f.gradient(w), f.error(w)
        phi, closest = along(f, w, -g), resolution(w, g, f)
        alpha, lowest = self._lowest(phi, bracket(phi, error, closest, f), closest, f)
        lower, alpha = end_failed_searches(lowest < error, alpha, -g, g, f)
        return f.xp.where(lower, w - alpha * g, w), state

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        raise NotImplementedError


@optimizer(
    "golden",
    label="Gradient descent + golden search",
    needs="error gradient",
    source=(
        "J. Kiefer, Proc. Amer. Math. Soc. 4, 1953, pp. 502-506; W. H. Press et al., Numerical Recipes, 3rd ed. 2007, "
        "sections 10.1-10.2"
    ),
    confused_with=(
        "Newton's method, the name of this algorithm in some versions of the published comparison; and golden section "
        "search in a fixed interval, which cannot take the long steps of this algorithm."
    ),
    synonyms=("golden-search", "golden-section", "goldensearch", "gd-golden"),
)
class GoldenSearch(_Lowest):
    """Gradient descent with golden section search.

    g = ∇E(w)

    (a, b, c): a bracket around a minimum of φ(α) = E(w - α g), expanded from α = 0 and 1
    α ← golden section of (a, b, c) until c - a ≤ tol (|x₁| + |x₂|), x₁ and x₂ its inner points
    w ← w - α g

    tol: tolerance. A run is stuck if the search finds no lower error.
    """

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        return golden_section(phi, start, self.tolerance, closest, f)


@optimizer(
    "brent",
    label="Gradient descent + Brent's search",
    needs="error gradient",
    source=(
        "R. P. Brent, Algorithms for Minimization without Derivatives, 1973, chapter 5; W. H. Press et al., Numerical "
        "Recipes, 3rd ed. 2007, sections 10.1 and 10.3"
    ),
    confused_with=(
        "Brent's method for roots, from the same book; and the bounded method of scipy.optimize, which searches in a "
        "fixed interval."
    ),
    synonyms=("brent-search", "brents-method", "gd-brent", "parabolic-search"),
)
class BrentSearch(_Lowest):
    """Gradient descent with Brent's search by parabolas.

    g = ∇E(w)

    (a, b, c): a bracket around a minimum of φ(α) = E(w - α g), expanded from α = 0 and 1
    α ← Brent's method in (a, b, c) until a and c are within 2 tol |α| of its best α
    w ← w - α g

    tol: tolerance. A run is stuck if the search finds no lower error.
    """

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        return brent(phi, start, self.tolerance, closest, f)


class LastSearch(NamedTuple):
    """State of backtracking."""

    error: Array  # (runs, 1), at the weights; NaN before the first epoch
    alpha: Array  # (runs, 1), α, the last step; ∞ before the first epoch


@optimizer(
    "backtracking",
    label="Gradient descent + backtracking",
    needs="error gradient",
    source=f"L. Armijo, Pacific J. Math. 16, 1966, pp. 1-3; {_WRIGHT}, Algorithm 3.1",
    confused_with=(
        "Backtracking by interpolation (SciPy's line_search_armijo), which chooses the next trial by a parabola or "
        "cubic; optax.scale_by_backtracking_linesearch, which has defaults of 0.8 for ρ and 1.5 for τ, and takes "
        "1 for the step before the first; and rprop's weight backtracking, which undoes a step."
    ),
    synonyms=("armijo", "gd-armijo", "gd-backtracking"),
    recalls=True,
)
class Backtracking:
    """Gradient descent with backtracking.

    g = ∇E(w)

    α ← ᾱ;  while E(w - α g) > E(w) - c₁ α gᵀg:  α ← ρ α
    w ← w - α g
    with τ:  α ← min(ᾱ, τ α) in place of α ← ᾱ, except in the first epoch and after a search without success

    ᾱ: step, ρ: shrink, c₁: c1, τ: increase. A run is stuck if the search from ᾱ finds no lower error.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial step, the longest, ᾱ")
    shrink: Column = hyper(0.5, "(0, 1)", "factor on a step that was too long, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "required fraction of the decrease predicted by the slope, c₁")
    increase: float | None = hyper(
        None,
        Nullable(Interval.parse("[1, inf)"), "starting every epoch at ᾱ"),
        "factor on the last step for the first trial of an epoch, τ",
    )

    def begin(self, w: Array, f: Oracle) -> LastSearch:
        unknown = f.xp.full((len(w), 1), f.xp.nan)
        return LastSearch(unknown, f.xp.full((len(w), 1), f.xp.inf))

    def advance(self, w: Array, state: LastSearch, f: Oracle) -> tuple[Array, LastSearch]:
        g, error = f.gradient(w), evaluate_unknown(state.error, f.error, w, f)
        phi, slope, closest = along(f, w, -g), -f.dot(g, g), resolution(w, g, f)
        first = self.step if self.increase is None else f.xp.minimum(self.step, self.increase * state.alpha)
        holds, alpha, lowest = backtrack(phi, error, slope, first, self.shrink, self.c1, closest, f)
        holds, alpha = end_failed_searches(holds, alpha, -g, g, f, first == self.step)
        return f.xp.where(holds, w - alpha * g, w), LastSearch(lowest, f.xp.where(holds, alpha, f.xp.inf))


@optimizer(
    "wolfe",
    label="Gradient descent + strong Wolfe",
    needs="error gradient",
    source=f"P. Wolfe, SIAM Review 11, 1969, pp. 226-235; {_WRIGHT}, Algorithms 3.5 and 3.6",
    confused_with=(
        "A search by the weak Wolfe conditions, which do not bound a positive slope; and Moré and Thuente's search, "
        "which looks for the same points by other trials (SciPy's first choice in CG and BFGS)."
    ),
    synonyms=("strong-wolfe", "gd-wolfe"),
    recalls=True,
)
class WolfeSearch(StrongWolfe):
    """Gradient descent with a strong Wolfe search.

    g = ∇E(w)

    α ← search for E(w - α g) ≤ E(w) - c₁ α gᵀg and |∇E(w - α g)ᵀg| ≤ c₂ gᵀg
    w ← w - α g

    c₁: c1, c₂: c2. The first trial is min(ᾱ, 2.02 (E' - E(w)) / gᵀg), where E' is the error one epoch earlier. In the
    first epoch it changes w by about 1; after an epoch in which the search finds no step and the weights stay, it is ᾱ;
    ᾱ: step. A run is stuck if no α ≤ ᾱ reduces the error.
    """

    def begin(self, w: Array, f: Oracle) -> KnownValues:
        return KnownValues.unknown(w, f)

    def advance(self, w: Array, state: KnownValues, f: Oracle) -> tuple[Array, KnownValues]:
        known = state.at(w, f)
        found = self.descend(w, -known.g, known, f)
        return found.w, found.known
