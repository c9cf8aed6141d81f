"""Mini-batches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Wrapper, hyper, layers, wrapper
from bpviz.declare.interfaces import reasons_by_row
from bpviz.declare.restricted import altered
from bpviz.wrappers._base import with_memory

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle, Problem


class Batches(NamedTuple):
    """State of mini-batches."""

    t: Array  # (runs, 1), epochs made
    inner: Any


class _Stuck:
    """The runs that the inner rule cannot advance on one batch, with its reasons by row."""

    def __init__(self, none: Mask) -> None:
        self.runs = none
        self.reasons: dict[int, str] = {}

    def cannot_go_on(self, where: Mask, why: str | Mapping[int, str] = MappingProxyType({})) -> None:
        self.runs = self.runs | where
        self.reasons.update(reasons_by_row(where, why))


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

    def unsuitable_settings(self, problem: Problem) -> list[tuple[str, str]]:
        samples = getattr(problem, "samples", 0)
        if not samples:
            return [("", f"mini-batches requires a problem with data ({problem.name} has none)")]
        if self.batch_size > samples:
            return [("batch_size", f"{self.batch_size} exceeds the number of samples, {samples}")]
        return []

    def begin(self, w: Array, f: Oracle) -> Batches:
        return Batches(f.xp.zeros((len(w), 1)), self.inner.begin(w, f))

    def advance(self, w: Array, state: Batches, f: Oracle) -> tuple[Array, Batches]:
        n, t, inner = f.samples, state.t + 1, state.inner
        order = self._order(n, t, f)
        stuck = f.live
        reasons: dict[int, str] = {}
        for first in range(0, n, self.batch_size):
            noted = _Stuck(stuck & False)
            part = altered(f.part(order[first : first + self.batch_size]), {"cannot_go_on": noted.cannot_go_on})
            w, inner = self.inner.advance(w, inner, part)
            stuck = stuck & noted.runs
            reasons.update(noted.reasons)
        f.cannot_go_on(stuck, {run: why for run, why in reasons.items() if stuck[run]})  # stuck on every batch
        return w, Batches(t, inner)

    def _order(self, n: int, t: Array, f: Oracle) -> Any:
        """Return the shuffled sample indices: ``(samples, runs)``, or ``(samples, 1)`` if all runs share them."""
        alike = f.xp.ndim(self.seed) == 0 and bool((t == t[0]).all())
        runs = 1 if alike else len(t)
        return f.drawn(self.seed, t[:runs], lambda draw: draw.permutation(n), runs).T.astype(int)
