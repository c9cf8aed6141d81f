"""Newton's method, alone and with a line search, with a choice of repairs for a Hessian that bends downwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.linesearch import Known, StrongWolfe, along, backtrack, downhill, recall, resolution, settle
from bpviz.optimizers._curvature import REPAIRS, WRIGHT, newton_direction

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Mask, Oracle

_REPAIR = "how the Hessian is made positive definite"
_LEAST = "least eigenvalue or pivot of B, or added to the diagonal of H, λ"
_GILL = "P. E. Gill, W. Murray & M. H. Wright, Practical Optimization, 1981, section 4.4.2.2 (cholesky)"


@optimizer(
    "newton",
    label="Newton's method",
    needs="gradient hessian",
    source=f"{WRIGHT}, sections 2.2 and 3.4; {_GILL}",
    confused_with=(
        "Gauss-Newton, which replaces the Hessian by JᵀJ; saddle-free Newton, which is repair: flip; and Newton-CG "
        "in scipy.optimize, which solves for the direction only roughly and searches along it. Compared with no "
        "library, but with a published path."
    ),
    synonyms=("hessian", "newtons-method", "damped-newton", "saddle-free-newton", "modified-cholesky"),
)
class Newton:
    """Jump to where the quadratic model of the error has its stationary point. g = ∇E(w), H = ∇²E(w).

    penalty   B ← H + λ I
    shift     B ← H + τ I, the least τ ≥ 0 that lifts every eigenvalue μ of H to λ
    clip      B ← H with max(μ, λ) for each μ: what bends downwards is taken for nearly level
    flip      B ← H with max(|μ|, λ) for each μ: it is taken to bend upwards as much
    cholesky  B ← H + E, a diagonal E ≥ 0 that gives B = LDLᵀ pivots from λ on, and 0 if H is safely positive definite
    w ← w - η B⁻¹ g

    η: step, λ: penalty, which of the five: repair. A run whose B is singular cannot go on.
    """

    step: Column = hyper(1.0, "(0, inf)", "fraction η of the Newton step that is taken")
    penalty: Column = hyper(0.01, "[0, inf)", "constant λ added to the diagonal of the Hessian")
    repair: str = hyper("penalty", REPAIRS, f"{_REPAIR}; but for penalty, λ is the least eigenvalue or pivot it gets")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, H = f.gradient(w), f.hessian(w)  # the paper's letter
        direction = newton_direction(H, g, self.repair, self.penalty, f)
        singular = f.xp.isnan(direction).any(axis=1)
        f.cannot_go_on(singular)
        return f.xp.where(singular[:, None], w, w + self.step * direction), state


@optimizer(
    "newton-wolfe",
    label="Newton + strong Wolfe",
    needs="error gradient hessian",
    source=f"{WRIGHT}, Algorithm 3.2 with Algorithms 3.5 and 3.6; {_GILL}",
    confused_with=(
        "newton, which takes its step whether or not the error falls; and Newton-CG in scipy.optimize, which solves "
        "for the direction only roughly. Compared with no library: none searches along the whole Newton direction."
    ),
    synonyms=("newton-line-search", "newton-strong-wolfe"),
    recalls=True,
)
class NewtonWolfe(StrongWolfe):
    """Go along the Newton direction to where the error is low and level enough. g = ∇E(w), H = ∇²E(w).

    B ← H + E, positive definite
    d ← -B⁻¹ g
    α ← search for E(w + α d) ≤ E(w) + c₁ α gᵀd and |∇E(w + α d)ᵀd| ≤ c₂ |gᵀd|, from α = ᾱ
    w ← w + α d

    ᾱ: step, c₁: c1, c₂: c2; E: repair, as in `newton`, with λ: penalty. A run whose search finds no such α, as where
    g = 0 or B is not positive definite, cannot go on.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial step of every epoch, ᾱ")
    repair: str = hyper("cholesky", REPAIRS, _REPAIR)
    penalty: Column = hyper(1e-8, "[0, inf)", _LEAST)

    def begin(self, w: Array, f: Oracle) -> Known:
        return Known.nothing(w, f)

    def advance(self, w: Array, state: Known, f: Oracle) -> tuple[Array, Known]:
        known = state.at(w, f)
        known = known._replace(last_error=known.error)  # no suggestion: α = 1 is what Newton's method ends with
        d = newton_direction(f.hessian(w), known.g, self.repair, self.penalty, f)
        found = self.descend(w, f.xp.where(known.failed, -known.g, d), known, f)
        return found.w, found.known


class Searched(NamedTuple):
    """What newton-backtracking remembers."""

    error: Array  # (runs, 1), at the weights; NaN before the first epoch
    failed: Mask  # (runs, 1), whether the last search found no step


@optimizer(
    "newton-backtracking",
    label="Newton + backtracking",
    needs="error gradient hessian",
    source=f"{WRIGHT}, Algorithm 3.2 with Algorithm 3.1; {_GILL}",
    confused_with=(
        "newton, which takes its step whether or not the error falls. Compared with no library: none searches along "
        "the whole Newton direction."
    ),
    synonyms=("newton-armijo", "guarded-newton"),
    recalls=True,
)
class NewtonBacktracking:
    """Shorten the Newton step until the error falls enough. g = ∇E(w), H = ∇²E(w).

    B ← H + E, positive definite
    d ← -B⁻¹ g
    α ← ᾱ;  while E(w + α d) > E(w) + c₁ α gᵀd:  α ← ρ α
    w ← w + α d

    ᾱ: step, ρ: shrink, c₁: c1; E: repair, as in `newton`, with λ: penalty. A run whose search finds no lower error, as
    where g = 0 or B is not positive definite, cannot go on.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial step of every epoch, ᾱ")
    shrink: Column = hyper(0.5, "(0, 1)", "factor on a step that was too long, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "fraction of the fall that the slope promises which is enough, c₁")
    repair: str = hyper("cholesky", REPAIRS, _REPAIR)
    penalty: Column = hyper(1e-8, "[0, inf)", _LEAST)

    def begin(self, w: Array, f: Oracle) -> Searched:
        nan = f.xp.full((len(w), 1), f.xp.nan)
        return Searched(nan, nan > 0)

    def advance(self, w: Array, state: Searched, f: Oracle) -> tuple[Array, Searched]:
        g, error = f.gradient(w), recall(state.error, f.error, w, f)
        d = newton_direction(f.hessian(w), g, self.repair, self.penalty, f)
        d, _ = downhill(f.xp.where(state.failed, -g, d), g, f)
        phi, slope, closest = along(f, w, d), f.dot(g, d), resolution(w, d, f)
        holds, alpha, lowest = backtrack(phi, error, slope, self.step, self.shrink, self.c1, closest, f)
        holds, alpha = settle(holds, alpha, d, g, f)
        return f.xp.where(holds, w + alpha * d, w), Searched(f.xp.where(holds, lowest, error), ~holds)
