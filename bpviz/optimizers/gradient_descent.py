"""Gradient descent and its two oldest accelerations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


@optimizer(
    "gd",
    label="Gradient descent",
    needs="gradient",
    source="A. Cauchy, Comptes Rendus 25, 1847, pp. 536-538",
    confused_with="Stochastic gradient descent (`SGD` in libraries): the same rule on a gradient of part of the data.",
    synonyms=("sgd", "gradient-descent", "bgd", "vanilla", "steepest-descent", "steepest"),
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


class DampedVelocity(NamedTuple):
    """What momentum remembers."""

    v: Array  # (runs, params)
    damping: Array  # (runs, 1), dampening of the next gradient: 0 at the start


@optimizer(
    "momentum",
    label="Momentum",
    needs="gradient",
    source="B. T. Polyak, USSR Computational Mathematics and Mathematical Physics 4(5), 1964, pp. 1-17",
    confused_with=(
        "The averaged form v ← μ v + (1 - μ) g: this rule with the step multiplied by 1 - μ (dampening μ gives "
        "it but for the first epoch, which torch.optim.SGD does not damp, nor does this rule); and Nesterov's method, "
        "whose gradient is taken further ahead. The paper has η at the gradient, torch and optax at the velocity: that "
        "is the same as long as η is, and another path under a schedule (`convention`)."
    ),
    synonyms=("heavy-ball", "heavyball", "polyak-momentum", "sgd-momentum"),
)
class Momentum:
    """The heavy ball: keep a fraction μ of the last update. g = ∇E(w).

    torch:  v ← μ v + (1 - τ) g,  w ← w - η v
    paper:  v ← μ v - η (1 - τ) g,  w ← w + v

    η: step, μ: momentum, τ: dampening, but 0 in the first epoch; v: velocity, 0 at the start; the form: convention
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the velocity")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update that is kept")
    dampening: Column = hyper(0.0, "[0, 1)", "fraction τ of every gradient but the first that is left out")
    convention: str = hyper(
        "torch", Choice(("torch", "paper")), "whether η is the factor on v, or on g as in the paper"
    )

    def begin(self, w: Array, f: Oracle) -> DampedVelocity:
        return DampedVelocity(f.xp.zeros_like(w), f.xp.zeros((len(w), 1)))

    def advance(self, w: Array, state: DampedVelocity, f: Oracle) -> tuple[Array, DampedVelocity]:
        g = f.gradient(w)
        damping = f.xp.full_like(state.damping, self.dampening)
        if self.convention == "paper":
            v = self.momentum * state.v - self.step * (1 - state.damping) * g
            return w + v, DampedVelocity(v, damping)
        v = self.momentum * state.v + (1 - state.damping) * g
        return w - self.step * v, DampedVelocity(v, damping)


class Velocity(NamedTuple):
    """What Nesterov's method remembers."""

    v: Array  # (runs, params)


@optimizer(
    "nesterov",
    label="Nesterov",
    needs="gradient",
    source=(
        "Y. Nesterov, Soviet Mathematics Doklady 27, 1983, pp. 372-376, in the form of I. Sutskever et al., ICML 2013, "
        "eqs. (3)-(4)"
    ),
    confused_with=(
        "`nesterov=True` in torch.optim.SGD and optax.sgd, here `convention: torch`: the same sequence written in the "
        "variable w + μ v, so its rows are the points where the paper's form takes its gradients, not those it reports."
    ),
    synonyms=("nag", "nesterov-momentum", "nesterov-accelerated-gradient"),
)
class Nesterov:
    """Momentum whose gradient is taken where the kept velocity leads: look ahead, then correct.

    paper:  v ← μ v - η ∇E(w + μ v),  w ← w + v
    torch:  v ← μ v + g,  w ← w - η (g + μ v)  with g = ∇E(w)

    η: step, μ: momentum, v: velocity, 0 at the start; the form: convention
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the gradient")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update that is kept")
    convention: str = hyper("paper", Choice(("paper", "torch")), "look ahead, or the form of torch and optax")

    def begin(self, w: Array, f: Oracle) -> Velocity:
        return Velocity(f.xp.zeros_like(w))

    def advance(self, w: Array, state: Velocity, f: Oracle) -> tuple[Array, Velocity]:
        if self.convention == "torch":
            g = f.gradient(w)
            v = self.momentum * state.v + g
            return w - self.step * (g + self.momentum * v), Velocity(v)
        ahead = self.momentum * state.v
        v = ahead - self.step * f.gradient(w + ahead)
        return w + v, Velocity(v)
