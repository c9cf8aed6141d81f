"""Shampoo for a vector of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Preconditioner(NamedTuple):
    """State of Shampoo."""

    H: Array  # (runs, params, params), H, sum of outer products


@optimizer(
    "shampoo",
    label="Shampoo",
    needs="gradient",
    source="V. Gupta, T. Koren & Y. Singer, ICML 2018, arXiv:1802.09568, Algorithm 2 for a tensor of order 1",
    confused_with=(
        "Shampoo on matrices, which multiplies by two smaller preconditioners from the left and the right, each to the "
        "power -1/4. Here, as in pytorch_optimizer, all weights form one vector, so there is one full preconditioner "
        "to the power -1/2, which is full-matrix Adagrad. Also not later variants that take the length of each step "
        "from another rule (grafting)."
    ),
    synonyms=("full-matrix-adagrad",),
)
class Shampoo:
    """Full-matrix preconditioning by gradient outer products.

    The gradient g = ∇E(w) is multiplied by the inverse square root of the sum of the outer products of all gradients.

    H ← H + g gᵀ
    w ← w - η H^(-1/2) g

    η: step, ε: epsilon, H: ε I at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η")
    epsilon: Column = hyper(1e-4, "(0, inf)", "initial diagonal of the preconditioner, ε")

    def begin(self, w: Array, f: Oracle) -> Preconditioner:
        diagonal = f.xp.asarray(self.epsilon)[..., None] * f.xp.eye(w.shape[1])
        return Preconditioner(f.xp.zeros((*w.shape, w.shape[1])) + diagonal)

    def advance(self, w: Array, state: Preconditioner, f: Oracle) -> tuple[Array, Preconditioner]:
        g = f.gradient(w)
        H = state.H + f.outer(g, g)
        length, axes = f.eigh(H)
        along = f.matvec(f.xp.matrix_transpose(axes), g) / f.xp.sqrt(length)
        return w - self.step * f.matvec(axes, along), Preconditioner(H)
