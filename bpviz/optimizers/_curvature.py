"""Helpers for second-order rules: Hessian modifications, and the steps of a quadratic model.

A model m(p) = gᵀp + pᵀBp / 2 of the change in error is stored in the basis of the eigenvectors of B, where B is
diagonal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare.domains import Choice

if TYPE_CHECKING:
    from bpviz.declare import Array, Column, Mask, Oracle

WRIGHT = "J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006"
OF_EIGENVALUES = ("clip", "flip", "shift")
REPAIRS = Choice(("penalty", "cholesky", *OF_EIGENVALUES))
_MOST_STEPS = 100


class Model(NamedTuple):
    """Quadratic model of the change in error."""

    values: Array  # (runs, params), eigenvalues λ of B, ascending
    vectors: Array  # (runs, params, params), eigenvectors of B, as columns
    c: Array  # (runs, params), gradient in the eigenvector basis

    @classmethod
    def of(cls, B: Array, g: Array, f: Oracle) -> Model:
        values, vectors = f.eigh(B)
        return cls(values, vectors, f.matvec(f.xp.matrix_transpose(vectors), g))

    def repaired(self, repair: str, least: Column, f: Oracle) -> Model:
        """Return the model with all eigenvalues at least ``least``, modified as ``repair`` specifies."""
        values = self.values
        if repair == "shift":
            return self._replace(values=values + f.xp.maximum(least - values[:, :1], 0.0))
        return self._replace(values=f.xp.maximum(abs(values) if repair == "flip" else values, least))

    def newton(self, f: Oracle) -> Array:
        """Return the stationary point, in the eigenvector basis; NaN where an eigenvalue is 0."""
        p: Array = -self.c / f.xp.where(self.values == 0, f.xp.nan, self.values)
        return p

    def change(self, p: Array, f: Oracle) -> Array:
        """Return m(p) ``(runs, 1)`` for p in the eigenvector basis."""
        return f.dot(self.c, p) + f.dot(p, self.values * p) / 2

    def step(self, p: Array, f: Oracle) -> Array:
        """Convert a step from the eigenvector basis to the weights."""
        return f.matvec(self.vectors, p)


def newton_direction(H: Array, g: Array, repair: str, penalty: Column, f: Oracle) -> Array:
    """Return -B⁻¹ g, where B is the modified Hessian; NaN in runs with a singular B."""
    if repair in OF_EIGENVALUES:
        model = Model.of(H, g, f).repaired(repair, penalty, f)
        return model.step(model.newton(f), f)
    added = f.modified_cholesky(H, penalty) if repair == "cholesky" else f.xp.asarray(penalty)
    return -f.solve(H + added[..., None] * f.xp.eye(g.shape[1]), g)


def dogleg(model: Model, radius: Array, f: Oracle) -> tuple[Array, Mask]:
    """Return the dogleg step within ``radius``, and a mask ``(runs, 1)`` of runs whose step ends on the boundary.

    Nocedal & Wright, eq. (4.16): the path leads from 0 to the minimum along -g and then to the minimum of the model.
    Requires positive eigenvalues.
    """
    xp, (values, _, c) = f.xp, model
    newton = model.newton(f)
    cauchy = -f.dot(c, c) / f.dot(c, values * c) * c
    length = xp.sqrt(f.dot(cauchy, cauchy))
    leg = newton - cauchy
    # solve |cauchy + τ leg| = radius; both legs lead outwards, so this form of the root has no cancellation
    a, b, rest = f.dot(leg, leg), f.dot(cauchy, leg), radius * radius - length * length
    tau = rest / (b + xp.sqrt(b * b + a * rest))
    on_the_way = xp.where(length >= radius, radius / length * cauchy, cauchy + tau * leg)
    inside = xp.sqrt(f.dot(newton, newton)) < radius
    return xp.where(inside, newton, on_the_way), ~inside


def exact(model: Model, radius: Array, tolerance: Column, f: Oracle) -> tuple[Array, Mask]:
    """Return the minimum of the model within ``radius``, and a mask ``(runs, 1)`` of runs on the boundary.

    Nocedal & Wright, Algorithm 4.3 and eq. (4.45), in the eigenvector basis: p(λ) = -(B + λ I)⁻¹ g with
    |p(λ)| = radius. The iteration uses μ = λ + λ₁ instead of λ, so that B + λ I keeps its precision where it is nearly
    singular. The first μ is the one where a single entry of p has length ``radius``, or λ = 0; from there |p| decreases
    towards ``radius``.
    """
    xp, (values, _, c) = f.xp, model
    gaps = values - values[:, :1]
    mu = xp.maximum(values[:, :1], (abs(c) / radius - gaps).max(axis=1, keepdims=True))
    for _ in range(_MOST_STEPS):
        p = xp.where(c == 0, 0.0, -c / (gaps + mu))
        length = xp.sqrt(f.dot(p, p))
        searching = length > (1 + tolerance) * radius
        if not searching.any():
            break
        q_q = f.dot(p, xp.where(c == 0, 0.0, p / (gaps + mu)))
        mu = xp.where(searching, mu + length * length / q_q * (length - radius) / radius, mu)
    # hard case: g has no component along the first eigenvector and the model decreases along it; go to the boundary
    hard = (mu == 0) & (values[:, :1] < 0)
    first = xp.arange(c.shape[1]) == 0
    p = xp.where(hard & first, xp.sqrt(xp.maximum(radius * radius - length * length, 0.0)), p)
    return p, mu > values[:, :1]
