"""Rules that use the diagonal of the Hessian, exact or estimated.

The estimate is Hutchinson's: with a vector z of independent random signs, the mean of z ⊙ (H z) is the diagonal of H,
since zᵢ zⱼ is 1 for i = j and 0 on average for i ≠ j. If H is diagonal, every estimate is exact. The papers compute
H z by a second backward pass, at the price of one more gradient; these rules evaluate the full Hessian, and it is
counted as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import Mean, mean

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

_ESTIMATES = Choice(("hutchinson", "exact"))


def _diagonal(w: Array, estimate: str, seed: int, epoch: Array, f: Oracle, where: Mask | None = None) -> Array:
    """Return the diagonal of the Hessian ``(runs, params)``, or its estimate by one vector of random signs."""
    H = f.hessian(w, where)
    if estimate == "exact":
        diagonal: Array = f.xp.linalg.diagonal(H)
        return diagonal
    z = f.drawn(seed, epoch, lambda draw: 2.0 * draw.integers(0, 2, w.shape[1]) - 1, len(w))
    return z * f.matvec(H, z)


@optimizer(
    "hessian-diagonal",
    label="Hessian diagonal",
    needs="gradient hessian",
    source=(
        "S. Becker & Y. LeCun, Improving the convergence of back-propagation learning with second order methods, "
        "Proc. 1988 Connectionist Models Summer School, pp. 29-37"
    ),
    confused_with=(
        "The stochastic diagonal Levenberg-Marquardt method of Y. LeCun et al., Efficient BackProp, 1998, section 9.1, "
        "which uses a running mean of the Gauss-Newton diagonal over samples; and NeuPy's HessianDiagonal, which "
        "divides by max(h, minimum) instead of |h| + μ. Not compared with a library: none available implements it."
    ),
    synonyms=("pseudo-newton", "becker-lecun", "diagonal-newton", "hessdiag"),
)
class HessianDiagonal:
    """Newton's method with the diagonal of the Hessian.

    Each weight takes its own Newton step, which is downhill for either sign of the curvature.
    g = ∇E(w), h = diag ∇²E(w).

    w ← w - η g / (|h| + μ)

    η: step, μ: penalty
    """

    step: Column = hyper(0.3, "(0, inf)", "fraction η of each weight's Newton step")
    penalty: Column = hyper(0.01, "(0, inf)", "constant added to each absolute curvature, μ; bounds the step")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, h = f.gradient(w), f.xp.linalg.diagonal(f.hessian(w))
        return w - self.step * g / (f.xp.abs(h) + self.penalty), state


class Moments(NamedTuple):
    """State of AdaHessian."""

    m: Mean  # mean gradient
    v: Mean  # mean squared diagonal
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "adahessian",
    label="AdaHessian",
    needs="gradient hessian",
    source="Z. Yao et al., AAAI 2021, arXiv:2006.00719, Algorithm 1 without spatial averaging, and ε",
    confused_with=(
        "Variants that average the diagonal over neighboring weights: each block of the paper is a single weight here, "
        "as in its authors' code for vectors. The paper has no ε; pytorch_optimizer adds 1e-16 and uses a step of 0.1."
    ),
)
class AdaHessian:
    """Adam scaled by the diagonal of the Hessian.

    The running mean of squared gradients is replaced by one of the squared diagonal D. g = ∇E(w), H = ∇²E(w).

    D ← z ⊙ (H z),  z random signs, one per weight; with estimate: exact, D ← diag H
    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) D²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - η m̂ / ((√v̂)ᵏ + ε)

    η: step, β₁: beta1, β₂: beta2, k: power, ε: epsilon, t: epoch, from 1; m, v: 0 at the start; D: estimate,
    z: seed (the same signs for all runs of an epoch)
    """

    step: Column = hyper(0.15, "(0, inf)", "step size η")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared curvature, β₂")
    power: Column = hyper(1.0, "(0, 1]", "exponent on the curvature, k")
    epsilon: Column = hyper(1e-4, "(0, inf)", "constant for numerical stability, ε")
    estimate: str = hyper("hutchinson", _ESTIMATES, "diagonal estimated by one random vector (paper), or exact")
    seed: int = hyper(0, "integer [0, inf)", "seed of the random signs z")

    def begin(self, w: Array, f: Oracle) -> Moments:
        return Moments(mean(w, f), mean(w, f), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        g = f.gradient(w)
        D = _diagonal(w, self.estimate, self.seed, state.t, f)
        m, v = state.m.add(g, self.beta1), state.v.add(D**2, self.beta2)
        below = f.power(f.xp.sqrt(v.corrected), self.power) + self.epsilon
        return w - self.step * m.corrected / below, Moments(m, v, state.t + 1)


class Clipped(NamedTuple):
    """State of Sophia."""

    m: Mean  # mean gradient
    h: Array  # (runs, params), h, mean diagonal
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "sophia",
    label="Sophia",
    needs="gradient hessian",
    source="H. Liu et al., ICLR 2024, arXiv:2305.14342, Algorithm 3 with the estimator of Algorithm 1 (Sophia-H)",
    confused_with=(
        "Sophia-G, which estimates the diagonal from gradients at labels sampled from the model. The paper's first "
        "version has no γ and clips at ρ, as pytorch_optimizer's SophiaH does: its lr, p and eps are the step / p, γ "
        "and ε / p of this rule. optax.contrib.sophia corrects the bias of m and divides by the h of the previous "
        "epoch, 0 in the first (`convention: optax`). The paper draws z from a normal distribution; signs, as in "
        "optax, have a smaller variance."
    ),
    synonyms=("sophia-h", "sophiah"),
)
class Sophia:
    """Clipped mean gradient, scaled by the Hessian diagonal.

    The mean gradient is divided by the mean diagonal h and clipped to ±1 per weight. g = ∇E(w), H = ∇²E(w).

    m ← β₁ m + (1 - β₁) g
    h ← β₂ h + (1 - β₂) z ⊙ (H z)    in epochs 1, k + 1, 2k + 1 ...; z random signs, one per weight
    w ← w - η λ w
    w ← w - η clip(m / max(γ h, ε))   clip: to [-1, 1]
    convention optax: m / (1 - β₁ᵗ) in place of m, with the h of the previous epoch

    η: step, β₁: beta1, β₂: beta2, γ: gamma, ε: epsilon, λ: weight_decay, k: refresh; m, h: 0 at the start;
    z ⊙ (H z): estimate (diag H if exact); z: seed (the same signs for all runs of an epoch); variant: convention
    """

    step: Column = hyper(0.1, "(0, inf)", "step size η, the largest move of a weight")
    beta1: Column = hyper(0.96, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.99, "[0, 1)", "decay of the mean curvature, β₂")
    gamma: Column = hyper(0.01, "(0, inf)", "factor on the curvature, γ; smaller values clip more")
    epsilon: Column = hyper(1e-12, "(0, inf)", "lower bound of the divisor, ε")
    weight_decay: Column = hyper(0.0, "[0, inf)", "decoupled weight decay λ, times the step")
    refresh: int = hyper(10, "integer [1, inf)", "number of epochs between Hessian evaluations, k")
    estimate: str = hyper("hutchinson", _ESTIMATES, "diagonal estimated by one random vector (paper), or exact")
    seed: int = hyper(0, "integer [0, inf)", "seed of the random signs z")
    convention: str = hyper("paper", Choice(("paper", "optax")), "variant: paper or optax")

    def begin(self, w: Array, f: Oracle) -> Clipped:
        return Clipped(mean(w, f), f.xp.zeros_like(w), f.xp.zeros_like(w[:, :1]))

    def advance(self, w: Array, state: Clipped, f: Oracle) -> tuple[Array, Clipped]:
        xp, t = f.xp, state.t
        m, h = state.m.add(f.gradient(w), self.beta1), state.h
        fresh = t % self.refresh == 0
        if fresh.any():
            found = _diagonal(w, self.estimate, self.seed, t, f, fresh[:, 0])
            h = xp.where(fresh, self.beta2 * h + (1 - self.beta2) * found, h)
        above, below = (m.corrected, state.h) if self.convention == "optax" else (m.value, h)
        ratio = above / xp.maximum(self.gamma * below, self.epsilon)
        move = self.weight_decay * w + xp.maximum(xp.minimum(ratio, 1.0), -1.0)
        return w - self.step * move, Clipped(m, h, t + 1)
