"""Mini-batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS, Wrapper, hyper, layers, wrapper
from bpviz.wrappers._base import with_memory

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle, Problem


class Batches(NamedTuple):
    """State of mini-batches."""

    t: Array  # (runs, 1), t, number of epochs so far
    asked: Array  # (runs, kinds), number of samples evaluated so far
    inner: Any


@wrapper(
    "mini-batches",
    label="mini-batches",
    source=(
        "L. Bottou, F. E. Curtis & J. Nocedal, SIAM Review 60(2), 2018, arXiv:1606.04838, section 3; the samples "
        "reshuffled every epoch as in M. Gürbüzbalaban, A. Ozdaglar & P. Parrilo, Mathematical Programming 186, "
        "2021, arXiv:1510.08560"
    ),
    confused_with=(
        "Batches drawn with replacement. An epoch is one pass over the data, so epochs are comparable with those of "
        "other algorithms; the inner optimizers advance once per batch and count batches as their epochs."
    ),
    synonyms=("minibatches", "mini-batch", "minibatch", "batches", "stochastic", "batch", "batch_size"),
)
class MiniBatches(Wrapper):
    """Updates on mini-batches of the data.

    The rule advances once per batch instead of once per epoch.

    shuffle the samples, depending on s and the epoch, and split them into batches of b (the last may be smaller)
    for each batch B:  w ← rule(w) for E(w) = mean over B of the samples' errors

    b: batch_size, s: seed. A gradient over b of n samples counts as b / n of an evaluation; the total is rounded up.
    A run is stuck if it is stuck on every batch of an epoch.
    """

    batch_size: int = hyper(1, "integer [1, inf)", "number of samples per batch, b")
    seed: int = hyper(0, "integer [0, 1e+09]", "seed of the random numbers")

    def conflicts(self) -> list[tuple[str, str]]:
        if any(isinstance(layer, MiniBatches) for layer in layers(self.inner)):
            return [("", "mini-batches cannot be nested")]
        return with_memory(self.inner, "which do not apply to the next batch")

    def misfits(self, problem: Problem) -> list[tuple[str, str]]:
        samples = getattr(problem, "samples", 0)
        if not samples:
            return [("", f"mini-batches requires a problem with data ({problem.name} has none)")]
        if self.batch_size > samples:
            return [("batch_size", f"{self.batch_size} exceeds the number of samples, {samples}")]
        return []

    def begin(self, w: Array, f: Oracle) -> Batches:
        zeros = f.xp.zeros((len(w), 1))
        return Batches(zeros, f.xp.zeros((len(w), len(KINDS))), self.inner.begin(w, f))

    def advance(self, w: Array, state: Batches, f: Oracle) -> tuple[Array, Batches]:
        n, t, asked, inner = f.samples, state.t + 1, state.asked, state.inner
        order = self._order(n, t, f)
        stuck = f.live
        why: dict[int, str] = {}
        for first in range(0, n, self.batch_size):
            batch = order[first : first + self.batch_size]
            part = f.part(batch)
            w, inner = self.inner.advance(w, inner, part)
            asked = asked + part.counts() * len(batch)
            stuck = stuck & (False if part.stuck is None else part.stuck)
            why.update(part.why)
        f.charge((-(-asked // n) - -(-state.asked // n)).astype(int))
        f.cannot_go_on(stuck, {run: words for run, words in why.items() if stuck[run]})  # on every batch of the epoch
        return w, Batches(t, asked, inner)

    def _order(self, n: int, t: Array, f: Oracle) -> Any:
        """Return the shuffled sample indices: ``(samples, runs)``, or ``(samples, 1)`` if all runs share them."""
        alike = f.xp.ndim(self.seed) == 0 and bool((t == t[0]).all())
        runs = 1 if alike else len(t)
        return f.drawn(self.seed, t[:runs], lambda draw: draw.permutation(n), runs).T.astype(int)
