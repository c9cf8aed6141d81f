"""D-Adaptation and Prodigy: step sizes from an estimate of the distance to a minimum.

Each rule keeps a lower bound d of the distance between the start and a minimum, estimated from the gradients so far;
d never decreases. Distances, norms and inner products are over all weights of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


def _grown(d: Array, shown: Array, size: Array, f: Oracle) -> Array:
    """Return max(d, d̂) with d̂ = shown / size, or d while size is 0 (which would be 0 / 0)."""
    known = size > 0
    grown: Array = f.xp.where(known, f.xp.maximum(d, shown / f.xp.where(known, size, 1)), d)
    return grown


def _size(s: Array, f: Oracle) -> Array:
    """Return ‖s‖₁."""
    size: Array = f.dot(s, f.xp.sign(s))
    return size


def _correction(m: Mean, v: Mean, f: Oracle) -> Array:
    """Return √(1 - β₂ᵗ) / (1 - β₁ᵗ), the combined bias correction of Adam."""
    root: Array = f.xp.sqrt(1 - v.beta_t)
    return root / (1 - m.beta_t)


class Descent(NamedTuple):
    """State of D-Adapt SGD."""

    z: Array  # (runs, params), z, point of the descent without momentum
    s: Array  # (runs, params), s, weighted sum of gradients
    r: Array  # (runs, 1), r = Σ λ ⟨g, s⟩
    d: Array  # (runs, 1), d, lower bound of the distance
    length: Array  # (runs, 1), G, norm of the first nonzero gradient; 0 before it


@optimizer(
    "dadapt-sgd",
    label="D-Adapt SGD",
    needs="gradient",
    source="A. Defazio & K. Mishchenko, ICML 2023, arXiv:2301.07733, algorithm SGD with D-Adaptation, G = ‖g₀‖",
    confused_with=(
        "D-Adaptation by dual averaging, the form of the paper's theorems; and earlier code of the authors, which "
        "estimates d from ‖s‖² instead. The limit on the growth of d per epoch in their code, `growth_rate`, is not "
        "implemented."
    ),
    synonyms=("d-adaptation", "dadaptation", "dadaptsgd", "d-adapt-sgd", "dadapt"),
)
class DAdaptSGD:
    """Gradient descent with D-Adaptation of the step size.

    The step size is proportional to d, a lower bound of the distance from the start to a minimum. g = ∇E(w).

    λ = d γ / G
    s' = s + λ g,  z ← z - λ g
    w ← β w + (1 - β) z
    r ← r + λ ⟨g, s⟩
    d ← max(d, 2 r / ‖s'‖),  s ← s'

    γ: step, β: momentum, G: ‖g‖ in the first epoch; z: w, s, r: 0, d: first_distance at the start;
    ‖·‖ and ⟨·, ·⟩ are over all weights of the run, which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the estimated step size, γ")
    momentum: Column = hyper(0.9, "[0, 1)", "weight of the previous weights in the average, β")
    first_distance: Column = hyper(1e-6, "(0, inf)", "initial distance estimate, d; an underestimate is safe")

    def begin(self, w: Array, f: Oracle) -> Descent:
        none = f.xp.zeros_like(w[:, :1])
        return Descent(w, f.xp.zeros_like(w), none, none + self.first_distance, none)

    def advance(self, w: Array, state: Descent, f: Oracle) -> tuple[Array, Descent]:
        g, xp, d = f.gradient(w), f.xp, state.d
        length = xp.where(state.length > 0, state.length, xp.sqrt(f.dot(g, g)))
        lambda_ = d * self.step / xp.where(length > 0, length, 1)  # avoid 0 / 0 where the gradient is 0
        s, z = state.s + lambda_ * g, state.z - lambda_ * g
        r = state.r + lambda_ * f.dot(g, state.s)
        d = _grown(d, 2 * r, xp.sqrt(f.dot(s, s)), f)
        return self.momentum * w + (1 - self.momentum) * z, Descent(z, s, r, d, length)


class Estimate(NamedTuple):
    """State of D-Adapt Adam."""

    m: Mean  # mean of the gradients times their step sizes
    v: Mean  # mean squared gradient
    s: Mean  # mean of the gradients times their step sizes, with a slower decay
    r: Mean  # (runs, 1), mean inner product with s
    d: Array  # (runs, 1), d, lower bound of the distance


@optimizer(
    "dadapt-adam",
    label="D-Adapt Adam",
    needs="gradient",
    source="A. Defazio & K. Mishchenko, ICML 2023, arXiv:2301.07733, algorithm Adam with D-Adaptation",
    confused_with=(
        "The code of its authors and pytorch_optimizer, which divide by the A of the previous epoch in r "
        "(`convention: torch`); optax.contrib.dadapt_adamw, which also corrects the step for the bias of both means "
        "(`convention: optax`); and DAdaptAdamPreprint, with an earlier estimate of d. No library has the paper's form."
    ),
    synonyms=("dadaptadam", "d-adapt-adam", "dadapt-adamw", "dadapt_adamw"),
)
class DAdaptAdam:
    """Adam with D-Adaptation of the step size.

    The step size is proportional to d, a lower bound of the distance to a minimum in the infinity norm. g = ∇E(w).

    λ = d γ;  convention optax: d γ √(1 - β₂ᵗ) / (1 - β₁ᵗ)
    m ← β₁ m + (1 - β₁) λ g
    v ← β₂ v + (1 - β₂) g²,  A = √v + ε
    w ← w - m / A - δ λ w
    r ← √β₂ r + (1 - √β₂) λ ⟨g, s / A⟩;  conventions torch, optax: with the A of the previous epoch
    s ← √β₂ s + (1 - √β₂) λ g
    d ← max(d, r / ((1 - √β₂) ‖s‖₁))

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, δ: weight_decay, t: epoch, from 1; m, v, s, r: 0,
    d: first_distance at the start; variant: convention; ⟨·, ·⟩ and ‖·‖₁ are over all weights of the run,
    which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the estimated step size, γ")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂ (of s and r: √β₂)")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    first_distance: Column = hyper(1e-6, "(0, inf)", "initial distance estimate, d; an underestimate is safe")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay δ, times the step size (0 in the paper)")
    convention: str = hyper(
        "paper", Choice(("paper", "torch", "optax")), "variant: paper, its authors' PyTorch code or optax"
    )

    def begin(self, w: Array, f: Oracle) -> Estimate:
        one = mean(w[:, :1], f)
        return Estimate(mean(w, f), mean(w, f), mean(w, f), one, one.value + self.first_distance)

    def advance(self, w: Array, state: Estimate, f: Oracle) -> tuple[Array, Estimate]:
        g, xp, root = f.gradient(w), f.xp, f.xp.sqrt(self.beta2)
        v = state.v.add(g**2, self.beta2)
        lambda_ = state.d * self.step
        if self.convention == "optax":
            lambda_ = lambda_ * _correction(state.m.add(g, self.beta1), v, f)
        m = state.m.add(lambda_ * g, self.beta1)
        a, a_before = xp.sqrt(v.value) + self.epsilon, xp.sqrt(state.v.value) + self.epsilon
        shown = f.dot(g, state.s.value / (a if self.convention == "paper" else a_before))
        r, s = state.r.add(lambda_ * shown, root), state.s.add(lambda_ * g, root)
        d = _grown(state.d, r.value, (1 - root) * _size(s.value, f), f)
        return w - m.value / a - self.weight_decay * lambda_ * w, Estimate(m, v, s, r, d)


class EstimateFromStart(NamedTuple):
    """State of Prodigy."""

    start: Array  # (runs, params), w₀
    m: Mean  # mean of the gradients times d
    v: Mean  # mean of their squares
    s: Mean  # mean of the gradients times λ d
    r: Mean  # (runs, 1), mean of ⟨g, w₀ - w⟩ times λ d
    d: Array  # (runs, 1), d, lower bound of the distance


@optimizer(
    "prodigy",
    label="Prodigy",
    needs="gradient",
    source="K. Mishchenko & A. Defazio, ICML 2024, arXiv:2306.06101 (2023), algorithm Prodigy (Adam version)",
    confused_with=(
        "dadapt-adam, its predecessor; the code of its authors and pytorch_optimizer, which use the new d in d ε "
        "(`convention: torch`); and optax, which also corrects the step for the bias of both means (`convention: "
        "optax`; `use_bias_correction` in the others). `beta3` is √β₂ as in the paper. `growth_rate` is not "
        "implemented."
    ),
    synonyms=("prodigyopt", "prodigy-adam"),
)
class Prodigy:
    """Adam with the Prodigy estimate of the step size.

    The step size is proportional to d, an estimate of the distance to a minimum from the path so far. g = ∇E(w).

    λ = d γ;  convention optax: d γ √(1 - β₂ᵗ) / (1 - β₁ᵗ)
    m ← β₁ m + (1 - β₁) d g
    v ← β₂ v + (1 - β₂) d² g²
    r ← √β₂ r + (1 - √β₂) λ d ⟨g, w₀ - w⟩
    s ← √β₂ s + (1 - √β₂) λ d g
    d' = max(d, c r / ‖s‖₁)
    w ← w - λ m / (√v + d ε) - δ λ w;  conventions torch, optax: d' ε
    d ← d'
    safeguard_warmup: s ← √β₂ s + (1 - √β₂) d² g

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, c: coefficient, δ: weight_decay, t: epoch, from 1; m, v, r, s: 0,
    d: first_distance at the start; variant: convention; s without γ: safeguard_warmup;
    ⟨·, ·⟩ and ‖·‖₁ are over all weights of the run, which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the estimated step size, γ")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂ (of s and r: √β₂)")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    first_distance: Column = hyper(1e-6, "(0, inf)", "initial distance estimate, d; an underestimate is safe")
    coefficient: Column = hyper(1.0, "(0, inf)", "factor on the estimated distance, c (1 in the paper)")
    weight_decay: Column = hyper(0.0, "[0, inf)", "weight decay δ, times the step size")
    safeguard_warmup: bool = hyper(False, Flag(), "whether s is summed without γ, for schedules that increase it")
    convention: str = hyper(
        "paper", Choice(("paper", "torch", "optax")), "variant: paper, its authors' PyTorch code or optax"
    )

    def begin(self, w: Array, f: Oracle) -> EstimateFromStart:
        one = mean(w[:, :1], f)
        return EstimateFromStart(w, mean(w, f), mean(w, f), mean(w, f), one, one.value + self.first_distance)

    def advance(self, w: Array, state: EstimateFromStart, f: Oracle) -> tuple[Array, EstimateFromStart]:
        g, xp, root, d = f.gradient(w), f.xp, f.xp.sqrt(self.beta2), state.d
        m, v = state.m.add(d * g, self.beta1), state.v.add(d**2 * g**2, self.beta2)
        lambda_ = d * self.step
        if self.convention == "optax":
            lambda_ = lambda_ * _correction(m, v, f)
        r = state.r.add(lambda_ * d * f.dot(g, state.start - w), root)
        s = state.s.add((d if self.safeguard_warmup else lambda_) * d * g, root)
        d_next = _grown(d, self.coefficient * r.value, _size(s.value, f), f)
        damping = (d if self.convention == "paper" else d_next) * self.epsilon
        move = m.value / (xp.sqrt(v.value) + damping) + self.weight_decay * w
        return w - lambda_ * move, EstimateFromStart(state.start, m, v, s, r, d_next)
