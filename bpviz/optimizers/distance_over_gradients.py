"""DoG and DoWG: step sizes from the distance to the start and the gradients so far.

Distances and norms are over all weights of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class DoGState(NamedTuple):
    """State of both rules."""

    start: Array  # (runs, params), w₀
    r: Array  # (runs, 1), r̄, largest distance from the start so far
    total: Array  # (runs, 1), (weighted) sum of the squared gradient norms


def _farthest(w: Array, walk: DoGState, f: Oracle) -> Array:
    """Return r̄ = max(r̄, ‖w - w₀‖)."""
    moved = w - walk.start
    farthest: Array = f.xp.maximum(walk.r, f.xp.sqrt(f.dot(moved, moved)))
    return farthest


@optimizer(
    "dog",
    label="DoG",
    needs="gradient",
    source="M. Ivgi, O. Hinder & Y. Carmon, ICML 2023, arXiv:2302.12022, the step size (DoG)",
    confused_with=(
        "L-DoG, which treats each layer separately and is the same here, where all weights form one layer; T-DoG, the "
        "more conservative form of its theorems; and the running mean of its points, which its authors evaluate. "
        "Implementations add ε = 1e-8."
    ),
    synonyms=("distance-over-gradients", "ldog", "l-dog"),
)
class DoG:
    """Gradient descent with a distance-over-gradients step size.

    The step size is the largest distance from the start so far, divided by the root of the sum of squared gradients.
    g = ∇E(w).

    r̄ ← max(r̄, ‖w - w₀‖)
    G ← G + ‖g‖²
    w ← w - c r̄ / √(G + ε) g

    c: step, ε: epsilon, α: first_distance; G: 0 at the start; initial r̄: first_distance_is
    (relative: α (1 + ‖w₀‖); absolute: α; step: 0, and α replaces r̄ / √(G + ε) in the first epoch);
    ‖·‖ is over all weights of the run, which share one step
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the step size, c")
    epsilon: Column = hyper(0.0, "[0, inf)", "constant added under the root, ε (0 in the paper)")
    first_distance: Column = hyper(1e-6, "(0, inf)", "length of the first move, α; should be small")
    first_distance_is: str = hyper(
        "relative",
        Choice(("relative", "absolute", "step")),
        "meaning of first_distance: relative to 1 + ‖w₀‖, absolute, or a step size",
    )

    def begin(self, w: Array, f: Oracle) -> DoGState:
        none = f.xp.zeros_like(w[:, :1])
        unit = {"relative": 1 + f.xp.sqrt(f.dot(w, w)), "absolute": none + 1, "step": none}[self.first_distance_is]
        return DoGState(w, self.first_distance * unit, none)

    def advance(self, w: Array, state: DoGState, f: Oracle) -> tuple[Array, DoGState]:
        g, xp = f.gradient(w), f.xp
        r, total = _farthest(w, state, f), state.total + f.dot(g, g)
        under = total + self.epsilon
        eta = r / xp.where(under == 0, 1, xp.sqrt(under))  # avoid 0 / 0 where all gradients are 0
        if self.first_distance_is == "step":
            eta = xp.where(state.total == 0, self.first_distance, eta)
        return w - self.step * eta * g, DoGState(state.start, r, total)


@optimizer(
    "dowg",
    label="DoWG",
    needs="gradient",
    source="A. Khaled, K. Mishchenko & C. Jin, NeurIPS 2023, arXiv:2305.16284, Algorithm 1; rε as in its authors' code",
    confused_with=(
        "dog, which does not weight the gradients; per-weight DoWG (CDoWG in its authors' code); and the mean of its "
        "points weighted by r̄², to which its theorems apply. Implementations add ε = 1e-4, and optax.contrib.dowg "
        "takes rε² as its argument."
    ),
    synonyms=("distance-over-weighted-gradients",),
)
class DoWG:
    """DoG with distance-weighted gradients.

    Each squared gradient is weighted by the squared largest distance from the start at that epoch. g = ∇E(w).

    r̄ ← max(r̄, ‖w - w₀‖)
    v ← v + r̄² ‖g‖²
    w ← w - c r̄² / (√v + ε) g

    c: step, ε: epsilon; v: 0, r̄: first_distance at the start; ‖·‖ is over all weights of the run, which share one
    step
    """

    step: Column = hyper(1.0, "(0, inf)", "factor on the step size, c (1 in the paper)")
    epsilon: Column = hyper(0.0, "[0, inf)", "constant added to the root, ε (0 in the paper)")
    first_distance: Column = hyper(0.01, "(0, inf)", "length of the first move, rε; should be small")

    def begin(self, w: Array, f: Oracle) -> DoGState:
        none = f.xp.zeros_like(w[:, :1])
        return DoGState(w, none + self.first_distance, none)

    def advance(self, w: Array, state: DoGState, f: Oracle) -> tuple[Array, DoGState]:
        g, xp = f.gradient(w), f.xp
        r = _farthest(w, state, f)
        v = state.total + r**2 * f.dot(g, g)
        under = xp.sqrt(v) + self.epsilon
        eta = r**2 / xp.where(under == 0, 1, under)  # avoid 0 / 0 where all gradients are 0
        return w - self.step * eta * g, DoGState(state.start, r, v)
