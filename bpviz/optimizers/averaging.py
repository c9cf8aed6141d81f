"""Gradient descent that reports the mean of the points it visits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class Visited(NamedTuple):
    """What averaging remembers; the weights it reports are the mean."""

    x: Array  # (runs, params), where the descent is
    t: Array  # (runs, 1), epochs made


@optimizer(
    "asgd",
    label="ASGD",
    needs="gradient",
    source=(
        "B. T. Polyak & A. B. Juditsky, SIAM J. Control Optim. 30(4), 1992, pp. 838-855, with the step of L. Bottou, "
        "Stochastic Gradient Descent Tricks, 2012"
    ),
    confused_with=(
        "torch.optim.ASGD, whose parameters are x and whose mean is put aside in its state as `ax`: with t₀ = `t0` + 1 "
        "this rule's weights are `ax`, and as its `t0` is 10⁶ by default both are x; and pytorch_optimizer's ASGD, "
        "another rule."
    ),
    synonyms=("averaged-sgd", "averaged-gradient-descent", "polyak-averaging", "polyak-ruppert"),
)
class AveragedGradientDescent:
    """Descend with a slowly falling step and report the mean of the points after epoch t₀. g = ∇E(x).

    ηₜ = η / (1 + λ η t)^α,  t = 0, 1, 2 ...
    x ← (1 - λ ηₜ) x - ηₜ g
    w ← w + (x - w) / max(1, t + 1 - t₀)

    η: step, λ: decay, α: power, t₀: average_after; x: w at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η in the first epoch")
    decay: Column = hyper(1e-4, "[0, 1)", "decay λ of the step, and of the weights as by a penalty λ/2 |x|²")
    power: Column = hyper(0.75, "[0, 1]", "exponent α with which the step falls")
    average_after: Column = hyper(0.0, "[0, inf)", "epochs t₀ whose points are left out of the mean")

    def begin(self, w: Array, f: Oracle) -> Visited:
        return Visited(w, f.xp.zeros((len(w), 1)))

    def advance(self, w: Array, state: Visited, f: Oracle) -> tuple[Array, Visited]:
        xp, x, t = f.xp, state.x, state.t
        eta = self.step / f.power(1 + self.decay * self.step * t, self.power)
        x = (1 - self.decay * eta) * x - eta * f.gradient(x)
        t = t + 1
        share = 1 / xp.maximum(1.0, t - self.average_after)
        return xp.where(share == 1, x, w + share * (x - w)), Visited(x, t)
