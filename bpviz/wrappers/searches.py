"""Line searches along the move of the wrapped rule.

The four wrappers search for different points:

    search-golden        the minimum, by the golden section
    search-brent         the minimum, by parabolas
    search-backtracking  a point that satisfies Armijo's condition
    search-wolfe         a point that satisfies the strong Wolfe conditions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, layers, wrapper
from bpviz.numerics.linesearch import (
    KnownValues,
    StrongWolfe,
    along,
    backtrack,
    bracket,
    brent,
    end_failed_searches,
    ensure_descent,
    golden_section,
    resolution,
)
from bpviz.wrappers._base import begun_again

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle
    from bpviz.numerics.linesearch import Bracket, Phi

_WRIGHT = "J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006"
_PRESS = "W. H. Press et al., Numerical Recipes, 3rd ed. 2007"
_ALONG = "the algorithm of that name, which searches along the negative gradient and wraps no other."


class SearchState(NamedTuple):
    """State of a search."""

    failed: Mask  # (runs, 1), whether the last search found no step
    inner: Any  # state of the wrapped rule


@dataclass(frozen=True)
class _Search(Wrapper):
    """Base of the searches: the direction, and the runs in which no step is found along it."""

    def conflicts(self) -> list[tuple[str, str]]:
        kinds: list[Any] = [type(layer) for layer in layers(self.inner)]
        words = "evaluates the error itself; a search can wrap only algorithms that use derivatives alone"
        return [("", f"{kind.name} {words}") for kind in kinds if kind.needs & {"error", "residuals"}][:1]

    def begin(self, w: Array, f: Oracle) -> SearchState:
        return SearchState(f.xp.zeros((len(w), 1)) > 0, self.inner.begin(w, f))

    def advance(self, w: Array, state: SearchState, f: Oracle) -> tuple[Array, SearchState]:
        xp = f.xp
        proposed, inner = self.inner.advance(w, state.inner, f)
        g, error = f.gradient(w), f.error(w)
        stays = (proposed == w).all(axis=1, keepdims=True)  # as some rules do in their first epoch
        waits = ~state.failed & stays
        d, lost = ensure_descent(xp.where(state.failed, -g, proposed - w), g, f)
        d = xp.where(waits & (g != 0).any(axis=1, keepdims=True), 0.0, d)
        found, alpha = end_failed_searches(*self._found(w, d, g, error, f), d, g, f)
        forgets = (lost | ~found) & ~waits
        inner = begun_again(self.inner, forgets, w, inner, f)
        return xp.where(found, w + alpha * d, w), SearchState(~found & ~waits, inner)

    def _found(self, w: Array, d: Array, g: Array, error: Array, f: Oracle) -> tuple[Mask, Array]:
        """Return which runs have found a step that is good enough, and the step, both ``(runs, 1)``."""
        raise NotImplementedError


@dataclass(frozen=True)
class _Lowest(_Search):
    """Base of the searches for the minimum, without the method that shrinks a bracket."""

    tolerance: Column = hyper(0.1, "(0, 1)", "relative length at which a bracket is short enough, tol")

    def _found(self, w: Array, d: Array, g: Array, error: Array, f: Oracle) -> tuple[Mask, Array]:
        moves = (d != 0).any(axis=1)
        everywhere = along(f, w, d)

        def phi(alpha: Array, where: Mask) -> Array:
            return everywhere(alpha, where & moves)

        closest = resolution(w, d, f)
        start = bracket(phi, error, closest, f)
        start = start._replace(holds=start.holds & moves[:, None])
        alpha, lowest = self._lowest(phi, start, closest, f)
        return lowest < error, alpha

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        raise NotImplementedError


@wrapper(
    "search-golden",
    label="golden search",
    needs="error gradient",
    source=f"J. Kiefer, Proc. Amer. Math. Soc. 4, 1953, pp. 502-506; {_PRESS}, sections 10.1-10.2",
    confused_with=f"golden, {_ALONG}",
    synonyms=("golden-line-search", "with-golden", "line-search"),
)
class SearchGolden(_Lowest):
    """Golden section search along the move.

    d = rule(w) - w

    (a, b, c): a bracket around a minimum of φ(α) = E(w + α d), expanded from α = 0 and 1
    α ← golden section of (a, b, c) until c - a ≤ tol (|x₁| + |x₂|), x₁ and x₂ its inner points
    w ← w + α d

    tol: tolerance. If d is not a descent direction, or after an epoch in which the search finds no step and the
    weights stay, d is -∇E(w) and the rule restarts. A run is stuck if no step along -∇E(w) reduces the error.
    """

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        return golden_section(phi, start, self.tolerance, closest, f)


@wrapper(
    "search-brent",
    label="Brent's search",
    needs="error gradient",
    source=f"R. P. Brent, Algorithms for Minimization without Derivatives, 1973, chapter 5; {_PRESS}, section 10.3",
    confused_with=f"brent, {_ALONG}",
    synonyms=("brent-line-search", "with-brent"),
)
class SearchBrent(_Lowest):
    """Brent's search along the move.

    d = rule(w) - w

    (a, b, c): a bracket around a minimum of φ(α) = E(w + α d), expanded from α = 0 and 1
    α ← Brent's method in (a, b, c) until a and c are within 2 tol |α| of its best α
    w ← w + α d

    tol: tolerance. If d is not a descent direction, or after an epoch in which the search finds no step and the
    weights stay, d is -∇E(w) and the rule restarts. A run is stuck if no step along -∇E(w) reduces the error.
    """

    def _lowest(self, phi: Phi, start: Bracket, closest: Array, f: Oracle) -> tuple[Array, Array]:
        return brent(phi, start, self.tolerance, closest, f)


@wrapper(
    "search-backtracking",
    label="backtracking",
    needs="error gradient",
    source=f"L. Armijo, Pacific J. Math. 16, 1966, pp. 1-3; {_WRIGHT}, Algorithm 3.1",
    confused_with=f"backtracking, {_ALONG}",
    synonyms=("search-armijo", "with-backtracking", "with-armijo"),
)
class SearchBacktracking(_Search):
    """Backtracking along the move.

    d = rule(w) - w, g = ∇E(w)

    α ← ᾱ;  while E(w + α d) > E(w) + c₁ α gᵀd:  α ← ρ α
    w ← w + α d

    ᾱ: step, ρ: shrink, c₁: c1. If d is not a descent direction, or after an epoch in which the search finds no step
    and the weights stay, d is -g and the rule restarts. A run is stuck if no step along -g reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial of every epoch, as a multiple of the move, ᾱ")
    shrink: Column = hyper(0.5, "(0, 1)", "factor on a step that was too long, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "required fraction of the decrease predicted by the slope, c₁")

    def _found(self, w: Array, d: Array, g: Array, error: Array, f: Oracle) -> tuple[Mask, Array]:
        phi, slope, closest = along(f, w, d), f.dot(g, d), resolution(w, d, f)
        found, alpha, _ = backtrack(phi, error, slope, self.step, self.shrink, self.c1, closest, f)
        return found, alpha


@wrapper(
    "search-wolfe",
    label="strong Wolfe",
    needs="error gradient",
    source=f"P. Wolfe, SIAM Review 11, 1969, pp. 226-235; {_WRIGHT}, Algorithms 3.5 and 3.6",
    confused_with=f"wolfe, {_ALONG}",
    synonyms=("search-strong-wolfe", "with-wolfe"),
)
class SearchWolfe(StrongWolfe, _Search):
    """Strong Wolfe search along the move.

    d = rule(w) - w, g = ∇E(w)

    α ← search from ᾱ for E(w + α d) ≤ E(w) + c₁ α gᵀd and |∇E(w + α d)ᵀd| ≤ c₂ |gᵀd|
    w ← w + α d

    ᾱ: step, c₁: c1, c₂: c2. If d is not a descent direction, or after an epoch in which the search finds no step and
    the weights stay, d is -g and the rule restarts. A run is stuck if no step along -g reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial of every epoch, as a multiple of the move, ᾱ")

    def conflicts(self) -> list[tuple[str, str]]:
        return [*_Search.conflicts(self), *StrongWolfe.conflicts(self)]

    def _found(self, w: Array, d: Array, g: Array, error: Array, f: Oracle) -> tuple[Mask, Array]:
        known = KnownValues(error, g, error, error > f.xp.inf)  # an unchanged last error: from ᾱ
        found = self.search(w, d, known, f)
        return found.holds, found.alpha
