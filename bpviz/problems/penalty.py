"""A problem with a penalty on the size of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpviz.declare import Minimum, hyper

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bpviz.declare import Array, Point, Problem


@dataclass(frozen=True)
class Penalized:
    """Another problem, and a price on every weight, a bias among them.

    E = E₀(w) + λ₁ Σ |wᵢ| + λ₂/2 Σ wᵢ²

    λ₁: l1, λ₂: l2. The slope of |wᵢ| at 0 is taken as 0. Gradient descent on the second sum is what libraries call
    weight decay λ₂. What the problem has besides, such as its start, is that of the other problem; its minima are not.
    Source: A. E. Hoerl & R. W. Kennard, Technometrics 12(1), 1970, pp. 55-67 (l2); R. Tibshirani, J. Royal
    Statistical Society B 58(1), 1996, pp. 267-288 (l1).
    """

    problem: Problem
    l1: float = hyper(0.0, "[0, inf)", "price λ₁ of a weight's size")
    l2: float = hyper(0.0, "[0, inf)", "price λ₂ of half a weight's square")

    minima: tuple[Minimum, ...] = ()

    @property
    def offers(self) -> frozenset[str]:
        """A sum of sizes is no sum of squares, so with one there are no residuals."""
        return self.problem.offers - ({"residuals", "jacobian"} if self.l1 else set())

    @property
    def called(self) -> str:
        """What messages call it, for whom the other problem may be another."""
        return f"{self.problem.name} with a penalty"

    @property
    def width(self) -> int:
        return self.problem.width + len(self.problem.weights)

    def part(self, samples: npt.NDArray[np.int64]) -> Penalized:
        problem: Any = self.problem
        return Penalized(problem.part(samples), self.l1, self.l2)

    def at(self, w: Array, spare: Any = None) -> PenalizedPoint:
        return PenalizedPoint(self, w, self.problem.at(w, spare and spare.point))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "problem":  # asked of a copy that is only being made
            raise AttributeError(name)
        return getattr(self.problem, name)


class PenalizedPoint:
    """A penalized problem at one block of weights."""

    __slots__ = ("l1", "l2", "point", "w")

    def __init__(self, penalized: Penalized, w: Array, point: Point) -> None:
        self.l1, self.l2 = penalized.l1, penalized.l2
        self.w = w
        self.point = point

    def error(self) -> Array:
        from bpviz.numerics import linalg

        w, sign = self.w, self.w.__array_namespace__().sign
        price = self.l1 * linalg.dot(w, sign(w)) + self.l2 / 2 * linalg.dot(w, w)
        return self.point.error() + price[:, 0]

    def gradient(self) -> Array:
        sign = self.w.__array_namespace__().sign
        gradient: Array = self.point.gradient() + self.l1 * sign(self.w) + self.l2 * self.w
        return gradient

    def hessian(self) -> Array:
        hessian: Array = self.point.hessian() + self.l2 * self._identity()
        return hessian

    def residuals(self) -> Array:
        return self._joined(self.point.residuals(), (self.l2 / 2) ** 0.5 * self.w)

    def jacobian(self) -> Array:
        below = (self.l2 / 2) ** 0.5 * self._identity() + 0 * self.w[:, :, None]
        return self._joined(self.point.jacobian(), below)

    def _identity(self) -> Array:
        eye: Array = self.w.__array_namespace__().eye(self.w.shape[1])
        return eye

    def _joined(self, samples: Array, prices: Array) -> Array:
        """Return one under the other: what the samples give and what the weights cost."""
        joined: Array = self.w.__array_namespace__().concatenate([samples, prices], axis=1)
        return joined
