"""Functions of two variables, written as formulas.

A formula uses operators and the functions below on x and y, arrays ``(runs,)``, and is therefore batch-invariant.
NumPy is accessed through the arrays, so that listing or explaining a function does not import it. Powers are written
as products, because NumPy may round the power of an array and of a scalar differently.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bpviz.declare import Array, Minimum

    Numbers: TypeAlias = Array | float
    """An array ``(runs,)``, or a number if the value is the same for every run."""

    Gradient = tuple[Numbers, Numbers]
    """Derivatives with respect to x and y."""

    Hessian = tuple[Numbers, Numbers, Numbers]
    """Second derivatives with respect to xx, xy and yy."""


# -- functions for use in formulas -----------------------------------------------------------------------------------


def _elementwise(name: str) -> Callable[[Array], Array]:
    def function(z: Array) -> Array:
        answer: Array = getattr(_namespace(z), name)(z)
        return answer

    return function


def _namespace(z: Array) -> Any:
    return z.__array_namespace__()


exp, sin, cos, sqrt, sign = map(_elementwise, ("exp", "sin", "cos", "sqrt", "sign"))


def angle(x: Array, y: Array) -> Array:
    """Return the polar angle of (x, y), in [-π, π]."""
    turned: Array = _namespace(x).arctan2(y, x)
    return turned


def over(a: Numbers, b: Array) -> Array:
    """Return a / b, or 0 where b is 0: the value defined as the slope where there is none."""
    xp, zero = _namespace(b), b == 0
    quotient: Array = xp.where(zero, 0.0, a / xp.where(zero, 1.0, b))
    return quotient


# -- functions as problems -------------------------------------------------------------------------------------------


class Function:
    """A problem with two variables, x and y, defined by formulas."""

    weights = ("x", "y")
    offers = frozenset(("error", "gradient", "hessian"))
    width = 32  # measured; formulas allocate many temporaries
    threshold: float | None = 1e-6

    start: tuple[float, float]

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        raise NotImplementedError

    @property
    def minima(self) -> tuple[Minimum, ...]:
        raise NotImplementedError

    @property
    def lowest(self) -> float | None:
        return min((minimum.error for minimum in self.minima), default=None)

    def at(self, w: Array, spare: Any = None) -> FunctionPoint:
        return FunctionPoint(self, w)

    def error(self, x: Array, y: Array) -> Array:
        raise NotImplementedError

    def gradient(self, x: Array, y: Array) -> Gradient:
        raise NotImplementedError

    def hessian(self, x: Array, y: Array) -> Hessian:
        raise NotImplementedError


class SumOfSquares(Function):
    """A function E = Σ r², defined by its residuals and their derivatives, one item per residual."""

    offers = frozenset(("error", "gradient", "hessian", "residuals", "jacobian"))

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        raise NotImplementedError

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        raise NotImplementedError

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        raise NotImplementedError

    def error(self, x: Array, y: Array) -> Array:
        error: Array = _total(r * r for r in self.residuals(x, y))
        return error

    def gradient(self, x: Array, y: Array) -> Gradient:
        r, j = self.residuals(x, y), self.jacobian(x, y)
        by_x, by_y = (_total(r_i * j_i[k] for r_i, j_i in zip(r, j, strict=True)) for k in (0, 1))
        return 2 * by_x, 2 * by_y

    def hessian(self, x: Array, y: Array) -> Hessian:
        parts = list(zip(self.residuals(x, y), self.jacobian(x, y), self.curvatures(x, y), strict=True))
        xx = _total(j[0] * j[0] + r * c[0] for r, j, c in parts)
        xy = _total(j[0] * j[1] + r * c[1] for r, j, c in parts)
        yy = _total(j[1] * j[1] + r * c[2] for r, j, c in parts)
        return 2 * xx, 2 * xy, 2 * yy


def _total(terms: Iterable[Numbers]) -> Any:
    return reduce(add, terms)


class FunctionPoint:
    """A function at one block of weights."""

    __slots__ = ("function", "x", "y")

    def __init__(self, function: Any, w: Array) -> None:
        self.function = function
        self.x, self.y = _namespace(w).ascontiguousarray(w.T)

    def error(self) -> Array:
        error: Array = self.function.error(self.x, self.y)
        return error

    def gradient(self) -> Array:
        return self._rows(self.function.gradient(self.x, self.y)).T

    def hessian(self) -> Array:
        xx, xy, yy = self.function.hessian(self.x, self.y)
        return self._rows((xx, xy, xy, yy)).reshape(2, 2, len(self.x)).transpose(2, 0, 1)

    def residuals(self) -> Array:
        return self._rows(self.function.residuals(self.x, self.y)).T

    def jacobian(self) -> Array:
        by_x, by_y = zip(*self.function.jacobian(self.x, self.y), strict=True)
        return self._rows((*by_x, *by_y)).reshape(2, len(by_x), len(self.x)).transpose(2, 1, 0)

    def _rows(self, parts: Sequence[Numbers]) -> Array:
        """Return the parts stacked as rows, ``(parts, runs)``."""
        rows: Array = _namespace(self.x).empty((len(parts), len(self.x)))
        for row, part in zip(rows, parts, strict=True):
            row[:] = part
        return rows
