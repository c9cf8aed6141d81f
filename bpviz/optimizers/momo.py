"""Momentum with a step size from a model of the error (MoMo), alone and with Adam's scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Model(NamedTuple):
    """State of MoMo: a model of the error, averaged over the epochs."""

    d: Mean  # (runs, params), mean gradient
    error: Array  # (runs, 1), f̄, mean error
    slope: Array  # (runs, 1), γ, mean of ⟨g, w⟩
    bound: Array  # (runs, 1), E*, lower bound of the error


class ScaledModel(NamedTuple):
    """State of MoMo-Adam."""

    model: Model
    v: Mean  # (runs, params), mean squared gradient


def _averaged(model: Model, w: Array, f: Oracle, beta: Column) -> tuple[Model, Array]:
    """Return the model after this epoch, and the gradient."""
    g = f.gradient(w)
    error = beta * model.error + (1 - beta) * f.error(w)
    slope = beta * model.slope + (1 - beta) * f.dot(g, w)
    return Model(model.d.add(g, beta), error, slope, model.bound), g


@optimizer(
    "momo",
    label="MoMo",
    needs="error gradient",
    source="F. Schaipp, R. Ohana, M. Eickenberg, A. Defazio & R. M. Gower, ICML 2024, arXiv:2305.07583, as in optax",
    confused_with=(
        "polyak, which is this rule without momentum (β = 0). optax.contrib.momo does not move where |d|² is at most "
        "2.2e-16."
    ),
)
class MoMo:
    """Momentum with a Polyak step from averaged gradients.

    The step leads to the weights where the average of the linear models of the error would equal its lower bound E*,
    and is at most α. g = ∇E(w).

    f̄ ← β f̄ + (1 - β) E(w),  γ ← β γ + (1 - β) ⟨g, w⟩,  d ← β d + (1 - β) g
    τ = min(α, max((1 + α λ) (f̄ - E* - γ) + ⟨d, w⟩, 0) / |d|²)
    w ← w / (1 + α λ) - τ d
    adapt:  before τ, with h = f̄ - γ + ⟨d, w⟩ / (1 + α λ), E* ← max(h / 2, E₀) where h < E*
            after it, E* ← max(f̄ - γ + ⟨d, w⟩ - τ |d|² / 2, E₀)

    α: step, β: momentum, E₀: lower_bound, E* at the start, λ: weight_decay; f̄, γ, d: E(w), ⟨g, w⟩ and g in the first
    epoch; variant: adapt
    """

    step: Column = hyper(1.0, "(0, inf)", "largest step size α")
    momentum: Column = hyper(0.9, "[0, 1)", "decay of the averages, β")
    lower_bound: Column = hyper(0.0, "(-inf, inf)", "lower bound of the error, E₀")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, times the largest step size")
    adapt: bool = hyper(False, Flag(), "whether the lower bound is estimated, from E₀ upwards")

    def begin(self, w: Array, f: Oracle) -> Model:
        zero = f.xp.zeros_like(w[:, :1])
        return Model(mean(w, f), zero, zero, zero + self.lower_bound)

    def advance(self, w: Array, state: Model, f: Oracle) -> tuple[Array, Model]:
        xp = f.xp
        beta = xp.where(state.d.beta_t == 1, 0, self.momentum)
        model, _ = _averaged(state, w, f, beta)
        d, bound, decay = model.d.value, model.bound, 1 + self.step * self.weight_decay
        square, inner = f.dot(d, d), f.dot(d, w)
        if self.adapt:
            height = model.error - model.slope + inner / decay
            bound = xp.where(height < bound, xp.maximum(height / 2, self.lower_bound), bound)
        gap = xp.maximum(decay * (model.error - bound - model.slope) + inner, 0)
        tau = xp.minimum(self.step, gap / xp.where(square > 0, square, 1))
        if self.adapt:
            bound = xp.maximum(model.error - model.slope + inner - tau * square / 2, self.lower_bound)
        return w / decay - tau * d, model._replace(bound=bound)


@optimizer(
    "momo-adam",
    label="MoMo-Adam",
    needs="error gradient",
    source="F. Schaipp, R. Ohana, M. Eickenberg, A. Defazio & R. M. Gower, ICML 2024, arXiv:2305.07583, as in optax",
    confused_with=(
        "adamw, which is this rule where the step size is at its maximum. optax.contrib.momo_adam does not move where "
        "⟨m, m / D⟩ is at most 2.2e-16."
    ),
)
class MoMoAdam:
    """Adam with a Polyak step from averaged gradients.

    As in MoMo, the step leads to the weights where the averaged model of the error would equal its lower bound E*, and
    is at most Adam's step. g = ∇E(w).

    f̄ ← β₁ f̄ + (1 - β₁) E(w),  γ ← β₁ γ + (1 - β₁) ⟨g, w⟩
    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    D = ε + √(v / (1 - β₂ᵗ)),  ρ = 1 - β₁ᵗ
    τ = min(α / ρ, max((1 + α λ) (f̄ - ρ E* - γ) + ⟨m, w⟩, 0) / ⟨m, m / D⟩)
    w ← w / (1 + α λ) - τ m / D
    adapt:  before τ, with h = (f̄ - γ + ⟨m, w⟩ / (1 + α λ)) / ρ, E* ← max(h / 2, E₀) where h < E*
            after it, E* ← max((f̄ - γ + ⟨m, w⟩ - τ ⟨m, m / D⟩ / 2) / ρ, E₀)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, E₀: lower_bound, E* at the start, λ: weight_decay; t: epoch, from 1;
    f̄, γ, m, v: 0 at the start; variant: adapt
    """

    step: Column = hyper(0.01, "(0, inf)", "largest step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient and of the model of the error, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    lower_bound: Column = hyper(0.0, "(-inf, inf)", "lower bound of the error, E₀")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, times the largest step size")
    adapt: bool = hyper(False, Flag(), "whether the lower bound is estimated, from E₀ upwards")

    def begin(self, w: Array, f: Oracle) -> ScaledModel:
        zero = f.xp.zeros_like(w[:, :1])
        return ScaledModel(Model(mean(w, f), zero, zero, zero + self.lower_bound), mean(w, f))

    def advance(self, w: Array, state: ScaledModel, f: Oracle) -> tuple[Array, ScaledModel]:
        xp = f.xp
        model, g = _averaged(state.model, w, f, self.beta1)
        v = state.v.add(g**2, self.beta2)
        m, rho, bound = model.d.value, 1 - model.d.beta_t, model.bound
        scaled = m / (self.epsilon + xp.sqrt(v.corrected))
        square, inner, decay = f.dot(m, scaled), f.dot(m, w), 1 + self.step * self.weight_decay
        if self.adapt:
            height = (model.error - model.slope + inner / decay) / rho
            bound = xp.where(height < bound, xp.maximum(height / 2, self.lower_bound), bound)
        gap = xp.maximum(decay * (model.error - rho * bound - model.slope) + inner, 0)
        tau = xp.minimum(self.step / rho, gap / xp.where(square > 0, square, 1))
        if self.adapt:
            level = (model.error - model.slope + inner - tau * square / 2) / rho
            bound = xp.maximum(level, self.lower_bound)
        return w / decay - tau * scaled, ScaledModel(model._replace(bound=bound), v)
