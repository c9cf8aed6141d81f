"""Approximate minima of a quadratic model m(p) = gᵀp + pᵀHp / 2 from products with the Hessian H alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz.declare import Column

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

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
    z, r, d, r_r = xp.zeros_like(g), g, -g, f.dot(g, g)
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


def _norm1(a: Array, f: Oracle) -> Array:
    """Return the sums of magnitudes ``(runs, 1)``."""
    return f.dot(f.xp.abs(a), f.xp.ones_like(a))
