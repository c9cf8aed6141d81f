"""Simple test functions, each with one difficulty: bowls, saddles, a ravine and a plateau."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpviz.declare import Minimum, hyper, problem
from bpviz.problems._formula import Function, sqrt

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.problems._formula import Gradient, Hessian, Numbers

_DAUPHIN = "Y. Dauphin et al., NeurIPS 2014, arXiv:1406.2572, Figure 1"


@problem(
    "matyas",
    source="M. Jamil & X.-S. Yang, Int. J. Math. Modelling Numer. Optim. 4(2), 2013, pp. 150-194, arXiv:1308.4008",
)
class Matyas(Function):
    """Elliptic bowl with condition number 25.

    E = 0.26 (x² + y²) - 0.48 x y
    """

    start = (-8.0, 3.0)
    window = ((-10.0, 10.0), (-10.0, 10.0))
    minima = (Minimum((0.0, 0.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        return 0.26 * (x * x + y * y) - 0.48 * x * y

    def gradient(self, x: Array, y: Array) -> Gradient:
        return 0.52 * x - 0.48 * y, 0.52 * y - 0.48 * x

    def hessian(self, x: Array, y: Array) -> Hessian:
        return 0.52, -0.48, 0.52


class RotatedFunction(Function):
    """A function E = f(u) + g(v) of coordinates u and v, centered at ``center`` and rotated by ``angle`` degrees."""

    center: tuple[float, float]
    angle: float

    def along(self, u: Array) -> tuple[Array, Array, Numbers]:
        """Return f, f' and f''."""
        raise NotImplementedError

    def across(self, v: Array) -> tuple[Array, Array, Numbers]:
        """Return g, g' and g''."""
        raise NotImplementedError

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum(self.center, 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        (f, _, _), (g, _, _), _, _ = self._parts(x, y)
        return f + g

    def gradient(self, x: Array, y: Array) -> Gradient:
        (_, f, _), (_, g, _), c, s = self._parts(x, y)
        return c * f - s * g, s * f + c * g

    def hessian(self, x: Array, y: Array) -> Hessian:
        (_, _, f), (_, _, g), c, s = self._parts(x, y)
        return c * c * f + s * s * g, c * s * (f - g), s * s * f + c * c * g

    def _parts(
        self, x: Array, y: Array
    ) -> tuple[tuple[Array, Array, Numbers], tuple[Array, Array, Numbers], float, float]:
        """Return f and g with their derivatives, and the cosine and sine of the angle."""
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        x, y = x - self.center[0], y - self.center[1]
        return self.along(c * x + s * y), self.across(c * y - s * x), c, s


@problem(
    "quadratic",
    source="J. Nocedal & S. J. Wright, Numerical Optimization, 2nd ed. 2006, section 3.3",
    synonyms=("bowl", "sphere"),
)
class Quadratic(RotatedFunction):
    """Elliptic bowl with adjustable condition number.

    E = (u² + κ v²) / 2,  u = c (x - 2) + s (y + 1),  v = c (y + 1) - s (x - 2)
    κ: condition;  c, s: cosine and sine of angle

    First-order rules need more epochs for larger condition numbers.
    """

    condition: float = hyper(10.0, "[1, inf)", "condition number of the Hessian, κ")
    angle: float = hyper(30.0, "[-180, 180]", "angle from the x axis to the long axis of the bowl, in degrees")

    center = (2.0, -1.0)
    start = (-3.0, 2.5)
    window = ((-5.0, 5.0), (-5.0, 5.0))

    def along(self, u: Array) -> tuple[Array, Array, Numbers]:
        return u * u / 2, u, 1.0

    def across(self, v: Array) -> tuple[Array, Array, Numbers]:
        return self.condition * v * v / 2, self.condition * v, self.condition


@problem(
    "valley",
    source=(
        "Defined by bpviz; an example of a ravine as described by R. S. Sutton, Proc. 8th Annual Conf. Cognitive "
        "Science Society, 1986, pp. 823-831"
    ),
    synonyms=("ravine", "long-valley"),
)
class Valley(RotatedFunction):
    """Long, narrow, straight valley.

    E = √(1 + u²) - 1 + σ v²,  u = c (x - 3) + s (y - 1),  v = c (y - 1) - s (x - 3)
    σ: steepness;  c, s: cosine and sine of angle

    The walls are steep, and the floor descends evenly towards the minimum.
    """

    steepness: float = hyper(20.0, "(0, inf)", "steepness of the walls, σ")
    angle: float = hyper(20.0, "[-180, 180]", "angle from the x axis to the valley, in degrees")

    center = (3.0, 1.0)
    start = (-4.5, 1.0)
    window = ((-6.0, 6.0), (-6.0, 6.0))

    def along(self, u: Array) -> tuple[Array, Array, Numbers]:
        root = sqrt(1 + u * u)
        return u * u / (root + 1), u / root, 1 / (root * root * root)

    def across(self, v: Array) -> tuple[Array, Array, Numbers]:
        return self.steepness * v * v, 2 * self.steepness * v, 2 * self.steepness


@problem(
    "plateau",
    source="S. Geman & D. E. McClure, Bulletin of the International Statistical Institute 52(4), 1987, pp. 5-21",
)
class Plateau(Function):
    """Hole in a plateau.

    E = q / (1 + q),  q = ((x - 2)² + 2 (y + 1)²) / r²
    r: radius

    The farther from the hole, the smaller the slope of the plateau.
    """

    radius: float = hyper(1.0, "(0, inf)", "distance along x at which the hole has half its depth")

    start = (-0.5, 1.0)
    window = ((-4.0, 6.0), (-5.0, 5.0))
    minima = (Minimum((2.0, -1.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        q, _, _ = self._q(x, y)
        return q / (1 + q)

    def gradient(self, x: Array, y: Array) -> Gradient:
        q, by_x, by_y = self._q(x, y)
        slope = 1 / ((1 + q) * (1 + q))
        return slope * by_x, slope * by_y

    def hessian(self, x: Array, y: Array) -> Hessian:
        q, by_x, by_y = self._q(x, y)
        slope = 1 / ((1 + q) * (1 + q))
        bend, k = 2 * slope / (1 + q), 2 / (self.radius * self.radius)
        return slope * k - bend * by_x * by_x, -bend * by_x * by_y, 2 * slope * k - bend * by_y * by_y

    def _q(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Return q and its derivatives."""
        u, v, k = x - 2, y + 1, self.radius * self.radius
        return (u * u + 2 * v * v) / k, 2 * u / k, 4 * v / k


@problem("saddle", source=_DAUPHIN)
class Saddle(Function):
    """Saddle point at the origin.

    E = a x² - y²

    The error decreases towards the saddle point along x, and away from it, without end, along y.
    """

    a: float = hyper(5.0, "(0, inf)", "ratio of the curvature along x to that along y, in absolute value")

    start = (-1.5, 0.01)
    window = ((-2.0, 2.0), (-2.0, 2.0))
    minima = ()
    threshold = -1.0

    def error(self, x: Array, y: Array) -> Array:
        return self.a * x * x - y * y

    def gradient(self, x: Array, y: Array) -> Gradient:
        return 2 * self.a * x, -2 * y

    def hessian(self, x: Array, y: Array) -> Hessian:
        return 2 * self.a, 0.0, -2.0


@problem("monkey-saddle", source=f"D. Hilbert & S. Cohn-Vossen, Anschauliche Geometrie, Springer, 1932; {_DAUPHIN}")
class MonkeySaddle(Function):
    """Saddle point with three descent directions.

    E = x³ - 3 x y²

    The Hessian at the origin is 0.
    """

    start = (1.2, 0.05)
    window = ((-2.0, 2.0), (-2.0, 2.0))
    minima = ()
    threshold = -1.0

    def error(self, x: Array, y: Array) -> Array:
        return x * (x * x - 3 * y * y)

    def gradient(self, x: Array, y: Array) -> Gradient:
        return 3 * (x * x - y * y), -6 * x * y

    def hessian(self, x: Array, y: Array) -> Hessian:
        return 6 * x, -6 * y, -6 * x
