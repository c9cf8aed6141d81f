"""Trust regions. The twin of ``sr1``, which has one too, stands with theirs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
from plain_algebra import (
    apply,
    backward,
    cholesky,
    dot,
    eigen,
    forward,
    identity,
    length,
    plus,
    rank_one,
    repaired,
    solve,
)
from scipy.optimize._trustregion_exact import IterativeSubproblem

from bpviz.declare import OPTIMIZERS, PROBLEMS
from bpviz.march import march
from bpviz.optimizers._curvature import Model, dogleg, exact
from bpviz.oracle import Oracle
from bpviz.results import Ending, record

RTOL, EPOCHS = 1e-8, 8  # they converge so fast that errors tie from then on


def dogleg_step(g, B, delta):
    """Nocedal & Wright 2006, eqs. (4.15) and (4.16)."""
    newton = solve(B, [-d for d in g])
    if length(newton) < delta:
        return newton, False
    cauchy = [-dot(g, g) / dot(g, apply(B, g)) * d for d in g]
    if length(cauchy) >= delta:
        return [-delta / length(g) * d for d in g], True
    leg = plus(newton, cauchy, -1)
    a, b, c = dot(leg, leg), 2 * dot(cauchy, leg), dot(cauchy, cauchy) - delta**2
    return plus(cauchy, leg, (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)), True


def exact_step(g, B, delta, tolerance):
    """Nocedal & Wright 2006, Algorithm 4.3, from the largest λ at which an entry of p, by the eigenvectors, is Δ."""
    lam = max(0.0, *(abs(dot(vector, g)) / delta - value for value, vector in eigen(B)))
    while True:
        lower = cholesky([plus(row, one, lam) for row, one in zip(B, identity(len(g)), strict=True)])
        p = backward(lower, forward(lower, [-d for d in g]))
        if length(p) <= (1 + tolerance) * delta:
            return p, lam > 0
        q = forward(lower, p)
        lam = lam + (length(p) / length(q)) ** 2 * (length(p) - delta) / delta


def region(f, x, step_within, model_of, *, step, max_step, accept):
    """Nocedal & Wright 2006, Algorithm 4.1."""
    delta, fx = step, f.error(x)
    g, B = f.gradient(x), model_of(f.hessian(x))
    while True:
        p, at_edge = step_within(g, B, delta)
        predicted, there = -(dot(g, p) + dot(p, apply(B, p)) / 2), plus(x, p)
        if not predicted > 0 or there == x:
            yield x
            return
        f_there = f.error(there)
        rho = (fx - f_there) / predicted
        if rho < 1 / 4:
            delta = delta / 4
        elif rho > 3 / 4 and at_edge:
            delta = min(2 * delta, max_step)
        if rho > accept:
            x, fx = there, f_there
            yield x
            g, B = f.gradient(x), model_of(f.hessian(x))
        else:
            yield x


def dogleg_twin(f, x, *, repair, penalty, **settings):
    def model_of(hessian):
        """The Hessian itself where it needs no repair: what is left of roundoff in another would be magnified."""
        return hessian if eigen(hessian)[0][0] >= penalty else repaired(hessian, repair, penalty)

    return region(f, x, dogleg_step, model_of, **settings)


def exact_twin(f, x, *, tolerance, **settings):
    return region(f, x, lambda g, B, delta: exact_step(g, B, delta, tolerance), lambda hessian: hessian, **settings)


def sr1(f, x, *, step, accept, skip):
    """Nocedal & Wright 2006, Algorithm 6.2."""
    delta, fx, g, B = step, f.error(x), f.gradient(x), identity(len(x))
    while True:
        s, _ = exact_step(g, B, delta, 1e-10)
        predicted, there = -(dot(g, s) + dot(s, apply(B, s)) / 2), plus(x, s)
        if not predicted > 0 or there == x:
            yield x
            return
        f_there, g_there = f.error(there), f.gradient(there)
        y = plus(g_there, g, -1)
        ratio = (fx - f_there) / predicted
        if ratio > accept:
            x, fx, g = there, f_there, g_there
        if ratio > 0.75:
            delta = delta if length(s) <= 0.8 * delta else 2 * delta
        elif not 0.1 <= ratio <= 0.75:
            delta = 0.5 * delta
        rest = plus(y, apply(B, s), -1)
        if abs(dot(s, rest)) >= skip * length(s) * length(rest) and dot(s, rest) != 0:
            B = rank_one(B, 1 / dot(rest, s), rest, rest)
        yield x


TWINS = {"dogleg": dogleg_twin, "trust-exact": exact_twin, "sr1": sr1}
UNUSUAL = {
    "dogleg": {"step": 0.6, "max_step": 1.1, "accept": 0.2, "repair": "flip", "penalty": 0.02},
    "trust-exact": {"step": 0.05, "max_step": 1.1, "accept": 0.2, "tolerance": 0.3},
    "sr1": {"step": 0.05, "accept": 0.2, "skip": 0.4},
}
