"""Line searches for a block of runs, each on the function φ(α) = E(w + α d) of its run.

The loops are masked: only runs that are still searching are evaluated and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from bpviz.declare import Column, hyper

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

# The golden ratio with the digits of Numerical Recipes. The published points were computed with these; the exact ratio
# moves the second one by 1.1e-5.
GOLDEN = 0.61803399  # fraction of the bracket that a step of the golden section keeps
_GROW = 1.618034  # factor from one step of the bracketing to the next
_LONGEST_JUMP = 110.0  # longest extrapolation by a parabola, in lengths of the last interval
_GOLDEN_CUT = 0.3819660  # length of a golden step of Brent's method, as a fraction of the longer part of its bracket
_CLOSEST = 1e-11  # least distance between trials of Brent's method, unless a tenth of its bracket is less (from SciPy)
_EPS = 2.0**-52  # ε, the relative distance of numbers in double precision
_MOST_TRIALS = 1000
_MOST_INTERPOLATIONS = 11  # trials within a bracket, as many as in SciPy, which then gives up

Phi: TypeAlias = "Callable[[Array, Mask], Array]"


def along(f: Oracle, w: Array, direction: Array) -> Phi:
    """Return φ(α, where): the error ``(runs, 1)`` at ``w + α direction`` of the runs in ``where``, ∞ instead of NaN."""

    def phi(alpha: Array, where: Mask) -> Array:
        error = f.error(w + alpha * direction, where)
        height: Array = f.xp.where(f.xp.isnan(error), f.xp.inf, error)
        return height

    return phi


class Bracket(NamedTuple):
    """Three steps α ``(runs, 1)``, b between a and c, and whether φ(b) is the smallest; it is not where φ is flat."""

    a: Array
    b: Array
    c: Array
    phi_b: Array
    holds: Mask  # (runs, 1)


def bracket(phi: Phi, phi_zero: Array, closest: Array, f: Oracle) -> Bracket:
    """Bracket a minimum of φ: go downhill from the steps 0 and 1 by parabolic extrapolation.

    W. H. Press et al., Numerical Recipes, 3rd ed. 2007, section 10.1 (``mnbrak``). ``phi_zero (runs, 1)`` is φ(0).
    ``closest (runs, 1)`` is the step that is lost in the rounding of the weights; if it is 1 or more, the
    second step is twice as long instead of 1. The search stops when φ no longer decreases, or after 1000 trials.
    """
    xp = f.xp
    a, fa = xp.zeros_like(phi_zero), phi_zero
    b = xp.where(closest < 1, 1.0, 2 * closest)
    fb = phi(b, f.live)
    uphill = fa < fb  # then go the other way
    a, b, fa, fb = xp.where(uphill, b, a), xp.where(uphill, a, b), xp.where(uphill, fb, fa), xp.where(uphill, fa, fb)
    c = b + _GROW * (b - a)
    fc = phi(c, f.live)
    for _ in range(_MOST_TRIALS):
        searching = fc < fb
        if not searching.any():
            break
        # u: the minimum of the parabola through the three points, at most limit
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
    return Bracket(a, b, c, fb, (fb <= fc) & ((fb < fa) | (fb < fc)) & xp.isfinite(c - a))


def resolution(w: Array, direction: Array, f: Oracle) -> Array:
    """Return the step ``(runs, 1)`` along a direction d that is lost in the rounding of w: min ε |wᵢ| / |dᵢ|."""
    xp = f.xp
    moves = direction != 0
    steps = _EPS * xp.abs(w / xp.where(moves, direction, 1.0))
    step: Array = xp.where(moves, steps, xp.inf).min(axis=1, keepdims=True)
    return step


def golden_section(phi: Phi, start: Bracket, tolerance: Column, closest: Column, f: Oracle) -> tuple[Array, Array]:
    """Shrink a bracket by the golden section; return the better of its two inner points, and φ there.

    J. Kiefer, Proc. Amer. Math. Soc. 4, 1953, pp. 502-506; Numerical Recipes, section 10.2. A run stops when its
    bracket is at most ``tolerance`` times the sum of its inner points' magnitudes long, or at most ``closest``, the
    step that is lost in rounding. Runs without a bracket get its b.
    """
    xp = f.xp
    a, b, c, fb, holds = start
    inner = 1 - GOLDEN
    right = xp.abs(c - b) > xp.abs(b - a)  # the next point goes into the longer part
    x0, x3 = a, c
    x1, x2 = xp.where(right, b, b - inner * (b - a)), xp.where(right, b + inner * (c - b), b)
    f1, f2 = phi(x1, holds[:, 0]), phi(x2, holds[:, 0])
    for _ in range(_MOST_TRIALS):
        length = xp.abs(x3 - x0)
        searching = holds & (length > tolerance * (xp.abs(x1) + xp.abs(x2))) & (length > closest)
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


def brent(phi: Phi, start: Bracket, tolerance: Column, closest: Column, f: Oracle) -> tuple[Array, Array]:
    """Shrink a bracket by parabolas, and by golden steps where those do not help; return the best step, and φ there.

    R. P. Brent, Algorithms for Minimization without Derivatives, 1973, chapter 5; Numerical Recipes, section 10.3. A
    run stops when both ends of its bracket are within twice ``tolerance`` |α| of its best step α, or when its bracket
    is at most ``closest`` long, the step that is lost in rounding. Runs without a bracket get its b.
    """
    xp = f.xp
    a, b = xp.minimum(start.a, start.c), xp.maximum(start.a, start.c)
    x = w = v = start.b  # the best step, the second best, and the one that was second before
    fx = fw = fv = start.phi_b
    move = move_before = xp.zeros_like(x)
    for _ in range(_MOST_TRIALS):
        apart = tolerance * xp.abs(x) + xp.minimum(_CLOSEST, 0.1 * (b - a))
        middle = 0.5 * (a + b)
        searching = start.holds & (xp.abs(x - middle) >= 2 * apart - 0.5 * (b - a)) & (b - a > closest)
        if not searching.any():
            break
        # x + p/q: the minimum of the parabola through the three points
        r, q = (x - w) * (fx - fv), (x - v) * (fx - fw)
        p, q = (x - v) * q - (x - w) * r, 2 * (q - r)
        p, q = xp.where(q > 0, -p, p), xp.abs(q)
        inside = (p > q * (a - x)) & (p < q * (b - x))
        parabolic = inside & (xp.abs(move_before) > apart) & (xp.abs(p) < xp.abs(0.5 * q * move_before))
        longer = xp.where(x >= middle, a - x, b - x)
        move, move_before = xp.where(parabolic, p / q, _GOLDEN_CUT * longer), xp.where(parabolic, move, longer)
        at_the_edge = parabolic & ((x + move - a < 2 * apart) | (b - (x + move) < 2 * apart))
        move = xp.where(at_the_edge, xp.where(middle >= x, apart, -apart), move)
        u = x + xp.where(xp.abs(move) >= apart, move, xp.where(move >= 0, apart, -apart))
        fu = phi(u, searching[:, 0])
        worse, better = searching & (fu > fx), searching & ~(fu > fx)
        a = xp.where(worse & (u < x), u, xp.where(better & (u >= x), x, a))
        b = xp.where(worse & (u >= x), u, xp.where(better & (u < x), x, b))
        second = worse & ((fu <= fw) | (w == x))
        third = worse & ~second & ((fu <= fv) | (v == x) | (v == w))
        shift = better | second
        v, fv = xp.where(shift, w, xp.where(third, u, v)), xp.where(shift, fw, xp.where(third, fu, fv))
        w, fw = xp.where(better, x, xp.where(second, u, w)), xp.where(better, fx, xp.where(second, fu, fw))
        x, fx = xp.where(better, u, x), xp.where(better, fu, fx)
    return x, fx


def evaluate_unknown(known: Array, evaluate: Callable[[Array, Mask], Array], w: Array, f: Oracle) -> Array:
    """Return the known values, of any shape, and evaluate those that are NaN: all of them in the first epoch."""
    missing = f.xp.isnan(known).any(axis=tuple(range(1, known.ndim)), keepdims=True)
    return f.xp.where(missing, evaluate(w, missing.reshape(-1)), known) if missing.any() else known


def backtrack(
    phi: Phi, phi_zero: Array, slope: Array, first: Column, shrink: Column, c1: Column, closest: Array, f: Oracle
) -> tuple[Mask, Array, Array]:
    """Shorten the step ``first`` until φ(α) ≤ φ(0) + c1 α φ'(0); return which runs found a step, the step, and φ there.

    J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006, Algorithm 3.1. ``slope (runs, 1)`` is φ'(0). φ must
    be below φ(0) too, since rounding may hide the second term. A run stops after a step of at most ``closest``, which
    is lost in rounding. After 1000 trials the step is at least halved.
    """
    xp = f.xp
    alpha, lowest = first + xp.zeros_like(slope), phi_zero
    found = searching = f.live[:, None] & (slope < 0)
    for trial in range(2 * _MOST_TRIALS):
        if not searching.any():
            break
        lowest = xp.where(searching, phi(alpha, searching[:, 0]), lowest)
        found = (lowest <= phi_zero + c1 * alpha * slope) & (lowest < phi_zero)
        searching = searching & ~found & (alpha > closest)
        alpha = xp.where(searching, (shrink if trial < _MOST_TRIALS else xp.minimum(shrink, 0.5)) * alpha, alpha)
    return found, alpha, lowest


def ensure_descent(d: Array, g: Array, f: Oracle) -> tuple[Array, Mask]:
    """Return d, with -g in the runs where d is not a descent direction, and the mask ``(runs, 1)`` of those runs."""
    lost = ~(f.dot(g, d) < 0)
    return f.xp.where(lost, -g, d), lost


def end_failed_searches(
    holds: Mask, alpha: Array, d: Array, g: Array, f: Oracle, last: Mask | bool = True
) -> tuple[Mask, Array]:
    """End the runs whose search along -g found no step; return which runs move, and their α, both ``(runs, 1)``.

    Other runs without a step continue at the same weights: those whose d is not -g, because their rule can discard the
    memory that led to d, and those outside the mask ``last (runs, 1)``, whose first trial may have been too short.
    Where the slope overflows, no search is possible; α = ∞ makes the run diverge.
    """
    if holds.all():  # the ordinary epoch
        return holds, alpha
    steepest, level = (d == -g).all(axis=1, keepdims=True), (g == 0).all(axis=1, keepdims=True)
    overflows = ~holds & ~f.xp.isfinite(f.dot(g, d))
    f.cannot_go_on((~holds & ~overflows & steepest & (level | last))[:, 0])
    return holds | overflows, f.xp.where(overflows, f.xp.inf, alpha)


class KnownValues(NamedTuple):
    """Values at the weights where a search ended, so that the next search does not evaluate them again."""

    error: Array  # (runs, 1)
    g: Array  # (runs, params), the gradient
    last_error: Array  # (runs, 1), an epoch earlier
    failed: Mask  # (runs, 1), whether the search found no step; the next one is along -g, from the maximum first trial

    @classmethod
    def unknown(cls, w: Array, f: Oracle) -> KnownValues:
        """Return NaN for all values, as before the first epoch."""
        nan = f.xp.full_like(w, f.xp.nan)
        return cls(nan[:, :1], nan, nan[:, :1], f.xp.isinf(nan[:, :1]))

    def at(self, w: Array, f: Oracle) -> KnownValues:
        """Evaluate the missing values at ``w``; the last error is such that the first trial of a run moves w by 1."""
        error, g = evaluate_unknown(self.error, f.error, w, f), evaluate_unknown(self.g, f.gradient, w, f)
        new = f.xp.isnan(self.last_error)
        return KnownValues(error, g, f.xp.where(new, error + f.xp.sqrt(f.dot(g, g)) / 2, self.last_error), self.failed)


class SearchResult(NamedTuple):
    """The result of a search with gradients."""

    holds: Mask  # (runs, 1), whether a step was found
    alpha: Array  # (runs, 1), the step; 0 where none was found
    known: KnownValues  # values at its end


class Descent(NamedTuple):
    """The result of a search along a direction, or along -g in runs where it is not a descent direction."""

    w: Array  # (runs, params), the weights after the step
    s: Array  # (runs, params), their change
    known: KnownValues  # values there
    forgets: Mask  # (runs, 1), the runs whose rule must discard its memory: d led uphill, or no step was found


class _Trial(NamedTuple):
    """A step α ``(runs, 1)``, with φ and φ' there."""

    alpha: Array
    phi: Array
    slope: Array


@dataclass(frozen=True)
class StrongWolfe:
    """Base of the rules that search for steps by the strong Wolfe conditions, with the hyperparameters of the search.

    Nocedal & Wright, Algorithms 3.5 and 3.6, with the constants and the order of evaluations of SciPy's
    ``line_search``, which gives up after ten doublings, or after eleven trials in a bracket. This search continues
    to double, and then halves the bracket. If no trial meets both conditions, it takes the lowest that meets the first.
    """

    step: Column = hyper(1.0, "(0, inf)", "maximum first trial step of an epoch, ᾱ")
    c1: Column = hyper(1e-4, "(0, 1)", "required fraction of the decrease predicted by the slope, c₁")
    c2: Column = hyper(0.9, "(0, 1)", "maximum remaining fraction of the slope, c₂")

    def conflicts(self) -> list[tuple[str, str]]:
        return [] if self.c1 < self.c2 else [("c1", f"{self.c1:g} is not below c2, {self.c2:g}")]

    def descend(
        self, w: Array, d: Array, known: KnownValues, f: Oracle, accept: Callable[[Array], Mask] | None = None
    ) -> Descent:
        """Search along d, or -g where d is not a descent direction; end the runs in which no step reduces E."""
        d, lost = ensure_descent(d, known.g, f)
        found = self.search(w, d, known, f, accept)
        moves, alpha = end_failed_searches(found.holds, found.alpha, d, known.g, f, known.failed)
        s = f.xp.where(moves, alpha * d, 0.0)
        return Descent(w + s, s, found.known, lost | ~moves)

    def search(
        self, w: Array, d: Array, known: KnownValues, f: Oracle, accept: Callable[[Array], Mask] | None = None
    ) -> SearchResult:
        """Find α > 0 with E(w + α d) ≤ E(w) + c₁ α gᵀd and |∇E(w + α d)ᵀd| ≤ c₂ |gᵀd|, where d is a descent direction.

        The first trial follows from the last change of the error, and is at most ``step``. ``accept`` may reject an α
        by the gradient ``(runs, params)`` there. If no α is accepted, the result is the trial with the smallest error
        that meets the first condition and reduces the error.
        """
        xp = f.xp
        error, g = known.error, known.g
        slope = f.dot(g, d)
        zero = xp.zeros_like(error)
        lowest = zero > 0, zero, error, g  # whether there is a step, α, and E and ∇E at its end

        def look(alpha: Array, ceiling: Array) -> tuple[_Trial, Mask, Mask]:
            """Try α in the runs that search. Return the trial, where φ is too high, and where the trial is rejected."""
            nonlocal lowest
            there = w + alpha * d
            height = f.error(there, searching[:, 0])
            low = searching & (height <= error + self.c1 * alpha * slope) & (height < ceiling)
            g_there = f.gradient(there, low[:, 0]) if low.any() else xp.full_like(w, xp.nan)
            slope_there = f.dot(g_there, d)
            good = low & (xp.abs(slope_there) <= -self.c2 * slope)
            if accept:
                good = good & accept(g_there)
            kept = good | (low & (height < error))  # the lowest so far, since the ceiling is the lowest before
            lowest = choose(kept, (kept, alpha, height, g_there), lowest, f)
            return _Trial(alpha, height, slope_there), searching & ~low, low & ~good

        # Algorithm 3.5: double the step until one is good or too long
        searching = f.live[:, None] & (slope < 0) & (slope > -xp.inf)
        suggested = 1.01 * 2 * (error - known.last_error) / slope  # eq. (3.60), with SciPy's factor
        alpha = xp.where(suggested > 0, xp.minimum(suggested, self.step), self.step + zero)
        last = low = high = _Trial(zero, error, slope)
        zooming, ceiling = zero > 0, zero + xp.inf
        for _ in range(_MOST_TRIALS):
            here, too_high, unfit = look(alpha, ceiling)
            uphill = unfit & (here.slope >= 0)
            low = choose(too_high, last, choose(uphill, here, low, f), f)
            high = choose(too_high, here, choose(uphill, last, high, f), f)
            zooming = zooming | too_high | uphill
            searching = unfit & ~uphill
            if not searching.any():
                break
            last, ceiling, alpha = here, here.phi, 2 * alpha

        # Algorithm 3.6: a good step lies between low, the lowest so far, and high; dropped is the end replaced last
        searching, dropped = zooming, _Trial(zero, error, slope)
        for trial in range(_MOST_TRIALS):
            alpha = low.alpha + 0.5 * (high.alpha - low.alpha)
            if trial < _MOST_INTERPOLATIONS:
                alpha = _between(low, high, dropped if trial else None, alpha, f)
            else:  # while the bracket contains other weights than its ends
                at_low, there, at_high = w + low.alpha * d, w + alpha * d, w + high.alpha * d
                apart = (there != at_low).any(axis=1) & (there != at_high).any(axis=1)
                searching = searching & apart[:, None]
            if not searching.any():
                break
            here, too_high, unfit = look(alpha, low.phi)
            across = unfit & (here.slope * (high.alpha - low.alpha) >= 0)
            dropped = choose(too_high | across, high, low, f)
            high = choose(too_high, here, choose(across, low, high, f), f)
            low = choose(too_high, low, here, f)
            searching = too_high | unfit
        holds, alpha, error_there, g_there = lowest
        return SearchResult(holds, alpha, KnownValues(error_there, g_there, error, ~holds))


def choose(mask: Mask, a: Any, b: Any, f: Oracle) -> Any:
    """Return ``a`` in the runs of ``mask (runs, 1)`` and ``b`` in the others, for arrays or nested tuples of arrays."""
    if isinstance(a, tuple):
        chosen = [choose(mask, x, y, f) for x, y in zip(a, b, strict=True)]
        return type(a)(*chosen) if hasattr(a, "_fields") else tuple(chosen)
    return f.xp.where(mask.reshape(-1, *(1,) * (a.ndim - 1)), a, b)


def _between(low: _Trial, high: _Trial, third: _Trial | None, middle: Array, f: Oracle) -> Array:
    """Return the next trial, between low and high: by a cubic, else by a parabola, else halfway.

    The margins are SciPy's. They are negative where high is left of low, so that a trial may be close to an end.
    """
    xp = f.xp
    db = high.alpha - low.alpha
    left, right = xp.minimum(low.alpha, high.alpha), xp.maximum(low.alpha, high.alpha)
    rb = high.phi - low.phi - low.slope * db
    parabola = low.alpha - low.slope / (2 * (rb / (db * db)))
    fits = (parabola >= left + 0.1 * db) & (parabola <= right - 0.1 * db)
    alpha: Array = xp.where(fits, parabola, middle)
    if third is not None:
        # a x³ + b x² + φ'(low) x, x from low, through the two other points
        dc = third.alpha - low.alpha
        rc = third.phi - low.phi - low.slope * dc
        scale = (db * dc) * (db * dc) * (db - dc)
        a, b = (dc * dc * rb - db * db * rc) / scale, (db * db * db * rc - dc * dc * dc * rb) / scale
        cubic = low.alpha + (xp.sqrt(b * b - 3 * a * low.slope) - b) / (3 * a)
        fits = (cubic >= left + 0.2 * db) & (cubic <= right - 0.2 * db)
        alpha = xp.where(fits, cubic, alpha)
    inside: Array = xp.where((left < alpha) & (alpha < right), alpha, middle)
    return inside
