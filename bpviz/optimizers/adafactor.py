"""Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Factors(NamedTuple):
    """State of Adafactor."""

    v: Array  # (runs, params), V, mean squared gradient
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adafactor",
    label="Adafactor",
    needs="gradient",
    source="N. Shazeer & M. Stern, ICML 2018, arXiv:1804.04235, Algorithm 5 (for vectors)",
    confused_with=(
        "Adafactor for matrices, which stores row and column sums of V; the weights here are a vector. torch and optax "
        "differ from the paper: see `convention`."
    ),
)
class Adafactor:
    """Gradients scaled by their root mean square, relative steps.

    Steps are relative to the root mean square of the weights, and scaled gradients g = ∇E(w) are limited to the root
    mean square d. RMS is over the weights.

    V ← β V + (1 - β) (g² + ε₁) with β = 1 - t⁻ᶜ
    u = g / √V,  û = u / max(1, RMS(u) / d)
    w ← w - max(ε₂, RMS(w)) min(ρ, 1 / √t) û
    convention torch: V ← β V + (1 - β) g², and max(√V, ε₁) in place of √V
    convention optax: ρ in place of min(ρ, 1 / √t)

    ρ: step, c: decay, ε₁: epsilon1, ε₂: epsilon2, d: clip, t: epoch, from 1; V: 0 at the start; variant: convention
    """

    step: Column = hyper(0.01, "(0, inf)", "largest step relative to the weights, ρ")
    decay: Column = hyper(0.8, "(0, 1]", "power c with which the decay of the mean square approaches 1")
    epsilon1: Column = hyper(1e-30, "(0, inf)", "constant added to squared gradients, ε₁")
    epsilon2: Column = hyper(1e-3, "(0, inf)", "smallest root mean square of the weights, ε₂")
    clip: Column = hyper(1.0, "(0, inf)", "largest root mean square of scaled gradients, d")
    convention: str = hyper("paper", Choice(("paper", "torch", "optax")), "variant: paper, torch or optax")

    def begin(self, w: Array, f: Oracle) -> Factors:
        return Factors(f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Factors, f: Oracle) -> tuple[Array, Factors]:
        g, xp, t = f.gradient(w), f.xp, state.t + 1
        fresh = f.power(t, -self.decay)
        square = g**2 if self.convention == "torch" else g**2 + self.epsilon1
        v = (1 - fresh) * state.v + fresh * square
        root = xp.maximum(xp.sqrt(v), self.epsilon1) if self.convention == "torch" else xp.sqrt(v)
        u = g / root
        relative = self.step if self.convention == "optax" else xp.minimum(self.step, 1 / xp.sqrt(t))
        alpha = xp.maximum(self.epsilon2, self._rms(w, f)) * relative
        return w - alpha * u / xp.maximum(1, self._rms(u, f) / self.clip), Factors(v, t)

    def _rms(self, x: Array, f: Oracle) -> Array:
        rms: Array = f.xp.sqrt(f.dot(x, x) / x.shape[1])
        return rms
