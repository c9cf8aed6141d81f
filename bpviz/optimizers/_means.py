"""The exponential running mean that Adam and its relatives are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bpviz.declare import Array, Column, Oracle


class Mean(NamedTuple):
    """m ← β m + (1 - β) x, and how much of it is still its start, βᵗ."""

    value: Array  # (runs, params)
    beta_t: Array  # (runs, 1), a running product, because powers differ between one number and an array

    def add(self, x: Array, beta: Column) -> Mean:
        return Mean(beta * self.value + (1.0 - beta) * x, self.beta_t * beta)

    @property
    def corrected(self) -> Array:
        """m̂ = m / (1 - βᵗ): what the mean would be had it not started at 0."""
        return self.value / (1.0 - self.beta_t)


def mean(w: Array, f: Oracle) -> Mean:
    """Return a mean of nothing yet, for each of ``w (runs, params)``."""
    return Mean(f.xp.zeros_like(w), f.xp.ones_like(w[:, :1]))
