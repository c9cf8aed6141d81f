"""Schedule-free learning: an average of the points in place of a step that falls.

Three points travel: z descends, x is the mean of the z so far, and the gradient is asked for at y between them. The
weights that are reported are x, where the paper evaluates the error, so the error at y is nobody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Points(NamedTuple):
    """Where the three points are; y is between x and z."""

    x: Array  # (runs, params), mean of the z so far
    z: Array  # (runs, params), where the descent is
    total: Array  # (runs, 1), sum of the weights in that mean
    t: Array  # (runs, 1), epochs made

    def y(self, beta: Column) -> Array:
        """Return (1 - β) z + β x, and exactly that point where both are the same."""
        return self.z + beta * (self.x - self.z)

    def move(self, z: Array, weight: Array, counted: Array, f: Oracle) -> Points:
        """Go to z, and let it count by its weight in the mean, whose points have ``counted`` so far."""
        total = counted + weight
        c = weight / f.xp.where(total > 0, total, 1)
        x = f.xp.where(c == 1, z, self.x + c * (z - self.x))
        return Points(x, z, total, self.t + 1)


def _start(w: Array, f: Oracle) -> Points:
    none = f.xp.zeros_like(w[:, :1])
    return Points(w, w, none, none)


def _warmed(step: Column, t: Array, warmup: Column, f: Oracle) -> Array:
    """Return γ min(1, t / T), and γ if T is 0."""
    warmed: Array = step * f.xp.minimum(t / f.xp.maximum(warmup, 1), 1)
    return warmed


_AVERAGED = (
    "Reports of the code's `train` mode, of pytorch_optimizer, and of optax before `schedule_free_eval_params`, which "
    "are y (`reports: y`)."
)


@optimizer(
    "schedule-free-sgd",
    label="Schedule-Free SGD",
    needs="gradient",
    source="A. Defazio et al., NeurIPS 2024, arXiv:2405.15682, eqs. (3)-(5), with the warm-up of its Algorithm 1",
    confused_with=(
        "Schedule-free SGD in code, its authors', pytorch_optimizer's and optax's, whose mean does not count the start "
        f"(`convention: torch`). {_AVERAGED} In optax's warm-up, z moves by the step of the epoch before."
    ),
    synonyms=("schedule-free", "schedulefree", "sgd-schedule-free", "schedulefree-sgd", "sf-sgd"),
)
class ScheduleFreeSGD:
    """Descend from between the mean of the points and the newest one, and report the mean. g = ∇E(y).

    y = (1 - β) z + β x
    z ← z - γₜ (g + λ y)  with γₜ = γ min(1, t / T)
    x ← (1 - c) x + c z   with c = γₜᵖ / (γ₁ᵖ + Σ γᵢᵖ), i from 1 to t;  convention torch: c = γₜᵖ / Σ γᵢᵖ
    w = x

    γ: step, β: momentum, λ: weight_decay, T: warmup, p: power, t: epoch, from 1; x, z: w at the start;
    c is 1 / (t + 1) if T is 0, or 1 / t: convention; w = x or y: reports
    """

    step: Column = hyper(1.0, "(0, inf)", "step size γ")
    momentum: Column = hyper(0.9, "[0, 1]", "how near to the mean the gradient is taken, β")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight λ of the weights themselves in the gradient")
    warmup: Column = hyper(0.0, "[0, inf)", "epochs T in which the step grows")
    power: Column = hyper(2.0, "[0, inf)", "exponent p by which points count less that are from the warm-up")
    convention: str = hyper(
        "paper",
        Choice(("paper", "torch")),
        "the start counts in the mean as in the paper, or not, as in torch and optax",
    )
    reports: str = hyper("x", Choice(("x", "y")), "which point the weights are: the mean, or where gradients are taken")

    def begin(self, w: Array, f: Oracle) -> Points:
        return _start(w, f)

    def advance(self, w: Array, state: Points, f: Oracle) -> tuple[Array, Points]:
        t, y = state.t + 1, state.y(self.momentum)
        gamma = _warmed(self.step, t, self.warmup, f)
        z = state.z - gamma * (f.gradient(y) + self.weight_decay * y)
        weight = f.power(gamma, self.power)
        counted = f.xp.where(t == 1, weight, state.total) if self.convention == "paper" else state.total
        points = state.move(z, weight, counted, f)
        return points.y(self.momentum) if self.reports == "y" else points.x, points


class PointsAndMean(NamedTuple):
    """What Schedule-Free AdamW remembers."""

    points: Points
    v: Mean  # of the squared gradients


@optimizer(
    "schedule-free-adamw",
    label="Schedule-Free AdamW",
    needs="gradient",
    source="A. Defazio et al., NeurIPS 2024, arXiv:2405.15682, Algorithm 1",
    confused_with=(
        "Schedule-free AdamW in code, its authors' since 1.3, pytorch_optimizer's and optax's, which corrects v, not "
        f"the step, so that early points count as much as late ones (`convention: torch`). {_AVERAGED} In optax's "
        "warm-up, z moves by the step of the epoch before."
    ),
    synonyms=("adamw-schedule-free", "schedulefree-adamw", "schedule-free-adam", "sf-adamw"),
)
class ScheduleFreeAdamW:
    """Schedule-free descent by gradients over their root mean square, with weights that decay. g = ∇E(y).

    y = (1 - β₁) z + β₁ x
    v ← β₂ v + (1 - β₂) g²
    γₜ = γ √(1 - β₂ᵗ) min(1, t / T)
    z ← z - γₜ (g / (√v + ε) + λ y)
    x ← (1 - c) x + c z  with c = γₜᵖ / Σ γᵢᵖ, i from 1 to t
    w = x
    convention torch: γₜ = γ min(1, t / T), and v / (1 - β₂ᵗ) in place of v

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, λ: weight_decay, T: warmup, p: power, t: epoch, from 1; v: 0, x, z: w
    at the start; w = x or y: reports; the last line: convention
    """

    step: Column = hyper(0.0025, "(0, inf)", "step size γ")
    beta1: Column = hyper(0.9, "[0, 1]", "how near to the mean the gradient is taken, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "keeps the division finite, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight λ of the weights themselves in the move")
    warmup: Column = hyper(0.0, "[0, inf)", "epochs T in which the step grows")
    power: Column = hyper(2.0, "[0, inf)", "exponent p by which points count less whose step was small; 2 in the paper")
    convention: str = hyper(
        "paper",
        Choice(("paper", "torch")),
        "bias corrected in the step as in the paper, or in v, as in torch and optax",
    )
    reports: str = hyper("x", Choice(("x", "y")), "which point the weights are: the mean, or where gradients are taken")

    def begin(self, w: Array, f: Oracle) -> PointsAndMean:
        return PointsAndMean(_start(w, f), mean(w, f))

    def advance(self, w: Array, state: PointsAndMean, f: Oracle) -> tuple[Array, PointsAndMean]:
        before, sqrt = state.points, f.xp.sqrt
        y = before.y(self.beta1)
        g = f.gradient(y)
        v = state.v.add(g**2, self.beta2)
        gamma = _warmed(self.step, before.t + 1, self.warmup, f)
        if self.convention == "paper":
            gamma, length = gamma * sqrt(1 - v.beta_t), sqrt(v.value) + self.epsilon
        else:
            length = sqrt(v.corrected) + self.epsilon
        z = before.z - gamma * (g / length + self.weight_decay * y)
        points = before.move(z, f.power(gamma, self.power), before.total, f)
        return points.y(self.beta1) if self.reports == "y" else points.x, PointsAndMean(points, v)
