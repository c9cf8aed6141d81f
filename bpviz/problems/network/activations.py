"""Activation functions of networks and their first two derivatives.

Each is a class with the static methods ``value(z)``, ``slope(z, a)`` and ``curvature(z, a)``, where ``a`` is the value
at z, for arrays of any shape. The slope and curvature at a kink are those on its left side.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from bpviz.declare import Array


class Activation(Protocol):
    """An activation function a(z), element by element."""

    @staticmethod
    def value(z: Array) -> Array: ...
    @staticmethod
    def slope(z: Array, a: Array) -> Array: ...
    @staticmethod
    def curvature(z: Array, a: Array) -> Array: ...


class Sigmoid:
    """a(z) = 1 / (1 + exp(-z))"""

    @staticmethod
    def value(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return a * (1 - a)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return a * (1 - a) * (1 - 2 * a)


class Tanh:
    """a(z) = tanh z"""

    @staticmethod
    def value(z: Array) -> Array:
        return np.tanh(z)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return 1 - a * a

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return -2 * a * (1 - a * a)


class Relu:
    """a(z) = max(z, 0)"""

    @staticmethod
    def value(z: Array) -> Array:
        return np.maximum(z, 0)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return (z > 0).astype(z.dtype)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return np.zeros_like(z)


class LeakyRelu:
    """a(z) = z if z > 0, else 0.01 z"""

    @staticmethod
    def value(z: Array) -> Array:
        return np.where(z > 0, z, 0.01 * z)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.where(z > 0, 1, 0.01)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return np.zeros_like(z)


class Elu:
    """a(z) = z if z > 0, else exp z - 1"""

    @staticmethod
    def value(z: Array) -> Array:
        return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.where(z > 0, 1, a + 1)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return np.where(z > 0, 0, a + 1)


class Gelu:
    """a(z) = z (1 + tanh u) / 2 with u = √(2/π) (z + 0.044715 z³), the approximation of z Φ(z)

    D. Hendrycks & K. Gimpel, 2016, arXiv:1606.08415, section 2.
    """

    _SCALE, _CUBE = math.sqrt(2 / math.pi), 0.044715

    @classmethod
    def _parts(cls, z: Array) -> tuple[Array, Array, Array]:
        """Return tanh u, u' and u''."""
        u = cls._SCALE * (z + cls._CUBE * z**3)
        return np.tanh(u), cls._SCALE * (1 + 3 * cls._CUBE * z**2), cls._SCALE * 6 * cls._CUBE * z

    @classmethod
    def value(cls, z: Array) -> Array:
        t, _, _ = cls._parts(z)
        return z * (1 + t) / 2

    @classmethod
    def slope(cls, z: Array, a: Array) -> Array:
        t, u1, _ = cls._parts(z)
        return (1 + t) / 2 + z * (1 - t * t) * u1 / 2

    @classmethod
    def curvature(cls, z: Array, a: Array) -> Array:
        t, u1, u2 = cls._parts(z)
        return (1 - t * t) * (u1 + z * (u2 - 2 * t * u1**2) / 2)


class Softplus:
    """a(z) = log(1 + exp z)"""

    @staticmethod
    def value(z: Array) -> Array:
        return np.logaddexp(z, 0)

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return Sigmoid.value(z)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        s = Sigmoid.value(z)
        return s * (1 - s)


class Linear:
    """a(z) = z"""

    @staticmethod
    def value(z: Array) -> Array:
        return z

    @staticmethod
    def slope(z: Array, a: Array) -> Array:
        return np.ones_like(z)

    @staticmethod
    def curvature(z: Array, a: Array) -> Array:
        return np.zeros_like(z)


def softmax(z: Array) -> Array:
    """Return exp(z) divided by its sum over the last axis."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]
