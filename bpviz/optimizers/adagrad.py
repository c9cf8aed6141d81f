"""Adagrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Squares(NamedTuple):
    """State of Adagrad."""

    s: Array  # (runs, params), s, sum of squared gradients


@optimizer(
    "adagrad",
    label="Adagrad",
    needs="gradient",
    source="J. Duchi, E. Hazan & Y. Singer, Journal of Machine Learning Research 12, 2011, pp. 2121-2159, Figure 1",
    confused_with=(
        "Full-matrix Adagrad from the same paper. torch.optim.Adagrad uses the paper's form; optax.adagrad adds δ "
        "inside the root (`convention: optax`) and starts the sum at 0.1 instead of 0."
    ),
    synonyms=("ada-grad", "adaptive-gradient"),
)
class Adagrad:
    """Per-weight scaling by the sum of squared gradients.

    Each weight's gradient g = ∇E(w) is divided by the square root of the sum of its squared gradients so far.

    s ← s + g²
    w ← w - η g / (δ + √s)
    convention optax: w ← w - η g / √(s + δ)

    η: step, δ: epsilon, s: initial_accumulator at the start; variant: convention
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η")
    epsilon: Column = hyper(1e-10, "(0, inf)", "constant for numerical stability, δ")
    initial_accumulator: Column = hyper(0.0, "[0, inf)", "sum of squared gradients at the start")
    convention: str = hyper("paper", Choice(("paper", "optax")), "δ outside the root (paper, torch) or inside (optax)")

    def begin(self, w: Array, f: Oracle) -> Squares:
        return Squares(f.xp.zeros_like(w) + self.initial_accumulator)

    def advance(self, w: Array, state: Squares, f: Oracle) -> tuple[Array, Squares]:
        g = f.gradient(w)
        s = state.s + g**2
        root = f.xp.sqrt(s + self.epsilon) if self.convention == "optax" else self.epsilon + f.xp.sqrt(s)
        return w - self.step * g / root, Squares(s)
