"""What the rules that use second derivatives share: repairs of a Hessian, and steps that a quadratic model suggests.

A model m(p) = gᵀp + pᵀBp / 2 of how the error changes is kept in the eigenvectors of B: there B is diagonal, and what
its eigenvalues say of it can be seen.
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
    """A quadratic model of how the error changes."""

    values: Array  # (runs, params), the eigenvalues λ of B, rising
    vectors: Array  # (runs, params, params), its eigenvectors, in columns
    c: Array  # (runs, params), the gradient by these eigenvectors

    @classmethod
    def of(cls, B: Array, g: Array, f: Oracle) -> Model:
        values, vectors = f.eigh(B)
        return cls(values, vectors, f.matvec(f.xp.matrix_transpose(vectors), g))

    def repaired(self, repair: str, least: Column, f: Oracle) -> Model:
        """Return the model with eigenvalues from ``least`` on, as ``repair`` gets them there."""
        values = self.values
        if repair == "shift":
            return self._replace(values=values + f.xp.maximum(least - values[:, :1], 0.0))
        return self._replace(values=f.xp.maximum(abs(values) if repair == "flip" else values, least))

    def newton(self, f: Oracle) -> Array:
        """Return where the model is stationary, by its eigenvectors; NaN where an eigenvalue is 0."""
        p: Array = -self.c / f.xp.where(self.values == 0, f.xp.nan, self.values)
        return p

    def change(self, p: Array, f: Oracle) -> Array:
        """Return m(p) ``(runs, 1)`` for p by the eigenvectors."""
        return f.dot(self.c, p) + f.dot(p, self.values * p) / 2

    def step(self, p: Array, f: Oracle) -> Array:
        """Return a step that is given by the eigenvectors as one of the weights."""
        return f.matvec(self.vectors, p)


def newton_direction(H: Array, g: Array, repair: str, penalty: Column, f: Oracle) -> Array:
    """Return -B⁻¹ g for B = H repaired, NaN in runs whose B is singular."""
    if repair in OF_EIGENVALUES:
        model = Model.of(H, g, f).repaired(repair, penalty, f)
        return model.step(model.newton(f), f)
    added = f.modified_cholesky(H, penalty) if repair == "cholesky" else f.xp.asarray(penalty)
    return -f.solve(H + added[..., None] * f.xp.eye(g.shape[1]), g)


def dogleg(model: Model, radius: Array, f: Oracle) -> tuple[Array, Mask]:
    """Return the last point within ``radius`` of a path, and which runs stand at the edge ``(runs, 1)``.

    Nocedal & Wright, eq. (4.16): from 0 to the lowest point along -g, and on to the lowest of all. For positive
    eigenvalues.
    """
    xp, (values, _, c) = f.xp, model
    newton = model.newton(f)
    cauchy = -f.dot(c, c) / f.dot(c, values * c) * c
    length = xp.sqrt(f.dot(cauchy, cauchy))
    leg = newton - cauchy
    # |cauchy + τ leg| = radius: both legs lead outwards, so nothing cancels in this form of the root
    a, b, rest = f.dot(leg, leg), f.dot(cauchy, leg), radius * radius - length * length
    tau = rest / (b + xp.sqrt(b * b + a * rest))
    on_the_way = xp.where(length >= radius, radius / length * cauchy, cauchy + tau * leg)
    inside = xp.sqrt(f.dot(newton, newton)) < radius
    return xp.where(inside, newton, on_the_way), ~inside


def exact(model: Model, radius: Array, tolerance: Column, f: Oracle) -> tuple[Array, Mask]:
    """Return the lowest point of the model within ``radius``, and which runs stand at the edge ``(runs, 1)``.

    Nocedal & Wright, Algorithm 4.3 and eq. (4.45), by the eigenvectors: p(λ) = -(B + λ I)⁻¹ g with |p(λ)| = radius.
    λ is counted from -λ₁, as μ = λ + λ₁, so that B + λ I keeps its digits where it is nearly singular. The first μ is
    where an entry of p is ``radius`` long by itself, or λ = 0: from there |p| falls towards ``radius`` step by step.
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
    # the hard case: along the first eigenvector g says nothing and the model falls, so go on to the edge along it
    hard = (mu == 0) & (values[:, :1] < 0)
    first = xp.arange(c.shape[1]) == 0
    p = xp.where(hard & first, xp.sqrt(xp.maximum(radius * radius - length * length, 0.0)), p)
    return p, mu > values[:, :1]
