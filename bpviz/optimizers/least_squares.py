"""Rules for nonlinear least squares, with the error E = rᵀr.

Near w, the residuals are approximately r + J h with the Jacobian J, so half the gradient of E is g = Jᵀr and half its
Hessian is approximately JᵀJ. The neglected part of the Hessian is small where residuals are small or nearly linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.numerics.linesearch import backtrack, choose, end_failed_searches, ensure_descent, resolution

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

_MADSEN = "K. Madsen, H. B. Nielsen & O. Tingleff, Methods for Non-Linear Least Squares Problems, 2nd ed. 2004"


class GaussNewtonState(NamedTuple):
    """State of gauss-newton."""

    failed: Mask  # (runs, 1), whether the last search found no step


@optimizer(
    "gauss-newton",
    label="Gauss-Newton",
    needs="residuals jacobian",
    source=f"C. F. Gauss, Theoria motus corporum coelestium, 1809; {_MADSEN}, section 3.1",
    confused_with=(
        "newton, whose Hessian includes the curvature of the residuals; and diagonal Gauss-Newton approximations of "
        "the Hessian of a network. Implementations compute the same h by a QR decomposition, as here, or by the normal "
        "equations, which lose precision sooner where J is nearly singular."
    ),
    synonyms=("gn", "gaussnewton"),
)
class GaussNewton:
    """Gauss-Newton method for least squares.

    The step h minimizes the sum of squares of the linearized residuals. r: residuals at w, J: their Jacobian.

    h ← -(JᵀJ)⁻¹ Jᵀr
    while E(w + α h) > E(w) + c₁ α ∇Eᵀh:  α ← ρ α    with search: backtracking
    w ← w + α h

    α: step, at the beginning of each epoch; second line: search, ρ: shrink, c₁: c1. Without a search, a run is stuck if
    J is rank-deficient. With one, h is -∇E if it is not unique or not a descent direction, and after an epoch in which
    the search finds no step and the weights stay. A run is stuck if no step along -∇E reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "fraction of the full step taken, or tried first, α")
    search: str = hyper(
        "none", Choice(("none", "backtracking")), "line search: none, or backtracking until the error decreases"
    )
    shrink: Column = hyper(0.5, "(0, 1)", "factor on rejected steps in the line search, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "required fraction of the decrease predicted by the slope, c₁")

    def begin(self, w: Array, f: Oracle) -> GaussNewtonState:
        return GaussNewtonState(f.xp.zeros((len(w), 1)) > 0)

    def advance(self, w: Array, state: GaussNewtonState, f: Oracle) -> tuple[Array, GaussNewtonState]:
        r, J = f.residuals(w), f.jacobian(w)
        h = f.least_squares(J, -r)
        if self.search == "none":
            defined = ~f.xp.isnan(h).any(axis=1, keepdims=True)
            f.cannot_go_on(~defined[:, 0], "rank-deficient Jacobian")
            return f.xp.where(defined, w + self.step * h, w), state
        g = 2 * f.matvec(f.xp.matrix_transpose(J), r)  # ∇E
        h, _ = ensure_descent(f.xp.where(state.failed, -g, h), g, f)

        def phi(alpha: Array, where: Mask) -> Array:
            r = f.residuals(w + alpha * h, where)
            return f.dot(r, r)

        closest = resolution(w, h, f)
        holds, alpha, _ = backtrack(phi, f.dot(r, r), f.dot(g, h), self.step, self.shrink, self.c1, closest, f)
        holds, alpha = end_failed_searches(holds, alpha, h, g, f)
        return f.xp.where(holds, w + alpha * h, w), GaussNewtonState(~holds)


class Damped(NamedTuple):
    """State of Levenberg-Marquardt at the current weights."""

    error: Array  # (runs, 1), rᵀr; NaN before the first epoch
    A: Array  # (runs, params, params), JᵀJ
    g: Array  # (runs, params), Jᵀr
    mu: Array  # (runs, 1), μ, damping
    nu: Array  # (runs, 1), ν, factor on the damping after the next rejected step


@optimizer(
    "levenberg-marquardt",
    label="Levenberg-Marquardt",
    needs="residuals jacobian",
    source=(
        "K. Levenberg, Quarterly of Applied Mathematics 2, 1944, pp. 164-168; D. W. Marquardt, J. SIAM 11, 1963, "
        f"pp. 431-441; in the form of {_MADSEN}, Algorithm 3.16, with the damping of H. B. Nielsen, Damping Parameter "
        "in Marquardt's Method, 1999"
    ),
    confused_with=(
        "Marquardt's original rule of 1963, which uses the diagonal of JᵀJ instead of I and multiplies or divides μ by "
        "10; MINPACK's lmder, used by SciPy's method 'lm' (J. J. Moré, 1978), which chooses μ by a trust region; and "
        "variants that accept every step. F in the cited text is half of this error, which does not affect the steps."
    ),
    synonyms=("lm", "levenberg", "marquardt", "damped-least-squares"),
    recalls=True,
)
class LevenbergMarquardt:
    """Gauss-Newton method with adaptive damping.

    The damping μ is adapted by the ratio ϱ of actual to predicted decrease. r: residuals, J: Jacobian.

    h ← -(JᵀJ + μ I)⁻¹ Jᵀr
    ϱ ← (E(w) - E(w + h)) / hᵀ(μ h - Jᵀr)        actual decrease over predicted decrease
    ϱ > 0:  w ← w + h,  μ ← μ max(κ, 1 - (2 ϱ - 1)³),  ν ← ν₀
    else:   μ ← ν μ,  ν ← 2 ν

    μ: τ max diag(JᵀJ) at the start, τ: damping, κ: decrease, ν₀: increase, ν: increase at the start. A run is
    stuck if its matrix is singular or its step is too short to change the weights.
    """

    # Madsen et al. recommend 1e-6 near a minimum, else 1e-3 or even 1.
    damping: Column = hyper(1.0, "(0, inf)", "initial damping τ, relative to the largest diagonal element")
    decrease: Column = hyper(1 / 3, "(0, 1)", "minimum factor on the damping after an accepted step, κ")
    increase: Column = hyper(2.0, "(1, inf)", "factor on the damping after the first rejected step, ν₀")

    def begin(self, w: Array, f: Oracle) -> Damped:
        nan = f.xp.full_like(w, f.xp.nan)
        return Damped(nan[:, :1], f.outer(nan, nan), nan, nan[:, :1], nan[:, :1])

    def advance(self, w: Array, state: Damped, f: Oracle) -> tuple[Array, Damped]:
        xp = f.xp
        new = xp.isnan(state.error)
        if new.any():
            here = self._at(w, f.residuals(w, new[:, 0]), new[:, 0], f)
            mu = self.damping * xp.linalg.diagonal(here.A).max(axis=1, keepdims=True)
            state = choose(new, here._replace(mu=mu), state, f)
        error, A, g, mu, nu = state
        h = -f.solve(A + mu[..., None] * xp.eye(w.shape[1]), g)
        trial = w + h
        moves = ~xp.isnan(h).any(axis=1) & (trial != w).any(axis=1)
        f.cannot_go_on(~moves)
        r = f.residuals(trial, moves)
        gain = (error - f.dot(r, r)) / f.dot(h, mu * h - g)  # ϱ
        taken = gain > 0  # False where the error is NaN
        surprise = 2 * gain - 1
        after = Damped(error, A, g, nu * mu, 2 * nu)
        if taken.any():
            better = self._at(trial, r, taken[:, 0], f)
            mu = mu * xp.maximum(self.decrease, 1 - surprise * surprise * surprise)
            after = choose(taken, better._replace(mu=mu), after, f)
        return xp.where(taken, trial, w), after

    def _at(self, w: Array, r: Array, where: Mask, f: Oracle) -> Damped:
        """Return the state at ``w``, without the damping, for the runs in ``where``."""
        J, error = f.jacobian(w, where), f.dot(r, r)
        g = f.matvec(f.xp.matrix_transpose(J), r)
        return Damped(error, f.gram(J), g, f.xp.full_like(error, f.xp.nan), f.xp.zeros_like(error) + self.increase)
