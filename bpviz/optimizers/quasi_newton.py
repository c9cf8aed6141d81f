"""Quasi-Newton: the curvature is estimated from the change of the gradient along the steps.

Every update meets the secant equation: the new matrix maps the last change of the weights, s, to that of the gradient,
y, or the reverse. The rules differ in which of these matrices they choose:

    bfgs          the inverse Hessian nearest to the last one: the usual choice
    dfp           the Hessian nearest to the last one: the older choice, slower to correct a poor matrix
    sr1           the only update of rank one; the matrix may be indefinite, as the Hessian may
    l-bfgs        bfgs computed in every epoch from the last few s and y alone
    l-bfgs-fixed  l-bfgs without a line search, as in torch and optax
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import Column, hyper, optimizer
from bpviz.declare.domains import Choice, Flag
from bpviz.numerics.linesearch import KnownValues, StrongWolfe, evaluate_unknown
from bpviz.optimizers._curvature import WRIGHT, Model, exact

if TYPE_CHECKING:
    from bpviz.declare import Array, Mask, Oracle

_EDGE = 1e-10  # relative excess over its radius that a step of sr1 may have


class Inverse(NamedTuple):
    """State of bfgs and dfp."""

    known: KnownValues
    H: Array  # (runs, params, params), estimate of the inverse Hessian


@dataclass(frozen=True)
class _Secant(StrongWolfe):
    """Base of bfgs and dfp, without the update."""

    scale: bool = hyper(False, Flag(), "whether H is multiplied by yᵀs / yᵀy before its first update")

    def begin(self, w: Array, f: Oracle) -> Inverse:
        return Inverse(KnownValues.unknown(w, f), _identity(w, f))

    def advance(self, w: Array, state: Inverse, f: Oracle) -> tuple[Array, Inverse]:
        known = state.known.at(w, f)
        found = self.descend(w, -f.matvec(state.H, known.g), known, f)
        s, y = found.s, found.known.g - known.g
        H = f.xp.where(found.forgets[:, :, None], f.xp.eye(w.shape[1]), state.H)
        curved = f.dot(y, s) > 0  # true after every step that meets the Wolfe conditions, except for rounding
        if self.scale:
            first = curved[:, :, None] & (_identity(w, f) == H).all(axis=(1, 2), keepdims=True)
            H = f.xp.where(first, H * (f.dot(y, s) / f.dot(y, y))[:, :, None], H)
        H = f.xp.where(curved[:, :, None], self._updated(H, s, y, f), H)
        return found.w, Inverse(found.known, H)

    def _updated(self, H: Array, s: Array, y: Array, f: Oracle) -> Array:
        raise NotImplementedError


@optimizer(
    "bfgs",
    label="BFGS",
    needs="error gradient",
    source=(
        "C. G. Broyden, J. Inst. Mathematics and its Applications 6, 1970, pp. 76-90; R. Fletcher, D. Goldfarb and "
        f"D. F. Shanno, 1970; {WRIGHT}, Algorithm 6.1"
    ),
    confused_with=(
        "BFGS in scipy.optimize, which is this algorithm with Moré and Thuente's search, and with this search where "
        "that fails; and l-bfgs, which forgets old steps and scales H in every epoch."
    ),
    synonyms=("quasi-newton", "broyden-fletcher-goldfarb-shanno"),
    recalls=True,
)
class Bfgs(_Secant):
    """Quasi-Newton with the BFGS update of the inverse Hessian.

    g = ∇E(w), g' the next gradient

    d ← -H g
    s ← α d,  α a step that meets the strong Wolfe conditions;  y ← g' - g
    H ← (I - ρ s yᵀ) H (I - ρ y sᵀ) + ρ s sᵀ,  ρ = 1 / yᵀs
    w ← w + s

    H: I at the start, if d is not a descent direction, and after an epoch in which the search finds no step and the
    weights stay; multiplied by yᵀs / yᵀy before its first update if scale: scale; c₁: c1, c₂: c2, and ᾱ: step, the
    maximum first trial, as in `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _updated(self, H: Array, s: Array, y: Array, f: Oracle) -> Array:
        rho, Hy = (1 / f.dot(y, s))[:, :, None], f.matvec(H, y)
        return H - rho * (f.outer(s, Hy) + f.outer(Hy, s)) + rho * (1 + rho * f.dot(y, Hy)[:, :, None]) * f.outer(s, s)


@optimizer(
    "dfp",
    label="DFP",
    needs="error gradient",
    source=(
        "W. C. Davidon, Argonne National Laboratory ANL-5990, 1959; R. Fletcher & M. J. D. Powell, The Computer "
        f"Journal 6, 1963, pp. 163-168; {WRIGHT}, eq. (6.15)"
    ),
    confused_with=(
        "bfgs, which is the same update with s and y, and the Hessian and its inverse, exchanged; with exact searches "
        "their paths are the same. Compared with no library: none has it."
    ),
    synonyms=("davidon-fletcher-powell", "davidon"),
    recalls=True,
)
class Dfp(_Secant):
    """Quasi-Newton with the DFP update of the inverse Hessian.

    g = ∇E(w), g' the next gradient

    d ← -H g
    s ← α d,  α a step that meets the strong Wolfe conditions;  y ← g' - g
    H ← H - H y yᵀ H / yᵀHy + s sᵀ / yᵀs
    w ← w + s

    H: I at the start, if d is not a descent direction, and after an epoch in which the search finds no step and the
    weights stay; multiplied by yᵀs / yᵀy before its first update if scale: scale; c₁: c1, c₂: c2, and ᾱ: step, the
    maximum first trial, as in `wolfe`. A run is stuck if no step along -g reduces the error.
    """

    def _updated(self, H: Array, s: Array, y: Array, f: Oracle) -> Array:
        Hy = f.matvec(H, y)
        return H - f.outer(Hy, Hy) / f.dot(y, Hy)[:, :, None] + f.outer(s, s) / f.dot(y, s)[:, :, None]


def _identity(w: Array, f: Oracle) -> Array:
    identity: Array = f.xp.zeros((len(w), 1, 1)) + f.xp.eye(w.shape[1])
    return identity


class Sr1State(NamedTuple):
    """State of sr1."""

    error: Array  # (runs, 1); NaN before the first epoch
    g: Array  # (runs, params), the gradient; NaN before the first epoch
    B: Array  # (runs, params, params), estimate of the Hessian
    radius: Array  # (runs, 1), Δ


@optimizer(
    "sr1",
    label="SR1",
    needs="error gradient",
    source=(
        "A. R. Conn, N. I. M. Gould & Ph. L. Toint, Mathematical Programming 50, 1991, pp. 177-195; "
        f"{WRIGHT}, Algorithm 6.2, its steps by Algorithm 4.3"
    ),
    confused_with=(
        "SR1 with a line search, which has to repair or replace an indefinite matrix; this is SR1 with a trust region. "
        "scipy.optimize has its update as the strategy SR1 of trust-constr."
    ),
    synonyms=("symmetric-rank-one", "sr-1"),
    recalls=True,
)
class Sr1:
    """Trust region with symmetric rank-one updates of the Hessian.

    s ← minimum within Δ of m(s) = gᵀs + sᵀBs / 2
    y ← ∇E(w + s) - g,  ρ ← (E(w) - E(w + s)) / (m(0) - m(s))
    w ← w + s if ρ > η
    Δ ← 2 Δ if ρ > 3/4 and |s| > 0.8 Δ;  Δ / 2 if ρ < 0.1
    B ← B + (y - Bs) (y - Bs)ᵀ / (y - Bs)ᵀs, if |(y - Bs)ᵀs| ≥ r |s| |y - Bs|

    g = ∇E(w); B: I at the start, updated after steps that are not taken too; Δ: step at the start, η: accept, r: skip.
    A run is stuck where no step reduces m, or changes w.
    """

    step: Column = hyper(1.0, "(0, inf)", "radius of the region at the start", at_start=True)
    accept: Column = hyper(1e-4, "[0, 0.25)", "least fraction of the predicted fall with which a step is taken, η")
    skip: Column = hyper(1e-8, "(0, 1)", "least cosine between y - Bs and s with which B is updated, r")

    def begin(self, w: Array, f: Oracle) -> Sr1State:
        nan = f.xp.full_like(w, f.xp.nan)
        return Sr1State(nan[:, :1], nan, _identity(w, f), f.xp.zeros_like(w[:, :1]) + self.step)

    def advance(self, w: Array, state: Sr1State, f: Oracle) -> tuple[Array, Sr1State]:
        xp, B, radius = f.xp, state.B, state.radius
        error, g = evaluate_unknown(state.error, f.error, w, f), evaluate_unknown(state.g, f.gradient, w, f)
        model = Model.of(B, g, f)
        p, _ = exact(model, radius, _EDGE, f)
        s, promised = model.step(p, f), -model.change(p, f)
        trial = w + s
        moves = (promised > 0) & (trial != w).any(axis=1, keepdims=True)
        f.cannot_go_on(~moves[:, 0])
        error_trial, g_trial = f.error(trial, moves[:, 0]), f.gradient(trial, moves[:, 0])
        rho = (error - error_trial) / promised
        taken = rho > self.accept
        longer = xp.where((rho > 0.75) & (f.dot(s, s) > (0.8 * radius) ** 2), 2 * radius, radius)
        radius = xp.where(rho >= 0.1, longer, radius / 2)
        rest = g_trial - g - f.matvec(B, s)
        rest_s = f.dot(rest, s)
        fit = (abs(rest_s) >= self.skip * xp.sqrt(f.dot(s, s) * f.dot(rest, rest))) & (rest_s != 0)
        B = xp.where(fit[:, :, None], B + f.outer(rest, rest) / rest_s[:, :, None], B)
        kept = Sr1State(xp.where(taken, error_trial, error), xp.where(taken, g_trial, g), B, radius)
        return xp.where(taken, trial, w), kept


class Pairs(NamedTuple):
    """Changes of the weights and of the gradient over the last steps, the newest last; 0 where there are none."""

    s: Array  # (runs, memory, params)
    y: Array  # (runs, memory, params)

    @classmethod
    def empty(cls, w: Array, memory: int, f: Oracle) -> Pairs:
        zeros = f.xp.zeros((len(w), memory, w.shape[1]))
        return cls(zeros, zeros)

    def append(self, s: Array, y: Array, where: Mask, f: Oracle) -> Pairs:
        """Add a pair and drop the oldest in the runs ``where (runs, 1)``."""
        s, y = (f.xp.concatenate([old[:, 1:], new[:, None]], axis=1) for old, new in zip(self, (s, y), strict=True))
        return Pairs(f.xp.where(where[:, :, None], s, self.s), f.xp.where(where[:, :, None], y, self.y))

    def clear(self, where: Mask, f: Oracle) -> Pairs:
        """Return no pairs for the runs ``where (runs, 1)``."""
        return Pairs(*(f.xp.where(where[:, :, None], 0.0, old) for old in self))

    def gamma(self, f: Oracle) -> Array:
        """Return the size of the inverse Hessian along the newest step, sᵀy / yᵀy, or 1 without pairs."""
        s, y = self.s[:, -1], self.y[:, -1]
        yy = f.dot(y, y)
        gamma: Array = f.xp.where(yy > 0, f.dot(s, y) / yy, 1.0)
        return gamma

    def inverse_hessian_product(self, g: Array, gamma: Array | float, f: Oracle) -> Array:
        """Return H g, H the inverse Hessian that the updates of bfgs with the pairs make of γ I (Algorithm 7.4)."""
        pairs = list(zip(self.s.swapaxes(0, 1), self.y.swapaxes(0, 1), strict=True))
        alphas, q = [], g
        for s, y in reversed(pairs):
            sy = f.dot(s, y)
            rho = f.xp.where(sy == 0, 0.0, 1 / sy)
            alphas.append((rho, rho * f.dot(s, q)))
            q = q - alphas[-1][1] * y
        r = gamma * q
        for (s, y), (rho, alpha) in zip(pairs, reversed(alphas), strict=True):
            beta = rho * f.dot(y, r)
            r = r + (alpha - beta) * s
        return r


class LbfgsState(NamedTuple):
    """State of l-bfgs."""

    known: KnownValues
    pairs: Pairs


@optimizer(
    "l-bfgs",
    label="L-BFGS",
    needs="error gradient",
    source=(
        "D. C. Liu & J. Nocedal, Mathematical Programming 45, 1989, pp. 503-528; "
        f"{WRIGHT}, Algorithms 7.4 and 7.5, steps by Algorithms 3.5 and 3.6"
    ),
    confused_with=(
        "L-BFGS-B in scipy.optimize, with the same direction and Moré and Thuente's search; torch.optim.LBFGS, which "
        "takes up to 20 steps per call and by default does not search, which is l-bfgs-fixed; and optax.lbfgs, whose "
        "first step is at most 1 long, and whose search accepts other steps."
    ),
    synonyms=("lbfgs", "limited-memory-bfgs", "l-bfgs-b", "lbfgsb"),
    recalls=True,
)
class Lbfgs(StrongWolfe):
    """BFGS from the last few steps.

    g = ∇E(w), g' the next gradient

    d ← -H g,  H the result of the updates of `bfgs` with the last m pairs s, y, from γ I; it is never formed
    s ← α d,  α a step that meets the strong Wolfe conditions;  y ← g' - g
    γ ← sᵀy / yᵀy
    w ← w + s

    m: memory; γ: 1 without pairs, and always 1 unless scale: scale; c₁: c1, c₂: c2, and ᾱ: step, the maximum first
    trial, as in `wolfe`. The pairs are discarded if d is not a descent direction, and after an epoch in which the
    search finds no step and the weights stay. A run is stuck if no step along -g reduces the error. With two weights H
    has three numbers, which m = 2 exact steps determine on a quadratic.
    """

    memory: int = hyper(10, "integer [1, 100]", "number of remembered steps, m")
    scale: bool = hyper(True, Flag(), "whether γ follows the newest step")

    def begin(self, w: Array, f: Oracle) -> LbfgsState:
        return LbfgsState(KnownValues.unknown(w, f), Pairs.empty(w, self.memory, f))

    def advance(self, w: Array, state: LbfgsState, f: Oracle) -> tuple[Array, LbfgsState]:
        known, pairs = state.known.at(w, f), state.pairs
        d = -pairs.inverse_hessian_product(known.g, pairs.gamma(f) if self.scale else 1.0, f)
        found = self.descend(w, d, known, f)
        s, y = found.s, found.known.g - known.g
        pairs = pairs.clear(found.forgets, f).append(s, y, f.dot(s, y) > 0, f)  # true except for rounding
        return found.w, LbfgsState(found.known, pairs)


class LbfgsFixedState(NamedTuple):
    """State of l-bfgs-fixed."""

    g: Array  # (runs, params), the last gradient; NaN before the first epoch
    s: Array  # (runs, params), the last step; NaN before the first epoch
    pairs: Pairs


@optimizer(
    "l-bfgs-fixed",
    label="L-BFGS, fixed step",
    needs="gradient",
    source=f"torch.optim.LBFGS without line_search_fn (2.13, 2026), after {WRIGHT}, Algorithm 7.4",
    confused_with=(
        "l-bfgs, which searches along its direction, as published. torch.optim.LBFGS does so only with line_search_fn, "
        "takes up to 20 of these steps per call (max_iter), and stops where gradients or steps are small (its "
        "tolerances); optax.lbfgs(linesearch=None) is convention: optax."
    ),
    synonyms=("lbfgs-fixed", "torch-lbfgs"),
)
class LbfgsFixed:
    """L-BFGS without a line search.

    g = ∇E(w), g' the gradient before it

    s, y ← the last step, g - g'
    d ← -H g,  H the result of the updates of `bfgs` with the last m pairs s, y, from γ I;  γ = sᵀy / yᵀy of the newest
    w ← w + η d

    η: step, in the first epoch times min(1, 1 / |g|₁), the sum of magnitudes; m: memory; γ: 1 without pairs, and always
    unless scale: scale; a pair counts if sᵀy > 10⁻¹⁰. convention: convention; optax counts every pair, even with a
    negative sᵀy, and multiplies by min(1, 1 / |g|₂), the norm, unless scale is off
    """

    step: Column = hyper(1.0, "(0, inf)", "step size η")
    memory: int = hyper(10, "integer [1, 100]", "number of remembered steps, m")
    scale: bool = hyper(True, Flag(), "whether γ follows the newest step")
    convention: str = hyper("torch", Choice(("torch", "optax")), "library whose L-BFGS this is")

    def begin(self, w: Array, f: Oracle) -> LbfgsFixedState:
        nan = f.xp.full_like(w, f.xp.nan)
        return LbfgsFixedState(nan, nan, Pairs.empty(w, self.memory, f))

    def advance(self, w: Array, state: LbfgsFixedState, f: Oracle) -> tuple[Array, LbfgsFixedState]:
        xp, g, s = f.xp, f.gradient(w), state.s
        y, first = g - state.g, xp.isnan(state.g)
        if self.convention == "torch":
            pairs = state.pairs.append(s, y, f.dot(s, y) > 1e-10, f)
            shorter = xp.minimum(1 / f.dot(xp.sign(g), g), 1.0)
        else:
            pairs = state.pairs.append(s, y, ~first[:, :1], f)
            shorter = xp.minimum(1 / xp.sqrt(f.dot(g, g)), 1.0) if self.scale else 1.0
        d = -pairs.inverse_hessian_product(g, pairs.gamma(f) if self.scale else 1.0, f)
        s = self.step * xp.where(first, shorter, 1.0) * d
        return w + s, LbfgsFixedState(g, s, pairs)
