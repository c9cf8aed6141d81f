"""Schedules: a factor on the step of the rule, epoch by epoch.

Each is around a rule with a step, or around other schedules: the factors multiply. An epoch is counted each time what
is inside advances, so that a schedule within mini-batches counts batches.
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
    """What a schedule remembers."""

    clock: Any  # (runs, 1), epochs made, or what the schedule counts instead
    inner: Any


@dataclass(frozen=True)
class _Schedule(Wrapper):
    """What all schedules share: what is inside advances with its step times a factor."""

    def conflicts(self) -> list[tuple[str, str]]:
        return without_step(self.inner)

    def begin(self, w: Array, f: Oracle) -> Scheduled:
        return Scheduled(self.clock(f.xp.zeros((len(w), 1)), f), self.inner.begin(w, f))

    def advance(self, w: Array, state: Scheduled, f: Oracle) -> tuple[Array, Scheduled]:
        factor, clock = self.tick(w, state.clock, f)
        w, inner = scaled(self.inner, factor).advance(w, state.inner, f)
        return w, Scheduled(clock, inner)

    def clock(self, zero: Array, f: Oracle) -> Any:
        """Return the clock at the start, of ``zero (runs, 1)``."""
        return zero

    def tick(self, w: Array, clock: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the factor ``(runs, 1)`` of this epoch, and the clock for the next."""
        return self.factor(clock, f), clock + 1

    def factor(self, t: Array, f: Oracle) -> Array:
        """Return the factor ``(runs, 1)`` of the epoch after ``t``."""
        raise NotImplementedError


@wrapper(
    "constant",
    label="constant step",
    source=_DARKEN,
    confused_with=(
        "optax.constant_schedule, whose value is the step itself, where this is a multiple of the rule's; and "
        "torch.optim.lr_scheduler.ConstantLR, which ends after some epochs (`constant-warm-up`)."
    ),
    synonyms=("constant-schedule", "constant-step"),
)
class Constant(_Schedule):
    """A step that is the same in every epoch: what other schedules are to be compared with.

    η ← a η

    a: multiple
    """

    multiple: Column = hyper(1.0, "(0, inf)", "factor a on the step")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.full_like(t, self.multiple)
        return factor


@wrapper(
    "constant-warm-up",
    label="constant warm-up",
    source=_GOYAL,
    confused_with="torch.optim.lr_scheduler.ConstantLR, which is this one: its defaults are factor 1/3 and 5 epochs.",
    synonyms=("constant-lr",),
)
class ConstantWarmUp(_Schedule):
    """A smaller step for the first epochs, then the whole.

    η ← a η for t < T, then η

    T: epochs, a: first, t: epoch, from 0
    """

    epochs: Column = hyper(5.0, "(0, inf)", "epochs T with the smaller step")
    first: Column = hyper(0.1, "[0, inf)", "factor a on the step in these epochs")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.where(t < self.epochs, self.first, 1.0)
        return factor


@wrapper(
    "warm-up",
    label="warm-up",
    source=_GOYAL,
    confused_with=(
        "torch.optim.lr_scheduler.LinearLR, which is this one, with 1/3 and 5 epochs by default, and optax's "
        "warmup_constant_schedule; and warm-ups whose first step is η/T and not a η."
    ),
    synonyms=("warmup", "linear-warm-up", "linear-warmup", "linear", "gradual-warmup"),
)
class WarmUp(_Schedule):
    """A step that grows evenly to its full length over the first epochs.

    η ← (a + (1 - a) t / T) η for t < T, then η

    T: epochs, a: first, t: epoch, from 0
    """

    epochs: Column = hyper(5.0, "(0, inf)", "epochs T in which the step grows")
    first: Column = hyper(0.1, "[0, inf)", "factor a on the step in the first epoch")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = self.first + (1 - self.first) * f.xp.minimum(t / self.epochs, 1)
        return factor


@wrapper(
    "step-decay",
    label="step decay",
    source="R. Ge, S. Kakade, R. Kidambi & P. Netrapalli, The Step Decay Schedule, NeurIPS 2019, arXiv:1904.12838",
    confused_with=(
        "torch.optim.lr_scheduler.StepLR, which is this one (gamma 0.1 by default), and optax.exponential_decay with "
        "staircase; and MultiStepLR, which falls at epochs that are listed."
    ),
    synonyms=("step", "steps", "step-lr", "staircase"),
)
class StepDecay(_Schedule):
    """A step that falls by a factor every so many epochs.

    η ← γ^⌊t / N⌋ η

    γ: decay, N: every, t: epoch, from 0
    """

    decay: Column = hyper(0.5, "(0, 1]", "factor γ by which the step falls")
    every: Column = hyper(100.0, "[1, inf)", "epochs N from one fall to the next")

    def factor(self, t: Array, f: Oracle) -> Array:
        factor: Array = f.xp.power(self.decay, f.xp.floor(t / self.every))
        return factor


@wrapper(
    "exponential",
    label="exponential decay",
    source="X. Li, Z. Zhuang & F. Orabona, ICML 2021, arXiv:2002.05105",
    confused_with=(
        "optax.exponential_decay, which is this one for a transition of one step; torch's ExponentialLR is this one."
    ),
    synonyms=("exponential-decay", "exponential-lr"),
)
class Exponential(_Schedule):
    """A step that falls by the same factor in every epoch.

    η ← γᵗ η

    γ: decay, t: epoch, from 0
    """

    decay: Column = hyper(0.99, "(0, 1]", "factor γ on the step from one epoch to the next")

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
        "The step η/t itself, which this one tends to, divided by λ. torch has it inside of its Adagrad alone "
        "(`lr_decay`), optax nowhere."
    ),
    synonyms=("1/t", "inverse-time-decay", "time-based", "time-decay", "robbins-monro"),
)
class InverseTime(_Schedule):
    """A step that falls as one over the epoch in the long run.

    η ← η / (1 + λ t)

    λ: decay, t: epoch, from 0
    """

    decay: Column = hyper(0.01, "[0, inf)", "how quickly the step falls, λ")

    def factor(self, t: Array, f: Oracle) -> Array:
        return 1 / (1 + self.decay * t)


@wrapper(
    "cosine",
    label="cosine",
    source=f"{_SGDR}, eq. (5) without restarts",
    confused_with=(
        "warm-restarts, where the step jumps back; and torch.optim.lr_scheduler.CosineAnnealingLR, whose step rises "
        "again after T epochs (`convention: torch`), and whose `eta_min` is a step, not a factor. optax's "
        "cosine_decay_schedule stays at its last step, as here."
    ),
    synonyms=("cosine-annealing", "cosine-decay", "cosine-lr"),
)
class Cosine(_Schedule):
    """A step that falls as half a cosine wave does, and stays where that ends.

    η ← (b + (1 - b) (1 + cos(π t / T)) / 2) η for t < T, then b η
    convention torch: the same formula for every t

    T: epochs, b: last, t: epoch, from 0; after T: convention
    """

    epochs: Column = hyper(1000.0, "(0, inf)", "epochs T until the step is at its smallest")
    last: Column = hyper(0.0, "[0, 1]", "factor b on the step in the end")
    convention: str = hyper(
        "optax", Choice(("optax", "torch")), "the step stays small as in optax, or rises again as in torch"
    )

    def factor(self, t: Array, f: Oracle) -> Array:
        x = t / self.epochs if self.convention == "torch" else f.xp.minimum(t / self.epochs, 1)
        factor: Array = self.last + (1 - self.last) * (1 + f.xp.cos(pi * x)) / 2
        return factor


class Cycle(NamedTuple):
    """Where warm restarts are."""

    t: Array  # (runs, 1), epochs since the last restart
    length: Array  # (runs, 1), epochs from that to the next


@wrapper(
    "warm-restarts",
    label="warm restarts",
    source=f"{_SGDR}, eq. (5)",
    confused_with=(
        "cosine, which falls once. torch.optim.lr_scheduler.CosineAnnealingWarmRestarts is this one, with `longer` 1 "
        "by default."
    ),
    synonyms=("sgdr", "cosine-restarts", "cosine-annealing-warm-restarts", "restarts"),
)
class WarmRestarts(_Schedule):
    """A step that falls as half a cosine wave does, over and over, each time more slowly.

    η ← (b + (1 - b) (1 + cos(π t / T)) / 2) η
    t ← t + 1;  if t ≥ T:  t ← t - T,  T ← m T

    T: epochs at the start, m: longer, b: last, t: epochs since the last restart
    """

    epochs: Column = hyper(10.0, "[1, inf)", "epochs T until the first restart")
    longer: Column = hyper(2.0, "[1, inf)", "factor m on T at every restart")
    last: Column = hyper(0.0, "[0, 1]", "factor b that the step falls to")

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
        "torch.optim.lr_scheduler.OneCycleLR, which has two phases and cosines unless it is told otherwise, lets the "
        "momentum fall and rise as well, and whose first peak is at epoch r T - 1, not r (T - 1). In optax's schedules "
        "of that name T is our T - 1."
    ),
    synonyms=("onecycle", "1cycle", "one-cycle-lr", "super-convergence"),
)
class OneCycle(_Schedule):
    """A step that rises to its full length, falls as far again, and then to almost nothing.

    x = min(t / (T - 1), 1)
    η ← between a η at x = 0, η at r, a η at 2 r and b η at 1, on straight lines or half waves of the cosine
    three_phase false: between a η at x = 0, η at r and b η at 1

    T: epochs, r: rise, a: first, b: last, the way between them: shape, t: epoch, from 0; phases: three_phase
    """

    epochs: Column = hyper(1000.0, "[2, inf)", "epochs T of the whole cycle")
    rise: Column = hyper(0.3, "(0, 1)", "part r of the cycle in which the step rises")
    first: Column = hyper(0.04, "[0, 1]", "factor a on the step at the foot of the cycle")
    last: Column = hyper(4e-6, "[0, 1]", "factor b on the step in the end")
    shape: str = hyper("linear", Choice(("linear", "cosine")), "what the step follows between these")
    three_phase: bool = hyper(True, Flag(), "whether the step falls to its first length before it falls to its last")

    def conflicts(self) -> list[tuple[str, str]]:
        late = self.three_phase and self.rise >= 0.5
        rise = [("rise", f"{self.rise:g} leaves no time for three phases; it is below 0.5")] if late else []
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
        "Its simpler form η / (1 + t / τ), which is inverse-time with a decay of 1 / τ. Compared with no library: "
        "torch and optax have neither."
    ),
    synonyms=("stc", "darken-moody"),
)
class SearchThenConverge(_Schedule):
    """A step that stays long while the rule searches, and falls as c / t once it converges.

    η ← η (1 + (c / η) (t / τ)) / (1 + (c / η) (t / τ) + τ (t / τ)²)

    τ: after, c: tail, η: the step of the rule, t: epoch, from 0
    """

    after: Column = hyper(100.0, "(0, inf)", "epochs τ after which the step begins to fall")
    tail: Column = hyper(1.0, "[0, inf)", "what the step times the epoch tends to, c")

    def factor(self, t: Array, f: Oracle) -> Array:
        x = t / self.after
        search = 1 + self.tail / step(self.inner) * x
        factor: Array = search / (search + self.after * x * x)
        return factor


class Plateau(NamedTuple):
    """What reduce on plateau has seen."""

    best: Array  # (runs, 1), lowest error so far
    bad: Array  # (runs, 1), epochs since then
    cooling: Array  # (runs, 1), epochs that are not to count yet
    factor: Array  # (runs, 1), on the step


@wrapper(
    "reduce-on-plateau",
    label="reduced on plateau",
    needs="error",
    source=(
        "A. Krizhevsky, I. Sutskever & G. Hinton, NeurIPS 2012, section 5, as a rule in "
        "torch.optim.lr_scheduler.ReduceLROnPlateau"
    ),
    confused_with=(
        "optax.contrib.reduce_on_plateau, which waits one epoch less: its patience is ours and 1. torch's `min_lr` is "
        "a step, `smallest` here a factor, and torch leaves a step alone that would fall by less than 1e-8. Both take "
        "(1 - θ) best for what an error below 0 has to fall under, which is above it."
    ),
    synonyms=("reduce-lr-on-plateau", "plateau-decay", "on-plateau"),
)
class ReduceOnPlateau(_Schedule):
    """A step that falls whenever the error has not for a while; the error is asked at the start of every epoch.

    E(w) < best - θ |best|:  best ← E(w), n ← 0;  else:  n ← n + 1
    still cooling: n ← 0;  n > P:  s ← max(γ s, smin), n ← 0, and C epochs of cooling begin
    η ← s η

    γ: decay, P: patience, θ: threshold, C: cooldown, smin: smallest, s: 1 at the start
    """

    decay: Column = hyper(0.1, "(0, 1)", "factor γ by which the step falls")
    patience: Column = hyper(10.0, "[0, inf)", "epochs P without a better error that are put up with")
    threshold: Column = hyper(1e-4, "[0, 1)", "by what part an error has to be lower to be better, θ")
    cooldown: Column = hyper(0.0, "[0, inf)", "epochs C after a fall that are not counted")
    smallest: Column = hyper(0.0, "[0, 1)", "smallest factor on the step, smin")

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
