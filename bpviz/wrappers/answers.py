"""Wrappers that modify the gradient: clipping, coupled weight decay and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.wrappers._base import WrapperState, changed, without_gradient

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@dataclass(frozen=True)
class _Clip(Wrapper):
    """Base of both clipping wrappers."""

    def conflicts(self) -> list[tuple[str, str]]:
        return without_gradient(self.inner)

    def begin(self, w: Array, f: Oracle) -> WrapperState:
        return WrapperState(self.inner.begin(w, self._clipping(f)))

    def advance(self, w: Array, state: WrapperState, f: Oracle) -> tuple[Array, WrapperState]:
        w, inner = self.inner.advance(w, state.inner, self._clipping(f))
        return w, WrapperState(inner)

    def _clipping(self, f: Oracle) -> Oracle:
        return changed(f, {"gradient": lambda g, _: self._clipped(g, f)})

    def _clipped(self, g: Array, f: Oracle) -> Array:
        raise NotImplementedError


@wrapper(
    "clip-value",
    label="clipped values",
    source="T. Mikolov, Statistical Language Models Based on Neural Networks, PhD thesis, Brno 2012",
    confused_with="clip-norm, which keeps the direction of the gradient.",
    synonyms=("clip", "clip-by-value", "gradient-clipping", "clip_grad_value"),
)
class ClipValue(_Clip):
    """Gradient clipping by value.

    Each component of the gradient g = ∇E(w) is clipped to [-c, c].

    g ← max(-c, min(g, c)), per weight

    c: largest
    """

    largest: Column = hyper(1.0, "(0, inf)", "maximum absolute value of a gradient component, c")

    def _clipped(self, g: Array, f: Oracle) -> Array:
        clipped: Array = f.xp.maximum(f.xp.minimum(g, self.largest), -self.largest)
        return clipped


@wrapper(
    "clip-norm",
    label="clipped norm",
    source="R. Pascanu, T. Mikolov & Y. Bengio, ICML 2013, arXiv:1211.5063, Algorithm 1",
    confused_with=(
        "torch.nn.utils.clip_grad_norm_, which adds 1e-6 to the norm (`epsilon`); optax.clip_by_global_norm adds "
        "nothing. Both use the norm over all weights, as here."
    ),
    synonyms=("clip-by-norm", "clip-by-global-norm", "clip_grad_norm", "norm-clipping", "clipping"),
)
class ClipNorm(_Clip):
    """Gradient clipping by norm.

    A gradient g = ∇E(w) whose norm exceeds c is scaled down to the norm c.

    g ← g min(1, c / (‖g‖ + ε))

    c: largest, ε: epsilon
    """

    largest: Column = hyper(1.0, "(0, inf)", "maximum norm of the gradient, c")
    epsilon: Column = hyper(0.0, "[0, inf)", "constant added to the norm, ε (1e-6 in torch)")

    def _clipped(self, g: Array, f: Oracle) -> Array:
        xp = f.xp
        length = xp.sqrt(f.dot(g, g)) + self.epsilon
        shorter: Array = g * xp.minimum(self.largest / xp.where(length > 0, length, self.largest), 1)
        return shorter


@wrapper(
    "coupled-weight-decay",
    label="coupled weight decay",
    source="S. J. Hanson & L. Y. Pratt, NeurIPS 1, 1988, pp. 177-185; A. Krogh & J. A. Hertz, NeurIPS 4, 1991",
    confused_with=(
        "weight-decay, which is independent of the rule. `weight_decay` in torch's SGD, Adam and most others, and "
        "optax.add_decayed_weights before the rule, correspond to this wrapper. Errors, Hessians and residuals that "
        "the rule evaluates include the same penalty; errors in tables and figures remain E."
    ),
    synonyms=("l2", "coupled-decay", "l2-regularization", "add-decayed-weights"),
)
class CoupledWeightDecay(Wrapper):
    """Coupled weight decay (L2 penalty).

    The rule minimizes the error plus a penalty on the squared norm of the weights. g = ∇E(w).

    g ← g + λ w
    and, for rules that evaluate them, E ← E + λ/2 ‖w‖², H ← H + λ I, and √(λ/2) w as additional residuals

    λ: weight_decay
    """

    weight_decay: Column = hyper(0.01, "[0, inf)", "weight decay λ, added to the gradient times w")

    def conflicts(self) -> list[tuple[str, str]]:
        return [] if "jacobian" in self.inner.needs else without_gradient(self.inner)

    def begin(self, w: Array, f: Oracle) -> WrapperState:
        return WrapperState(self.inner.begin(w, self._decayed(f)))

    def advance(self, w: Array, state: WrapperState, f: Oracle) -> tuple[Array, WrapperState]:
        w, inner = self.inner.advance(w, state.inner, self._decayed(f))
        return w, WrapperState(inner)

    def _decayed(self, f: Oracle) -> Oracle:
        xp = f.xp
        decay = xp.asarray(self.weight_decay)
        root = xp.sqrt(decay / 2)
        return changed(
            f,
            {
                "error": lambda error, w: error + decay / 2 * f.dot(w, w),
                "gradient": lambda g, w: g + decay * w,
                "hessian": lambda hessian, w: hessian + decay[..., None] * xp.eye(w.shape[1]),
                "residuals": lambda residuals, w: xp.concatenate([residuals, root * w], axis=1),
                "jacobian": lambda jacobian, w: xp.concatenate(
                    [jacobian, root[..., None] * xp.ones((len(w), 1, 1)) * xp.eye(w.shape[1])], axis=1
                ),
            },
        )


class Noise(NamedTuple):
    """State of gradient noise."""

    t: Array  # (runs, 1), t, number of epochs so far
    inner: Any


@wrapper(
    "gradient-noise",
    label="gradient noise",
    source="A. Neelakantan et al., Adding Gradient Noise Improves Learning, 2015, arXiv:1511.06807, eq. (1)",
    confused_with=(
        "optax.add_noise, the same wrapper with a different random number generator; optax.noisy_sgd is gd with it."
    ),
    synonyms=("noise", "add-noise", "noisy-gradient", "noisy-sgd", "langevin"),
)
class GradientNoise(Wrapper):
    """Gaussian gradient noise with decreasing variance.

    Normally distributed random numbers are added to the gradient g = ∇E(w).

    g ← g + N(0, σ²),  σ² = η / (1 + t)^γ, independently per weight

    η: variance, γ: power, t: epoch, from 0, s: seed. The random numbers depend only on s and the epoch, so all runs
    with the same seed, and all gradients within an epoch, get the same numbers.
    """

    variance: Column = hyper(0.01, "[0, inf)", "variance of the noise in the first epoch, η")
    power: Column = hyper(0.55, "[0, inf)", "exponent of the decay of the variance, γ")
    seed: int = hyper(0, "integer [0, 1e+09]", "seed of the random numbers")

    def conflicts(self) -> list[tuple[str, str]]:
        return without_gradient(self.inner)

    def begin(self, w: Array, f: Oracle) -> Noise:
        return Noise(f.xp.zeros((len(w), 1)), self.inner.begin(w, f))

    def advance(self, w: Array, state: Noise, f: Oracle) -> tuple[Array, Noise]:
        xp, t = f.xp, state.t + 1
        sigma = xp.sqrt(self.variance / xp.power(t, self.power))
        noise = sigma * f.drawn(self.seed, t, lambda draw: draw.standard_normal(w.shape[1]), len(w))
        noisy = changed(f, {"gradient": lambda g, _: g + noise})
        w, inner = self.inner.advance(w, state.inner, noisy)
        return w, Noise(t, inner)
