"""Coin betting (COCOB)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class CocobState(NamedTuple):
    """State of COCOB, per weight."""

    start: Array  # (runs, params), w₁
    largest: Array  # (runs, params), L, largest absolute gradient
    total: Array  # (runs, params), G, sum of the absolute gradients
    reward: Array  # (runs, params), R, reward of the bets so far
    theta: Array  # (runs, params), θ, sum of the negative gradients


@optimizer(
    "cocob",
    label="COCOB",
    needs="gradient",
    source="F. Orabona & T. Tommasi, NeurIPS 2017, arXiv:1705.07795, Algorithm 2, COCOB-Backprop",
    confused_with=(
        "COCOB, the paper's Algorithm 1, which needs L as a setting and bets by a sigmoid. Implementations start L at "
        "1e-8 (`epsilon: 1e-8`)."
    ),
    synonyms=("cocob-backprop", "coin-betting", "continuous-coin-betting"),
)
class Cocob:
    """Coin betting without a step size.

    The distance of a weight from its start is a fraction of the reward won by bets on its earlier gradients.

    g = -∇E(w)
    L ← max(L, |g|)
    G ← G + |g|
    R ← max(R + (w - w₁) g, 0)
    θ ← θ + g
    w ← w₁ + θ / (L max(G + L, α L)) (L + R), and w ← w₁ while L = 0

    α: alpha; w₁: w, G, R, θ: 0, L: epsilon at the start. This rule has no step.
    """

    alpha: Column = hyper(100.0, "[0, inf)", "factor limiting early bets, α (roughly, a number of epochs)")
    epsilon: Column = hyper(0.0, "[0, inf)", "initial value of the largest gradient, L (0 in the paper)")

    def begin(self, w: Array, f: Oracle) -> CocobState:
        none = f.xp.zeros_like(w)
        return CocobState(w, none + self.epsilon, none, none, none)

    def advance(self, w: Array, state: CocobState, f: Oracle) -> tuple[Array, CocobState]:
        xp, g, start = f.xp, -f.gradient(w), state.start
        largest = xp.maximum(state.largest, abs(g))
        total = state.total + abs(g)
        reward = xp.maximum(state.reward + (w - start) * g, 0)
        theta = state.theta + g
        scale = largest * xp.maximum(total + largest, self.alpha * largest)
        bet = xp.where(largest == 0, 0, theta / xp.where(largest == 0, 1, scale))
        return start + bet * (largest + reward), CocobState(start, largest, total, reward, theta)
