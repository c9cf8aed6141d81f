"""Shampoo, on a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Preconditioner(NamedTuple):
    """What Shampoo remembers."""

    H: Array  # (runs, params, params)


@optimizer(
    "shampoo",
    label="Shampoo",
    needs="gradient",
    source="V. Gupta, T. Koren & Y. Singer, ICML 2018, arXiv:1802.09568, Algorithm 2 for a tensor of order 1",
    confused_with=(
        "Shampoo on matrices, which multiplies from the left and the right by two smaller preconditioners, each to the "
        "power -1/4. All weights together are a vector here, as they are to pytorch_optimizer, so there is one "
        "preconditioner, for all pairs of weights, to the power -1/2: full-matrix Adagrad. And later versions that "
        "take the length of each step from another rule (grafting)."
    ),
    synonyms=("full-matrix-adagrad",),
)
class Shampoo:
    """Divide the gradient by the root of the sum of all gradients' outer products. g = ∇E(w).

    H ← H + g gᵀ
    w ← w - η H^(-1/2) g

    η: step, ε: epsilon, H: ε I at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η")
    epsilon: Column = hyper(1e-4, "(0, inf)", "diagonal of the preconditioner at the start, ε")

    def begin(self, w: Array, f: Oracle) -> Preconditioner:
        diagonal = f.xp.asarray(self.epsilon)[..., None] * f.xp.eye(w.shape[1])
        return Preconditioner(f.xp.zeros((*w.shape, w.shape[1])) + diagonal)

    def advance(self, w: Array, state: Preconditioner, f: Oracle) -> tuple[Array, Preconditioner]:
        g = f.gradient(w)
        H = state.H + f.outer(g, g)
        length, axes = f.eigh(H)
        along = f.matvec(f.xp.matrix_transpose(axes), g) / f.xp.sqrt(length)
        return w - self.step * f.matvec(axes, along), Preconditioner(H)
