"""SM3."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Cover(NamedTuple):
    """What SM3 remembers."""

    m: Array  # (runs, params), mean of the moves
    v: Array  # (runs, params), sum of the squared gradients


@optimizer(
    "sm3",
    label="SM3",
    needs="gradient",
    source="R. Anil et al., NeurIPS 2019, arXiv:1901.11150, SM3-II, for weights in a row, with momentum",
    confused_with=(
        "Adagrad, which SM3 is on weights in a row, where no two share a sum; it saves memory on tensors only. "
        "Libraries put an ε under the root, pytorch_optimizer 1e-30 (and no momentum), optax 1e-8."
    ),
)
class SM3:
    """Divide each gradient by the root of all squares so far, and average the moves. g = ∇E(w).

    ν ← ν + g²
    m ← β m + (1 - β) g / √(ν + ε), where 0 / 0 is 0
    w ← w - η m

    η: step, β: momentum, ε: epsilon; m, ν: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size η")
    momentum: Column = hyper(0.9, "[0, 1)", "decay of the mean move, β")
    epsilon: Column = hyper(0.0, "[0, inf)", "number ε added under the root; the paper has none")

    def begin(self, w: Array, f: Oracle) -> Cover:
        return Cover(f.xp.zeros_like(w), f.xp.zeros_like(w))

    def advance(self, w: Array, state: Cover, f: Oracle) -> tuple[Array, Cover]:
        g = f.gradient(w)
        v = state.v + g**2
        root = f.xp.sqrt(v + self.epsilon)
        m = self.momentum * state.m + (1 - self.momentum) * (g / f.xp.where(root > 0, root, 1))
        return w - self.step * m, Cover(m, v)
