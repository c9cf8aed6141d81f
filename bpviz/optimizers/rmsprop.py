"""RMSprop, plain or centered, with or without momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Means(NamedTuple):
    """State of RMSprop."""

    n: Array  # (runs, params), n, mean squared gradient
    m: Array  # (runs, params), m, mean gradient, 0 unless centered
    v: Array  # (runs, params), v, velocity
    decay_t: Array  # (runs, 1), ρᵗ


@optimizer(
    "rmsprop",
    label="RMSprop",
    needs="gradient",
    source=(
        "T. Tieleman & G. Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012, plain and without ε; "
        "A. Graves, 2013, arXiv:1308.0850, eqs. (38)-(41), centered, with momentum and ε"
    ),
    confused_with=(
        "torch.optim.RMSprop (`convention: torch`), which adds ε outside the root, applies the step after the velocity "
        "and has a default decay of 0.99. optax.rmsprop uses Graves's form, and its `bias_correction` assumes that n "
        "starts at 0 whatever `initial_scale` is."
    ),
    synonyms=("rms-prop",),
)
class RMSprop:
    """Per-weight scaling by the RMS of recent gradients.

    The gradient g = ∇E(w) of each weight is divided by the root of the running mean of its square.

    n ← ρ n + (1 - ρ) g²
    m ← ρ m + (1 - ρ) g,  if centered, else m = 0
    v ← μ v + η g / √(n - m² + ε)
    w ← w - v
    bias_correction:  n / (1 - ρᵗ) and m / (1 - ρᵗ) in place of n and m in the root
    convention torch:  v ← μ v + g / (√(n - m²) + ε),  w ← w - η v

    η: step, ρ: decay, μ: momentum, ε: epsilon, t: epoch, from 1; m: centered; n: initial, m, v: 0 at the start;
    corrected means: bias_correction; variant: convention
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η")
    decay: Column = hyper(0.9, "[0, 1)", "decay of the running means, ρ")
    momentum: Column = hyper(0.0, "[0, 1)", "fraction of the last update kept, μ")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    initial: Column = hyper(0.0, "[0, inf)", "initial mean squared gradient, n")
    bias_correction: bool = hyper(False, Flag(), "whether the running means are corrected for their start at 0")
    centered: bool = hyper(False, Flag(), "divide by the standard deviation of the gradient, not its RMS")
    convention: str = hyper("paper", Choice(("paper", "torch")), "ε inside the root (paper, optax) or outside (torch)")

    def begin(self, w: Array, f: Oracle) -> Means:
        zeros = f.xp.zeros_like(w)
        return Means(zeros + self.initial, zeros, zeros, f.xp.ones_like(w[:, :1]))

    def advance(self, w: Array, state: Means, f: Oracle) -> tuple[Array, Means]:
        g = f.gradient(w)
        n = self.decay * state.n + (1 - self.decay) * g**2
        m = self.decay * state.m + (1 - self.decay) * g if self.centered else state.m
        decay_t = state.decay_t * self.decay
        correction = 1 - decay_t
        variance = n / correction - (m / correction) ** 2 if self.bias_correction else n - m**2
        if self.convention == "torch":
            v = self.momentum * state.v + g / (f.xp.sqrt(variance) + self.epsilon)
            return w - self.step * v, Means(n, m, v, decay_t)
        v = self.momentum * state.v + self.step * g / f.xp.sqrt(variance + self.epsilon)
        return w - v, Means(n, m, v, decay_t)
