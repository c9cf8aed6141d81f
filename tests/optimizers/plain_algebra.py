"""Linear algebra in plain floats for the twins, with algorithms different from the rules', and what twins share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.optimize

Vector = list[float]
Matrix = list[Vector]

REPAIRS = ("penalty", "cholesky", "clip", "flip", "shift")


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def length(a: Sequence[float]) -> float:
    return math.sqrt(dot(a, a))


def plus(a: Sequence[float], b: Sequence[float], times: float = 1.0) -> Vector:
    """Return a + times b."""
    return [x + times * y for x, y in zip(a, b, strict=True)]


def identity(n: int, times: float = 1.0) -> Matrix:
    return [[times * (i == j) for j in range(n)] for i in range(n)]


def apply(m: Matrix, v: Sequence[float]) -> Vector:
    return [dot(row, v) for row in m]


def product(a: Matrix, b: Matrix) -> Matrix:
    return [[dot(row, column) for column in zip(*b, strict=True)] for row in a]


def rank_one(m: Matrix, times: float, a: Sequence[float], b: Sequence[float]) -> Matrix:
    """Return m + times a bᵀ."""
    return [[d + times * x * y for d, y in zip(row, b, strict=True)] for row, x in zip(m, a, strict=True)]


def determinant(m: Matrix) -> float:
    """Return the determinant by expansion along the first row."""
    if not m:
        return 1.0
    minors = [[row[:j] + row[j + 1 :] for row in m[1:]] for j in range(len(m))]
    return sum((-1) ** j * m[0][j] * determinant(minor) for j, minor in enumerate(minors))


def solve(m: Matrix, v: Sequence[float]) -> Vector | None:
    """Solve m x = v by Cramer's rule; None if m is singular."""
    whole = determinant(m)
    if whole == 0:
        return None
    replaced = [[[*row[:j], d, *row[j + 1 :]] for row, d in zip(m, v, strict=True)] for j in range(len(v))]
    return [determinant(r) / whole for r in replaced]


def cholesky(m: Matrix) -> Matrix | None:
    """Return L with L Lᵀ = m, row by row; None if m is not positive definite."""
    lower: Matrix = []
    for i, row in enumerate(m):
        new: Vector = []
        for j in range(i):
            new.append((row[j] - dot(new, lower[j][:j])) / lower[j][j])
        square = row[i] - dot(new, new)
        if not square > 0:
            return None
        lower.append([*new, math.sqrt(square)])
    return lower


def forward(lower: Matrix, v: Sequence[float]) -> Vector:
    """Solve L x = v."""
    x: Vector = []
    for row, d in zip(lower, v, strict=True):
        x.append((d - dot(row[:-1], x)) / row[-1])
    return x


def backward(lower: Matrix, v: Sequence[float]) -> Vector:
    """Solve Lᵀ x = v."""
    x = list(v)
    for i in reversed(range(len(v))):
        x[i] = (x[i] - sum(lower[k][i] * x[k] for k in range(i + 1, len(v)))) / lower[i][i]
    return x


def eigen(m: Matrix) -> list[tuple[float, Vector]]:
    """Return the eigenvalues of a symmetric matrix, ascending, with their vectors, by Jacobi rotations."""
    n = len(m)
    a, q = [row[:] for row in m], identity(n)
    for _ in range(50):
        for i in range(n):
            for j in range(i + 1, n):
                if a[i][j] == 0:
                    continue
                theta = (a[j][j] - a[i][i]) / (2 * a[i][j])
                t = math.copysign(1, theta) / (abs(theta) + math.hypot(theta, 1))
                c = 1 / math.hypot(t, 1)
                turn = identity(n)
                turn[i][i] = turn[j][j] = c
                turn[i][j], turn[j][i] = t * c, -t * c
                a = product([list(column) for column in zip(*turn, strict=True)], product(a, turn))
                a[i][j] = a[j][i] = 0.0
                q = product(q, turn)
    return sorted((a[i][i], [row[i] for row in q]) for i in range(n))


def from_eigen(pairs: list[tuple[float, Vector]]) -> Matrix:
    """Return the symmetric matrix of these eigenvalues and vectors."""
    m = identity(len(pairs), 0.0)
    for value, vector in pairs:
        m = rank_one(m, value, vector, vector)
    return m


def modified_cholesky(m: Matrix, least: float) -> Vector:
    """Return the diagonal that makes m positive definite.

    Gill, Murray & Wright 1981, algorithm MC: columns of L by the formulas of Nocedal & Wright 2006, Algorithm 3.4, with
    interchanges.
    """
    n = len(m)
    gamma = max(abs(m[i][i]) for i in range(n))
    xi = max((abs(m[i][j]) for i in range(n) for j in range(i)), default=0.0)
    beta2 = max(gamma, xi / math.sqrt(n * n - 1) if n > 1 else 0.0, 2.0**-52)
    order = list(range(n))
    c = {(i, i): m[i][i] for i in order}
    lower, d, e = {}, {}, {}
    for j in range(n):
        q = max(range(j, n), key=lambda i: abs(c[order[i], order[i]]))
        order[j], order[q] = order[q], order[j]
        now, later = order[j], order[j + 1 :]
        for s in order[:j]:
            lower[now, s] = c[now, s] / d[s]
        for i in later:
            c[i, now] = m[i][now] - sum(lower[now, s] * c[i, s] for s in order[:j])
        theta = max((abs(c[i, now]) for i in later), default=0.0)
        d[now] = max(abs(c[now, now]), theta**2 / beta2, least)
        e[now] = d[now] - c[now, now]
        for i in later:
            c[i, i] -= c[i, now] ** 2 / d[now]
    return [e[i] for i in range(n)]


def repaired(hessian: Matrix, repair: str, least: float) -> Matrix:
    """Nocedal & Wright 2006, section 3.4, "Eigenvalue modification"; Gill, Murray & Wright 1981."""
    every = range(len(hessian))
    if repair in ("penalty", "cholesky"):
        added = modified_cholesky(hessian, least) if repair == "cholesky" else [least for _ in every]
        return [[hessian[i][j] + added[i] * (i == j) for j in every] for i in every]
    pairs = eigen(hessian)
    lowest = pairs[0][0]
    changed = {
        "clip": lambda value: max(value, least),
        "flip": lambda value: max(abs(value), least),
        "shift": lambda value: value + max(0.0, least - lowest),
    }[repair]
    return from_eigen([(changed(value), vector) for value, vector in pairs])


def wolfe(f: Any, x: Vector, p: Vector, g: Vector, fx: float, before: float | None, **settings: float) -> Any:
    """Return (α p, f and ∇f at the new point) by SciPy's ``line_search``, or None if it finds no step.

    Its first trial is at most 1, so the direction is multiplied by ``step``.
    """
    step = settings.pop("step")
    if not dot(g, p) < 0:
        return None
    longer = [step * d for d in p]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy.optimize._linesearch.LineSearchWarning)
        alpha, _, _, there, _, new = scipy.optimize.line_search(
            lambda x: f.error(x.tolist()),
            lambda x: np.array(f.gradient(x.tolist())),
            np.array(x),
            np.array(longer),
            np.array(g),
            fx,
            before,
            maxiter=1000,
            **settings,
        )
    return None if new is None else ([float(alpha) * d for d in longer], there, new.tolist())


def exact_step(g: Vector, B: Matrix, delta: float, tolerance: float) -> tuple[Vector, bool]:
    """Nocedal & Wright 2006, Algorithm 4.3, from the largest λ for which an entry of p in the eigenbasis is Δ."""
    lam = max(0.0, *(abs(dot(vector, g)) / delta - value for value, vector in eigen(B)))
    while True:
        lower = cholesky([plus(row, one, lam) for row, one in zip(B, identity(len(g)), strict=True)])
        p = backward(lower, forward(lower, [-d for d in g]))
        if length(p) <= (1 + tolerance) * delta:
            return p, lam > 0
        q = forward(lower, p)
        lam = lam + (length(p) / length(q)) ** 2 * (length(p) - delta) / delta


def region(
    f: Any, x: Vector, step_within: Any, model_of: Any, *, step: float, max_step: float, accept: float
) -> Iterator[Vector]:
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
