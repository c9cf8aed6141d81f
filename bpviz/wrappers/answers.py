"""Wrappers that change what the rule is answered: clipped, decayed or noisy gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.wrappers._base import Inside, changed, without_gradient

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@dataclass(frozen=True)
class _Clip(Wrapper):
    """What the two ways to clip share."""

    def conflicts(self) -> list[tuple[str, str]]:
        return without_gradient(self.inner)

    def begin(self, w: Array, f: Oracle) -> Inside:
        return Inside(self.inner.begin(w, self._clipping(f)))

    def advance(self, w: Array, state: Inside, f: Oracle) -> tuple[Array, Inside]:
        w, inner = self.inner.advance(w, state.inner, self._clipping(f))
        return w, Inside(inner)

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
    """Cut each part of the gradient at the same largest value. g = ∇E(w).

    g ← max(-c, min(g, c)), for each weight by itself

    c: largest
    """

    largest: Column = hyper(1.0, "(0, inf)", "largest part of the gradient that is passed on whole, c")

    def _clipped(self, g: Array, f: Oracle) -> Array:
        clipped: Array = f.xp.maximum(f.xp.minimum(g, self.largest), -self.largest)
        return clipped


@wrapper(
    "clip-norm",
    label="clipped norm",
    source="R. Pascanu, T. Mikolov & Y. Bengio, ICML 2013, arXiv:1211.5063, Algorithm 1",
    confused_with=(
        "torch.nn.utils.clip_grad_norm_, which adds 1e-6 to the length (`epsilon`); optax.clip_by_global_norm adds "
        "nothing. Both take the length over all weights, as here."
    ),
    synonyms=("clip-by-norm", "clip-by-global-norm", "clip_grad_norm", "norm-clipping", "clipping"),
)
class ClipNorm(_Clip):
    """Shorten a gradient that is too long. g = ∇E(w).

    g ← g min(1, c / (‖g‖ + ε))

    c: largest, ε: epsilon
    """

    largest: Column = hyper(1.0, "(0, inf)", "largest length of a gradient that is passed on whole, c")
    epsilon: Column = hyper(0.0, "[0, inf)", "what is added to the length, ε; 1e-6 in torch")

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
        "weight-decay, which acts beside the rule. `weight_decay` in torch's SGD, Adam and most others, and "
        "optax.add_decayed_weights before the rule, are this one. A rule that asks for errors or Hessians is answered "
        "those of the same penalty, so that all it knows belongs together; errors in tables and figures stay E."
    ),
    synonyms=("l2", "coupled-decay", "l2-regularization", "add-decayed-weights"),
)
class CoupledWeightDecay(Wrapper):
    """Let the rule see the error with a penalty on the length of the weights. g = ∇E(w).

    g ← g + λ w
    and likewise, for rules that ask for them, E ← E + λ/2 ‖w‖², H ← H + λ I, and √(λ/2) w as more residuals

    λ: weight_decay
    """

    weight_decay: Column = hyper(0.01, "[0, inf)", "weight λ of the weights in the gradient")

    def conflicts(self) -> list[tuple[str, str]]:
        return [] if "jacobian" in self.inner.needs else without_gradient(self.inner)

    def begin(self, w: Array, f: Oracle) -> Inside:
        return Inside(self.inner.begin(w, self._decayed(f)))

    def advance(self, w: Array, state: Inside, f: Oracle) -> tuple[Array, Inside]:
        w, inner = self.inner.advance(w, state.inner, self._decayed(f))
        return w, Inside(inner)

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
    """What gradient noise remembers."""

    t: Array  # (runs, 1), epochs made
    inner: Any


@wrapper(
    "gradient-noise",
    label="gradient noise",
    source="A. Neelakantan et al., Adding Gradient Noise Improves Learning, 2015, arXiv:1511.06807, eq. (1)",
    confused_with="optax.add_noise, which is this one with other random numbers.",
    synonyms=("noise", "add-noise", "noisy-gradient", "langevin"),
)
class GradientNoise(Wrapper):
    """Add random numbers to the gradient, smaller ones as time goes on. g = ∇E(w).

    g ← g + N(0, σ²),  σ² = η / (1 + t)^γ, for each weight by itself

    η: variance, γ: power, t: epoch, from 0, s: seed. The numbers are a function of s and the epoch: whoever has the
    same seed meets the same ones in the same epoch, however often the gradient is asked in it.
    """

    variance: Column = hyper(0.01, "[0, inf)", "variance η of the noise in the first epoch")
    power: Column = hyper(0.55, "[0, inf)", "exponent γ with which the variance falls")
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
