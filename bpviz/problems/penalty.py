"""A problem with a penalty on its weights."""

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
    """Problem with an L1 or L2 penalty on its weights.

    E = E₀(w) + λ₁ Σ |wᵢ| + λ₂/2 Σ wᵢ²

    λ₁: l1, λ₂: l2. The penalty includes a bias. The slope of |wᵢ| at 0 is defined as 0. Gradient descent on the second
    sum is equivalent to weight decay λ₂ in libraries. All other properties, such as the start, are those of the inner
    problem, except for the minima, which are unknown.
    Source: A. E. Hoerl & R. W. Kennard, Technometrics 12(1), 1970, pp. 55-67 (l2); R. Tibshirani, J. Royal
    Statistical Society B 58(1), 1996, pp. 267-288 (l1).
    """

    problem: Problem
    l1: float = hyper(0.0, "[0, inf)", "weight of the L1 penalty Σ |wᵢ|, λ₁")
    l2: float = hyper(0.0, "[0, inf)", "weight of the L2 penalty Σ wᵢ² / 2, λ₂")

    minima: tuple[Minimum, ...] = ()

    @property
    def offers(self) -> frozenset[str]:
        """With an L1 penalty there are no residuals, since it is not a sum of squares."""
        return self.problem.offers - ({"residuals", "jacobian"} if self.l1 else set())

    @property
    def called(self) -> str:
        """The name used in messages."""
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
        if name.startswith("__") or name == "problem":  # looked up on a copy before it is initialized
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
        """Return the parts of the samples and of the penalty, concatenated."""
        joined: Array = self.w.__array_namespace__().concatenate([samples, prices], axis=1)
        return joined
