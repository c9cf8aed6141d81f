"""Gradient descent and its two oldest accelerations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Oracle


@optimizer(
    "gd",
    label="Gradient descent",
    needs="gradient",
    source="A. Cauchy, Comptes Rendus 25, 1847, pp. 536-538",
    confused_with="Stochastic gradient descent (`SGD` in libraries): the same rule on a gradient of part of the data.",
    synonyms=("sgd", "gradient-descent", "bgd", "vanilla", "steepest-descent"),
)
class GradientDescent:
    """Move against the gradient g = ∇E(w).

    w ← w - η g

    η: step
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the gradient")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g = f.gradient(w)
        return w - self.step * g, state


class Velocity(NamedTuple):
    """What momentum remembers."""

    v: Array  # (runs, params)


@optimizer(
    "momentum",
    label="Momentum",
    needs="gradient",
    source="B. T. Polyak, USSR Computational Mathematics and Mathematical Physics 4(5), 1964, pp. 1-17",
    confused_with=(
        "The averaged form v ← μ v + (1 - μ) g, which is this rule with the step multiplied by 1 - μ; and Nesterov's "
        "method, whose gradient is taken further ahead."
    ),
    synonyms=("heavy-ball", "heavyball", "polyak-momentum", "sgd-momentum"),
)
class Momentum:
    """The heavy ball: keep a fraction μ of the last update. g = ∇E(w).

    v ← μ v + g
    w ← w - η v

    η: step, μ: momentum, v: velocity, 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the velocity")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update that is kept")

    def begin(self, w: Array, f: Oracle) -> Velocity:
        return Velocity(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Velocity, f: Oracle) -> tuple[Array, Velocity]:
        g = f.gradient(w)
        v = self.momentum * state.v + g
        return w - self.step * v, Velocity(v)


@optimizer(
    "nesterov",
    label="Nesterov",
    needs="gradient",
    source=(
        "Y. Nesterov, Soviet Mathematics Doklady 27, 1983, pp. 372-376, in the form of I. Sutskever et al., ICML 2013, "
        "eqs. (3)-(4)"
    ),
    confused_with=(
        "`nesterov=True` in torch.optim.SGD and optax.sgd: the same sequence written in the variable w + μ v, so its "
        "rows are the points where this rule takes its gradients, not the points it reports."
    ),
    synonyms=("nag", "nesterov-momentum", "nesterov-accelerated-gradient"),
)
class Nesterov:
    """Momentum whose gradient is taken where the kept velocity leads: look ahead, then correct.

    v ← μ v - η ∇E(w + μ v)
    w ← w + v

    η: step, μ: momentum, v: velocity, 0 at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the gradient")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update that is kept")

    def begin(self, w: Array, f: Oracle) -> Velocity:
        return Velocity(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Velocity, f: Oracle) -> tuple[Array, Velocity]:
        ahead = self.momentum * state.v
        v = ahead - self.step * f.gradient(w + ahead)
        return w + v, Velocity(v)
