"""Newton's method: without and with a line search, with repairs of the Hessian, and by conjugate gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.numerics.linesearch import (
    KnownValues,
    StrongWolfe,
    along,
    backtrack,
    end_failed_searches,
    ensure_descent,
    evaluate_unknown,
    resolution,
)
from bpviz.optimizers._curvature import REPAIRS, WRIGHT, newton_direction
from bpviz.optimizers._krylov import truncated_newton

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

_REPAIR = "repair that makes the Hessian positive definite"
_LEAST = "least eigenvalue or pivot of B, or added to the diagonal of H, λ"
_GILL = "P. E. Gill, W. Murray & M. H. Wright, Practical Optimization, 1981, section 4.4.2.2 (cholesky)"


@optimizer(
    "newton",
    label="Newton's method",
    needs="gradient hessian",
    source=f"{WRIGHT}, sections 2.2 and 3.4; {_GILL}",
    confused_with=(
        "Gauss-Newton, which replaces the Hessian by JᵀJ; saddle-free Newton, which is repair: flip; and newton-cg, "
        "which solves for the direction approximately and searches along it. Compared with a published path, with no "
        "library."
    ),
    synonyms=("hessian", "newtons-method", "damped-newton", "saddle-free-newton", "modified-cholesky"),
)
class Newton:
    """Steps to the stationary point of the quadratic model.

    g = ∇E(w), H = ∇²E(w)

    penalty   B ← H + λ I
    shift     B ← H + τ I, the least τ ≥ 0 that lifts every eigenvalue μ of H to λ
    clip      B ← H with max(μ, λ) for each μ: negative curvature becomes nearly none
    flip      B ← H with max(|μ|, λ) for each μ: negative curvature becomes positive
    cholesky  B ← H + E, a diagonal E ≥ 0 that gives B = LDLᵀ pivots from λ on, and 0 if H is safely positive definite
    w ← w - η B⁻¹ g

    η: step, λ: penalty; the first five lines: repair. A run is stuck if B is singular.
    """

    step: Column = hyper(1.0, "(0, inf)", "fraction η of the Newton step")
    penalty: Column = hyper(0.01, "[0, inf)", "constant λ added to the diagonal of the Hessian")
    repair: str = hyper("penalty", REPAIRS, f"{_REPAIR}; λ is its least eigenvalue or pivot except for penalty")

    def begin(self, w: Array, f: Oracle) -> tuple[()]:
        return ()

    def advance(self, w: Array, state: tuple[()], f: Oracle) -> tuple[Array, tuple[()]]:
        g, H = f.gradient(w), f.hessian(w)  # the paper's letter
        direction = newton_direction(H, g, self.repair, self.penalty, f)
        singular = f.xp.isnan(direction).any(axis=1)
        f.cannot_go_on(singular, "singular Hessian")
        return f.xp.where(singular[:, None], w, w + self.step * direction), state


@optimizer(
    "newton-wolfe",
    label="Newton + strong Wolfe",
    needs="error gradient hessian",
    source=f"{WRIGHT}, Algorithm 3.2 with Algorithms 3.5 and 3.6; {_GILL}",
    confused_with=(
        "newton, which takes the whole step even if the error rises; and newton-cg, which solves for the direction "
        "approximately. Compared with no library: none searches along the exact Newton direction."
    ),
    synonyms=("newton-line-search", "newton-strong-wolfe"),
    recalls=True,
)
class NewtonWolfe(StrongWolfe):
    """Newton's method with a strong Wolfe search.

    g = ∇E(w), H = ∇²E(w)

    B ← H + E, positive definite
    d ← -B⁻¹ g
    α ← search for E(w + α d) ≤ E(w) + c₁ α gᵀd and |∇E(w + α d)ᵀd| ≤ c₂ |gᵀd|, from α = ᾱ
    w ← w + α d

    ᾱ: step, c₁: c1, c₂: c2; E: repair, as in `newton`, with λ: penalty. d is -g if it is not a descent direction, for
    example because B is not positive definite, and after an epoch in which the search finds no step and the weights
    stay. A run is stuck if no step along -g reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial step of every epoch, ᾱ")
    repair: str = hyper("cholesky", REPAIRS, _REPAIR)
    penalty: Column = hyper(1e-8, "[0, inf)", _LEAST)

    def begin(self, w: Array, f: Oracle) -> KnownValues:
        return KnownValues.unknown(w, f)

    def advance(self, w: Array, state: KnownValues, f: Oracle) -> tuple[Array, KnownValues]:
        known = state.at(w, f)
        known = known._replace(last_error=known.error)  # so that the first trial is ᾱ: Newton's method ends with α = 1
        d = newton_direction(f.hessian(w), known.g, self.repair, self.penalty, f)
        found = self.descend(w, f.xp.where(known.failed, -known.g, d), known, f)
        return found.w, found.known


class NewtonBacktrackingState(NamedTuple):
    """State of newton-backtracking."""

    error: Array  # (runs, 1), at the weights; NaN before the first epoch
    failed: Mask  # (runs, 1), whether the last search found no step


@optimizer(
    "newton-backtracking",
    label="Newton + backtracking",
    needs="error gradient hessian",
    source=f"{WRIGHT}, Algorithm 3.2 with Algorithm 3.1; {_GILL}",
    confused_with=(
        "newton, which takes the whole step even if the error rises. Compared with no library: none searches along the "
        "exact Newton direction."
    ),
    synonyms=("newton-armijo", "guarded-newton"),
    recalls=True,
)
class NewtonBacktracking:
    """Newton's method with backtracking.

    g = ∇E(w), H = ∇²E(w)

    B ← H + E, positive definite
    d ← -B⁻¹ g
    α ← ᾱ;  while E(w + α d) > E(w) + c₁ α gᵀd:  α ← ρ α
    w ← w + α d

    ᾱ: step, ρ: shrink, c₁: c1; E: repair, as in `newton`, with λ: penalty. d is -g if it is not a descent direction,
    for example because B is not positive definite, and after an epoch in which the search finds no step and the weights
    stay. A run is stuck if no step along -g reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "first trial step of every epoch, ᾱ")
    shrink: Column = hyper(0.5, "(0, 1)", "factor on a step that was too long, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "required fraction of the decrease predicted by the slope, c₁")
    repair: str = hyper("cholesky", REPAIRS, _REPAIR)
    penalty: Column = hyper(1e-8, "[0, inf)", _LEAST)

    def begin(self, w: Array, f: Oracle) -> NewtonBacktrackingState:
        nan = f.xp.full((len(w), 1), f.xp.nan)
        return NewtonBacktrackingState(nan, nan > 0)

    def advance(self, w: Array, state: NewtonBacktrackingState, f: Oracle) -> tuple[Array, NewtonBacktrackingState]:
        g, error = f.gradient(w), evaluate_unknown(state.error, f.error, w, f)
        d = newton_direction(f.hessian(w), g, self.repair, self.penalty, f)
        d, _ = ensure_descent(f.xp.where(state.failed, -g, d), g, f)
        phi, slope, closest = along(f, w, d), f.dot(g, d), resolution(w, d, f)
        holds, alpha, lowest = backtrack(phi, error, slope, self.step, self.shrink, self.c1, closest, f)
        holds, alpha = end_failed_searches(holds, alpha, d, g, f)
        return f.xp.where(holds, w + alpha * d, w), NewtonBacktrackingState(f.xp.where(holds, lowest, error), ~holds)


@optimizer(
    "newton-cg",
    label="Newton-CG",
    needs="error gradient hessian",
    source=(
        "R. S. Dembo & T. Steihaug, Mathematical Programming 26, 1983, pp. 190-212; "
        f"{WRIGHT}, Algorithm 7.1 with Algorithms 3.5 and 3.6"
    ),
    confused_with=(
        "newton-wolfe, which solves for the direction exactly; trust-ncg, which limits the step by a radius instead of "
        "searching along it; and cg-fr, cg-pr, cg-hs and cg-dy, which use no Hessian. Newton-CG in scipy.optimize is "
        "this rule with Moré and Thuente's search, and with this search where that fails; it ignores a curvature dᵀHd "
        "of at most 6.7e-16."
    ),
    synonyms=("truncated-newton", "inexact-newton", "line-search-newton-cg", "hessian-free"),
    recalls=True,
)
class NewtonCg(StrongWolfe):
    """Newton's method with directions by conjugate gradients.

    Conjugate gradients solve H d = -g until the residual is small, and stop before a direction of nonpositive
    curvature.

    g = ∇E(w), H = ∇²E(w)

    z ← 0, r ← g, p ← -g
    while ‖r‖ > min(η, √‖g‖) ‖g‖ and pᵀHp > 0:
        z ← z + a p, r' ← r + a H p,  a = rᵀr / pᵀHp
        p ← -r' + (r'ᵀr' / rᵀr) p, r ← r'
    d ← z, and -g gᵀg / |gᵀHg| if gᵀHg ≤ 0
    α ← search for E(w + α d) ≤ E(w) + c₁ α gᵀd and |∇E(w + α d)ᵀd| ≤ c₂ |gᵀd|
    w ← w + α d

    η: forcing, ‖·‖: the sum of the magnitudes; c₁: c1, c₂: c2, and ᾱ: step, the maximum first trial, as in `wolfe`,
    and the first trial of the first epoch. d is -g if gᵀHg = 0, and after an epoch in which the search finds no step
    and the weights stay. A run is stuck if no step along -g reduces the error.
    """

    forcing: Column = hyper(0.5, "(0, 1)", "maximum residual of the equation for d as a fraction of the gradient, η")

    def begin(self, w: Array, f: Oracle) -> KnownValues:
        return KnownValues.unknown(w, f)

    def advance(self, w: Array, state: KnownValues, f: Oracle) -> tuple[Array, KnownValues]:
        known = state.at(w, f)
        new = f.xp.isnan(state.last_error)
        known = known._replace(last_error=f.xp.where(new, known.error, known.last_error))  # the first trial is ᾱ
        d = truncated_newton(f.hessian(w), known.g, self.forcing, f)
        found = self.descend(w, f.xp.where(known.failed, -known.g, d), known, f)
        return found.w, found.known
