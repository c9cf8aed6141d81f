"""Adan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Differences(NamedTuple):
    """State of Adan."""

    m: Mean  # mean gradient
    v: Mean  # mean gradient difference
    n: Mean  # mean square of the extrapolated gradient g + β₂ d
    g: Array  # (runs, params), gradient of the last epoch
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adan",
    label="Adan",
    needs="gradient",
    source="X. Xie et al., IEEE Trans. Pattern Analysis and Machine Intelligence, 2024, arXiv:2208.06677, Algorithm 1",
    confused_with=(
        "optax.adan, which weights the differences by 1 - β₂ where the paper has β₂ (the paper's letters are 1 minus "
        "these), so that it follows a different path with the same defaults (`convention: optax`). The authors' "
        "PyTorch code and pytorch_optimizer initialize the means differently from the paper (`convention: torch`)."
    ),
)
class Adan:
    """Adam with Nesterov momentum from gradient differences.

    The gradient at the extrapolated weights is estimated from the difference d of the last two gradients. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) d,  n ← β₃ n + (1 - β₃) (g + β₂ d)²
    w ← (w - η (m + β₂ v) / (√n + ε)) / (1 + λ η)

    with m = g, v = 0 and n = g² in the first epoch, and v = d in the second

    η: step, β₁: beta1, β₂: beta2, β₃: beta3, ε: epsilon, λ: weight_decay
    variant: convention; torch starts m, v and n at 0 and divides them by 1 - βᵗ instead; optax does so too, with
    1 - β₂ in place of β₂ before d and v, a second ε under the root, and w ← w - η (... + λ w)
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η")
    beta1: Column = hyper(0.98, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.92, "[0, 1)", "decay of the mean difference and its weight, β₂")
    beta3: Column = hyper(0.99, "[0, 1)", "decay of the mean square, β₃")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay per epoch, λ, times the step")
    convention: str = hyper("paper", Choice(("paper", "torch", "optax")), "variant: paper, PyTorch code or optax")

    def begin(self, w: Array, f: Oracle) -> Differences:
        nothing = mean(w, f)
        return Differences(nothing, nothing, nothing, nothing.value, f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Differences, f: Oracle) -> tuple[Array, Differences]:
        g, where = f.gradient(w), f.xp.where
        t = state.t + 1
        d = where(t == 1, 0, g - state.g)
        kept = 1 - self.beta2 if self.convention == "optax" else self.beta2
        square = (g + kept * d) ** 2
        m, v, n = state.m.add(g, self.beta1), state.v.add(d, self.beta2), state.n.add(square, self.beta3)
        if self.convention == "paper":
            m = m._replace(value=where(t == 1, g, m.value))
            v = v._replace(value=where(t <= 2, d, v.value))
            n = n._replace(value=where(t == 1, square, n.value))
            above, below = m.value + kept * v.value, n.value
        else:
            above, below = m.corrected + kept * v.corrected, n.corrected
        state = Differences(m, v, n, g, t)
        if self.convention == "optax":
            move = above / (f.xp.sqrt(below + self.epsilon) + self.epsilon)
            return w - self.step * (move + self.weight_decay * w), state
        move = above / (f.xp.sqrt(below) + self.epsilon)
        return (w - self.step * move) / (1 + self.weight_decay * self.step), state
