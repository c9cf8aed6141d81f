"""Resilient propagation: steps by the sign of the gradient, one step size per weight.

The four variants differ in how they treat a weight after a sign change of its gradient:

    rprop    reverts its last update
    irprop+  reverts its last update if the error increased, else does not move it
    irprop-  does not move it
    rprop-   moves it with the smaller step size
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
    """State of the variants of RPROP."""

    g: Array  # (runs, params), g', gradient of the last epoch; 0 where the next sign change must not count
    delta: Array  # (runs, params), Δ, step size of each weight
    move: Array  # (runs, params), last update of each weight


class SignsAndError(NamedTuple):
    """State of iRPROP+."""

    g: Array
    delta: Array
    move: Array
    error: Array  # (runs, 1), error at the beginning of the last epoch


@dataclass(frozen=True)
class _Rprop:
    """Base of the four variants: hyperparameters, initial state and adaptation of the step sizes."""

    step: Column = hyper(0.1, "(0, inf)", "initial step size per weight, Δ", at_start=True)
    increase: Column = hyper(1.2, "(1, inf)", "factor on the step size if the sign is unchanged, η⁺")
    decrease: Column = hyper(0.5, "(0, 1)", "factor on the step size after a sign change, η⁻")
    min_step: Column = hyper(1e-3, "[0, inf)", "minimum step size, Δmin")
    max_step: Column = hyper(10.0, "(0, inf)", "maximum step size, Δmax")

    def conflicts(self) -> list[tuple[str, str]]:
        if self.min_step > self.max_step:
            return [("min_step", f"{self.min_step:g} is greater than max_step ({self.max_step:g})")]
        return []

    def begin(self, w: Array, f: Oracle) -> Any:
        zeros = f.xp.zeros_like(w)
        return Signs(zeros, zeros + self.step, zeros)

    def _adapt(self, delta: Array, same: Array, f: Oracle) -> Array:
        """Return the new step sizes: larger where the sign is unchanged, smaller where it changed."""
        larger = f.xp.minimum(delta * self.increase, self.max_step)
        smaller = f.xp.maximum(delta * self.decrease, self.min_step)
        adapted: Array = f.xp.where(same > 0, larger, f.xp.where(same < 0, smaller, delta))
        return adapted


@optimizer(
    "rprop",
    label="RPROP",
    needs="gradient",
    source=f"{_RIEDMILLER}; with weight backtracking, called RPROP+ by {_IGEL}",
    confused_with=(
        "torch.optim.Rprop, which is irprop-; and optax.rprop (0.2.8), which applies every update one epoch late (it "
        "also takes 20 epochs on the published problem, along a different path)."
    ),
    synonyms=("rprop+", "rpropplus", "resilient-propagation"),
)
class Rprop(_Rprop):
    """RPROP with weight backtracking (RPROP+).

    Applied per weight; g = ∇E(w), g': the previous gradient.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax),  w ← w - sign(g) Δ
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  w ← w - (last update of w),  g ← 0
    g g' = 0:  w ← w - sign(g) Δ

    Δ: one step per weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g': 0 at the start
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
    confused_with="irprop-, which does not move a weight in the epoch after a sign change of its gradient.",
    synonyms=("rpropminus",),
)
class RpropMinus(_Rprop):
    """RPROP without weight backtracking.

    Applied per weight; g = ∇E(w), g': the previous gradient.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax)
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin)
    w ← w - sign(g) Δ

    Δ: one step per weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g': 0 at the start
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
    confused_with="rprop, which reverts the last update whether or not the error increased.",
    synonyms=("irprop", "irpropplus", "irprop-plus"),
)
class IrpropPlus(_Rprop):
    """Improved RPROP with weight backtracking.

    Applied per weight; g = ∇E(w), g': the previous gradient.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax),  w ← w - sign(g) Δ
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  w ← w - (last update of w) if E(w) increased,  g ← 0
    g g' = 0:  w ← w - sign(g) Δ

    Δ: one step per weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g': 0 at the start
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
    confused_with="rprop; torch.optim.Rprop, despite its name, is this rule, with step sizes in [1e-6, 50].",
    synonyms=("irpropminus", "irprop-minus"),
)
class IrpropMinus(_Rprop):
    """Improved RPROP without weight backtracking.

    Applied per weight; g = ∇E(w), g': the previous gradient.

    g g' > 0:  Δ ← min(η⁺ Δ, Δmax)
    g g' < 0:  Δ ← max(η⁻ Δ, Δmin),  g ← 0
    w ← w - sign(g) Δ

    Δ: one step per weight, step at the start; η⁺: increase, η⁻: decrease, Δmin: min_step, Δmax: max_step;
    g': 0 at the start
    """

    def advance(self, w: Array, state: Signs, f: Oracle) -> tuple[Array, Signs]:
        g = f.gradient(w)
        same = g * state.g
        delta = self._adapt(state.delta, same, f)
        g = f.xp.where(same < 0, 0.0, g)
        move = -f.xp.sign(g) * delta
        return w + move, Signs(g, delta, move)
