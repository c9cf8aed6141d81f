"""Adadelta."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class MeanSquares(NamedTuple):
    """State of Adadelta."""

    g2: Array  # (runs, params), E[g²], mean squared gradient
    dx2: Array  # (runs, params), E[Δx²], mean squared update


@optimizer(
    "adadelta",
    label="Adadelta",
    needs="gradient",
    source="M. D. Zeiler, 2012, arXiv:1212.5701, Algorithm 1",
    confused_with=(
        "optax.adadelta() without a learning rate (0.2.8), which goes uphill. The libraries add the step size, which "
        "is 1 in the paper. The decay is 0.9 in torch and optax, 0.95 in the paper's experiments."
    ),
    synonyms=("ada-delta",),
)
class Adadelta:
    """Per-weight scaling by past updates and gradients.

    The gradient g = ∇E(w) is multiplied by the RMS of past updates and divided by the RMS of past gradients, so that
    the update has the units of the weights.

    E[g²] ← ρ E[g²] + (1 - ρ) g²
    Δx = - √(E[Δx²] + ε) / √(E[g²] + ε) g
    E[Δx²] ← ρ E[Δx²] + (1 - ρ) Δx²
    w ← w + η Δx

    η: step, ρ: decay, ε: epsilon; E[g²], E[Δx²]: 0 at the start
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the update, η (1 in the paper)")
    decay: Column = hyper(0.95, "[0, 1)", "decay of both means, ρ")
    epsilon: Column = hyper(1e-6, "(0, inf)", "constant for numerical stability and the first updates, ε")

    def begin(self, w: Array, f: Oracle) -> MeanSquares:
        zeros = f.xp.zeros_like(w)
        return MeanSquares(zeros, zeros)

    def advance(self, w: Array, state: MeanSquares, f: Oracle) -> tuple[Array, MeanSquares]:
        g = f.gradient(w)
        g2 = self.decay * state.g2 + (1 - self.decay) * g**2
        dx = -f.xp.sqrt(state.dx2 + self.epsilon) / f.xp.sqrt(g2 + self.epsilon) * g
        dx2 = self.decay * state.dx2 + (1 - self.decay) * dx**2
        return w + self.step * dx, MeanSquares(g2, dx2)
