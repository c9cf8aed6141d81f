"""Trust-region methods: each step minimizes a quadratic model within a region of adaptive radius.

The rules solve this subproblem differently:

    dogleg        a point on a path of two legs; requires a positive definite model
    trust-exact   the minimum within the region, for any model
    trust-ncg     a point on the path of conjugate gradients, for any model
    trust-krylov  the minimum within the region and a Krylov subspace, for any model
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.numerics.linesearch import evaluate_unknown
from bpviz.optimizers._curvature import OF_EIGENVALUES, WRIGHT, Model, dogleg, exact
from bpviz.optimizers._krylov import lanczos, steihaug

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class Region(NamedTuple):
    """State of a trust region."""

    error: Array  # (runs, 1), error; NaN before the first epoch
    g: Array  # (runs, params), g, gradient; NaN where the last epoch moved the run
    H: Array  # (runs, params, params), H, Hessian; NaN where the last epoch moved the run
    radius: Array  # (runs, 1), Δ, radius of the region


class Step(NamedTuple):
    """A step within the region."""

    p: Array  # (runs, params)
    change: Array  # (runs, 1), m(p), the predicted change of the error
    at_edge: Mask  # (runs, 1), whether the step ends on the boundary


@dataclass(frozen=True)
class _TrustRegion:
    """Base of the rules: Algorithm 4.1 without the solution of the subproblem."""

    step: Column = hyper(1.0, "(0, inf)", "initial radius of the trust region, Δ", at_start=True)
    max_step: Column = hyper(1000.0, "(0, inf)", "maximum radius, Δ̂")
    accept: Column = hyper(0.15, "[0, 0.25)", "fraction of the predicted decrease above which a step is accepted, η")

    def conflicts(self) -> list[tuple[str, str]]:
        if self.step > self.max_step:
            return [("step", f"{self.step:g} is greater than max_step ({self.max_step:g})")]
        return []

    def begin(self, w: Array, f: Oracle) -> Region:
        nan = f.xp.full_like(w, f.xp.nan)
        return Region(nan[:, :1], nan, f.outer(nan, nan), f.xp.zeros_like(w[:, :1]) + self.step)

    def advance(self, w: Array, state: Region, f: Oracle) -> tuple[Array, Region]:
        xp, radius = f.xp, state.radius
        error, g = evaluate_unknown(state.error, f.error, w, f), evaluate_unknown(state.g, f.gradient, w, f)
        H = evaluate_unknown(state.H, f.hessian, w, f)
        p, change, at_edge = self._lowest(H, g, radius, f)
        trial, promised = w + p, -change
        moves = (promised > 0) & (trial != w).any(axis=1, keepdims=True)
        f.cannot_go_on(~moves[:, 0])
        error_trial = f.error(trial, moves[:, 0])
        rho = (error - error_trial) / promised
        longer = xp.where((rho > 0.75) & at_edge, xp.minimum(2 * radius, self.max_step), radius)
        radius = xp.where(rho >= 0.25, longer, radius / 4)
        taken = rho > self.accept
        unknown = xp.where(taken, xp.nan, 0.0)
        region = Region(xp.where(taken, error_trial, error), g + unknown, H + unknown[:, :, None], radius)
        return xp.where(taken, trial, w), region

    def _lowest(self, H: Array, g: Array, radius: Array, f: Oracle) -> Step:
        """Return the step that solves the subproblem."""
        raise NotImplementedError


@optimizer(
    "dogleg",
    label="Trust region, dogleg",
    needs="error gradient hessian",
    source=(
        "M. J. D. Powell, in P. Rabinowitz (ed.), Numerical Methods for Nonlinear Algebraic Equations, 1970, "
        f"pp. 87-114; {WRIGHT}, Algorithm 4.1 and eq. (4.16)"
    ),
    confused_with=(
        "Powell's hybrid method for systems of equations (SciPy's fsolve), which uses the same dogleg path; and dogleg "
        "in scipy.optimize, the same rule except that it stops where the Hessian is not positive definite."
    ),
    synonyms=("trust-dogleg", "dog-leg", "powell-dogleg"),
    recalls=True,
)
class Dogleg(_TrustRegion):
    """Trust-region method with dogleg steps.

    The step follows a path of two legs, along the negative gradient and then to the Newton point, within the radius.

    B ← H with all eigenvalues raised to at least δ
    pᵁ ← -(gᵀg / gᵀBg) g,  pᴮ ← -B⁻¹ g
    p ← the last point within Δ of the path 0 → pᵁ → pᴮ
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p)),  m(p) = gᵀp + pᵀBp / 2
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    g = ∇E(w), H = ∇²E(w); Δ: step at the start, Δ̂: max_step, η: accept, δ: penalty; B = H if H has no eigenvalue
    below δ; modification of H: repair (clip raises eigenvalues below δ to δ; flip replaces all by max(|λ|, δ); shift
    adds the same amount to all). A run is stuck if the model predicts no decrease or the step does not change w.
    """

    repair: str = hyper("clip", Choice(OF_EIGENVALUES), "modification that makes the Hessian positive definite")
    penalty: Column = hyper(1e-8, "(0, inf)", "minimum eigenvalue of the model, δ")

    def _lowest(self, H: Array, g: Array, radius: Array, f: Oracle) -> Step:
        model = Model.of(H, g, f).repaired(self.repair, self.penalty, f)
        p, at_edge = dogleg(model, radius, f)
        return Step(model.step(p, f), model.change(p, f), at_edge)


@optimizer(
    "trust-exact",
    label="Trust region, exact",
    needs="error gradient hessian",
    source=(
        "J. J. Moré & D. C. Sorensen, SIAM J. Scientific and Statistical Computing 4, 1983, pp. 553-572; "
        f"{WRIGHT}, Algorithms 4.1 and 4.3, eq. (4.45)"
    ),
    confused_with=(
        "trust-exact in scipy.optimize, which accepts a step whose length is within 10 % of the radius; and "
        "levenberg-marquardt, which sets its damping directly instead of by a radius."
    ),
    synonyms=("trust-region", "more-sorensen", "trust-region-newton"),
    recalls=True,
)
class TrustExact(_TrustRegion):
    """Trust-region method with exact steps.

    The step minimizes the quadratic model within the radius. g = ∇E(w), H = ∇²E(w).

    p ← the minimum of m(p) = gᵀp + pᵀHp / 2 for |p| ≤ Δ: (H + λ I) p = -g with λ ≥ 0, H + λ I ≥ 0, λ (Δ - |p|) = 0
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p))
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    Δ: step at the start, Δ̂: max_step, η: accept; |p| = Δ within a relative tol: tolerance. At a saddle point, where
    g = 0, the step follows the eigenvector of the most negative eigenvalue. A run is stuck if the model predicts no
    decrease or the step does not change w.
    """

    tolerance: Column = hyper(1e-10, "(0, 1)", "relative tolerance by which a step may exceed the radius, tol")

    def _lowest(self, H: Array, g: Array, radius: Array, f: Oracle) -> Step:
        model = Model.of(H, g, f)
        p, at_edge = exact(model, radius, self.tolerance, f)
        return Step(model.step(p, f), model.change(p, f), at_edge)


@optimizer(
    "trust-ncg",
    label="Trust region, Newton-CG",
    needs="error gradient hessian",
    source=(
        "T. Steihaug, SIAM J. Numerical Analysis 20, 1983, pp. 626-637; Ph. L. Toint, in I. S. Duff (ed.), Sparse "
        f"Matrices and Their Uses, 1981, pp. 57-88; {WRIGHT}, Algorithms 4.1 and 7.2"
    ),
    confused_with=(
        "newton-cg, which searches along the direction instead of limiting it by a radius; and trust-exact, which "
        "minimizes the model within the radius. trust-ncg in scipy.optimize is this rule."
    ),
    synonyms=("steihaug", "steihaug-toint", "cg-steihaug", "trust-cg"),
    recalls=True,
)
class TrustNcg(_TrustRegion):
    """Trust-region method with steps by conjugate gradients.

    Conjugate gradients minimize the quadratic model until its gradient is small. The step ends on the boundary where
    their path leaves the region, or along a direction of nonpositive curvature. g = ∇E(w), H = ∇²E(w).

    z ← 0, r ← g, d ← -g
    while ‖r‖ ≥ min(ζ, √‖g‖) ‖g‖, dᵀHd > 0 and |z + a d| < Δ,  a = rᵀr / dᵀHd:
        z ← z + a d, r' ← r + a H d
        d ← -r' + (r'ᵀr' / rᵀr) d, r ← r'
    p ← z, and z + τ d with |z + τ d| = Δ if the path leaves the region (τ > 0) or dᵀHd ≤ 0 (the τ with the lower m)
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p)),  m(p) = gᵀp + pᵀHp / 2
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    ζ: forcing, Δ: step at the start, Δ̂: max_step, η: accept. A run is stuck if the model predicts no decrease, as where
    g = 0, or if the step does not change w.
    """

    forcing: Column = hyper(0.5, "(0, 1)", "gradient of the model that may remain, as a fraction of the gradient, ζ")

    def _lowest(self, H: Array, g: Array, radius: Array, f: Oracle) -> Step:
        return _within(H, g, *steihaug(H, g, radius, self.forcing, f), f)


@optimizer(
    "trust-krylov",
    label="Trust region, Krylov",
    needs="error gradient hessian",
    source=(
        "N. I. M. Gould, S. Lucidi, M. Roma & Ph. L. Toint, SIAM J. Optimization 9, 1999, pp. 504-525, Algorithm 5.1; "
        f"{WRIGHT}, Algorithms 4.1 and 4.3"
    ),
    confused_with=(
        "trust-exact, which minimizes over all steps within the radius; and trust-ncg, which stops on the boundary "
        "where this rule minimizes along it. trust-krylov in scipy.optimize is this rule with `inexact: false`; by "
        "default SciPy uses larger tolerances that depend on the gradient."
    ),
    synonyms=("gltr", "trust-lanczos", "lanczos-trust-region"),
    recalls=True,
)
class TrustKrylov(_TrustRegion):
    """Trust-region method with steps in a Krylov subspace.

    The step minimizes the quadratic model within the radius, over combinations of g, Hg, H²g, ... Their number grows
    until the gradient of the model is small. g = ∇E(w), H = ∇²E(w).

    q₁ ← g / ‖g‖;  qₖ₊₁ ← (H qₖ - Σ q qᵀH qₖ) / γₖ for all earlier q, of length 1 by γₖ
    Q = (q₁, ..., qₖ), T = QᵀHQ
    h ← the minimum of ‖g‖ h₁ + hᵀT h / 2 for |h| ≤ Δ;  the first k of 1, 2, 4, 8, ... with γₖ |hₖ| ≤ tol ‖g‖
    p ← Q h
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p)),  m(p) = gᵀp + pᵀHp / 2
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    tol: tolerance, Δ: step at the start, Δ̂: max_step, η: accept; γₖ |hₖ| is the norm of (H + λ I) p + g with the λ ≥ 0
    of `trust-exact`. A run is stuck if the model predicts no decrease, as where g = 0, or if the step does not change
    w.
    """

    tolerance: Column = hyper(1e-8, "(0, 1)", "residual of a step as a fraction of the gradient, tol")

    def _lowest(self, H: Array, g: Array, radius: Array, f: Oracle) -> Step:
        return _within(H, g, *lanczos(H, g, radius, self.tolerance, f), f)


def _within(H: Array, g: Array, p: Array, at_edge: Mask, f: Oracle) -> Step:
    return Step(p, f.dot(g, p) + f.dot(p, f.matvec(H, p)) / 2, at_edge)
