"""Gradient descent with Polyak's step size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@optimizer(
    "polyak",
    label="Polyak step",
    needs="error gradient",
    source=(
        "B. T. Polyak, USSR Computational Mathematics and Mathematical Physics 9(3), 1969, pp. 14-29; the maximum as "
        "in N. Loizou et al., AISTATS 2021, arXiv:2002.10542"
    ),
    confused_with=(
        "momentum, Polyak's heavy ball; and optax.polyak_sgd (0.2.8), the same rule with a default maximum step of 1, "
        "whose `scaling` divides the step below the maximum and which stops moving once |g|² is at most 2.2e-16."
    ),
    synonyms=("polyak-step", "polyak-sgd", "polyak-step-size", "sps"),
)
class PolyakStep:
    """Gradient descent with Polyak's step size.

    The step leads to the weights where the linearized error would equal its target E*. g = ∇E(w).

    γ ← min((E(w) - E*) / |g|², γmax)
    w ← w - s γ g

    E*: target, s: step, γmax: max_step. A run is stuck if its gradient is 0. If the error is below E*, γ is negative.
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on Polyak's step, s")
    target: Column = hyper(0.0, "(-inf, inf)", "minimum of the error, E*, known or estimated")
    max_step: Column = hyper(1.0, "(0, inf)", "maximum step size before the factor, γmax (none in Polyak's paper)")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, gap = f.gradient(w), f.error(w) - self.target
        square = f.dot(g, g)
        flat = square == 0
        f.cannot_go_on(flat[:, 0])
        gamma = f.xp.minimum(gap / f.xp.where(flat, 1.0, square), self.max_step)
        return f.xp.where(flat, w, w - self.step * gamma * g), state
