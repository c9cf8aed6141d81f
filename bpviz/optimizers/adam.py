"""Adam and its variants.

All use the running means of the gradient and of its square:

    adam      mean gradient divided by the root mean square
    adamw     Adam with decoupled weight decay
    adamax    largest recent gradient as the divisor
    nadam     Nesterov momentum
    amsgrad   divisor that never decreases
    radam     no division until the mean square has enough samples
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.optimizers._means import rectification

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Moments(NamedTuple):
    """State of Adam."""

    m: Array  # (runs, params), m, mean gradient
    v: Array  # (runs, params), v, mean squared gradient
    beta1_t: Array  # (runs, params), β₁ᵗ, a running product: NumPy rounds powers of scalars and arrays differently
    beta2_t: Array  # (runs, params), β₂ᵗ

    def corrected(self) -> tuple[Array, Array]:
        """Return the bias-corrected means m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ)."""
        return self.m / (1.0 - self.beta1_t), self.v / (1.0 - self.beta2_t)


@dataclass(frozen=True)
class _Adam:
    """Base of Adam and its variants: hyperparameters, initial state and running means."""

    step: Column = hyper(1e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the mean squared gradient, β₂")
    epsilon: Column = hyper(1e-8, "(0, inf)", "constant for numerical stability, ε")
    epsilon_root: Column = hyper(0.0, "[0, inf)", "constant under the root, ε₀ (0 in the papers)")

    def begin(self, w: Array, f: Oracle) -> Any:
        zeros, ones = f.xp.zeros_like(w), f.xp.ones_like(w)
        return Moments(zeros, zeros, ones, ones)

    @cached_property
    def _fresh(self) -> tuple[Column, Column]:
        """1 - β₁ and 1 - β₂, cached: computing them every epoch would cost as much as a division over all runs."""
        return 1 - self.beta1, 1 - self.beta2

    def _divisor(self, v: Array, f: Oracle) -> Array:
        """Return √(v + ε₀) + ε."""
        root: Array = f.xp.sqrt(v + self.epsilon_root)
        return root + self.epsilon

    def _moments(self, before: Moments, g: Array) -> Moments:
        """Return m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², with the products β₁ᵗ and β₂ᵗ."""
        fresh1, fresh2 = self._fresh
        return Moments(
            self.beta1 * before.m + fresh1 * g,
            self.beta2 * before.v + fresh2 * g**2,
            before.beta1_t * self.beta1,
            before.beta2_t * self.beta2,
        )


@optimizer(
    "adam",
    label="Adam",
    needs="gradient",
    source="D. P. Kingma & J. Ba, ICLR 2015, arXiv:1412.6980, Algorithm 1",
    confused_with=(
        "The variant at the end of the paper's section 2, which adds ε to the uncorrected √v (ε-hat); and AdamW, which "
        "decouples the weight decay from the gradient."
    ),
    synonyms=("adma",),
)
class Adam(_Adam):
    """Adaptive moment estimation.

    The running mean of the gradient g = ∇E(w) is divided by the square root of the running mean of its square.

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - α m̂ / (√(v̂ + ε₀) + ε)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, t: epoch, from 1; m, v: 0 at the start
    """

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        moments = self._moments(state, f.gradient(w))
        m_hat, v_hat = moments.corrected()
        return w - self.step * m_hat / self._divisor(v_hat, f), moments


@optimizer(
    "adamw",
    label="AdamW",
    needs="gradient",
    source="I. Loshchilov & F. Hutter, ICLR 2019, arXiv:1711.05101, Algorithm 2 with η = 1",
    confused_with=(
        "torch.optim.AdamW and optax.adamw, which multiply the decay by the step (`convention: torch`), with defaults "
        "of 0.01 and 0.0001; and Adam with an L2 penalty, whose gradient enters both means."
    ),
    synonyms=("adam-w", "adam-decoupled"),
)
class AdamW(_Adam):
    """Adam with decoupled weight decay.

    The weights decay by a fraction λ per epoch, independently of the gradient g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - (α m̂ / (√(v̂ + ε₀) + ε) + λ w)
    convention torch: α λ in place of λ

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, λ: weight_decay, t: epoch, from 1; m, v: 0 at the
    start; variant: convention
    """

    # The paper gives no default; this is torch's default decay times its default step.
    weight_decay: Column = hyper(1e-5, "[0, inf)", "weight decay per epoch, a fraction λ of the weights")
    convention: str = hyper("paper", Choice(("paper", "torch")), "decay by λ (paper) or by α λ (torch, optax)")

    def advance(self, w: Array, state: Moments, f: Oracle) -> tuple[Array, Moments]:
        moments = self._moments(state, f.gradient(w))
        m_hat, v_hat = moments.corrected()
        decay = self.step * self.weight_decay if self.convention == "torch" else self.weight_decay
        return w - (self.step * m_hat / self._divisor(v_hat, f) + decay * w), moments


class Largest(NamedTuple):
    """State of AdaMax."""

    m: Array  # (runs, params), m, mean gradient
    u: Array  # (runs, params), u, discounted largest gradient
    beta1_t: Array  # (runs, params), β₁ᵗ


@optimizer(
    "adamax",
    label="AdaMax",
    needs="gradient",
    source="D. P. Kingma & J. Ba, ICLR 2015, arXiv:1412.6980, Algorithm 2, with ε as in torch.optim.Adamax",
    confused_with=(
        "The paper's algorithm, which has no ε and computes 0/0 for a weight whose gradient is 0 from the start. torch "
        "and optax add ε as here; others add it to u."
    ),
    synonyms=("ada-max", "adam-max"),
)
class Adamax:
    """Adam with an exponentially weighted infinity norm.

    The divisor is the largest past gradient, discounted by β₂ per epoch, instead of the root mean square. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    u ← max(β₂ u, |g| + ε)
    w ← w - α / (1 - β₁ᵗ) m / u

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, t: epoch, from 1; m, u: 0 at the start
    """

    step: Column = hyper(2e-3, "(0, inf)", "step size α")
    beta1: Column = hyper(0.9, "[0, 1)", "decay of the mean gradient, β₁")
    beta2: Column = hyper(0.999, "[0, 1)", "decay of the largest past gradient, β₂")
    epsilon: Column = hyper(1e-8, "[0, inf)", "constant for numerical stability, ε (0 in the paper)")

    def begin(self, w: Array, f: Oracle) -> Largest:
        zeros = f.xp.zeros_like(w)
        return Largest(zeros, zeros, f.xp.ones_like(w))

    def advance(self, w: Array, state: Largest, f: Oracle) -> tuple[Array, Largest]:
        g = f.gradient(w)
        beta1_t = state.beta1_t * self.beta1
        m = self.beta1 * state.m + (1 - self.beta1) * g
        u = f.xp.maximum(self.beta2 * state.u, abs(g) + self.epsilon)
        return w - self.step / (1 - beta1_t) * m / u, Largest(m, u, beta1_t)


class MomentsAndSchedule(NamedTuple):
    """State of NAdam."""

    moments: Moments
    product: Array  # (runs, 1), μ₁ μ₂ ... μₜ
    t: Array  # (runs, 1), epoch


@optimizer(
    "nadam",
    label="NAdam",
    needs="gradient",
    source=(
        "T. Dozat, Incorporating Nesterov Momentum into Adam, ICLR Workshop 2016, as in torch.optim.NAdam, with the "
        "schedule μ of Dozat's report of 2015"
    ),
    confused_with=(
        "optax.nadam, whose μ is β₁ in every epoch (`convention: optax`; a momentum_decay of 0 gives β₁/2 instead), "
        "and variants that also average m with μ or have an additional factor β₂ in v̂."
    ),
    synonyms=("nesterov-adam", "adam-nesterov"),
)
class NAdam(_Adam):
    """Adam with Nesterov momentum.

    The momentum μ increases slowly from about β₁ / 2 to β₁. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    m̂ = μₜ₊₁ m / (1 - μ₁...μₜ₊₁) + (1 - μₜ) g / (1 - μ₁...μₜ),  v̂ = v / (1 - β₂ᵗ)
    w ← w - α m̂ / (√(v̂ + ε₀) + ε)
    with μₜ = β₁ (1 - 0.96^(ψ t) / 2);  convention optax: μₜ = β₁

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, ψ: momentum_decay, t: epoch, from 1; m, v: 0 at the
    start; variant: convention
    """

    step: Column = hyper(2e-3, "(0, inf)", "step size α")
    momentum_decay: Column = hyper(0.004, "[0, inf)", "rate at which the momentum approaches β₁, ψ")
    convention: str = hyper("torch", Choice(("torch", "optax")), "scheduled momentum μ (torch) or constant β₁ (optax)")

    def begin(self, w: Array, f: Oracle) -> MomentsAndSchedule:
        return MomentsAndSchedule(super().begin(w, f), f.xp.ones((len(w), 1)), f.xp.zeros((len(w), 1)))

    def advance(self, w: Array, state: MomentsAndSchedule, f: Oracle) -> tuple[Array, MomentsAndSchedule]:
        g, t = f.gradient(w), state.t + 1
        moments = self._moments(state.moments, g)
        mu, mu_next = self._mu(t), self._mu(t + 1)
        product = state.product * mu
        m_hat = mu_next * moments.m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        _, v_hat = moments.corrected()
        w = w - self.step * m_hat / self._divisor(v_hat, f)
        return w, MomentsAndSchedule(moments, product, t)

    def _mu(self, t: Array) -> Column:
        return self.beta1 if self.convention == "optax" else self.beta1 * (1 - 0.96 ** (self.momentum_decay * t) / 2)


class MomentsAndLargest(NamedTuple):
    """State of AMSGrad."""

    moments: Moments
    v_hat: Array  # (runs, params), v̂, largest mean square so far


@optimizer(
    "amsgrad",
    label="AMSGrad",
    needs="gradient",
    source="S. J. Reddi, S. Kale & S. Kumar, ICLR 2018, arXiv:1904.09237, Algorithm 2 with a constant α, and ε",
    confused_with=(
        "`amsgrad=True` in torch.optim.Adam, which corrects the bias of m and of the largest v (`convention: torch`), "
        "and optax.amsgrad, which keeps the largest of the corrected v (`convention: optax`), or of v itself with "
        "`bias_correction_nu=False` (`convention: optax-raw`). All four differ."
    ),
    synonyms=("ams-grad", "adam-amsgrad"),
)
class AMSGrad(_Adam):
    """Adam with a non-decreasing mean square.

    The divisor uses the largest mean square so far, so a large gradient limits the step for good. g = ∇E(w).

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    v̂ ← max(v̂, v)
    w ← w - α m / (√(v̂ + ε₀) + ε)
    convention torch:  w ← w - α m̂ / (√(v̂ / (1 - β₂ᵗ) + ε₀) + ε)  with m̂ = m / (1 - β₁ᵗ)
    convention optax:  v̂ ← max(v̂, v / (1 - β₂ᵗ)),  w ← w - α m̂ / (√(v̂ + ε₀) + ε)
    convention optax-raw:  w ← w - α m̂ / (√(v̂ + ε₀) + ε)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, t: epoch, from 1; m, v, v̂: 0 at the start;
    variant: convention
    """

    convention: str = hyper(
        "paper",
        Choice(("paper", "torch", "optax", "optax-raw")),
        "bias correction of v: none (paper, optax-raw), after (torch) or before (optax) the maximum",
    )

    def begin(self, w: Array, f: Oracle) -> MomentsAndLargest:
        return MomentsAndLargest(super().begin(w, f), f.xp.zeros_like(w))

    def advance(self, w: Array, state: MomentsAndLargest, f: Oracle) -> tuple[Array, MomentsAndLargest]:
        moments = self._moments(state.moments, f.gradient(w))
        correction = 1 - moments.beta2_t
        m_hat = moments.m if self.convention == "paper" else moments.m / (1 - moments.beta1_t)
        largest = f.xp.maximum(state.v_hat, moments.v / correction if self.convention == "optax" else moments.v)
        v_hat = largest / correction if self.convention == "torch" else largest
        return w - self.step * m_hat / self._divisor(v_hat, f), MomentsAndLargest(moments, largest)


class MomentsAndEpoch(NamedTuple):
    """State of RAdam."""

    moments: Moments
    t: Array  # (runs, 1), epoch


@optimizer(
    "radam",
    label="RAdam",
    needs="gradient",
    source="L. Liu et al., ICLR 2020, arXiv:1908.03265, Algorithm 2, with ε",
    confused_with=(
        "torch.optim.RAdam and optax.radam, which rectify when ρ > 5 instead of ρ > 4 (`threshold: 5`); torch adds ε "
        "to the uncorrected √v (`convention: torch`). Some libraries do not move the weights below the threshold."
    ),
    synonyms=("rectified-adam", "r-adam"),
)
class RAdam(_Adam):
    """Adam with rectified variance of the step size.

    Until v averages enough gradients g = ∇E(w), the update is momentum without division; afterwards r corrects the
    variance of the step size.

    m ← β₁ m + (1 - β₁) g
    v ← β₂ v + (1 - β₂) g²
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    ρ∞ = 2 / (1 - β₂) - 1,  ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)
    ρ > ρmin:  w ← w - α r m̂ / (√(v̂ + ε₀) + ε)  with r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))
    else:      w ← w - α m̂
    convention torch: √(1 - β₂ᵗ) / (√(v + ε₀) + ε) in place of 1 / (√(v̂ + ε₀) + ε)

    α: step, β₁: beta1, β₂: beta2, ε: epsilon, ε₀: epsilon_root, ρmin: threshold, t: epoch, from 1; m, v: 0 at the
    start; variant: convention
    """

    threshold: Column = hyper(4.0, "[4, inf)", "length ρ of the average above which steps are rectified, ρmin")
    convention: str = hyper(
        "paper",
        Choice(("paper", "torch")),
        "ε added to √v̂ (paper, optax) or to √v (torch)",
    )

    def begin(self, w: Array, f: Oracle) -> MomentsAndEpoch:
        return MomentsAndEpoch(super().begin(w, f), f.xp.zeros((len(w), 1)))

    def advance(self, w: Array, state: MomentsAndEpoch, f: Oracle) -> tuple[Array, MomentsAndEpoch]:
        t = state.t + 1
        moments = self._moments(state.moments, f.gradient(w))
        m_hat, v_hat = moments.corrected()
        rho, r = rectification(t, moments.beta2_t, self.beta2, f)
        if self.convention == "torch":
            length = f.xp.sqrt(1 - moments.beta2_t) / self._divisor(moments.v, f)
        else:
            length = 1 / self._divisor(v_hat, f)
        w = w - self.step * m_hat * f.xp.where(rho > self.threshold, r * length, 1.0)
        return w, MomentsAndEpoch(moments, t)
