"""Exponential running mean, as used by Adam and its variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bpviz.declare import Array, Column, Oracle


class Mean(NamedTuple):
    """Running mean m ← β m + (1 - β) x, with the weight βᵗ of its initial value."""

    value: Array  # (runs, params)
    beta_t: Array  # (runs, 1), a running product, because NumPy rounds powers of scalars and arrays differently

    def add(self, x: Array, beta: Column) -> Mean:
        return Mean(beta * self.value + (1.0 - beta) * x, self.beta_t * beta)

    @property
    def corrected(self) -> Array:
        """Bias-corrected mean, m̂ = m / (1 - βᵗ)."""
        return self.value / (1.0 - self.beta_t)


def mean(w: Array, f: Oracle) -> Mean:
    """Return an empty mean with the shape of ``w (runs, params)``."""
    return Mean(f.xp.zeros_like(w), f.xp.ones_like(w[:, :1]))
