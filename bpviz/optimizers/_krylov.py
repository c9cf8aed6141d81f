"""Approximate minima of a quadratic model m(p) = gᵀp + pᵀHp / 2 from products with the Hessian H alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.optimizers._curvature import Model, exact

if TYPE_CHECKING:
    from bpviz.declare import Array, Column, Mask, Oracle

_TOLERANCE = 1e-13  # relative, by which a step in a Krylov subspace may exceed the radius
_MOST_ITERATIONS = 20  # of the conjugate gradients, per weight; without rounding they need at most one


def truncated_newton(H: Array, g: Array, forcing: Column, f: Oracle) -> Array:
    """Return the direction of Newton-CG, by conjugate gradients on H d = -g.

    Nocedal & Wright, Algorithm 7.1, with 1-norms as in SciPy: the iteration stops where ‖H d + g‖ is at most
    min(``forcing``, √‖g‖) ‖g‖, and before a direction of nonpositive curvature. If this is the first one, -g, the
    result is -g times gᵀg / |gᵀHg|.
    """
    xp = f.xp
    size = _norm1(g, f)
    enough = xp.minimum(forcing, xp.sqrt(size)) * size
    z: Array = xp.zeros_like(g)
    r, d, r_r = g, -g, f.dot(g, g)
    searching = f.live[:, None] & (size > enough)
    for iteration in range(_MOST_ITERATIONS * g.shape[1]):
        if not searching.any():
            break
        Hd = f.matvec(H, d)
        curvature = f.dot(d, Hd)
        if iteration == 0:
            z = xp.where(curvature > 0, 0.0, xp.where(curvature < 0, r_r / -curvature, 1.0)) * d
        searching = searching & (curvature > 0)
        alpha = r_r / curvature
        z = xp.where(searching, z + alpha * d, z)
        r = xp.where(searching, r + alpha * Hd, r)
        r_r, last = f.dot(r, r), r_r
        d = xp.where(searching, -r + r_r / last * d, d)
        searching = searching & (_norm1(r, f) > enough)
    return z


def steihaug(H: Array, g: Array, radius: Array, forcing: Column, f: Oracle) -> tuple[Array, Mask]:
    """Return a step within ``radius`` by conjugate gradients, and a mask ``(runs, 1)`` of runs on the boundary.

    Nocedal & Wright, Algorithm 7.2: the step ends where the gradient of the model is below
    min(``forcing``, √‖g‖) ‖g‖, or on the boundary.
    """
    xp = f.xp
    size = xp.sqrt(f.dot(g, g))
    enough = xp.minimum(forcing, xp.sqrt(size)) * size
    z, r, d, r_r, at_edge = xp.zeros_like(g), g, -g, f.dot(g, g), size < 0
    searching = f.live[:, None] & (size > 0)
    for _ in range(_MOST_ITERATIONS * g.shape[1]):
        if not searching.any():
            break
        Hd = f.matvec(H, d)
        curvature = f.dot(d, Hd)
        alpha = r_r / curvature
        inside = z + alpha * d
        bent = curvature <= 0
        ends = searching & (bent | (f.dot(inside, inside) >= radius * radius))
        # the two solutions of |z + τ d| = radius, without cancellation because zᵀd ≥ 0
        along, d_d, rest = f.dot(z, d), f.dot(d, d), radius * radius - f.dot(z, z)
        root = xp.sqrt(along * along + d_d * rest)
        ahead, behind = rest / (along + root), -(along + root) / d_d
        slope = f.dot(r, d)
        lower_behind = behind * (slope + behind * curvature / 2) < ahead * (slope + ahead * curvature / 2)
        edge = z + xp.where(bent & lower_behind, behind, ahead) * d
        z = xp.where(ends, edge, xp.where(searching, inside, z))
        at_edge = at_edge | ends
        r = r + alpha * Hd
        r_r, last = f.dot(r, r), r_r
        d = -r + r_r / last * d
        searching = searching & ~ends & (xp.sqrt(r_r) >= enough)
    return z, at_edge


def lanczos(H: Array, g: Array, radius: Array, tolerance: Column, f: Oracle) -> tuple[Array, Mask]:
    """Return the step that minimizes the model within ``radius`` in a Krylov subspace, and a mask of runs on its edge.

    Gould, Lucidi, Roma & Toint, Algorithm 5.1. The new vector is orthogonalized against all earlier ones, twice. The
    model is minimized in 1, 2, 4, 8, ... dimensions, because a minimum takes longer than the vectors of its space.
    """
    xp = f.xp
    size = xp.sqrt(f.dot(g, g))
    p, at_edge = xp.zeros_like(g), size < 0
    searching = f.live[:, None] & (size > 0)
    basis: list[Array] = []
    diagonal: list[Array] = []
    off_diagonal: list[Array] = []
    q = g / size
    for k in range(1, g.shape[1] + 1):
        if not searching.any():
            break
        basis.append(q)
        v = f.matvec(H, q)
        diagonal.append(f.dot(q, v))
        for earlier in (*basis, *basis):
            v = v - f.dot(earlier, v) * earlier
        gamma = xp.sqrt(f.dot(v, v))
        due = searching & ((gamma == 0) | (k & (k - 1) == 0) | (k == g.shape[1]))
        if due.any():
            model = Model.of(_tridiagonal(diagonal, off_diagonal, f), size * (xp.arange(k) == 0), f)
            h, on_edge = exact(model, radius, _TOLERANCE, f)
            h = model.step(h, f)
            p = xp.where(due, f.matvec(xp.stack(basis, axis=2), h), p)
            at_edge = xp.where(due, on_edge, at_edge)
            searching = searching & ~(due & (gamma * xp.abs(h[:, k - 1 :]) <= tolerance * size))
        off_diagonal.append(gamma)
        q = v / gamma
    return p, at_edge


def _tridiagonal(diagonal: list[Array], off_diagonal: list[Array], f: Oracle) -> Array:
    """Return symmetric matrices ``(runs, k, k)`` from k and k - 1 columns of entries."""
    zero = f.xp.zeros_like(diagonal[0])
    entries = {(i, i): entry for i, entry in enumerate(diagonal)}
    for i, entry in enumerate(off_diagonal):
        entries |= {(i, i + 1): entry, (i + 1, i): entry}
    k = range(len(diagonal))
    matrix: Array = f.xp.stack([f.xp.concatenate([entries.get((i, j), zero) for j in k], axis=1) for i in k], axis=1)
    return matrix


def _norm1(a: Array, f: Oracle) -> Array:
    """Return the sums of magnitudes ``(runs, 1)``."""
    return f.dot(f.xp.abs(a), f.xp.ones_like(a))
