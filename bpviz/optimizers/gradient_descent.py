"""Gradient descent, momentum and Nesterov's method."""

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
    confused_with="Stochastic gradient descent (`SGD` in libraries), the same rule on a subset of the data.",
    synonyms=("sgd", "gradient-descent", "bgd", "vanilla", "steepest-descent", "steepest"),
)
class GradientDescent:
    """Gradient descent with a fixed step size.

    The weights move against the gradient g = ∇E(w).

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
    """State of momentum."""

    v: Array  # (runs, params), v, velocity
    damping: Array  # (runs, 1), dampening of the next gradient; 0 at the start


@optimizer(
    "momentum",
    label="Momentum",
    needs="gradient",
    source="B. T. Polyak, USSR Computational Mathematics and Mathematical Physics 4(5), 1964, pp. 1-17",
    confused_with=(
        "The averaged form v ← μ v + (1 - μ) g, which is this rule with the step multiplied by 1 - μ (dampening μ "
        "differs from it in the first epoch, which neither torch.optim.SGD nor this rule dampens); and Nesterov's "
        "method, which takes the gradient ahead. The paper multiplies the gradient by η, torch and optax the "
        "velocity; the two differ only if η changes, as under a schedule (`convention`)."
    ),
    synonyms=("heavy-ball", "heavyball", "polyak-momentum", "sgd-momentum"),
)
class Momentum:
    """Gradient descent with momentum (heavy ball).

    Each update keeps a fraction μ of the last one. g = ∇E(w).

    torch:  v ← μ v + (1 - τ) g,  w ← w - η v
    paper:  v ← μ v - η (1 - τ) g,  w ← w + v

    η: step, μ: momentum, τ: dampening (0 in the first epoch), v: velocity, 0 at the start; variant: convention
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the velocity")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update kept, μ")
    dampening: Column = hyper(0.0, "[0, 1)", "fraction of each gradient but the first left out, τ")
    convention: str = hyper(
        "torch", Choice(("torch", "paper")), "factor η on the velocity (torch) or on the gradient (paper)"
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
    """State of Nesterov's method."""

    v: Array  # (runs, params), v, velocity


@optimizer(
    "nesterov",
    label="Nesterov",
    needs="gradient",
    source=(
        "Y. Nesterov, Soviet Mathematics Doklady 27, 1983, pp. 372-376, in the form of I. Sutskever et al., ICML 2013, "
        "eqs. (3)-(4)"
    ),
    confused_with=(
        "`nesterov=True` in torch.optim.SGD and optax.sgd (`convention: torch`): the same sequence in the variable "
        "w + μ v, so that its weights are the points where the paper's form evaluates the gradient."
    ),
    synonyms=("nag", "nesterov-momentum", "nesterov-accelerated-gradient"),
)
class Nesterov:
    """Gradient descent with Nesterov momentum.

    The gradient is evaluated at the extrapolated weights w + μ v, to which the kept velocity leads.

    paper:  v ← μ v - η ∇E(w + μ v),  w ← w + v
    torch:  v ← μ v + g,  w ← w - η (g + μ v)  with g = ∇E(w)

    η: step, μ: momentum, v: velocity, 0 at the start; variant: convention
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η, the factor on the gradient")
    momentum: Column = hyper(0.9, "[0, 1)", "fraction of the last update kept, μ")
    convention: str = hyper(
        "paper", Choice(("paper", "torch")), "variant: extrapolated weights (paper), or as in torch and optax"
    )

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
