"""Searches along a line, for a block of runs at once: every loop asks only for the runs that still search.

A search sees the one-dimensional function φ(α) = E(w + α d) of each run. Each loop is masked over runs and lives here,
so that the rules that use it stay as short as their papers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from bpviz.declare import Array, Column
    from bpviz.oracle import Mask, Oracle

# The golden ratio as Numerical Recipes prints it, to the digit: the published points were made with these roundings,
# and the exact ratio moves the second one by 1.1e-5.
GOLDEN = 0.61803399  # fraction of the bracket that a step of the golden section keeps
_GROW = 1.618034  # by how much a step of the bracketing grows
_LONGEST_JUMP = 110.0  # how far a parabola may extrapolate, in lengths of the last interval
_MOST_TRIALS = 1000

Phi: TypeAlias = "Callable[[Array, Mask], Array]"


def along(f: Oracle, w: Array, direction: Array) -> Phi:
    """Return φ(α, where): the error ``(runs, 1)`` at ``w + α direction`` of the runs in ``where``."""

    def phi(alpha: Array, where: Mask) -> Array:
        return f.error(w + alpha * direction, where)

    return phi


class Bracket(NamedTuple):
    """Three step lengths ``(runs, 1)``, b between a and c; whether φ(b) is the smallest (where φ is flat none is)."""

    a: Array
    b: Array
    c: Array
    phi_b: Array
    holds: Mask  # (runs, 1)


def bracket(phi: Phi, zero: Array, phi_zero: Array, f: Oracle) -> Bracket:
    """Walk downhill from the steps 0 and 1 until φ rises again, by parabolic extrapolation.

    W. H. Press et al., Numerical Recipes, 3rd ed. 2007, section 10.1 (``mnbrak``). ``zero (runs, 1)`` holds zeros and
    ``phi_zero`` φ there. A function that never rises ends where it no longer falls, or after 1000 trials.
    """
    xp = f.xp
    everybody = f.live
    a, b, fa = zero, zero + 1.0, phi_zero
    fb = phi(b, everybody)
    uphill = fa < fb  # then go the other way
    a, b, fa, fb = xp.where(uphill, b, a), xp.where(uphill, a, b), xp.where(uphill, fb, fa), xp.where(uphill, fa, fb)
    c = b + _GROW * (b - a)
    fc = phi(c, everybody)
    for _ in range(_MOST_TRIALS):
        searching = fc < fb
        if not searching.any():
            break
        # u: where the parabola through the three points is lowest, no further than limit
        p, q = (b - a) * (fb - fc), (b - c) * (fb - fa)
        slope = q - p
        u = b - ((b - c) * q - (b - a) * p) / xp.where(xp.abs(slope) < 1e-21, 2e-21, 2 * slope)
        limit = b + _LONGEST_JUMP * (c - b)
        default = c + _GROW * (c - b)
        between = (u - c) * (b - u) > 0
        too_far = ~between & ((u - limit) * (limit - c) >= 0)
        beyond = ~between & ~too_far & ((u - limit) * (c - u) > 0)
        u = xp.where(between | beyond, u, xp.where(too_far, limit, default))
        fu = xp.where(searching, phi(u, searching[:, 0]), fc)
        minimum_is_u = searching & between & (fu < fc)  # b < u < c
        minimum_is_b = searching & between & (fu > fb)  # a < b < u
        shift = searching & beyond & (fu < fc)  # still falling at u: step over it
        again = (searching & between & ~minimum_is_u & ~minimum_is_b) | shift
        a, fa = xp.where(shift | minimum_is_u, b, a), xp.where(shift | minimum_is_u, fb, fa)
        b, fb = xp.where(shift, c, xp.where(minimum_is_u, u, b)), xp.where(shift, fc, xp.where(minimum_is_u, fu, fb))
        c, fc = xp.where(shift | minimum_is_b, u, c), xp.where(shift | minimum_is_b, fu, fc)
        u = xp.where(again, c + _GROW * (c - b), u)
        if again.any():
            fu = xp.where(again, phi(u, again[:, 0]), fu)
        done = minimum_is_u | minimum_is_b | ~searching
        a, fa = xp.where(done, a, b), xp.where(done, fa, fb)
        b, fb = xp.where(done, b, c), xp.where(done, fb, fc)
        c, fc = xp.where(done, c, u), xp.where(done, fc, fu)
    return Bracket(a, b, c, fb, (fb <= fc) & ((fb < fa) | (fb < fc)))


def golden_section(phi: Phi, start: Bracket, tolerance: Column, f: Oracle) -> tuple[Array, Array]:
    """Shrink a bracket by the golden section and return the better of its last two inner points, with φ there.

    J. Kiefer, Proc. Amer. Math. Soc. 4, 1953, pp. 502-506; Numerical Recipes, section 10.2. A run is done when its
    bracket is no longer than ``tolerance`` times the sum of its inner points' magnitudes. A run without a bracket gets
    b.
    """
    xp = f.xp
    a, b, c, fb, holds = start
    inner = 1 - GOLDEN
    right = xp.abs(c - b) > xp.abs(b - a)  # the next point goes into the longer part
    x0, x3 = a, c
    x1, x2 = xp.where(right, b, b - inner * (b - a)), xp.where(right, b + inner * (c - b), b)
    f1, f2 = phi(x1, holds[:, 0]), phi(x2, holds[:, 0])
    for _ in range(_MOST_TRIALS):
        searching = holds & (xp.abs(x3 - x0) > tolerance * (xp.abs(x1) + xp.abs(x2)))
        if not searching.any():
            break
        rightward, leftward = searching & (f2 < f1), searching & ~(f2 < f1)
        x0, x3 = xp.where(rightward, x1, x0), xp.where(leftward, x2, x3)
        kept, f_kept = xp.where(rightward, x2, x1), xp.where(rightward, f2, f1)
        new = xp.where(rightward, GOLDEN * x2 + inner * x3, GOLDEN * x1 + inner * x0)
        f_new = phi(new, searching[:, 0])
        x1, x2 = (
            xp.where(rightward, kept, xp.where(leftward, new, x1)),
            xp.where(leftward, kept, xp.where(rightward, new, x2)),
        )
        f1, f2 = (
            xp.where(rightward, f_kept, xp.where(leftward, f_new, f1)),
            xp.where(leftward, f_kept, xp.where(rightward, f_new, f2)),
        )
    first = f1 < f2
    return xp.where(holds, xp.where(first, x1, x2), b), xp.where(holds, xp.where(first, f1, f2), fb)
