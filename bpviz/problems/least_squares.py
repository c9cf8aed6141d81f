"""Test functions that are sums of squares, with residuals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpviz.declare import Minimum, hyper, problem
from bpviz.problems._formula import SumOfSquares, angle, sqrt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array
    from bpviz.problems._formula import Gradient, Hessian, Numbers

_MORE = "J. J. Moré, B. S. Garbow & K. E. Hillstrom, ACM Trans. Math. Software 7(1), 1981, pp. 17-41"
_JAMIL = "M. Jamil & X.-S. Yang, Int. J. Math. Modelling Numer. Optim. 4(2), 2013, pp. 150-194, arXiv:1308.4008"


@problem(
    "rosenbrock",
    source=f"H. H. Rosenbrock, The Computer Journal 3(3), 1960, pp. 175-184; problem 1 of {_MORE}",
    synonyms=("rosen", "banana"),
)
class Rosenbrock(SumOfSquares):
    """Narrow curved valley with steep walls.

    E = (a - x)² + b (y - x²)²
    residuals: a - x, √b (y - x²)

    The valley follows a parabola; it is easy to find and hard to follow.
    """

    a: float = hyper(1.0, "[-100, 100]", "position of the minimum along the parabola")
    b: float = hyper(100.0, "(0, inf)", "steepness of the walls")

    start = (-1.2, 1.0)

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        far = max(1.0, abs(self.a))
        return (-2 * far, 2 * far), (-far * far, 3 * far * far)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((self.a, self.a * self.a), 0.0),)

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        return self.a - x, math.sqrt(self.b) * (y - x * x)

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        root = math.sqrt(self.b)
        return (-1.0, 0.0), (-2 * root * x, root)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (0.0, 0.0, 0.0), (-2 * math.sqrt(self.b), 0.0, 0.0)


@problem(
    "beale",
    source=(
        "E. M. L. Beale, On an iterative method for finding a local minimum of a function of more than one variable, "
        f"Princeton University, 1958; problem 5 of {_MORE}"
    ),
)
class Beale(SumOfSquares):
    """Flat bent valley between sharp peaks.

    E = (1.5 - x (1 - y))² + (2.25 - x (1 - y²))² + (2.625 - x (1 - y³))²
    residuals: the three terms in parentheses

    The peaks are at the corners, and the minimum is at the bend of the valley.
    """

    start = (1.0, 2.0)
    window = ((-4.5, 4.5), (-4.5, 4.5))
    minima = (Minimum((3.0, 0.5), 0.0),)

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        y2 = y * y
        return 1.5 - x * (1 - y), 2.25 - x * (1 - y2), 2.625 - x * (1 - y2 * y)

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        y2 = y * y
        return (y - 1, x), (y2 - 1, 2 * x * y), (y2 * y - 1, 3 * x * y2)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (0.0, 1.0, 0.0), (0.0, 2 * y, 2 * x), (0.0, 3 * y * y, 6 * x * y)


@problem("himmelblau", source="D. M. Himmelblau, Applied Nonlinear Programming, McGraw-Hill, 1972")
class Himmelblau(SumOfSquares):
    """Four equal minima around a hill.

    E = (x² + y - 11)² + (x + y² - 7)²
    residuals: the two terms in parentheses

    The minimum found depends on the start.
    """

    start = (-0.5, -3.5)
    window = ((-6.0, 6.0), (-6.0, 6.0))
    minima = (
        Minimum((3.0, 2.0), 0.0),
        Minimum((-2.805118086952745, 3.131312518250573), 0.0),
        Minimum((-3.779310253377747, -3.2831859912861696), 0.0),
        Minimum((3.5844283403304917, -1.8481265269644036), 0.0),
    )

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        return x * x + y - 11, x + y * y - 7

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        return (2 * x, 1.0), (1.0, 2 * y)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (2.0, 0.0, 0.0), (0.0, 0.0, 2.0)


@problem("booth", source=_JAMIL)
class Booth(SumOfSquares):
    """Elliptic bowl with condition number 9.

    E = (x + 2 y - 7)² + (2 x + y - 5)²
    residuals: the two terms in parentheses

    The bowl is nine times as steep along one diagonal as along the other.
    """

    start = (-6.0, 8.0)
    window = ((-10.0, 10.0), (-10.0, 10.0))
    minima = (Minimum((1.0, 3.0), 0.0),)

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        return x + 2 * y - 7, 2 * x + y - 5

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        return (1.0, 2.0), (2.0, 1.0)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)


@problem(
    "freudenstein-roth",
    source=f"F. Freudenstein & B. Roth, Journal of the ACM 10(4), 1963, pp. 550-556; problem 2 of {_MORE}",
    synonyms=("freudenstein", "froth"),
)
class FreudensteinRoth(SumOfSquares):
    """Valley with a global and a local minimum.

    E = (x - 13 + ((5 - y) y - 2) y)² + (x - 29 + ((y + 1) y - 14) y)²
    residuals: the two terms in parentheses

    The local minimum is easier to find.
    """

    start = (0.5, -2.0)
    window = ((-5.0, 15.0), (-4.0, 6.0))
    minima = (
        Minimum((5.0, 4.0), 0.0),
        Minimum(((53 - 4 * math.sqrt(22)) / 3, (2 - math.sqrt(22)) / 3), 48.98425367924002),
    )

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        return x - 13 + ((5 - y) * y - 2) * y, x - 29 + ((y + 1) * y - 14) * y

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        return (1.0, (10 - 3 * y) * y - 2), (1.0, (3 * y + 2) * y - 14)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (0.0, 0.0, 10 - 6 * y), (0.0, 0.0, 6 * y + 2)


@problem("brown-badly-scaled", source=f"Problem 4 of {_MORE}", synonyms=("brown", "brownbs"))
class BrownBadlyScaled(SumOfSquares):
    """Badly scaled sum of squares.

    E = (x - 10⁶)² + (y - 2·10⁻⁶)² + (x y - 2)²
    residuals: the three terms in parentheses

    At the minimum, the two weights differ by twelve orders of magnitude.
    """

    start = (1.0, 1.0)
    window = ((-2e5, 1.2e6), (-1.0, 1.5))
    minima = (Minimum((1e6, 2e-6), 0.0),)

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        return x - 1e6, y - 2e-6, x * y - 2

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        return (1.0, 0.0), (0.0, 1.0), (y, x)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        return (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@problem(
    "helical-valley",
    source=(
        f"R. Fletcher & M. J. D. Powell, The Computer Journal 6(2), 1963, pp. 163-168; problem 7 of {_MORE}; here the "
        "third variable is 0"
    ),
    synonyms=("helical", "helix"),
)
class HelicalValley(SumOfSquares):
    """Helical valley around the origin.

    E = (100 θ)² + (10 (r - 1))²,  r = √(x² + y²),  2π θ the angle of (x, y), from -π/2 to 3π/2
    residuals: the two terms in parentheses

    The valley leads around the origin to the minimum, with a cliff below the origin. The position of the cliff, where
    the angle jumps, is a convention; some programs have it at the minimum. The gradient is undefined at the origin.
    """

    start = (-1.0, 0.0)
    window = ((-2.0, 2.0), (-2.0, 2.0))
    minima = (Minimum((1.0, 0.0), 0.0),)

    def residuals(self, x: Array, y: Array) -> Sequence[Numbers]:
        theta = 0.25 + angle(y, -x) / (2 * math.pi)  # rotated so that the cliff is below the origin
        return 100 * theta, 10 * (sqrt(x * x + y * y) - 1)

    def jacobian(self, x: Array, y: Array) -> Sequence[Gradient]:
        r2 = x * x + y * y
        turn, out = 50 / math.pi / r2, 10 / sqrt(r2)
        return (-y * turn, x * turn), (x * out, y * out)

    def curvatures(self, x: Array, y: Array) -> Sequence[Hessian]:
        r2 = x * x + y * y
        turn, out = 50 / math.pi / (r2 * r2), 10 / (r2 * sqrt(r2))
        return (2 * x * y * turn, (y * y - x * x) * turn, -2 * x * y * turn), (y * y * out, -x * y * out, x * x * out)
