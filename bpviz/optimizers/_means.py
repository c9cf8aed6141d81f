"""Exponential running mean, as used by Adam and its variants, and the rectification of its variance."""

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

    def ahead(self, x: Array, beta: Column) -> Array:
        """Return β m / (1 - βᵗ⁺¹) + (1 - β) x / (1 - βᵗ), the corrected mean with Nesterov momentum."""
        return beta * self.value / (1 - beta * self.beta_t) + (1 - beta) * x / (1 - self.beta_t)


def mean(w: Array, f: Oracle) -> Mean:
    """Return an empty mean with the shape of ``w (runs, params)``."""
    return Mean(f.xp.zeros_like(w), f.xp.ones_like(w[:, :1]))


def rectification(t: Array, beta_t: Array, beta: Column, f: Oracle) -> tuple[Array, Array]:
    """Return the length ρ of a running mean after t epochs, and RAdam's r, the correction of the variance.

    r has no meaning for ρ of 4 or less, where it is 0.
    """
    rho_inf = 2 / (1 - beta) - 1
    rho = rho_inf - 2 * t * beta_t / (1 - beta_t)
    longer = f.xp.maximum(rho, 4)  # r would be the root of a negative number below 4
    r = f.xp.sqrt((longer - 4) * (longer - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * longer))
    return rho, r
