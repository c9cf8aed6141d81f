"""Schedule-free learning: averaging instead of a decreasing step size.

The rules track three points: z descends, x is the mean of all z so far, and the gradient is evaluated at y between
them. The weights of a run are x, where the paper evaluates the error; no error is recorded at y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Points(NamedTuple):
    """Positions of x and z; y is between them."""

    x: Array  # (runs, params), x, mean of all z so far
    z: Array  # (runs, params), z, point of the descent
    total: Array  # (runs, 1), sum of the weights in that mean
    t: Array  # (runs, 1), t, number of epochs so far

    def y(self, beta: Column) -> Array:
        """Return (1 - β) z + β x; exactly x where x equals z."""
        return self.z + beta * (self.x - self.z)

    def move(self, z: Array, weight: Array, counted: Array, f: Oracle) -> Points:
        """Return the points after a move to z, which enters the mean with ``weight``; ``counted``: sum of weights."""
        total = counted + weight
        c = weight / f.xp.where(total > 0, total, 1)
        x = f.xp.where(c == 1, z, self.x + c * (z - self.x))
        return Points(x, z, total, self.t + 1)


def _start(w: Array, f: Oracle) -> Points:
    none = f.xp.zeros_like(w[:, :1])
    return Points(w, w, none, none)


def _warmed(step: Column, t: Array, warmup: Column, f: Oracle) -> Array:
    """Return γ min(1, t / T), or γ if T is 0."""
    warmed: Array = step * f.xp.minimum(t / f.xp.maximum(warmup, 1), 1)
    return warmed


_AVERAGED = (
    "Also not the weights y, as reported by the code's `train` mode, by pytorch_optimizer, and by optax before "
    "`schedule_free_eval_params` (`reports: y`)."
)


@optimizer(
    "schedule-free-sgd",
    label="Schedule-Free SGD",
    needs="gradient",
    source="A. Defazio et al., NeurIPS 2024, arXiv:2405.15682, eqs. (3)-(5), with the warm-up of its Algorithm 1",
    confused_with=(
        "The implementations of its authors, pytorch_optimizer and optax, whose mean excludes the start "
        f"(`convention: torch`). {_AVERAGED} During warm-up in optax, z moves by the step of the previous epoch."
    ),
    synonyms=("schedule-free", "schedulefree", "sgd-schedule-free", "schedulefree-sgd", "sf-sgd"),
)
class ScheduleFreeSGD:
    """Schedule-free gradient descent.

    The gradient is evaluated at y between the latest point z and the mean x, and the weights are x. g = ∇E(y).

    y = (1 - β) z + β x
    z ← z - γₜ (g + λ y)  with γₜ = γ min(1, t / T)
    x ← (1 - c) x + c z   with c = tʳ γₜᵖ / (γ₁ᵖ + Σ iʳ γᵢᵖ), i from 1 to t;  convention torch: c = tʳ γₜᵖ / Σ iʳ γᵢᵖ
    w = x

    γ: step, β: momentum, λ: weight_decay, T: warmup, p: power, r: epoch_power, t: epoch, from 1; x, z: w at the start;
    for T = 0 and r = 0, c is 1 / (t + 1), or 1 / t with torch; variant: convention; w = x or y: reports
    """

    step: Column = hyper(1.0, "(0, inf)", "step size γ")
    momentum: Column = hyper(0.9, "[0, 1]", "weight of the mean x in the gradient's point y, β")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, added to the gradient")
    warmup: Column = hyper(0.0, "[0, inf)", "number of warm-up epochs, T")
    power: Column = hyper(2.0, "[0, inf)", "exponent of the step size in the averaging weights, p")
    epoch_power: Column = hyper(0.0, "[0, inf)", "exponent of the epoch in the averaging weights, r (0 in the paper)")
    convention: str = hyper(
        "paper",
        Choice(("paper", "torch")),
        "mean with the start (paper) or without it (torch, optax)",
    )
    reports: str = hyper("x", Choice(("x", "y")), "point reported as the weights: mean x or gradient point y")

    def begin(self, w: Array, f: Oracle) -> Points:
        return _start(w, f)

    def advance(self, w: Array, state: Points, f: Oracle) -> tuple[Array, Points]:
        t, y = state.t + 1, state.y(self.momentum)
        gamma = _warmed(self.step, t, self.warmup, f)
        z = state.z - gamma * (f.gradient(y) + self.weight_decay * y)
        weight = f.power(t, self.epoch_power) * f.power(gamma, self.power)
        counted = f.xp.where(t == 1, weight, state.total) if self.convention == "paper" else state.total
        points = state.move(z, weight, counted, f)
        return points.y(self.momentum) if self.reports == "y" else points.x, points


class PointsAndMean(NamedTuple):
    """State of Schedule-Free AdamW."""

    points: Points
    v: Mean  # of the squared gradients


@optimizer(
    "schedule-free-adamw",
    label="Schedule-Free AdamW",
    needs="gradient",
    source="A. Defazio et al., NeurIPS 2024, arXiv:2405.15682, Algorithm 1",
    confused_with=(
        "The implementations of its authors (since 1.3), pytorch_optimizer and optax, which correct the bias in v "
        f"instead of the step, so that early and late points have equal weight (`convention: torch`). {_AVERAGED} "
        "During warm-up in optax, z moves by the step of the previous epoch."
    ),
    synonyms=("adamw-schedule-free", "schedulefree-adamw", "schedule-free-adam", "sf-adamw"),
)
class ScheduleFreeAdamW:
    """Schedule-free AdamW.

    Schedule-free descent with gradients divided by their root mean square, and decoupled weight decay. g = ∇E(y).

    y = (1 - β₁) z + β₁ x
    v ← β₂ v + (1 - β₂) g²
    γₜ = γ √(1 - β₂ᵗ) min(1, t / T)
    z ← z - γₜ (g / (√v + ε) + λ y)
    x ← (1 - c) x + c z  with c = tʳ γₜᵖ / Σ iʳ γᵢᵖ, i from 1 to t
    w = x
    convention torch: γₜ = γ min(1, t / T), and v / (1 - β₂ᵗ) in place of v

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, λ: weight_decay, T: warmup, p: power, r: epoch_power, t: epoch, from 1;
    v: 0, x, z: w at the start; w = x or y: reports; variant: convention
    """

    step: Column = hyper(0.0025, "(0, inf)", "step size γ")
    beta1: Column = hyper(0.9, "[0, 1]", "weight of the mean x in the gradient's point y, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay λ, added to the update")
    warmup: Column = hyper(0.0, "[0, inf)", "number of warm-up epochs, T")
    power: Column = hyper(2.0, "[0, inf)", "exponent of the step size in the averaging weights, p (2 in the paper)")
    epoch_power: Column = hyper(0.0, "[0, inf)", "exponent of the epoch in the averaging weights, r (0 in the paper)")
    convention: str = hyper(
        "paper",
        Choice(("paper", "torch")),
        "bias correction in the step (paper) or in v (torch, optax)",
    )
    reports: str = hyper("x", Choice(("x", "y")), "point reported as the weights: mean x or gradient point y")

    def begin(self, w: Array, f: Oracle) -> PointsAndMean:
        return PointsAndMean(_start(w, f), mean(w, f))

    def advance(self, w: Array, state: PointsAndMean, f: Oracle) -> tuple[Array, PointsAndMean]:
        before, sqrt = state.points, f.xp.sqrt
        y = before.y(self.beta1)
        g = f.gradient(y)
        v = state.v.add(g**2, self.beta2)
        t = before.t + 1
        gamma = _warmed(self.step, t, self.warmup, f)
        if self.convention == "paper":
            gamma, length = gamma * sqrt(1 - v.beta_t), sqrt(v.value) + self.epsilon
        else:
            length = sqrt(v.corrected) + self.epsilon
        z = before.z - gamma * (g / length + self.weight_decay * y)
        weight = f.power(t, self.epoch_power) * f.power(gamma, self.power)
        points = before.move(z, weight, before.total, f)
        return points.y(self.beta1) if self.reports == "y" else points.x, PointsAndMean(points, v)
