"""Adan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Differences(NamedTuple):
    """What Adan remembers."""

    m: Mean  # of the gradients
    v: Mean  # of their differences
    n: Mean  # of the squares of what Nesterov's method would move by
    g: Array  # (runs, params), last gradient
    t: Array  # (runs, 1), epochs so far


@optimizer(
    "adan",
    label="Adan",
    needs="gradient",
    source="X. Xie et al., IEEE Trans. Pattern Analysis and Machine Intelligence, 2024, arXiv:2208.06677, Algorithm 1",
    confused_with=(
        "optax.adan, which keeps 1 - β₂ of the differences where the paper keeps β₂ (the paper's letters are 1 minus "
        "these), another algorithm under the same defaults: convention: optax. The authors' PyTorch code, which "
        "pytorch_optimizer follows, starts otherwise than the paper: convention: torch."
    ),
)
class Adan:
    """Adam with Nesterov's look ahead, which it reads off the difference d of two gradients. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) d,  n ← β₃ n + (1 - β₃) (g + β₂ d)²
    w ← (w - η (m + β₂ v) / (√n + ε)) / (1 + λ η)

    m: g, v: 0 and n: g² in the first epoch, v: d in the second

    η: step, β₁: beta1, β₂: beta2, β₃: beta3, ε: epsilon, λ: weight_decay
    convention: convention; torch starts m, v and n at 0 and divides them by 1 - βᵗ instead; optax too, with 1 - β₂
    for β₂ before d and v, with another ε under the root, and with w ← w - η (... + λ w)
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size η")
    beta1: Column = hyper(0.98, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.92, "[0, 1)", "decay of the mean difference and its weight, β₂")
    beta3: Column = hyper(0.99, "[0, 1)", "decay of the mean square, β₃")
    epsilon: Column = hyper(1e-8, "(0, inf)", "keeps the division finite, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "how much the weights shrink, λ, times the step")
    convention: str = hyper("paper", Choice(("paper", "torch", "optax")), "whose Adan")

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
