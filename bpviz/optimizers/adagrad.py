"""Adagrad and rules with the same sums of squared gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Squares(NamedTuple):
    """State of Adagrad."""

    s: Array  # (runs, params), s, sum of squared gradients


@optimizer(
    "adagrad",
    label="Adagrad",
    needs="gradient",
    source="J. Duchi, E. Hazan & Y. Singer, Journal of Machine Learning Research 12, 2011, pp. 2121-2159, Figure 1",
    confused_with=(
        "Full-matrix Adagrad from the same paper. torch.optim.Adagrad uses the paper's form; optax.adagrad adds δ "
        "inside the root (`convention: optax`) and starts the sum at 0.1 instead of 0."
    ),
    synonyms=("ada-grad", "adaptive-gradient"),
)
class Adagrad:
    """Per-weight scaling by the sum of squared gradients.

    Each weight's gradient g = ∇E(w) is divided by the square root of the sum of its squared gradients so far.

    s ← s + g²
    w ← w - η g / (δ + √s)
    convention optax: w ← w - η g / √(s + δ)

    η: step, δ: epsilon, s: initial_accumulator at the start; variant: convention
    """

    step: Column = hyper(0.01, "(0, inf)", "step size η")
    epsilon: Column = hyper(1e-10, "(0, inf)", "constant for numerical stability, δ")
    initial_accumulator: Column = hyper(0.0, "[0, inf)", "sum of squared gradients at the start")
    convention: str = hyper("paper", Choice(("paper", "optax")), "δ outside the root (paper, torch) or inside (optax)")

    def begin(self, w: Array, f: Oracle) -> Squares:
        return Squares(f.xp.zeros_like(w) + self.initial_accumulator)

    def advance(self, w: Array, state: Squares, f: Oracle) -> tuple[Array, Squares]:
        g = f.gradient(w)
        s = state.s + g**2
        root = f.xp.sqrt(s + self.epsilon) if self.convention == "optax" else self.epsilon + f.xp.sqrt(s)
        return w - self.step * g / root, Squares(s)


class ScaledSquares(NamedTuple):
    """State of KATE."""

    b: Array  # (runs, params), b², sum of squared gradients
    m: Array  # (runs, params), m², sum of squared gradients in two scales


@optimizer(
    "kate",
    label="KATE",
    needs="gradient",
    source="S. Choudhury, N. Tupitsa, N. Loizou, S. Horváth, M. Takáč & E. Gorbunov, NeurIPS 2024, arXiv:2403.02648",
    confused_with="Adagrad, which divides by b instead of b² / m.",
    synonyms=("scale-invariant-adagrad",),
)
class Kate:
    """Scale-invariant Adagrad.

    Dividing by the sum of squares instead of its root makes the updates independent of the scale of the data.
    g = ∇E(w).

    b² ← b² + g² + ε
    m² ← m² + η g² + g² / b²
    w ← w - β m g / b²

    β: step, η: eta, ε: epsilon; b, m: 0 at the start
    """

    step: Column = hyper(1e-3, "(0, inf)", "step size β")
    eta: Column = hyper(0.0, "[0, inf)", "weight of the squared gradients in the numerator, η")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε, added in every epoch")

    def begin(self, w: Array, f: Oracle) -> ScaledSquares:
        return ScaledSquares(f.xp.zeros_like(w), f.xp.zeros_like(w))

    def advance(self, w: Array, state: ScaledSquares, f: Oracle) -> tuple[Array, ScaledSquares]:
        g = f.gradient(w)
        b = state.b + g**2 + self.epsilon
        m = state.m + self.eta * g**2 + g**2 / b
        return w - self.step * f.xp.sqrt(m) * g / b, ScaledSquares(b, m)


class Leader(NamedTuple):
    """State of FTRL-Proximal."""

    z: Array  # (runs, params), z, sum of gradients, shifted to the weights at which they were evaluated
    n: Array  # (runs, params), n, sum of squared gradients


@optimizer(
    "ftrl",
    label="FTRL-Proximal",
    needs="gradient",
    source="H. B. McMahan et al., KDD 2013, pp. 1222-1230, Algorithm 1",
    confused_with=(
        "adagrad, which has the same path without β and the penalties; and the algorithm's own start at w = 0, which "
        "the sum z = 0 stands for. From another start, β and the penalties pull the weights to 0 at once."
    ),
    synonyms=("ftrl-proximal", "follow-the-regularized-leader"),
)
class FTRLProximal:
    """Adagrad as a minimizer of all linearized errors.

    The weights minimize the sum of the past linear models of the error with penalties on their absolute value, their
    square and their distance from past weights. g = ∇E(w).

    σ = (√(n + g²) - √n) / α
    z ← z + g - σ w,  n ← n + g²
    w ← -(z - λ₁ sign(z)) / ((β + √n) / α + λ₂), and 0 where |z| ≤ λ₁

    α: step, β: beta, λ₁: l1, λ₂: l2; z, n: 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size α")
    beta: Column = hyper(0.0, "[0, inf)", "constant added to the root of the sum of squares, β")
    l1: Column = hyper(0.0, "[0, inf)", "penalty on absolute weights, λ₁")
    l2: Column = hyper(0.0, "[0, inf)", "penalty on squared weights, λ₂")

    def begin(self, w: Array, f: Oracle) -> Leader:
        return Leader(f.xp.zeros_like(w), f.xp.zeros_like(w))

    def advance(self, w: Array, state: Leader, f: Oracle) -> tuple[Array, Leader]:
        g, xp = f.gradient(w), f.xp
        n = state.n + g**2
        sigma = (xp.sqrt(n) - xp.sqrt(state.n)) / self.step
        z = state.z + g - sigma * w
        below = (self.beta + xp.sqrt(n)) / self.step + self.l2
        flat = (abs(z) <= self.l1) | (below == 0)
        moved = -(z - self.l1 * xp.sign(z)) / xp.where(flat, 1, below)
        return xp.where(flat, 0, moved), Leader(z, n)
