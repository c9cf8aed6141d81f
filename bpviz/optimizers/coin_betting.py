"""COCOB."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Bets(NamedTuple):
    """What COCOB remembers, of each weight."""

    start: Array  # (runs, params), w₁
    largest: Array  # (runs, params), L, largest gradient
    total: Array  # (runs, params), G, sum of the sizes of the gradients
    reward: Array  # (runs, params), what the bets have won
    theta: Array  # (runs, params), θ, sum of the negative gradients


@optimizer(
    "cocob",
    label="COCOB",
    needs="gradient",
    source="F. Orabona & T. Tommasi, NeurIPS 2017, arXiv:1705.07795, Algorithm 2, COCOB-Backprop",
    confused_with=(
        "COCOB, the paper's Algorithm 1, which must be told L and bets by a sigmoid. Codes start L at 1e-8 "
        "(`epsilon: 1e-8`)."
    ),
    synonyms=("cocob-backprop", "coin-betting", "continuous-coin-betting"),
)
class Cocob:
    """Bet on each weight's next gradient: a share of what was won on the earlier ones is its distance from the start.

    g = -∇E(w)
    L ← max(L, |g|)
    G ← G + |g|
    R ← max(R + (w - w₁) g, 0)
    θ ← θ + g
    w ← w₁ + θ / (L max(G + L, α L)) (L + R), and w₁ as long as L is 0

    α: alpha; w₁: w, G, R, θ: 0, L: epsilon at the start. There is no step.
    """

    alpha: Column = hyper(100.0, "[0, inf)", "epochs, in a way, in which bets are held small, α")
    epsilon: Column = hyper(0.0, "[0, inf)", "largest gradient that is assumed at first; 0 in the paper")

    def begin(self, w: Array, f: Oracle) -> Bets:
        none = f.xp.zeros_like(w)
        return Bets(w, none + self.epsilon, none, none, none)

    def advance(self, w: Array, state: Bets, f: Oracle) -> tuple[Array, Bets]:
        xp, g, start = f.xp, -f.gradient(w), state.start
        largest = xp.maximum(state.largest, abs(g))
        total = state.total + abs(g)
        reward = xp.maximum(state.reward + (w - start) * g, 0)
        theta = state.theta + g
        scale = largest * xp.maximum(total + largest, self.alpha * largest)
        bet = xp.where(largest == 0, 0, theta / xp.where(largest == 0, 1, scale))
        return start + bet * (largest + reward), Bets(start, largest, total, reward, theta)
