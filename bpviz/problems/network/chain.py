"""The chain of derivatives of one sample's loss, and its check by central differences.

A derivative by x is compared with (E(x + h) - E(x - h)) / 2h. This difference is known only up to its truncation, which
the difference with 2h shows, and up to the rounding of E.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpviz.problems.penalty import Penalized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpviz.declare import Array
    from bpviz.problems.network.backpropagation import Layered, Parameters
    from bpviz.problems.network.network import Network

TOLERANCE = 1e-6
"""The largest relative deviation of a derivative from its central difference, besides what the latter is known to."""

MOST_UNITS, MOST_LAYERS, FIRST, LAST = 8, 6, 3, 2
"""Of a layer with more than MOST_UNITS units, and of more than MOST_LAYERS layers, the FIRST and LAST are shown."""

_EPSILON = float(np.finfo(np.float64).eps)
_STEP = _EPSILON ** (1 / 3)  # of a difference, where truncation and rounding are about equal
_LEAST_STEP = 64 * _EPSILON  # relative to a number, so that steps are not lost in its rounding
_ROUNDINGS = 4  # of E, in units of its last digit
_NUMBERS_AT_ONCE = 2**22


class Derivative(NamedTuple):
    """A derivative, its central difference, and the deviation at which they still agree."""

    name: str
    value: float
    difference: float
    allowed: float

    @property
    def agrees(self) -> bool:
        return abs(self.value - self.difference) <= self.allowed


class Unit(NamedTuple):
    """A unit of a layer, by its place from 0; layer 0 are the inputs, which have an activation only."""

    layer: int
    place: int
    name: str
    sum: float | None
    activation: float
    delta: float | None


class Weight(NamedTuple):
    """A weight: its place among all, its layer, the unit it leads to, and the one it comes from (None for a bias).

    ``gradient`` is of the sample's loss, ``mean_gradient`` of the error over all samples with any penalty, and
    ``growth`` the change of the sample's loss if the weight alone is larger by 1.
    """

    name: str
    place: int
    layer: int
    unit: int
    source: int | None
    value: float
    gradient: Derivative
    mean_gradient: float
    growth: float


class Chain(NamedTuple):
    """The forward pass and the derivatives of one sample; of large layers, those of the shown units.

    ``sizes`` are the numbers of units of all layers, beginning with the inputs. ``derivatives`` are in the order of
    backpropagation.
    """

    sizes: tuple[int, ...]
    params: int
    samples: int
    penalized: bool
    error: float
    desired: list[float]
    units: list[Unit]
    derivatives: list[Derivative]
    weights: list[Weight]

    @property
    def is_neuron(self) -> bool:
        """Whether the network is a single unit, whose quantities have the names of textbooks."""
        return self.sizes[1:] == (1,)

    @property
    def checked(self) -> list[Derivative]:
        """All derivatives that have a central difference."""
        return [*self.derivatives, *(weight.gradient for weight in self.weights)]


def shown_units(size: int) -> list[int]:
    """Return the units of a layer that are shown."""
    return _shown(size, MOST_UNITS)


def _shown(size: int, most: int) -> list[int]:
    return list(range(size)) if size <= most else [*range(FIRST), *range(size - LAST, size)]


def chain(problem: Any, w: Array, sample: int = 0) -> Chain:
    """Return the chain of derivatives of a perceptron or a network.

    Parameters
    ----------
    problem : Perceptron or Network
        The network with its data.
    w : array, shape (params,)
        The weights.
    sample : int
        The index of the sample, from 0.

    Returns
    -------
    Chain
        The forward pass, and the derivatives of the loss of the sample with their central differences.
    """
    with np.errstate(all="ignore"):  # weights may be large, and activations saturated
        return _Sample(problem, w, sample).chain()


class _Sample:
    """A network at some weights, on one sample."""

    def __init__(self, problem: Any, w: Array, sample: int) -> None:
        self.problem = problem
        self.network: Network = problem.as_network()
        self.names: Sequence[str] = problem.weights
        self.w = np.array(w, np.float64)
        self.layered: Layered = self.network.part(np.array([[sample]]))
        self.parameters = list(self.layered.split(self.w[None]))
        self.point = self.layered.at(self.w[None])
        (one,) = self.point.passes
        self.sums = [z[0, 0] for z in one.sums]
        self.activations = [a[0, 0] for a in one.activations]
        self.targets = one.targets
        self.deltas = [delta[0, 0] for delta in self.point.backward()]
        self.sizes = tuple(len(a) for a in self.activations)
        self.layers = [place + 1 for place in _shown(len(self.sizes) - 1, MOST_LAYERS)]
        self.single = self.sizes[1:] == (1,)  # a neuron, whose quantities have the names of textbooks
        self.scale = max(float(abs(a).max()) for a in (self.sums[-1], *self.activations[-1:], self.targets))

    def chain(self) -> Chain:
        return Chain(
            self.sizes,
            len(self.w),
            self.network.samples,
            isinstance(self.problem, Penalized),
            float(self.point.error()[0]),
            self.targets[0, 0].tolist(),
            list(self._units()),
            list(self._derivatives()),
            list(self._weights()),
        )

    def _name(self, kind: str, layer: int, unit: int) -> str:
        """Return the name of a sum ``s`` or an activation ``a`` of a layer counted from 1."""
        return {"s": "s", "a": "p"}[kind] if self.single else f"{kind}{layer}[{unit + 1}]"

    def _units(self) -> Iterator[Unit]:
        for unit in shown_units(self.sizes[0]):
            yield Unit(0, unit, f"x{unit + 1}", None, float(self.activations[0][unit]), None)
        for layer in self.layers:
            for unit in shown_units(self.sizes[layer]):
                numbers = (self.sums[layer - 1], self.activations[layer], self.deltas[layer - 1])
                yield Unit(layer, unit, self._name("a", layer, unit), *(float(a[unit]) for a in numbers))

    def _derivatives(self) -> Iterator[Derivative]:
        for layer in reversed(self.layers):
            shown = shown_units(self.sizes[layer])
            s, a = self.sums[layer - 1], self.activations[layer]
            last = layer == len(self.sizes) - 1
            activation = self.layered.loss.activation if last else self.layered.layers[layer - 1].activation
            if last:
                by_activation = self.layered.loss.by_prediction(a, self.targets[0, 0])
            else:
                by_activation = self.deltas[layer] @ self.parameters[layer].weights[0]
            columns = [self._checked("dE/d{a}", by_activation, partial(self._loss_of_activations, layer), a, shown)]
            if activation is not None:
                slopes = activation.slope(s, a)
                columns.append([self._slope(activation, layer, unit, float(slopes[unit])) for unit in shown])
            columns.append(
                self._checked("dE/d{s}", self.deltas[layer - 1], partial(self._loss_of_sums, layer), s, shown)
            )
            for place, unit in enumerate(shown):
                names = {"a": self._name("a", layer, unit), "s": self._name("s", layer, unit)}
                yield from (column[place]._replace(name=column[place].name.format(**names)) for column in columns)
        if self.single:
            yield from self._derivatives_of_sum()

    def _checked(
        self, name: str, values: Array, f: Callable[[Array], Array], x: Array, places: Sequence[int]
    ) -> list[Derivative]:
        differences = _differences(f, x, places, self.scale)
        return [
            _derivative(name, float(values[place]), *found) for place, found in zip(places, differences, strict=True)
        ]

    def _slope(self, activation: Any, layer: int, unit: int, value: float) -> Derivative:
        s = self.sums[layer - 1][unit : unit + 1]
        ((difference, unsure),) = _differences(lambda s: activation.value(s)[:, 0], s, [0], float(abs(s[0])))
        return _derivative("d{a}/d{s}", value, difference, unsure)

    def _derivatives_of_sum(self) -> Iterator[Derivative]:
        """Yield the derivatives of the sum of a neuron by its weights: the inputs, and 1 for the bias."""
        inputs = np.append(self.activations[0], 1.0)[: len(self.w)]
        found = _differences(lambda w: w @ inputs, self.w, range(len(self.w)), float(abs(self.sums[0][0])))
        for index in self._shown_of_neuron():
            yield _derivative(f"ds/d{self.names[index]}", float(inputs[index]), *found[index])

    def _shown_of_neuron(self) -> list[int]:
        return [*shown_units(self.sizes[0]), *range(self.sizes[0], len(self.w))]

    def _weights(self) -> Iterator[Weight]:
        gradient, mean = self.point.gradient()[0], self.problem.at(self.w[None]).gradient()[0]
        error = self.point.error()[0]
        first = 0
        for layer, dense in enumerate(self.layered.layers, 1):
            biases = first + dense.units * dense.inputs
            for unit in shown_units(dense.units) if layer in self.layers else []:
                row = np.arange(first + unit * dense.inputs, first + (unit + 1) * dense.inputs)
                row = np.append(row, biases + unit) if dense.bias else row
                shown = [*shown_units(dense.inputs), *([dense.inputs] if dense.bias else [])]
                loss = partial(self._loss_of_unit, layer, unit)
                checked = self._checked("", gradient[row], loss, self.w[row], shown)
                grown = _evaluated(loss, self.w[row], shown, np.ones((1, len(shown))))[0] - error
                for source, derivative, growth in zip(shown, checked, grown, strict=True):
                    place = int(row[source])
                    yield Weight(
                        self.names[place],
                        place,
                        layer,
                        unit,
                        source if source < dense.inputs else None,
                        float(self.w[place]),
                        derivative._replace(name=f"dE/d{self.names[place]}"),
                        float(mean[place]),
                        float(growth),
                    )
            first += dense.params

    def _loss_of_unit(self, layer: int, unit: int, weights: Array) -> Array:
        """Return the losses ``(rows,)`` if the weights of a unit, its bias last, are ``(rows, inputs [+ 1])``."""
        inputs = np.append(self.activations[layer - 1], 1.0)[: weights.shape[1]]
        s = np.repeat(self.sums[layer - 1][None], len(weights), axis=0)
        s[:, unit] = weights @ inputs
        return self._loss_of_sums(layer, s)

    def _loss_of_sums(self, layer: int, s: Array) -> Array:
        """Return the losses ``(rows,)`` if the sums of a layer are ``s (rows, units)``."""
        for dense, following in zip(self.layered.layers[layer - 1 :], self.parameters[layer:], strict=False):
            assert dense.activation
            s = _sums(following, dense.activation.value(s))
        loss, s = self.layered.loss, s[:, None]
        return loss.value(s, loss.predicted(s), self.targets)[:, 0]

    def _loss_of_activations(self, layer: int, a: Array) -> Array:
        """Return the losses ``(rows,)`` if the activations of a layer are ``a (rows, units)``."""
        if layer == len(self.layered.layers):
            return self.layered.loss.of_prediction(a[:, None], self.targets)[:, 0]
        return self._loss_of_sums(layer + 1, _sums(self.parameters[layer], a))


def _sums(parameters: Parameters, a: Array) -> Array:
    """Return the weighted sums ``(rows, units)`` of a layer of one run, of activations ``(rows, inputs)``."""
    s: Array = parameters.plus_biases(a @ parameters.weights.transpose(0, 2, 1))[0]
    return s


def _derivative(name: str, value: float, difference: float, unsure: float) -> Derivative:
    return Derivative(name, value, difference, TOLERANCE * max(abs(value), abs(difference)) + unsure)


def _differences(
    f: Callable[[Array], Array], x: Array, places: Sequence[int], scale: float
) -> list[tuple[float, float]]:
    """Return the central differences of f by the numbers of ``x`` at ``places``, and to what they are known.

    f maps ``(rows, len(x))`` to ``(rows,)`` and rounds numbers up to ``scale``. Where it is defined between 0 and 1
    alone, as a logarithm of predictions, steps are smaller near these.
    """
    at = x[list(places)]
    h = _STEP * np.maximum(1, abs(at))
    found = _central(f, x, places, h, scale)
    outside = ~np.isfinite(found[0]) & (at > 0) & (at < 1)
    if outside.any():
        room = np.minimum(at, 1 - at)
        smaller = np.minimum(np.maximum(_STEP * room, _LEAST_STEP * at), room / 8)
        found = np.where(outside, _central(f, x, places, np.where(outside, smaller, h), scale), found)
    return [(float(difference), float(unsure)) for difference, unsure in found.T]


def _central(f: Callable[[Array], Array], x: Array, places: Sequence[int], h: Array, scale: float) -> Array:
    """Return the differences with steps ``h (places,)``, and to what they are known: ``(2, places)``."""
    above, below, far_above, far_below = _evaluated(f, x, places, np.array([h, -h, 2 * h, -2 * h]))
    at = x[list(places)]
    near = (above - below) / ((at + h) - (at - h))  # the steps after rounding
    far = (far_above - far_below) / ((at + 2 * h) - (at - 2 * h))
    largest = np.maximum(np.maximum(abs(above), abs(below)), scale)
    return np.array([near, abs(far - near) + _ROUNDINGS * _EPSILON * largest / h])


def _evaluated(f: Callable[[Array], Array], x: Array, places: Sequence[int], steps: Array) -> Array:
    """Return f where one number of ``x`` is larger by a step: ``(steps, places)``, like ``steps``."""
    values = np.empty_like(steps)
    at_once = max(1, _NUMBERS_AT_ONCE // (len(steps) * len(x)))
    for first in range(0, len(places), at_once):
        some = list(places)[first : first + at_once]
        rows = np.broadcast_to(x, (len(steps), len(some), len(x))).copy()
        rows[:, np.arange(len(some)), some] += steps[:, first : first + len(some)]
        values[:, first : first + len(some)] = f(rows.reshape(-1, len(x))).reshape(len(steps), -1)
    return values
