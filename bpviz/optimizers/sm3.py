"""Memory-efficient Adagrad (SM3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class SM3State(NamedTuple):
    """State of SM3."""

    m: Array  # (runs, params), m, mean scaled gradient
    v: Array  # (runs, params), μ, sum or largest mean of squared gradients so far


@optimizer(
    "sm3",
    label="SM3",
    needs="gradient",
    source="R. Anil et al., NeurIPS 2019, arXiv:1901.11150, SM3-II, for a vector of weights, with momentum",
    confused_with=(
        "Adagrad, which is the same as SM3 (without momentum) on a vector of weights, where no two weights share a "
        "sum; SM3 saves memory on tensors only. Libraries add an ε under the root: pytorch_optimizer 1e-30 (without "
        "momentum), optax 1e-8. ρ is `beta` in pytorch_optimizer."
    ),
)
class SM3:
    """Memory-efficient Adagrad with momentum.

    Each gradient is divided by the root of the sum of its squares so far, and the results are averaged. g = ∇E(w).

    ν = μ + g²,  and with ρ > 0:  ν = ρ μ + (1 - ρ) g²
    m ← β m + (1 - β) g / √(ν + ε), where 0 / 0 is 0
    w ← w - η m
    μ ← max(μ, ν)

    η: step, β: momentum, ρ: decay, ε: epsilon; m, μ: 0 at the start
    """

    step: Column = hyper(0.1, "(0, inf)", "step size η")
    momentum: Column = hyper(0.9, "[0, 1)", "decay of the mean scaled gradient, β")
    decay: Column = hyper(0.0, "[0, 1)", "decay of the mean squared gradient, ρ; 0: the sum, as in the paper")
    epsilon: Column = hyper(0.0, "[0, inf)", "constant added under the root, ε (none in the paper)")

    def begin(self, w: Array, f: Oracle) -> SM3State:
        return SM3State(f.xp.zeros_like(w), f.xp.zeros_like(w))

    def advance(self, w: Array, state: SM3State, f: Oracle) -> tuple[Array, SM3State]:
        g, xp = f.gradient(w), f.xp
        v = xp.where(self.decay > 0, self.decay, 1) * state.v + (1 - self.decay) * g**2
        root = xp.sqrt(v + self.epsilon)
        m = self.momentum * state.m + (1 - self.momentum) * (g / xp.where(root > 0, root, 1))
        return w - self.step * m, SM3State(m, xp.maximum(state.v, v))
