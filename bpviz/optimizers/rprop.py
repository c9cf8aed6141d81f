"""Resilient propagation: steps by the sign of the gradient, one step size a weight.

The four variants differ in what they do after a weight's gradient has changed its sign:

    rprop    takes the weight's last move back, always
    irprop+  takes it back only if the error has grown, else leaves the weight where it is
    irprop-  leaves the weight where it is
    rprop-   moves it on with the smaller step
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import Column, hyper, optimizer

if TYPE_CHECKING:
    from bpviz.declare import Array, Oracle

_RIEDMILLER = "M. Riedmiller & H. Braun, IEEE ICNN 1993, pp. 586-591, doi:10.1109/ICNN.1993.298623"
_IGEL = "C. Igel & M. Hüsken, Neurocomputing 50, 2003, pp. 105-123, doi:10.1016/S0925-2312(01)00700-7"


class Signs(NamedTuple):
    """What the rules by sign remember."""

    g: Array  # (runs, params), last gradient, 0 where the rule wants the next sign change not to count
    delta: Array  # (runs, params), step of each weight, Δ
    move: Array  # (runs, params), last update of each weight


class SignsAndError(NamedTuple):
    """Signs, and what iRPROP+ remembers besides."""

    g: Array
    delta: Array
    move: Array
    error: Array  # (runs, 1), at the start of the last epoch


@dataclass(frozen=True)
class _Rprop:
    """What the four variants share: the hyperparameters, the start and the adaptation of the steps."""

    step: Column = hyper(0.1, "(0, inf)", "step size of every weight at the start, Δ", at_start=True)
    increase: Column = hyper(1.2, "(1, inf)", "factor on a step after a gradient of the same sign, η⁺")
    decrease: Column = hyper(0.5, "(0, 1)", "factor on a step after a change of sign, η⁻")
    min_step: Column = hyper(1e-3, "[0, inf)", "smallest step, Δmin")
    max_step: Column = hyper(10.0, "(0, inf)", "largest step, Δmax")

    def conflicts(self) -> list[tuple[str, str]]:
        if self.min_step > self.max_step:
            return [("min_step", f"{self.min_step:g} is above max_step, {self.max_step:g}")]
        return []

    def begin(self, w: Array, f: Oracle) -> Any:
        zeros = f.xp.zeros_like(w)
        return Signs(zeros, zeros + self.step, zeros)

    def _adapt(self, delta: Array, same: Array, f: Oracle) -> Array:
        """Return the new steps: larger where the gradient kept its sign, smaller where it changed it."""
        larger = f.xp.minimum(delta * self.increase, self.max_step)
        smaller = f.xp.maximum(delta * self.decrease, self.min_step)
        adapted: Array = f.xp.where(same > 0, larger, f.xp.where(same < 0, smaller, delta))
        return adapted


@optimizer(
    "rprop",
    label="RPROP",
    needs="gradient",
    source=f"{_RIEDMILLER}; there with weight backtracking, named RPROP+ by {_IGEL}",
    confused_with=(
        "torch.optim.Rprop, which is irprop-; optax.rprop (0.2.8), whose every update comes one epoch late: on the "
        "published problem it happens to take 20 epochs too, along another path."
    ),
    synonyms=("rprop+", "rpropplus", "resilient-propagation"),
)
class Rprop(_Rprop):
    """RPROP with weight backtracking (RPROP+), for each weight by itself. g = ∇E(w), g' the gradient before it.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax),  w ← w - sign(g) Δ
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  w ← w - (last update of w),  g ← 0
    g g' = 0:  w ← w - sign(g) Δ

    Δ: one step a weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g' is 0 at the start
    """

    def advance(self, w: Array, state: Signs, f: Oracle) -> tuple[Array, Signs]:
        g = f.gradient(w)
        same = g * state.g
        delta = self._adapt(state.delta, same, f)
        move = f.xp.where(same < 0, -state.move, -f.xp.sign(g) * delta)
        return w + move, Signs(f.xp.where(same < 0, 0.0, g), delta, move)


@optimizer(
    "rprop-",
    label="RPROP−",
    needs="gradient",
    source=_IGEL,
    confused_with="irprop-, which holds a weight still for the epoch after its gradient changed sign.",
    synonyms=("rpropminus",),
)
class RpropMinus(_Rprop):
    """RPROP without weight backtracking, for each weight by itself. g = ∇E(w), g' the gradient before it.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax)
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin)
    w ← w - sign(g) Δ

    Δ: one step a weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g' is 0 at the start
    """

    def advance(self, w: Array, state: Signs, f: Oracle) -> tuple[Array, Signs]:
        g = f.gradient(w)
        delta = self._adapt(state.delta, g * state.g, f)
        move = -f.xp.sign(g) * delta
        return w + move, Signs(g, delta, move)


@optimizer(
    "irprop+",
    label="iRPROP+",
    needs="error gradient",
    source=_IGEL,
    confused_with="rprop, which takes the last update back whether or not the error has grown.",
    synonyms=("irprop", "irpropplus", "irprop-plus"),
)
class IrpropPlus(_Rprop):
    """Improved RPROP with weight backtracking, for each weight by itself. g = ∇E(w), g' the gradient before it.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax),  w ← w - sign(g) Δ
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  w ← w - (last update of w) if E(w) has grown,  g ← 0
    g g' = 0:  w ← w - sign(g) Δ

    Δ: one step a weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g' is 0 at the start
    """

    def begin(self, w: Array, f: Oracle) -> Any:
        g, delta, move = super().begin(w, f)
        return SignsAndError(g, delta, move, f.xp.full((len(w), 1), f.xp.inf))

    def advance(self, w: Array, state: SignsAndError, f: Oracle) -> tuple[Array, SignsAndError]:
        g, error = f.gradient(w), f.error(w)
        same = g * state.g
        delta = self._adapt(state.delta, same, f)
        back = f.xp.where(error > state.error, -state.move, 0.0)
        move = f.xp.where(same < 0, back, -f.xp.sign(g) * delta)
        return w + move, SignsAndError(f.xp.where(same < 0, 0.0, g), delta, move, error)


@optimizer(
    "irprop-",
    label="iRPROP−",
    needs="gradient",
    source=_IGEL,
    confused_with="rprop: torch.optim.Rprop carries that name and is this rule, with steps in [1e-6, 50].",
    synonyms=("irpropminus", "irprop-minus"),
)
class IrpropMinus(_Rprop):
    """Improved RPROP without weight backtracking, for each weight by itself. g = ∇E(w), g' the gradient before it.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax)
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  g ← 0
    w ← w - sign(g) Δ

    Δ: one step a weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g' is 0 at the start
    """

    def advance(self, w: Array, state: Signs, f: Oracle) -> tuple[Array, Signs]:
        g = f.gradient(w)
        same = g * state.g
        delta = self._adapt(state.delta, same, f)
        g = f.xp.where(same < 0, 0.0, g)
        move = -f.xp.sign(g) * delta
        return w + move, Signs(g, delta, move)
