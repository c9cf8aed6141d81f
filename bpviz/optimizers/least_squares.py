"""Rules that see the residuals, not their squares alone: the error is E = rᵀr.

Near w the residuals are about r + J h, with J their Jacobian, so that half the gradient of E is g = Jᵀr and half its
Hessian about JᵀJ. What is left out of the Hessian is small where residuals are small or nearly linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.domains import Choice
from bpviz.linesearch import backtrack, downhill, resolution, settle

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.oracle import Mask, Oracle

_MADSEN = "K. Madsen, H. B. Nielsen & O. Tingleff, Methods for Non-Linear Least Squares Problems, 2nd ed. 2004"


class Searched(NamedTuple):
    """State of gauss-newton."""

    failed: Mask  # (runs, 1), whether the last search found no step


@optimizer(
    "gauss-newton",
    label="Gauss-Newton",
    needs="residuals jacobian",
    source=f"C. F. Gauss, Theoria motus corporum coelestium, 1809; {_MADSEN}, section 3.1",
    confused_with=(
        "newton, whose Hessian has the curvature of the residuals too; and Gauss-Newton approximations of networks' "
        "Hessians by their diagonal. Implementations find the same h by a QR decomposition, as here, or by the normal "
        "equations as they stand, which lose digits sooner where J is nearly singular."
    ),
    synonyms=("gn", "gaussnewton"),
)
class GaussNewton:
    """Go to where the residuals would be smallest if they were linear. r: residuals at w, J: their Jacobian.

    h ← -(JᵀJ)⁻¹ Jᵀr
    while E(w + α h) > E(w) + c₁ α ∇Eᵀh:  α ← ρ α    with search: backtracking
    w ← w + α h

    α: step, at the start of every epoch; the second line: search, ρ: shrink, c₁: c1. Without a search, a run is stuck
    where J is rank-deficient. With one, h is -∇E where it is not unique or does not lead downhill, and after an epoch
    whose search finds no step, which moves nothing; a run is stuck where no step along -∇E reduces the error.
    """

    step: Column = hyper(1.0, "(0, inf)", "fraction α of the whole step that is taken, or tried first")
    search: str = hyper("none", Choice(("none", "backtracking")), "whether a step is shortened until the error falls")
    shrink: Column = hyper(0.5, "(0, 1)", "factor of the search on a step that was too long, ρ")
    c1: Column = hyper(1e-4, "(0, 1)", "fraction of the fall that the slope promises which is enough, c₁")

    def begin(self, w: Array, f: Oracle) -> Searched:
        return Searched(f.xp.zeros((len(w), 1)) > 0)

    def advance(self, w: Array, state: Searched, f: Oracle) -> tuple[Array, Searched]:
        r, J = f.residuals(w), f.jacobian(w)
        h = f.least_squares(J, -r)
        if self.search == "none":
            defined = ~f.xp.isnan(h).any(axis=1, keepdims=True)
            f.cannot_go_on(~defined[:, 0], "rank-deficient Jacobian")
            return f.xp.where(defined, w + self.step * h, w), state
        g = 2 * f.matvec(f.xp.matrix_transpose(J), r)  # ∇E
        h, _ = downhill(f.xp.where(state.failed, -g, h), g, f)

        def phi(alpha: Array, where: Mask) -> Array:
            r = f.residuals(w + alpha * h, where)
            return f.dot(r, r)

        closest = resolution(w, h, f)
        holds, alpha, _ = backtrack(phi, f.dot(r, r), f.dot(g, h), self.step, self.shrink, self.c1, closest, f)
        holds, alpha = settle(holds, alpha, h, g, f)
        return f.xp.where(holds, w + alpha * h, w), Searched(~holds)


class Damped(NamedTuple):
    """What Levenberg-Marquardt remembers of the place where it stands."""

    error: Array  # (runs, 1), rᵀr; NaN before the first epoch
    A: Array  # (runs, params, params), JᵀJ
    g: Array  # (runs, params), Jᵀr
    mu: Array  # (runs, 1), the damping
    nu: Array  # (runs, 1), the next factor on it after a step that is refused


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
        "Marquardt's own rule of 1963, which damps by the diagonal of JᵀJ in place of I and multiplies or divides μ "
        "by 10; MINPACK's lmder behind SciPy's method 'lm' (J. J. Moré, 1978), which chooses μ by a trust region; and "
        "versions that take every step, however the error changes. The cited text's F is half of this error, which "
        "changes no step."
    ),
    synonyms=("lm", "levenberg", "marquardt", "damped-least-squares"),
    recalls=True,
)
class LevenbergMarquardt:
    """Gauss-Newton held back by a damping that follows how well each step was foretold. r: residuals, J: Jacobian.

    h ← -(JᵀJ + μ I)⁻¹ Jᵀr
    ϱ ← (E(w) - E(w + h)) / hᵀ(μ h - Jᵀr)        the fall of the error, as a part of what is foretold
    ϱ > 0:  w ← w + h,  μ ← μ max(κ, 1 - (2 ϱ - 1)³),  ν ← ν₀
    else:   μ ← ν μ,  ν ← 2 ν

    μ: τ max diag(JᵀJ) at the start, τ: damping, κ: decrease, ν₀: increase, ν: increase at the start. A run whose
    matrix is singular, or whose step is too short to change its weights, cannot go on.
    """

    # The text says 1e-6 near a minimum, else 1e-3 or even 1.
    damping: Column = hyper(1.0, "(0, inf)", "damping at the start τ, as a part of the largest diagonal element")
    decrease: Column = hyper(1 / 3, "(0, 1)", "least factor κ on the damping after a step that is taken")
    increase: Column = hyper(2.0, "(1, inf)", "factor ν₀ on the damping after the first step that is refused")

    def begin(self, w: Array, f: Oracle) -> Damped:
        nan = f.xp.full_like(w, f.xp.nan)
        return Damped(nan[:, :1], f.outer(nan, nan), nan, nan[:, :1], nan[:, :1])

    def advance(self, w: Array, state: Damped, f: Oracle) -> tuple[Array, Damped]:
        xp = f.xp
        new = xp.isnan(state.error)
        if new.any():
            here = self._at(w, f.residuals(w, new[:, 0]), new[:, 0], f)
            mu = self.damping * xp.linalg.diagonal(here.A).max(axis=1, keepdims=True)
            state = _chosen(new, here._replace(mu=mu), state, f)
        error, A, g, mu, nu = state
        h = -f.solve(A + mu[..., None] * xp.eye(w.shape[1]), g)
        there = w + h
        moves = ~xp.isnan(h).any(axis=1) & (there != w).any(axis=1)
        f.cannot_go_on(~moves)
        r = f.residuals(there, moves)
        gain = (error - f.dot(r, r)) / f.dot(h, mu * h - g)  # ϱ
        taken = gain > 0  # not where the error is not a number
        surprise = 2 * gain - 1
        after = Damped(error, A, g, nu * mu, 2 * nu)
        if taken.any():
            better = self._at(there, r, taken[:, 0], f)
            mu = mu * xp.maximum(self.decrease, 1 - surprise * surprise * surprise)
            after = _chosen(taken, better._replace(mu=mu), after, f)
        return xp.where(taken, there, w), after

    def _at(self, w: Array, r: Array, where: Mask, f: Oracle) -> Damped:
        """Return what there is to know at ``w``, but for the damping, of the runs in ``where``."""
        J, error = f.jacobian(w, where), f.dot(r, r)
        g = f.matvec(f.xp.matrix_transpose(J), r)
        return Damped(error, f.gram(J), g, f.xp.full_like(error, f.xp.nan), f.xp.zeros_like(error) + self.increase)


def _chosen(mask: Mask, a: Damped, b: Damped, f: Oracle) -> Damped:
    """Choose run by run; ``mask (runs, 1)``."""
    return Damped(*(f.xp.where(mask if x.ndim < 3 else mask[..., None], x, y) for x, y in zip(a, b, strict=True)))
