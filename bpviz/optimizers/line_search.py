"""Steepest descent with a search for the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import Column, hyper, optimizer
from bpviz.linesearch import along, bracket, golden_section

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Oracle


@optimizer(
    "golden",
    label="Gradient descent + golden search",
    needs="error gradient",
    source=(
        "J. Kiefer, Proc. Amer. Math. Soc. 4, 1953, pp. 502-506; W. H. Press et al., Numerical Recipes, 3rd ed. 2007, "
        "sections 10.1-10.2"
    ),
    confused_with=(
        "Newton's method: some versions of the published comparison say so where their figure shows this rule; and "
        "golden search in an interval fixed beforehand, which cannot take the long steps this one takes."
    ),
    synonyms=("golden-search", "golden-section", "goldensearch", "gd-golden"),
)
class GoldenSearch:
    """Go to the lowest point along the negative gradient, as the golden section finds it. g = ∇E(w).

    (a, b, c): a bracket around a minimum of φ(α) = E(w - α g), walking downhill from α = 0 and 1
    α ← golden section of (a, b, c) until c - a ≤ tol (|x₁| + |x₂|), x₁ and x₂ its inner points
    w ← w - α g

    tol: tolerance. A run whose search finds no lower error cannot go on.
    """

    tolerance: Column = hyper(0.1, "(0, 1)", "relative length at which a bracket is short enough")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, error = f.gradient(w), f.error(w)
        phi = along(f, w, -g)
        alpha, lowest = golden_section(phi, bracket(phi, 0 * error, error, f), self.tolerance, f)
        lower = lowest < error
        f.cannot_go_on(~lower[:, 0])
        return f.xp.where(lower, w - alpha * g, w), state
