"""Trust regions: a quadratic model of the error is followed as far as it has proved right.

The two rules differ in what they take for the lowest point of the model within the region:

    dogleg       a point on a path of two legs, which needs a model that bends upwards everywhere
    trust-exact  the lowest point itself, whichever way the model bends
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice
from bpviz.numerics.linesearch import recall
from bpviz.optimizers._curvature import OF_EIGENVALUES, WRIGHT, Model, dogleg, exact

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle


class Region(NamedTuple):
    """What a trust region remembers."""

    error: Array  # (runs, 1); NaN before the first epoch
    g: Array  # (runs, params), the gradient; NaN where the last epoch has moved the run
    H: Array  # (runs, params, params), the Hessian, likewise
    radius: Array  # (runs, 1), Δ


@dataclass(frozen=True)
class _TrustRegion:
    """What both rules share: Algorithm 4.1, all but the step."""

    step: Column = hyper(1.0, "(0, inf)", "radius of the region at the start", at_start=True)
    max_step: Column = hyper(1000.0, "(0, inf)", "largest radius, Δ̂")
    accept: Column = hyper(0.15, "[0, 0.25)", "fraction of the promised fall from which on a step is taken, η")

    def conflicts(self) -> list[tuple[str, str]]:
        if self.step > self.max_step:
            return [("step", f"{self.step:g} is above max_step, {self.max_step:g}")]
        return []

    def begin(self, w: Array, f: Oracle) -> Region:
        nan = f.xp.full_like(w, f.xp.nan)
        return Region(nan[:, :1], nan, f.outer(nan, nan), f.xp.zeros_like(w[:, :1]) + self.step)

    def advance(self, w: Array, state: Region, f: Oracle) -> tuple[Array, Region]:
        xp, radius = f.xp, state.radius
        error, g = recall(state.error, f.error, w, f), recall(state.g, f.gradient, w, f)
        H = recall(state.H, f.hessian, w, f)
        model, p, at_edge = self._lowest(Model.of(H, g, f), radius, f)
        there, promised = w + model.step(p, f), -model.change(p, f)
        going = (promised > 0) & (there != w).any(axis=1, keepdims=True)
        f.cannot_go_on(~going[:, 0])
        error_there = f.error(there, going[:, 0])
        rho = (error - error_there) / promised
        longer = xp.where((rho > 0.75) & at_edge, xp.minimum(2 * radius, self.max_step), radius)
        radius = xp.where(rho >= 0.25, longer, radius / 4)
        taken = rho > self.accept
        unknown = xp.where(taken, xp.nan, 0.0)
        region = Region(xp.where(taken, error_there, error), g + unknown, H + unknown[:, :, None], radius)
        return xp.where(taken, there, w), region

    def _lowest(self, model: Model, radius: Array, f: Oracle) -> tuple[Model, Array, Mask]:
        """Return the model that is used, its step by the eigenvectors, and which runs stand at the edge."""
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
        "Powell's hybrid method for systems of equations (scipy's fsolve), which takes the same path; and dogleg in "
        "scipy.optimize, which is this rule but stops where the Hessian is not positive definite."
    ),
    synonyms=("trust-dogleg", "dog-leg", "powell-dogleg"),
    recalls=True,
)
class Dogleg(_TrustRegion):
    """Go along a path of two legs, first down the gradient, then to Newton's point, as far as the model is trusted.

    B ← H with its eigenvalues lifted to δ and above
    pᵁ ← -(gᵀg / gᵀBg) g,  pᴮ ← -B⁻¹ g
    p ← the last point within Δ of the path 0 → pᵁ → pᴮ
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p)),  m(p) = gᵀp + pᵀBp / 2
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    g = ∇E(w), H = ∇²E(w); Δ: step at the start, Δ̂: max_step, η: accept; B = H where H has no eigenvalue below
    δ: penalty; clip lifts to δ those below, flip all to max(|λ|, δ), shift all alike: repair. A run with no promising
    step left, or none that still changes w, cannot go on.
    """

    repair: str = hyper("clip", Choice(OF_EIGENVALUES), "how the Hessian is made positive definite")
    penalty: Column = hyper(1e-8, "(0, inf)", "least eigenvalue of the model, δ")

    def _lowest(self, model: Model, radius: Array, f: Oracle) -> tuple[Model, Array, Mask]:
        model = model.repaired(self.repair, self.penalty, f)
        return model, *dogleg(model, radius, f)


@optimizer(
    "trust-exact",
    label="Trust region, exact",
    needs="error gradient hessian",
    source=(
        "J. J. Moré & D. C. Sorensen, SIAM J. Scientific and Statistical Computing 4, 1983, pp. 553-572; "
        f"{WRIGHT}, Algorithms 4.1 and 4.3, eq. (4.45)"
    ),
    confused_with=(
        "trust-exact in scipy.optimize, which is content with a step whose length is within 10 % of the radius; and "
        "levenberg-marquardt, whose λ is set by hand and not by a radius."
    ),
    synonyms=("trust-region", "more-sorensen", "trust-region-newton"),
    recalls=True,
)
class TrustExact(_TrustRegion):
    """Go to the lowest point of the quadratic model, as far as the model is trusted. g = ∇E(w), H = ∇²E(w).

    p ← the lowest point within Δ of m(p) = gᵀp + pᵀHp / 2: (H + λ I) p = -g with λ ≥ 0, H + λ I ≥ 0, λ (Δ - |p|) = 0
    ρ ← (E(w) - E(w + p)) / (m(0) - m(p))
    w ← w + p if ρ > η
    Δ ← Δ / 4 if ρ < 1/4;  min(2 Δ, Δ̂) if ρ > 3/4 and |p| = Δ

    Δ: step at the start, Δ̂: max_step, η: accept; |p| = Δ to within a part tol: tolerance. From a saddle, where g = 0,
    it goes on along the eigenvector that falls most. A run with no promising step left, or none that still changes w,
    cannot go on.
    """

    tolerance: Column = hyper(1e-10, "(0, 1)", "relative excess over the radius that a step may have, tol")

    def _lowest(self, model: Model, radius: Array, f: Oracle) -> tuple[Model, Array, Mask]:
        return model, *exact(model, radius, self.tolerance, f)
