"""Random samples around two curves in the plane, one per class."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bpviz.declare import hyper
from bpviz.problems.data._named import Named
from bpviz.problems.datasets import Dataset

_NOISE = "standard deviation of the normal noise added to each feature"


@dataclass(frozen=True)
class _Curves(Named):
    samples: int = hyper(200, "integer [2, 100000]", "number of samples, of both classes in turn")
    noise: float = hyper(0.1, "[0, 10]", _NOISE)
    seed: int = hyper(1, "integer [0, 4294967295]", "seed of the random numbers")

    def point(self, target: int, at: float) -> tuple[float, float]:
        """Return the point of the curve of class ``target`` at a place in [0, 1)."""
        raise NotImplementedError

    def all_rows(self) -> Dataset:
        from random import Random  # here, because few configs use it

        draw = Random(self.seed).random
        targets = [number % 2 for number in range(self.samples)]
        features = []
        for target in targets:
            x, y = self.point(target, draw())
            size, angle = math.sqrt(-2 * math.log(1 - draw())), 2 * math.pi * draw()  # two normal numbers, Box-Muller
            features.append((x + self.noise * size * math.cos(angle), y + self.noise * size * math.sin(angle)))
        return Dataset(self.name, tuple(features), tuple(map(float, targets)), ("x1", "x2"), self.source)


@dataclass(frozen=True)
class Moons(_Curves):
    """Two half circles of radius 1 that reach into each other.

    The half circle of target 0 has its center at (0, 0), that of target 1 at (1, 0.5).
    """

    name = "moons"
    source = "as make_moons of scikit-learn, with random places on the half circles"

    def point(self, target: int, at: float) -> tuple[float, float]:
        x, y = math.cos(math.pi * at), math.sin(math.pi * at)
        return (1 - x, 0.5 - y) if target else (x, y)


@dataclass(frozen=True)
class Circles(_Curves):
    """Two circles around (0, 0): target 0 with radius 1, target 1 with radius 0.5."""

    name = "circles"
    source = "as make_circles of scikit-learn, with random places on the circles"

    noise: float = hyper(0.05, "[0, 10]", _NOISE)

    def point(self, target: int, at: float) -> tuple[float, float]:
        radius, angle = (0.5 if target else 1.0), 2 * math.pi * at
        return radius * math.cos(angle), radius * math.sin(angle)


@dataclass(frozen=True)
class Spirals(_Curves):
    """Two spirals around (0, 0) with radius 0.1 to 1.

    The radius r is uniform in [0.1, 1) and the angle 3 π r; the spiral of target 1 is that of target 0, turned by π.
    """

    name = "spirals"
    source = "K. J. Lang & M. J. Witbrock, Learning to tell two spirals apart, 1988, with 1.35 instead of 3 turns"

    noise: float = hyper(0.02, "[0, 10]", _NOISE)

    def point(self, target: int, at: float) -> tuple[float, float]:
        radius = 0.1 + 0.9 * at
        angle = math.pi * (3 * radius + target)
        return radius * math.cos(angle), radius * math.sin(angle)
