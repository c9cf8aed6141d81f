"""Backpropagation of one sample as tables: forward pass, derivatives with their check, gradient and update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.tables.columns import Table

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.problems.network.chain import Chain, Derivative, Unit


class Section(NamedTuple):
    """A table with its title."""

    title: str
    table: Table


def backpropagation(chain: Chain, after: Array | None, digits: int) -> list[Section]:
    """Return the tables of a chain of derivatives.

    Parameters
    ----------
    chain : Chain
        The forward pass and the derivatives of one sample.
    after : array of shape (params,) or None
        The weights after the next epoch; None if there is none, and no table of it.
    digits : int
        The number of significant digits.

    Returns
    -------
    list of Section
        The tables; cells of units that are not shown are replaced by their number.
    """

    def number(x: float | None) -> str:
        return "" if x is None else f"{x + 0.0:.{digits}g}"  # 0 for -0

    product = "dE/dp · dp/ds · ds/dw" if chain.is_neuron else "delta · input"
    parts = [f"of all {chain.samples} samples"] if chain.samples > 1 else []
    parts += ["with the penalty"] if chain.penalized else []
    means = f" (mean: {', '.join(parts)})" if parts else ""
    desired = ", ".join(map(number, chain.desired))
    return [
        Section(f"Forward pass: E = {number(chain.error)} for the desired output {desired}", _forward(chain, number)),
        Section("Chain of derivatives, from the error back", _derivatives(chain, number)),
        Section(f"Gradient dE/dw = {product}{means}", _gradient(chain, number)),
        *([Section("Update by the next epoch", _update(chain, after, number))] if after is not None else []),
    ]


_Number = Callable[[float | None], str]


def _forward(chain: Chain, number: _Number) -> Table:
    rows = []
    before = -1
    for layer, group in groupby(chain.units, lambda unit: unit.layer):
        units = list(group)
        skipped = layer - before - 1
        rows += [[f"... {skipped} more layers", "", "", ""]] if skipped else []
        before = layer
        for unit, hidden in zip(units, _hidden(units), strict=True):
            rows += [[f"... {hidden} more", "", "", ""]] if hidden else []
            rows.append([unit.name, number(unit.sum), number(unit.activation), number(unit.delta)])
    return _table(["unit", "sum s", "activation a", "delta dE/ds"], rows)


def _hidden(units: Sequence[Unit]) -> list[int]:
    """Return how many units of a layer are left out before each of these."""
    return [units[0].place, *(b.place - a.place - 1 for a, b in pairwise(units))]


def _derivatives(chain: Chain, number: _Number) -> Table:
    rows = [[d.name, number(d.value), number(d.difference), check(d)] for d in chain.derivatives]
    hidden = sum(chain.sizes[1:]) - sum(unit.layer > 0 for unit in chain.units)
    rows += [[f"... {hidden} more units", "", "", ""]] if hidden else []
    return _table(["derivative", "value", "central difference", "check"], rows, text=(0, 3))


def _gradient(chain: Chain, number: _Number) -> Table:
    means = chain.samples > 1 or chain.penalized
    rows = []
    for weight in chain.weights:
        mean = [number(weight.mean_gradient)] if means else []
        gradient = weight.gradient
        cells = [gradient.name, number(gradient.value), number(gradient.difference), *mean, number(weight.growth)]
        rows.append([*cells, check(gradient)])
    titles = [
        *("derivative", "value", "central difference"),
        *(["mean"] if means else []),
        *("ΔE for +1", "check"),
    ]
    return _table(titles, [*rows, *_more(chain, len(titles))], text=(0, len(titles) - 1))


def _update(chain: Chain, after: Array, number: _Number) -> Table:
    rows = []
    for weight in chain.weights:
        new = float(after[weight.place])
        rows.append([weight.name, number(weight.value), number(new - weight.value), number(new)])
    return _table(["weight", "value", "change", "new value"], [*rows, *_more(chain, 4)])


def _more(chain: Chain, columns: int) -> Iterator[list[str]]:
    hidden = chain.params - len(chain.weights)
    if hidden:
        yield [f"... {hidden} more", *([""] * (columns - 1))]


def _table(titles: list[str], rows: list[list[str]], text: Sequence[int] = (0,)) -> Table:
    return Table(titles, rows, [place not in text for place in range(len(titles))])


def check(derivative: Derivative) -> str:
    """Return whether a derivative agrees with its central difference, as a word."""
    return "agrees" if derivative.agrees else "differs"


def verdict(chain: Chain, tolerance: float) -> str:
    """Return a sentence on how many of the derivatives agree with their central differences."""
    agreeing = sum(derivative.agrees for derivative in chain.checked)
    allowed = f"within {tolerance:g} of the larger one and the accuracy of the difference"
    return f"{agreeing} of {len(chain.checked)} derivatives agree with their central differences ({allowed})"


def backpropagation_record(chain: Chain, after: Array | None) -> dict[str, Any]:
    """Return a chain of derivatives and the update as plain data for JSON; numbers that are not finite are None."""

    def finite(x: float | None) -> float | None:
        return x if x is not None and math.isfinite(x) else None

    def derivative(d: Derivative) -> dict[str, Any]:
        checked = {"value": finite(d.value), "difference": finite(d.difference), "allowed": finite(d.allowed)}
        return {"name": d.name, **checked, "agrees": d.agrees}

    weights = []
    for weight in chain.weights:
        own = {"name": weight.name, "value": finite(weight.value), "gradient": derivative(weight.gradient)}
        own |= {"mean_gradient": finite(weight.mean_gradient), "growth": finite(weight.growth)}
        if after is not None:
            new = float(after[weight.place])
            own |= {"change": finite(new - weight.value), "new_value": finite(new)}
        weights.append(own)
    units = [
        {"name": u.name, "sum": finite(u.sum), "activation": finite(u.activation), "delta": finite(u.delta)}
        for u in chain.units
    ]
    return {
        "units_per_layer": list(chain.sizes),
        "error": finite(chain.error),
        "desired": chain.desired,
        "units": units,
        "derivatives": list(map(derivative, chain.derivatives)),
        "weights": weights,
        "weights_in_all": chain.params,
    }
