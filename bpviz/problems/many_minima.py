"""Test functions for global optimization, with several or many minima."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpviz.declare import Minimum, hyper, problem
from bpviz.problems._formula import Function, cos, exp, over, sign, sin, sqrt

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.problems._formula import Gradient, Hessian

_PI = math.pi


@problem(
    "three-hump-camel",
    source="F. H. Branin, IBM Journal of Research and Development 16(5), 1972, pp. 504-522",
    synonyms=("three-hump", "camel3"),
)
class ThreeHumpCamel(Function):
    """Three minima in a row.

    E = 2 x² - 1.05 x⁴ + x⁶/6 + x y + y²

    The global minimum is in the middle. Some authors write - x y, which gives the mirror image.
    """

    start = (1.9, 1.3)
    window = ((-2.5, 2.5), (-2.5, 2.5))
    minima = (
        Minimum((0.0, 0.0), 0.0),
        Minimum((1.7475523458302888, -0.8737761729151444), 0.2986384422368598),
        Minimum((-1.7475523458302888, 0.8737761729151444), 0.2986384422368598),
    )

    def error(self, x: Array, y: Array) -> Array:
        x2 = x * x
        return ((x2 / 6 - 1.05) * x2 + 2) * x2 + x * y + y * y

    def gradient(self, x: Array, y: Array) -> Gradient:
        x2 = x * x
        return ((x2 - 4.2) * x2 + 4) * x + y, x + 2 * y

    def hessian(self, x: Array, y: Array) -> Hessian:
        x2 = x * x
        return (5 * x2 - 12.6) * x2 + 4, 1.0, 2.0


@problem(
    "six-hump-camel",
    source=(
        "L. C. W. Dixon & G. P. Szegö, The global optimization problem: an introduction, in Towards Global "
        "Optimisation 2, North-Holland, 1978, pp. 1-15"
    ),
    synonyms=("six-hump", "camel", "camel6", "camelback"),
)
class SixHumpCamel(Function):
    """Six minima in three symmetric pairs.

    E = (4 - 2.1 x² + x⁴/3) x² + x y + (4 y² - 4) y²

    The minima of each pair are symmetric about the origin.
    """

    start = (1.2, 1.4)
    window = ((-2.2, 2.2), (-1.5, 1.5))
    minima = tuple(
        Minimum((side * x, side * y), error)
        for x, y, error in (
            (0.08984201310031806, -0.7126564030207396, -1.0316284534898774),
            (1.7036067149699810, -0.7960835686726251, -0.21546382438371764),
            (1.6071047529201972, 0.5686514548841314, 2.1042503103112583),
        )
        for side in (1, -1)
    )

    def error(self, x: Array, y: Array) -> Array:
        x2, y2 = x * x, y * y
        return (4 - 2.1 * x2 + x2 * x2 / 3) * x2 + x * y + (4 * y2 - 4) * y2

    def gradient(self, x: Array, y: Array) -> Gradient:
        x2 = x * x
        return (8 - 8.4 * x2 + 2 * x2 * x2) * x + y, x + (16 * y * y - 8) * y

    def hessian(self, x: Array, y: Array) -> Hessian:
        x2 = x * x
        return 8 - 25.2 * x2 + 10 * x2 * x2, 1.0, 48 * y * y - 8


@problem(
    "goldstein-price",
    source="A. A. Goldstein & J. F. Price, Mathematics of Computation 25(115), 1971, pp. 569-574",
    synonyms=("goldstein", "goldprice"),
)
class GoldsteinPrice(Function):
    """Four minima between high walls.

    E = (1 + (x + y + 1)² (19 - 14 x + 3 x² - 14 y + 6 x y + 3 y²))
        (30 + (2 x - 3 y)² (18 - 32 x + 12 x² + 48 y - 36 x y + 27 y²))
      = p(t) q(v),  t = x + y,  v = 2 x - 3 y
    p = 1 + (t + 1)² (19 - 14 t + 3 t²),  p' = 12 (t + 1) (t - 1) (t - 2)
    q = 30 + v² (18 - 16 v + 3 v²),  q' = 12 v (v - 1) (v - 3)

    The walls rise to an error of a million, compared with 3 at the global minimum.
    """

    start = (-1.5, 0.5)
    window = ((-2.0, 2.0), (-2.0, 2.0))
    minima = (
        Minimum((0.0, -1.0), 3.0),
        Minimum((-0.6, -0.4), 30.0),
        Minimum((1.8, 0.2), 84.0),
        Minimum((1.2, 0.8), 840.0),
    )

    def error(self, x: Array, y: Array) -> Array:
        p, q = _goldstein_price(x, y)
        return p[0] * q[0]

    def gradient(self, x: Array, y: Array) -> Gradient:
        p, q = _goldstein_price(x, y)
        return p[1] * q[0] + 2 * p[0] * q[1], p[1] * q[0] - 3 * p[0] * q[1]

    def hessian(self, x: Array, y: Array) -> Hessian:
        p, q = _goldstein_price(x, y)
        first, mixed, last = p[2] * q[0], p[1] * q[1], p[0] * q[2]
        return first + 4 * mixed + 4 * last, first - mixed - 6 * last, first - 6 * mixed + 9 * last


def _goldstein_price(x: Array, y: Array) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Return p and q with their first two derivatives."""
    t, v = x + y, 2 * x - 3 * y
    p = 1 + (t + 1) * (t + 1) * (19 - 14 * t + 3 * t * t)
    q = 30 + v * v * (18 - 16 * v + 3 * v * v)
    return (
        (p, 12 * (t + 1) * (t - 1) * (t - 2), 12 * ((3 * t - 4) * t - 1)),
        (q, 12 * v * (v - 1) * (v - 3), 12 * ((3 * v - 8) * v + 3)),
    )


@problem(
    "mccormick",
    source="G. P. McCormick, Mathematical Programming 10, 1976, pp. 147-175",
)
class McCormick(Function):
    """Sine wave along a parabolic channel.

    E = sin(x + y) + (x - y)² - 1.5 x + 2.5 y + 1

    The channel slopes down without end, so every further wave has a lower minimum.
    """

    start = (3.0, 2.0)
    window = ((-1.5, 4.0), (-3.0, 4.0))
    # Where x - y = 1, cos(x + y) = -1/2 and sin(x + y) < 0, so x + y is -2π/3 or 4π/3, up to multiples of 2π.
    minima = (
        Minimum((0.5 - _PI / 3, -0.5 - _PI / 3), -math.sqrt(3) / 2 - _PI / 3),
        Minimum((0.5 + 2 * _PI / 3, -0.5 + 2 * _PI / 3), -math.sqrt(3) / 2 + 2 * _PI / 3),
    )

    def error(self, x: Array, y: Array) -> Array:
        d = x - y
        return sin(x + y) + d * d - 1.5 * x + 2.5 * y + 1

    def gradient(self, x: Array, y: Array) -> Gradient:
        c, d = cos(x + y), 2 * (x - y)
        return c + d - 1.5, c - d + 2.5

    def hessian(self, x: Array, y: Array) -> Hessian:
        s = sin(x + y)
        return 2 - s, -2 - s, 2 - s


@problem(
    "styblinski-tang",
    source="M. A. Styblinski & T.-S. Tang, Neural Networks 3(4), 1990, pp. 467-483",
    synonyms=("styblinski",),
)
class StyblinskiTang(Function):
    """Four minima in a square.

    E = (x⁴ - 16 x² + 5 x + y⁴ - 16 y² + 5 y) / 2

    There is one minimum per quadrant; they are deeper for negative x and for negative y.
    """

    start = (0.5, 4.0)
    window = ((-5.0, 5.0), (-5.0, 5.0))
    # The coordinates are the outer roots of 4 z³ - 32 z + 5.
    minima = (
        Minimum((-2.903534027771177, -2.903534027771177), -78.33233140754283),
        Minimum((-2.903534027771177, 2.746802770990837), -64.19561235905536),
        Minimum((2.746802770990837, -2.903534027771177), -64.19561235905536),
        Minimum((2.746802770990837, 2.746802770990837), -50.05889331056789),
    )

    def error(self, x: Array, y: Array) -> Array:
        return (((x * x - 16) * x + 5) * x + ((y * y - 16) * y + 5) * y) / 2

    def gradient(self, x: Array, y: Array) -> Gradient:
        return (2 * x * x - 16) * x + 2.5, (2 * y * y - 16) * y + 2.5

    def hessian(self, x: Array, y: Array) -> Hessian:
        return 6 * x * x - 16, 0.0, 6 * y * y - 16


@problem("ackley", source="D. H. Ackley, A Connectionist Machine for Genetic Hillclimbing, Kluwer, 1987")
class Ackley(Function):
    """Rippled plain with a central funnel.

    E = 20 - 20 exp(-r/5) + e - exp((cos 2πx + cos 2πy) / 2),  r = √((x² + y²) / 2)

    The error is not differentiable at the tip of the funnel; the gradient there is defined as 0.
    """

    start = (-3.4, 2.3)
    window = ((-5.0, 5.0), (-5.0, 5.0))
    minima = (Minimum((0.0, 0.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        _, funnel, ripples = _ackley(x, y)
        return (20 - funnel) + (math.e - ripples)

    def gradient(self, x: Array, y: Array) -> Gradient:
        r, funnel, ripples = _ackley(x, y)
        slope = over(funnel / 10, r)
        return slope * x + _PI * ripples * sin(2 * _PI * x), slope * y + _PI * ripples * sin(2 * _PI * y)

    def hessian(self, x: Array, y: Array) -> Hessian:
        r, funnel, ripples = _ackley(x, y)
        slope = over(funnel / 10, r)
        bend = over(slope / 10 + over(slope / 2, r), r)
        ripples = _PI * _PI * ripples
        sx, cx, sy, cy = sin(2 * _PI * x), cos(2 * _PI * x), sin(2 * _PI * y), cos(2 * _PI * y)
        return (
            slope - bend * x * x + ripples * (2 * cx - sx * sx),
            -bend * x * y - ripples * sx * sy,
            slope - bend * y * y + ripples * (2 * cy - sy * sy),
        )


def _ackley(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return r and the two exponentials."""
    r = sqrt((x * x + y * y) / 2)
    return r, 20 * exp(-r / 5), exp((cos(2 * _PI * x) + cos(2 * _PI * y)) / 2)


@problem("rastrigin", source="L. A. Rastrigin, Systems of Extremal Control, Nauka, Moscow, 1974, in Russian")
class Rastrigin(Function):
    """Bowl with regular ripples.

    E = 2 a + x² - a cos 2πx + y² - a cos 2πy

    In the window, there is a local minimum near every pair of integers; the global minimum is at the origin.
    """

    a: float = hyper(10.0, "[0, inf)", "amplitude of the ripples")

    start = (2.1, -1.7)
    window = ((-5.12, 5.12), (-5.12, 5.12))
    minima = (Minimum((0.0, 0.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        return x * x + y * y + self.a * (1 - cos(2 * _PI * x)) + self.a * (1 - cos(2 * _PI * y))

    def gradient(self, x: Array, y: Array) -> Gradient:
        k = 2 * _PI
        return 2 * x + k * self.a * sin(k * x), 2 * y + k * self.a * sin(k * y)

    def hessian(self, x: Array, y: Array) -> Hessian:
        k = 2 * _PI
        return 2 + k * k * self.a * cos(k * x), 0.0, 2 + k * k * self.a * cos(k * y)


@problem("griewank", source="A. O. Griewank, Journal of Optimization Theory and Applications 34(1), 1981, pp. 11-39")
class Griewank(Function):
    """Very flat bowl with regular ripples.

    E = 1 + (x² + y²) / 4000 - cos x cos(y / √2)

    At small scales, only the ripples are visible. The constant 4000 is usual for any number of variables; some authors
    use 200 for two.
    """

    start = (-6.0, 4.0)
    window = ((-10.0, 10.0), (-10.0, 10.0))
    minima = (Minimum((0.0, 0.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        return (x * x + y * y) / 4000 + (1 - cos(x) * cos(y / math.sqrt(2)))

    def gradient(self, x: Array, y: Array) -> Gradient:
        v, k = y / math.sqrt(2), math.sqrt(0.5)
        return x / 2000 + sin(x) * cos(v), y / 2000 + k * cos(x) * sin(v)

    def hessian(self, x: Array, y: Array) -> Hessian:
        v, k = y / math.sqrt(2), math.sqrt(0.5)
        both = cos(x) * cos(v)
        return 1 / 2000 + both, -k * sin(x) * sin(v), 1 / 2000 + both / 2


@problem(
    "levy",
    source=(
        "A. V. Levy & A. Montalvo, SIAM J. Sci. Stat. Comput. 6(1), 1985, pp. 15-29, as in M. Laguna & R. Martí, "
        "Journal of Global Optimization 33(2), 2005, pp. 235-255"
    ),
)
class Levy(Function):
    """Bowl with ridges.

    E = sin² πp + (p - 1)² (1 + 10 sin²(πp + 1)) + (q - 1)² (1 + sin² 2πq),  p = 1 + (x - 1)/4,  q = 1 + (y - 1)/4

    This is the form of Laguna and Martí. Others have sin² πq in place of sin²(πp + 1) and no last sine. Levy's function
    number 13 is an unrelated function.
    """

    start = (-7.0, 6.0)
    window = ((-10.0, 10.0), (-10.0, 10.0))
    minima = (Minimum((1.0, 1.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        u, v = (x - 1) / 4, (y - 1) / 4  # p - 1 and q - 1
        s, p, q = sin(_PI * u), sin(_PI * u + (_PI + 1)), sin(2 * _PI * v)
        return s * s + u * u * (1 + 10 * p * p) + v * v * (1 + q * q)

    def gradient(self, x: Array, y: Array) -> Gradient:
        u, v = (x - 1) / 4, (y - 1) / 4
        p, q = sin(_PI * u + (_PI + 1)), sin(2 * _PI * v)
        by_u = _PI * sin(2 * _PI * u) + 2 * u * (1 + 10 * p * p) + 10 * _PI * u * u * sin(2 * _PI * u + 2)
        by_v = 2 * v * (1 + q * q) + 2 * _PI * v * v * sin(4 * _PI * v)
        return by_u / 4, by_v / 4

    def hessian(self, x: Array, y: Array) -> Hessian:
        u, v = (x - 1) / 4, (y - 1) / 4
        p, q = sin(_PI * u + (_PI + 1)), sin(2 * _PI * v)
        w = 2 * _PI * u
        by_u = 2 * _PI * _PI * cos(w) + 2 * (1 + 10 * p * p) + 20 * _PI * u * (2 * sin(w + 2) + _PI * u * cos(w + 2))
        by_v = 2 * (1 + q * q) + 8 * _PI * v * (sin(4 * _PI * v) + _PI * v * cos(4 * _PI * v))
        return by_u / 16, 0.0, by_v / 16


@problem(
    "bukin",
    source="A. D. Bukin, New minimization strategy for non-smooth functions, preprint BINP 97-79, Novosibirsk, 1997",
    synonyms=("bukin6",),
)
class Bukin(Function):
    """Sharp fold along a parabola.

    E = 100 √|y - x²/100| + |x + 10| / 100

    This is Bukin's function number 6. The error is not differentiable on the fold; the slope across it is defined as 0.
    """

    start = (-6.0, 2.0)
    window = ((-15.0, -5.0), (-3.0, 3.0))
    minima = (Minimum((-10.0, 1.0), 0.0),)

    def error(self, x: Array, y: Array) -> Array:
        return 100 * sqrt(abs(y - x * x / 100)) + abs(x + 10) / 100

    def gradient(self, x: Array, y: Array) -> Gradient:
        u = y - x * x / 100
        slope = over(50 * sign(u), sqrt(abs(u)))
        return -slope * x / 50 + sign(x + 10) / 100, slope

    def hessian(self, x: Array, y: Array) -> Hessian:
        u = y - x * x / 100
        slope = over(50 * sign(u), sqrt(abs(u)))
        bend = over(-slope / 2, u)
        return bend * x * x / 2500 - slope / 50, -bend * x / 50, bend


@problem(
    "easom",
    source="E. E. Easom, A survey of global optimization techniques, M.Eng. thesis, University of Louisville, 1990",
)
class Easom(Function):
    """Narrow hole in a flat plain.

    E = -cos x cos y exp(-(x - π)² - (y - π)²)
    """

    start = (2.0, 3.8)
    window = ((0.0, 6.0), (0.0, 6.0))
    minima = (Minimum((_PI, _PI), -1.0),)

    def error(self, x: Array, y: Array) -> Array:
        u, v = x - _PI, y - _PI
        return -cos(x) * cos(y) * exp(-u * u - v * v)

    def gradient(self, x: Array, y: Array) -> Gradient:
        u, v = x - _PI, y - _PI
        hole = exp(-u * u - v * v)
        return (sin(x) + 2 * u * cos(x)) * cos(y) * hole, (sin(y) + 2 * v * cos(y)) * cos(x) * hole

    def hessian(self, x: Array, y: Array) -> Hessian:
        u, v = x - _PI, y - _PI
        hole = exp(-u * u - v * v)
        return (
            ((3 - 4 * u * u) * cos(x) - 4 * u * sin(x)) * cos(y) * hole,
            -(sin(x) + 2 * u * cos(x)) * (sin(y) + 2 * v * cos(y)) * hole,
            ((3 - 4 * v * v) * cos(y) - 4 * v * sin(y)) * cos(x) * hole,
        )
