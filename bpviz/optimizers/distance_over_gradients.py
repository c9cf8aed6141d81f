"""Gradient descent whose step is the distance walked over the gradients met.

Distances and lengths are those of all weights together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Walk(NamedTuple):
    """What both rules remember."""

    start: Array  # (runs, params), w₀
    r: Array  # (runs, 1), the farthest from the start so far
    total: Array  # (runs, 1), sum of the squared lengths of the gradients, each with its weight


def _farthest(w: Array, walk: Walk, f: Oracle) -> Array:
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
        "L-DoG, which takes each layer by itself and is the same here, where all weights are one layer; T-DoG, the "
        "tamer form of its theorems; and the running mean of its points, which its authors evaluate. Its codes add "
        "ε = 1e-8."
    ),
    synonyms=("distance-over-gradients", "ldog", "l-dog"),
)
class DoG:
    """Step as far as the farthest from the start so far, over the root of all squared gradients. g = ∇E(w).

    r̄ ← max(r̄, ‖w - w₀‖)
    G ← G + ‖g‖²
    w ← w - c r̄ / √(G + ε) g

    c: step, ε: epsilon; G: 0 and r̄: α (1 + ‖w₀‖) at the start, α: first_distance; if it is absolute: r̄: α at the
    start; if it is a step: r̄: 0 at the start, and α in place of r̄ / √(G + ε) in the first epoch;
    which of these: first_distance_is; ‖·‖ is over all weights of the run, which share one step
    """

    step: Column = hyper(1.0, "(0, inf)", "factor c on the step")
    epsilon: Column = hyper(0.0, "[0, inf)", "added under the root, ε; 0 in the paper")
    first_distance: Column = hyper(1e-6, "(0, inf)", "how far the first move goes, α; short rather than long")
    first_distance_is: str = hyper(
        "relative",
        Choice(("relative", "absolute", "step")),
        "relative to 1 + ‖w₀‖, or absolute, or no distance but the first step size",
    )

    def begin(self, w: Array, f: Oracle) -> Walk:
        none = f.xp.zeros_like(w[:, :1])
        unit = {"relative": 1 + f.xp.sqrt(f.dot(w, w)), "absolute": none + 1, "step": none}[self.first_distance_is]
        return Walk(w, self.first_distance * unit, none)

    def advance(self, w: Array, state: Walk, f: Oracle) -> tuple[Array, Walk]:
        g, xp = f.gradient(w), f.xp
        r, total = _farthest(w, state, f), state.total + f.dot(g, g)
        under = total + self.epsilon
        eta = r / xp.where(under == 0, 1, xp.sqrt(under))  # without any gradient there is no move either
        if self.first_distance_is == "step":
            eta = xp.where(state.total == 0, self.first_distance, eta)
        return w - self.step * eta * g, Walk(state.start, r, total)


@optimizer(
    "dowg",
    label="DoWG",
    needs="gradient",
    source="A. Khaled, K. Mishchenko & C. Jin, NeurIPS 2023, arXiv:2305.16284, Algorithm 1; rε as in its authors' code",
    confused_with=(
        "dog, whose gradients have no weights; DoWG weight by weight (CDoWG in its authors' code); and the mean of its "
        "points weighted by r̄², for which its theorems are. Its codes add ε = 1e-4, and optax.contrib.dowg asks for "
        "rε²."
    ),
    synonyms=("distance-over-weighted-gradients",),
)
class DoWG:
    """DoG with each gradient weighted by the farthest from the start when it was met. g = ∇E(w).

    r̄ ← max(r̄, ‖w - w₀‖)
    v ← v + r̄² ‖g‖²
    w ← w - c r̄² / (√v + ε) g

    c: step, ε: epsilon; v: 0, r̄: first_distance at the start; ‖·‖ is over all weights of the run, which share one
    step
    """

    step: Column = hyper(1.0, "(0, inf)", "factor c on the step; 1 in the paper")
    epsilon: Column = hyper(0.0, "[0, inf)", "added to the root, ε; 0 in the paper")
    first_distance: Column = hyper(0.01, "(0, inf)", "how far the first move goes, rε; short rather than long")

    def begin(self, w: Array, f: Oracle) -> Walk:
        none = f.xp.zeros_like(w[:, :1])
        return Walk(w, none + self.first_distance, none)

    def advance(self, w: Array, state: Walk, f: Oracle) -> tuple[Array, Walk]:
        g, xp = f.gradient(w), f.xp
        r = _farthest(w, state, f)
        v = state.total + r**2 * f.dot(g, g)
        under = xp.sqrt(v) + self.epsilon
        eta = r**2 / xp.where(under == 0, 1, under)  # without any gradient there is no move either
        return w - self.step * eta * g, Walk(state.start, r, v)
