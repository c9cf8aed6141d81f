"""Averaged gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle


class AsgdState(NamedTuple):
    """State of ASGD; the weights are the mean of the visited points."""

    x: Array  # (runs, params), x, current point of the descent
    t: Array  # (runs, 1), number of epochs so far


@optimizer(
    "asgd",
    label="ASGD",
    needs="gradient",
    source=(
        "B. T. Polyak & A. B. Juditsky, SIAM J. Control Optim. 30(4), 1992, pp. 838-855, with the step of L. Bottou, "
        "Stochastic Gradient Descent Tricks, 2012"
    ),
    confused_with=(
        "torch.optim.ASGD, whose parameters are x and which stores the mean as `ax` in its state: with t₀ = `t0` + 1, "
        "the weights of this rule equal `ax`; with torch's default `t0` of 10⁶, both equal x. Also not "
        "pytorch_optimizer's ASGD, an unrelated rule."
    ),
    synonyms=("averaged-sgd", "averaged-gradient-descent", "polyak-averaging", "polyak-ruppert"),
)
class AveragedGradientDescent:
    """Averaged gradient descent.

    Gradient descent with a slowly decreasing step moves x; the weights are the mean of x after epoch t₀. g = ∇E(x).

    ηₜ = η / (1 + λ η t)^α,  t = 0, 1, 2 ...
    x ← (1 - λ ηₜ) x - ηₜ g
    w ← w + (x - w) / max(1, t + 1 - t₀)

    η: step, λ: decay, α: power, t₀: average_after; x: w at the start
    """

    step: Column = hyper(0.3, "(0, inf)", "step size η in the first epoch")
    decay: Column = hyper(1e-4, "[0, 1)", "decay λ of the step and of the weights (penalty λ/2 |x|²)")
    power: Column = hyper(0.75, "[0, 1]", "exponent of the step decay, α")
    average_after: Column = hyper(0.0, "[0, inf)", "number of initial epochs excluded from the mean, t₀")

    def begin(self, w: Array, f: Oracle) -> AsgdState:
        return AsgdState(w, f.xp.zeros((len(w), 1)))

    def advance(self, w: Array, state: AsgdState, f: Oracle) -> tuple[Array, AsgdState]:
        xp, x, t = f.xp, state.x, state.t
        eta = self.step / f.power(1 + self.decay * self.step * t, self.power)
        x = (1 - self.decay * eta) * x - eta * f.gradient(x)
        t = t + 1
        share = 1 / xp.maximum(1.0, t - self.average_after)
        return xp.where(share == 1, x, w + share * (x - w)), AsgdState(x, t)
