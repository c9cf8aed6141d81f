"""Schedules: wrappers that scale the step of the rule per epoch.

A schedule wraps a rule with a step, or another schedule; the factors multiply. A schedule counts its own calls of
``advance`` as epochs, so a schedule inside mini-batches counts batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, Wrapper, hyper, wrapper
from bpviz.declare.domains import Choice, Flag
from bpviz.wrappers._base import scaled, step, without_step

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle

_SGDR = "I. Loshchilov & F. Hutter, SGDR, ICLR 2017, arXiv:1608.03983"
_GOYAL = "P. Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677, section 2.2"
_DARKEN = "C. Darken & J. Moody, Note on Learning Rate Schedules for Stochastic Optimization, NeurIPS 3, 1991"


class Scheduled(NamedTuple):
    """State of a schedule."""

    clock: Any  # (runs, 1), t, number of epochs so far, or the schedule's own counters
    inner: Any


@dataclass(frozen=True)
class _Schedule(Wrapper):
    """Base of all schedules: the inner optimizer advances with its step multiplied by a factor."""

    def conflicts(self) -> list[tuple[str, str]]:
        return without_step(self.inner)

    def begin(self, w: Array, f: Oracle) -> Scheduled:
        return Scheduled(self.clock(f.xp.zeros((len(w), 1)), f), self.inner.begin(w, f))

    def advance(self, w: Array, state: Scheduled, f: Oracle) -> tuple[Array, Scheduled]:
        factor, clock = self.tick(w, state.clock, f)
        w, inner = scaled(self.inner, factor).advance(w, state.inner, f)
        return w, Scheduled(clock, inner)

    def clock(self, zero: Array, f: Oracle) -> Any:
        """Return the initial clock; ``zero`` is an array ``(runs, 1)`` of zeros."""
        return zero

    def tick(self, w: Array, clock: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the factor ``(runs, 1)`` of this epoch, and the clock for the next."""
        return self.factor(clock, f), clock + 1

    def factor(self, t: Array, f: Oracle) -> Array:
        """Return the factor ``(runs, 1)`` of the epoch after ``t`` epochs."""
        raise NotImplementedError


@wrapper(
    "constant",
    label="constant step",
    source=_DARKEN,
    confused_with=(
        "optax.constant_schedule, whose value is the step itself, not a factor on it; and "
        "torch.optim.lr_scheduler.ConstantLR, which ends after some epochs (`constant-warm-up`)."
    ),
    synonyms=("constant-schedule", "constant-step"),
)
class Constant(_Schedule):
    """Constant factor on the step.

    A baseline for comparison with other schedules.

    η ← a η

    a: multiple
    """

    multiple: Column = hyper(1.0, "(0, inf)", "factor on the step, a")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.full_like(t, self.multiple)
        return factor


@wrapper(
    "constant-warm-up",
    label="constant warm-up",
    source=_GOYAL,
    confused_with="torch.optim.lr_scheduler.ConstantLR, which is the same schedule with defaults of 1/3 and 5 epochs.",
    synonyms=("constant-lr",),
)
class ConstantWarmUp(_Schedule):
    """Smaller, constant step in the first epochs.

    η ← a η for t < T, then η

    T: epochs, a: first, t: epoch, from 0
    """

    epochs: Column = hyper(5.0, "(0, inf)", "number of epochs with the smaller step, T")
    first: Column = hyper(0.1, "[0, inf)", "factor on the step in these epochs, a")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.where(t < self.epochs, self.first, 1.0)
        return factor


@wrapper(
    "warm-up",
    label="warm-up",
    source=_GOYAL,
    confused_with=(
        "torch.optim.lr_scheduler.LinearLR (defaults: 1/3 and 5 epochs) and optax's warmup_constant_schedule, which "
        "are the same schedule; and warm-ups whose first step is η/T instead of a η."
    ),
    synonyms=("warmup", "linear-warm-up", "linear-warmup", "linear", "gradual-warmup"),
)
class WarmUp(_Schedule):
    """Linear warm-up of the step.

    The step increases linearly to its full size over the first epochs.

    η ← (a + (1 - a) t / T) η for t < T, then η

    T: epochs, a: first, t: epoch, from 0
    """

    epochs: Column = hyper(5.0, "(0, inf)", "number of warm-up epochs, T")
    first: Column = hyper(0.1, "[0, inf)", "factor on the step in the first epoch, a")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = self.first + (1 - self.first) * f.xp.minimum(t / self.epochs, 1)
        return factor


@wrapper(
    "step-decay",
    label="step decay",
    source="R. Ge, S. Kakade, R. Kidambi & P. Netrapalli, The Step Decay Schedule, NeurIPS 2019, arXiv:1904.12838",
    confused_with=(
        "torch.optim.lr_scheduler.StepLR (default gamma: 0.1) and optax.exponential_decay with staircase, which are "
        "the same schedule; and MultiStepLR, which reduces the step at listed epochs."
    ),
    synonyms=("step", "steps", "step-lr", "staircase"),
)
class StepDecay(_Schedule):
    """Stepwise decay of the step.

    The step is multiplied by γ every N epochs.

    η ← γ^⌊t / N⌋ η

    γ: decay, N: every, t: epoch, from 0
    """

    decay: Column = hyper(0.5, "(0, 1]", "factor on the step at each decay, γ")
    every: Column = hyper(100.0, "[1, inf)", "number of epochs between decays, N")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.power(self.decay, f.xp.floor(t / self.every))
        return factor


@wrapper(
    "exponential",
    label="exponential decay",
    source="X. Li, Z. Zhuang & F. Orabona, ICML 2021, arXiv:2002.05105",
    confused_with=(
        "optax.exponential_decay, the same schedule with transition_steps=1; torch's ExponentialLR is the same."
    ),
    synonyms=("exponential-decay", "exponential-lr"),
)
class Exponential(_Schedule):
    """Exponential decay of the step.

    The step is multiplied by γ in every epoch.

    η ← γᵗ η

    γ: decay, t: epoch, from 0
    """

    decay: Column = hyper(0.99, "(0, 1]", "factor on the step per epoch, γ")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.power(self.decay, t)
        return factor


@wrapper(
    "inverse-time",
    label="1/t decay",
    source=(
        "H. Robbins & S. Monro, Annals of Mathematical Statistics 22, 1951, pp. 400-407, in the form of L. Bottou, "
        "Stochastic Gradient Descent Tricks, 2012"
    ),
    confused_with=(
        "The step η/t, which this schedule approaches up to a factor 1/λ. torch has this schedule only in its Adagrad "
        "(`lr_decay`); optax does not have it."
    ),
    synonyms=("1/t", "inverse-time-decay", "time-based", "time-decay", "robbins-monro"),
)
class InverseTime(_Schedule):
    """Inverse time decay of the step.

    The step decreases in proportion to 1 / t in the long run.

    η ← η / (1 + λ t)

    λ: decay, t: epoch, from 0
    """

    decay: Column = hyper(0.01, "[0, inf)", "rate of decay, λ")

    def factor(self, t: Array, f: Oracle) -> Array:
        return 1 / (1 + self.decay * t)


@wrapper(
    "cosine",
    label="cosine",
    source=f"{_SGDR}, eq. (5) without restarts",
    confused_with=(
        "warm-restarts, which resets the step repeatedly; and torch.optim.lr_scheduler.CosineAnnealingLR, whose step "
        "increases again after T epochs (`convention: torch`) and whose `eta_min` is a step, not a factor. optax's "
        "cosine_decay_schedule keeps its last step, as here."
    ),
    synonyms=("cosine-annealing", "cosine-decay", "cosine-lr"),
)
class Cosine(_Schedule):
    """Cosine decay of the step.

    The step decreases along half a cosine wave and then stays constant.

    η ← (b + (1 - b) (1 + cos(π t / T)) / 2) η for t < T, then b η
    convention torch: the same formula for every t

    T: epochs, b: last, t: epoch, from 0; variant: convention
    """

    epochs: Column = hyper(1000.0, "(0, inf)", "number of epochs until the step is smallest, T")
    last: Column = hyper(0.0, "[0, 1]", "factor on the step in the end, b")
    convention: str = hyper(
        "optax",
        Choice(("optax", "torch")),
        "step after T epochs: constant (optax) or increasing again (torch)",
    )

    def factor(self, t: Array, f: Oracle) -> Array:
        x = t / self.epochs if self.convention == "torch" else f.xp.minimum(t / self.epochs, 1)
        factor: Array = self.last + (1 - self.last) * (1 + f.xp.cos(pi * x)) / 2
        return factor


class Cycle(NamedTuple):
    """Position within a cycle of warm restarts."""

    t: Array  # (runs, 1), t, epochs since the last restart
    length: Array  # (runs, 1), T, length of the cycle in epochs


@wrapper(
    "warm-restarts",
    label="warm restarts",
    source=f"{_SGDR}, eq. (5)",
    confused_with=(
        "cosine, which does not restart. torch.optim.lr_scheduler.CosineAnnealingWarmRestarts is the same schedule; "
        "its equivalent of `longer` is 1 by default."
    ),
    synonyms=("sgdr", "cosine-restarts", "cosine-annealing-warm-restarts", "restarts"),
)
class WarmRestarts(_Schedule):
    """Cosine decay of the step with warm restarts.

    The step decreases along half a cosine wave and returns to its full size at each restart; each cycle is longer than
    the last by a factor m.

    η ← (b + (1 - b) (1 + cos(π t / T)) / 2) η
    t ← t + 1;  if t ≥ T:  t ← t - T,  T ← m T

    T: epochs at the start, m: longer, b: last, t: epochs since the last restart
    """

    epochs: Column = hyper(10.0, "[1, inf)", "number of epochs until the first restart, T")
    longer: Column = hyper(2.0, "[1, inf)", "factor on T at every restart, m")
    last: Column = hyper(0.0, "[0, 1]", "factor on the step at the end of a cycle, b")

    def clock(self, zero: Array, f: Oracle) -> Cycle:
        return Cycle(zero, zero + self.epochs)

    def tick(self, w: Array, clock: Cycle, f: Oracle) -> tuple[Array, Cycle]:
        factor = self.last + (1 - self.last) * (1 + f.xp.cos(pi * clock.t / clock.length)) / 2
        t = clock.t + 1
        over = t >= clock.length
        return factor, Cycle(
            f.xp.where(over, t - clock.length, t), f.xp.where(over, self.longer * clock.length, clock.length)
        )


@wrapper(
    "one-cycle",
    label="one cycle",
    source=(
        "L. N. Smith & N. Topin, Super-Convergence, 2017, arXiv:1708.07120, section 3; L. N. Smith, A Disciplined "
        "Approach to Neural Network Hyper-Parameters, 2018, arXiv:1803.09820"
    ),
    confused_with=(
        "torch.optim.lr_scheduler.OneCycleLR, which by default has two phases with a cosine shape, also cycles the "
        "momentum, and has its peak at epoch r T - 1 instead of r (T - 1). optax's schedules of that name use T - 1 in "
        "place of T."
    ),
    synonyms=("onecycle", "1cycle", "one-cycle-lr", "super-convergence"),
)
class OneCycle(_Schedule):
    """One cycle of increasing and decreasing steps.

    The step increases to its full size, decreases to its first size and then to almost 0.

    x = min(t / (T - 1), 1)
    η ← interpolation of a η at x = 0, η at x = r, a η at x = 2 r and b η at x = 1, linear or by half cosine waves
    three_phase false: interpolation of a η at x = 0, η at x = r and b η at x = 1

    T: epochs, r: rise, a: first, b: last, interpolation: shape, t: epoch, from 0; phases: three_phase
    """

    epochs: Column = hyper(1000.0, "[2, inf)", "number of epochs of the cycle, T")
    rise: Column = hyper(0.3, "(0, 1)", "fraction of the cycle in which the step increases, r")
    first: Column = hyper(0.04, "[0, 1]", "factor on the step at the start of the cycle, a")
    last: Column = hyper(4e-6, "[0, 1]", "factor on the step in the end, b")
    shape: str = hyper("linear", Choice(("linear", "cosine")), "interpolation between these factors")
    three_phase: bool = hyper(True, Flag(), "whether the step decreases in two phases, to a η and then to b η")

    def conflicts(self) -> list[tuple[str, str]]:
        late = self.three_phase and self.rise >= 0.5
        rise = [("rise", f"{self.rise:g} is not below 0.5, as three phases require")] if late else []
        return [*without_step(self.inner), *rise]

    def factor(self, t: Array, f: Oracle) -> Array:
        xp, r = f.xp, self.rise
        x = xp.minimum(t / (self.epochs - 1), 1)
        up = self._between(self.first, 1.0, x / r, f)
        if self.three_phase:
            down = self._between(1.0, self.first, (x - r) / r, f)
            away = self._between(self.first, self.last, (x - 2 * r) / (1 - 2 * r), f)
            down = xp.where(x <= 2 * r, down, away)
        else:
            down = self._between(1.0, self.last, (x - r) / (1 - r), f)
        factor: Array = xp.where(x <= r, up, down)
        return factor

    def _between(self, a: Column, b: Column, x: Array, f: Oracle) -> Array:
        return a + (b - a) * (x if self.shape == "linear" else (1 - f.xp.cos(pi * x)) / 2)


@wrapper(
    "search-then-converge",
    label="search then converge",
    source=f"{_DARKEN}, pp. 832-838",
    confused_with=(
        "Its simpler form η / (1 + t / τ), which is inverse-time with a decay of 1 / τ. Not compared with a library: "
        "torch and optax have neither."
    ),
    synonyms=("stc", "darken-moody"),
)
class SearchThenConverge(_Schedule):
    """Nearly constant step, followed by a decay with 1/t.

    The step is nearly constant during the search phase and decreases as c / t in the convergence phase.

    η ← η (1 + (c / η) (t / τ)) / (1 + (c / η) (t / τ) + τ (t / τ)²)

    τ: after, c: tail, η: step of the rule, t: epoch, from 0
    """

    after: Column = hyper(100.0, "(0, inf)", "number of epochs before the step begins to decrease, τ")
    tail: Column = hyper(1.0, "[0, inf)", "limit of the step times the epoch, c")

    def factor(self, t: Array, f: Oracle) -> Array:
        x = t / self.after
        search = 1 + self.tail / step(self.inner) * x
        factor: Array = search / (search + self.after * x * x)
        return factor


class Plateau(NamedTuple):
    """Counters of reduce-on-plateau."""

    best: Array  # (runs, 1), lowest error so far
    bad: Array  # (runs, 1), n, epochs without improvement
    cooling: Array  # (runs, 1), remaining epochs of cooldown
    factor: Array  # (runs, 1), s, factor on the step


@wrapper(
    "reduce-on-plateau",
    label="reduced on plateau",
    needs="error",
    source=(
        "A. Krizhevsky, I. Sutskever & G. Hinton, NeurIPS 2012, section 5, in the form of "
        "torch.optim.lr_scheduler.ReduceLROnPlateau"
    ),
    confused_with=(
        "optax.contrib.reduce_on_plateau, which waits one epoch less for the same patience (use P + 1). torch's "
        "`min_lr` is a step, `smallest` is a factor, and torch does not change a step that would decrease by less than "
        "1e-8. Both libraries compare an error below 0 with (1 - θ) best, which is above best."
    ),
    synonyms=("reduce-lr-on-plateau", "plateau-decay", "on-plateau"),
)
class ReduceOnPlateau(_Schedule):
    """Reduction of the step on plateaus of the error.

    The step is multiplied by γ when the error has not improved for more than P epochs. The error is evaluated at the
    beginning of every epoch.

    E(w) < best - θ |best|:  best ← E(w), n ← 0;  else:  n ← n + 1
    during cooldown: n ← 0;  n > P:  s ← max(γ s, smin), n ← 0, and C epochs of cooldown begin
    η ← s η

    γ: decay, P: patience, θ: threshold, C: cooldown, smin: smallest, s: 1 at the start
    """

    decay: Column = hyper(0.1, "(0, 1)", "factor on the step at each reduction, γ")
    patience: Column = hyper(10.0, "[0, inf)", "number of epochs without improvement that are tolerated, P")
    threshold: Column = hyper(1e-4, "[0, 1)", "relative decrease of the error that counts as improvement, θ")
    cooldown: Column = hyper(0.0, "[0, inf)", "number of epochs not counted after a reduction, C")
    smallest: Column = hyper(0.0, "[0, 1)", "minimum factor on the step, smin")

    def clock(self, zero: Array, f: Oracle) -> Plateau:
        return Plateau(zero + f.xp.inf, zero, zero, zero + 1)

    def tick(self, w: Array, clock: Plateau, f: Oracle) -> tuple[Array, Plateau]:
        xp, error = f.xp, f.error(w)
        margin = self.threshold * abs(xp.where(clock.best < xp.inf, clock.best, 0.0))
        better = error < clock.best - margin
        best = xp.where(better, error, clock.best)
        cooling = clock.cooling > 0
        bad = xp.where(better | cooling, 0.0, clock.bad + 1)
        falls = bad > self.patience
        factor = xp.where(falls, xp.maximum(self.decay * clock.factor, self.smallest), clock.factor)
        left = xp.where(falls, self.cooldown, xp.maximum(clock.cooling - 1, 0))
        return factor, Plateau(best, xp.where(falls, 0.0, bad), left, factor)
