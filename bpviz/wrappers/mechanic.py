"""Mechanic, a wrapper that learns the step size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.wrappers._base import with_memory, without_gradient

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Tuned(NamedTuple):
    """State of Mechanic."""

    start: Array  # (runs, params), w₀, the initial weights
    s: Array  # (runs, betas), s, the scales whose sum multiplies the moves
    r: Array  # (runs, betas), r, rewards
    m: Array  # (runs, betas), m, the largest |h|
    v: Array  # (runs, betas), v, sums of h²
    inner: Any


@wrapper(
    "mechanic",
    label="Mechanic",
    needs="gradient",
    source="A. Cutkosky, A. Defazio & H. Mehta, Mechanic: A Learning Rate Tuner, NeurIPS 2023, arXiv:2306.00144",
    confused_with=(
        "dadapt-sgd, prodigy and dog, rules that estimate their own step size. optax.contrib.mechanize is this "
        "wrapper; it keeps h within ±m, which the paper does not."
    ),
    synonyms=("mechanize", "learning-rate-tuner"),
)
class Mechanic(Wrapper):
    """Learned scale of the moves.

    The moves of the rule add up to Δ, and the weights are their start plus a multiple of Δ. The multiple is learned
    from whether Δ leads downhill, with several decay rates β = 0.9, 0.99, ... at once. The step of the rule is usually
    1, with or without a schedule.

    g = ∇E(w), σ = Σ s, Δ = (w - w₀) / (σ + ε)

    h ← -Δᵀ(g + λ σ ‖g‖ w / (‖w‖ + ε))
    Δ ← Δ + rule(w) - w
    r ← β r + s max(-m, min(h, m)), with the last m
    m ← max(β m, |h| + ε),  v ← β² v + h²
    s ← (s₀ m / n + max(0, r)) / (√v + ε), for each of n rates β
    w ← w₀ + (Σ s) Δ

    w₀: the initial weights, s₀: initial_scale, n: betas, λ: weight_decay, ε: epsilon
    """

    initial_scale: Column = hyper(1e-6, "(0, inf)", "scale of the first move, s₀")
    betas: int = hyper(6, "integer [1, 16]", "number of decay rates 0.9, 0.99, ..., n")
    weight_decay: Column = hyper(0.01, "[0, inf)", "preference for small weights, λ")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant that prevents division by zero, ε")

    def conflicts(self) -> list[tuple[str, str]]:
        return without_gradient(self.inner) or with_memory(self.inner, "which do not apply to the scaled weights")

    def begin(self, w: Array, f: Oracle) -> Tuned:
        zero = f.xp.zeros((len(w), self.betas))
        return Tuned(w, zero + self.initial_scale, zero, zero, zero, self.inner.begin(w, f))

    def advance(self, w: Array, state: Tuned, f: Oracle) -> tuple[Array, Tuned]:
        xp, (start, s, r, m, v, inner), epsilon = f.xp, state, self.epsilon
        g = f.gradient(w)
        moved, inner = self.inner.advance(w, inner, f)
        ones = xp.ones_like(s)
        scale = f.dot(s, ones)
        total = (w - start) / (scale + epsilon)
        decay = self.weight_decay * scale * xp.sqrt(f.dot(g, g)) / (xp.sqrt(f.dot(w, w)) + epsilon)
        h = -f.dot(g + decay * w, total)
        beta = 1 - xp.power(0.1, xp.arange(1, self.betas + 1))
        r = beta * r + xp.maximum(-m, xp.minimum(h, m)) * s
        m, v = xp.maximum(beta * m, abs(h) + epsilon), beta * beta * v + h * h
        s = (self.initial_scale / self.betas * m + xp.maximum(0.0, r)) / (xp.sqrt(v) + epsilon)
        return start + f.dot(s, ones) * (total + moved - w), Tuned(start, s, r, m, v, inner)
