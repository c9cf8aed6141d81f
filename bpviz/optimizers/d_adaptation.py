"""Rules that measure how far away the minimum must be, and step by that.

Each keeps a lower bound d of the distance between the start and a minimum, read off the gradients met so far; it only
grows. Distances, lengths and inner products are those of all weights together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


def _grown(d: Array, shown: Array, size: Array, f: Oracle) -> Array:
    """Return max(d, d̂) with d̂ = shown / size, and d as long as no gradient has given s a size: no 0 / 0."""
    known = size > 0
    grown: Array = f.xp.where(known, f.xp.maximum(d, shown / f.xp.where(known, size, 1)), d)
    return grown


def _size(s: Array, f: Oracle) -> Array:
    """Return ‖s‖₁."""
    size: Array = f.dot(s, f.xp.sign(s))
    return size


def _correction(m: Mean, v: Mean, f: Oracle) -> Array:
    """Return √(1 - β₂ᵗ) / (1 - β₁ᵗ), what Adam's correction of both means comes to."""
    root: Array = f.xp.sqrt(1 - v.beta_t)
    return root / (1 - m.beta_t)


class Descent(NamedTuple):
    """What D-Adapt SGD remembers."""

    z: Array  # (runs, params), where descent without momentum is
    s: Array  # (runs, params), weighted sum of the gradients
    r: Array  # (runs, 1), Σ λ ⟨g, s⟩
    d: Array  # (runs, 1), the distance that is known of
    length: Array  # (runs, 1), G; 0 as long as there was no gradient


@optimizer(
    "dadapt-sgd",
    label="D-Adapt SGD",
    needs="gradient",
    source="A. Defazio & K. Mishchenko, ICML 2023, arXiv:2301.07733, algorithm SGD with D-Adaptation, G = ‖g₀‖",
    confused_with=(
        "D-Adaptation by dual averaging, the form of the paper's theorems; and earlier code of the authors, which "
        "estimates d from ‖s‖² instead. `growth_rate`, a limit that codes put on d over the d before, is not here."
    ),
    synonyms=("d-adaptation", "dadaptation", "dadaptsgd", "d-adapt-sgd", "dadapt"),
)
class DAdaptSGD:
    """Descend with momentum by steps as long as the minimum is known to be far away. g = ∇E(w).

    λ = d γ / G
    s' = s + λ g,  z ← z - λ g
    w ← β w + (1 - β) z
    r ← r + λ ⟨g, s⟩
    d ← max(d, 2 r / ‖s'‖),  s ← s'

    γ: step, β: momentum, G: ‖g‖ in the first epoch; z: w, s, r: 0, d: first_distance at the start;
    ‖·‖ and ⟨·, ·⟩ are over all weights of the run, which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor γ on the step that is found")
    momentum: Column = hyper(0.9, "[0, 1)", "share of the weights before in the weights after, β")
    first_distance: Column = hyper(1e-6, "(0, inf)", "distance d that is assumed at first, too short rather than long")

    def begin(self, w: Array, f: Oracle) -> Descent:
        none = f.xp.zeros_like(w[:, :1])
        return Descent(w, f.xp.zeros_like(w), none, none + self.first_distance, none)

    def advance(self, w: Array, state: Descent, f: Oracle) -> tuple[Array, Descent]:
        g, xp, d = f.gradient(w), f.xp, state.d
        length = xp.where(state.length > 0, state.length, xp.sqrt(f.dot(g, g)))
        lambda_ = d * self.step / xp.where(length > 0, length, 1)  # where there is no gradient, nothing is scaled
        s, z = state.s + lambda_ * g, state.z - lambda_ * g
        r = state.r + lambda_ * f.dot(g, state.s)
        d = _grown(d, 2 * r, xp.sqrt(f.dot(s, s)), f)
        return self.momentum * w + (1 - self.momentum) * z, Descent(z, s, r, d, length)


class Estimate(NamedTuple):
    """What D-Adapt Adam remembers."""

    m: Mean  # of the gradients, each times its step
    v: Mean  # of their squares
    s: Mean  # of the gradients, each times its step, over a longer time
    r: Mean  # of their inner products with s, one number a run
    d: Array  # (runs, 1), the distance that is known of


@optimizer(
    "dadapt-adam",
    label="D-Adapt Adam",
    needs="gradient",
    source="A. Defazio & K. Mishchenko, ICML 2023, arXiv:2301.07733, algorithm Adam with D-Adaptation",
    confused_with=(
        "D-Adapt Adam in code, its authors' and pytorch_optimizer's, which divides by the A of the epoch before in r "
        "(`convention: torch`), and optax.contrib.dadapt_adamw, which corrects the step for the bias of both means as "
        "well (`convention: optax`); no library has the paper's form. And DAdaptAdamPreprint, an earlier estimate of d."
    ),
    synonyms=("dadaptadam", "d-adapt-adam", "dadapt-adamw", "dadapt_adamw"),
)
class DAdaptAdam:
    """Adam whose step is the distance that the minimum is known to be away, in its largest weight. g = ∇E(w).

    λ = d γ;  convention optax: d γ √(1 - β₂ᵗ) / (1 - β₁ᵗ)
    m ← β₁ m + (1 - β₁) λ g
    v ← β₂ v + (1 - β₂) g²,  A = √v + ε
    w ← w - m / A - δ λ w
    r ← √β₂ r + (1 - √β₂) λ ⟨g, s / A⟩;  conventions torch, optax: with the A of the epoch before
    s ← √β₂ s + (1 - √β₂) λ g
    d ← max(d, r / ((1 - √β₂) ‖s‖₁))

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, δ: weight_decay, t: epoch, from 1; m, v, s, r: 0,
    d: first_distance at the start; the alternatives: convention; ⟨·, ·⟩ and ‖·‖₁ are over all weights of the run,
    which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor γ on the step that is found")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂, and, as its root, of s and r")
    epsilon: Column = hyper(1e-8, "(0, inf)", "keeps the division finite, ε")
    first_distance: Column = hyper(1e-6, "(0, inf)", "distance d that is assumed at first, too short rather than long")
    weight_decay: Column = hyper(0.0, "[0, inf)", "share δ of the weights that a step of 1 takes away; 0 in the paper")
    convention: str = hyper(
        "paper", Choice(("paper", "torch", "optax")), "as in the paper, in its authors' code for torch, or in optax"
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
    """What Prodigy remembers."""

    start: Array  # (runs, params), x₀
    m: Mean  # of the gradients, each times the distance known then
    v: Mean  # of the squares of these
    s: Mean  # of the gradients, each times its weight
    r: Mean  # of how far each gradient says the start is uphill, times the same weight, one number a run
    d: Array  # (runs, 1), the distance that is known of


@optimizer(
    "prodigy",
    label="Prodigy",
    needs="gradient",
    source="K. Mishchenko & A. Defazio, ICML 2024, arXiv:2306.06101 (2023), algorithm Prodigy (Adam version)",
    confused_with=(
        "dadapt-adam, which it changes; Prodigy in code, its authors' and pytorch_optimizer's, where d is the new one "
        "in d ε (`convention: torch`), and in optax, which corrects the step for the bias of both means as well "
        "(`convention: optax`, and `use_bias_correction` in the others). `beta3` is √β₂ here as in the paper; "
        "`growth_rate` is not here, nor `safeguard_warmup`, which without that correction is γ times `coefficient`."
    ),
    synonyms=("prodigyopt", "prodigy-adam"),
)
class Prodigy:
    """Adam whose step is the distance to the minimum, as far as the way walked from the start shows it. g = ∇E(w).

    λ = d γ;  convention optax: d γ √(1 - β₂ᵗ) / (1 - β₁ᵗ)
    m ← β₁ m + (1 - β₁) d g
    v ← β₂ v + (1 - β₂) d² g²
    r ← √β₂ r + (1 - √β₂) λ d ⟨g, w₀ - w⟩
    s ← √β₂ s + (1 - √β₂) λ d g
    d' = max(d, c r / ‖s‖₁)
    w ← w - λ m / (√v + d ε) - δ λ w;  conventions torch, optax: d' ε
    d ← d'

    γ: step, β₁: beta1, β₂: beta2, ε: epsilon, c: coefficient, δ: weight_decay, t: epoch, from 1; m, v, r, s: 0,
    d: first_distance at the start; the alternatives: convention; ⟨·, ·⟩ and ‖·‖₁ are over all weights of the run,
    which share one d
    """

    step: Column = hyper(1.0, "(0, inf)", "factor γ on the step that is found")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂, and, as its root, of s and r")
    epsilon: Column = hyper(1e-8, "(0, inf)", "keeps the division finite, ε")
    first_distance: Column = hyper(1e-6, "(0, inf)", "distance d that is assumed at first, too short rather than long")
    coefficient: Column = hyper(1.0, "(0, inf)", "factor c on the distance that is found; 1 in the paper")
    weight_decay: Column = hyper(0.0, "[0, inf)", "share δ of the weights that a step of 1 takes away")
    convention: str = hyper(
        "paper", Choice(("paper", "torch", "optax")), "as in the paper, in its authors' code for torch, or in optax"
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
        s = state.s.add(lambda_ * d * g, root)
        d_next = _grown(d, self.coefficient * r.value, _size(s.value, f), f)
        damping = (d if self.convention == "paper" else d_next) * self.epsilon
        move = m.value / (xp.sqrt(v.value) + damping) + self.weight_decay * w
        return w - lambda_ * move, EstimateFromStart(state.start, m, v, s, r, d_next)
