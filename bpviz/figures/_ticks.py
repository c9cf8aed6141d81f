"""Ticks: as many as fit, with labels that differ from each other and are complete numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib

import numpy as np
from matplotlib.ticker import Formatter, Locator, MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axis import Axis

LARGEST = 1e300  # the largest limit of an axis; sums of larger ones overflow
SMALLEST = 1e-300  # the smallest limit of a logarithmic axis; room below smaller ones underflows to zero
_LONGEST = 9  # characters of a label; longer ones are given relative to a number in the label of the axis
_MOST = 9  # ticks of an axis
_WIDE, _HIGH = 0.64, 1.25  # width of a digit and height of a line, in font sizes
_BETWEEN = 1.2  # digits between two labels
_MINUS = "\N{MINUS SIGN}"


def number(value: float, digits: int = 6) -> str:
    """Return a number with at most ``digits`` digits, like ``1e-5`` or ``0.25``."""
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text


def labels(values: Sequence[float]) -> list[str]:
    """Return texts of increasing numbers with as few digits as tell them apart and are exact to a part of a step.

    A number that equals the one before, up to rounding, has an empty text.
    """
    steps = [abs(b - a) for a, b in itertools.pairwise(values) if b != a]
    step = min(steps, default=max(map(abs, values), default=1.0)) or 1.0
    largest = max(map(abs, values), default=0.0)
    decimal = step >= 1e-4 and largest < 1e7
    texts: list[str] = []
    for digits in range(8) if decimal else range(1, 18):
        texts = [f"{value + 0.0:.{digits}f}" if decimal else number(value + 0.0, digits) for value in values]
        if all(abs(float(text) - value) <= 0.01 * step for text, value in zip(texts, values, strict=True)):
            break
    texts = ["0" if float(text) == 0 else text for text in texts] if "e" in "".join(texts) else texts
    return ["" if text in texts[:i] else text.replace("-", _MINUS) for i, text in enumerate(texts)]


class Numbers(Formatter):
    """Formats ticks by ``labels``, relative to ``offset``, which the label of the axis states.

    Unless they are ``alike``, each number has only the digits that it needs, as on logarithmic axes.
    """

    offset = 0.0

    def __init__(self, alike: bool = True) -> None:
        self.alike = alike

    def format_ticks(self, values: Any) -> list[str]:
        """Return the labels of all ticks."""
        shown = [float(value) - self.offset for value in values]
        texts = [number(value).replace("-", _MINUS, 1) if value < 0 else number(value) for value in shown]
        return labels(shown) if self.alike or len({*texts}) < len(texts) else texts

    def __call__(self, x: float, pos: int | None = None) -> str:
        return number(x - self.offset)


class Spread(MaxNLocator):
    """Round numbers at equal distances, as many as fit the axis."""

    def __init__(self, most: int = _MOST, **settings: Any) -> None:
        super().__init__(nbins=most, steps=[1, 2, 2.5, 5, 10], **settings)
        self._most = most

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks from ``vmin`` to ``vmax``, with one beyond each end."""
        ticks = super().tick_values(vmin, vmax)
        axis: Any = self.axis
        if not hasattr(axis, "axes"):  # a color bar asks before it has an axis
            return ticks
        low, high = sorted((vmin, vmax))
        for bins in range(self._most, 0, -1):
            self.set_params(nbins=bins)
            ticks = super().tick_values(vmin, vmax)
            seen = [float(tick) for tick in ticks if low <= tick <= high]
            if _fit(axis, seen, axis.get_major_formatter().format_ticks(seen)):
                break
        else:
            ticks = [seen[0], seen[-1]]
        self.set_params(nbins=self._most)
        return ticks


class Round(Locator):
    """Round numbers on a logarithmic axis, as many as fit; numbers at equal distances where there are too few.

    There are none above ``last``.
    """

    def __init__(self, last: float = math.inf) -> None:
        self.last = last

    def __call__(self) -> Any:
        low, high = sorted(map(float, self.axis.get_view_interval()))  # type: ignore[union-attr]
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks from ``vmin`` to ``vmax``."""
        axis: Any = self.axis
        vmax = min(vmax, self.last)
        choices = [round_numbers(vmin, vmax, most) for most in range(_MOST, 1, -1)]
        choices += [_with_digits(vmin, vmax, digits) for digits in reversed(_ROUND)]
        for ticks in choices:
            if len(ticks) >= 2 and _fit(axis, ticks, [number(tick) for tick in ticks]):
                return np.array(ticks)
        for bins in range(5, 0, -1):
            found: Any = np.asarray(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(vmin, vmax))
            found = found[(vmin <= found) & (found <= vmax) & (found > 0)]
            if _fit(axis, found, labels(found.tolist())):
                break
        return found


class Epochs(Locator):
    """0, 1, 2, 5, 10, ... on an axis that is logarithmic from 1, as many as fit."""

    def __call__(self) -> Any:
        low, high = sorted(map(float, self.axis.get_view_interval()))  # type: ignore[union-attr]
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks up to ``vmax``."""
        decades = range(math.floor(math.log10(max(vmax, 1))) + 1)
        chosen: list[float] = [0.0]
        for digits, every in (((1, 2, 5), 1), ((1, 3), 1), *(((1,), n) for n in range(1, 20))):
            chosen = [0.0, *(d * 10.0**tens for tens in decades if tens % every == 0 for d in digits)]
            chosen = [tick for tick in chosen if tick <= vmax]
            if _fit(self.axis, chosen, [number(tick) for tick in chosen]):
                break
        return np.array(chosen)


def _fit(axis: Any, ticks: Sequence[float], texts: Sequence[str]) -> bool:
    """Return whether the labels of ticks do not touch each other on an axis."""
    if axis is None or not hasattr(axis, "axes") or axis.axes.name == "3d":
        return len(ticks) <= _MOST
    if len(ticks) < 2:
        return True
    font = axis.get_tick_params(which="major").get("labelsize") or axis.get_major_ticks(1)[0].label1.get_size()
    across = axis.axis_name == "x"
    box = axis.axes.bbox
    points = 72 / axis.axes.figure.dpi * (box.width if across else box.height)
    low, *places, high = axis.get_transform().transform(
        [axis.get_view_interval()[0], *ticks, axis.get_view_interval()[1]]
    )
    apart = np.abs(np.diff(places)) / abs(high - low) * points
    if across:
        lengths = np.array([len(text) for text in texts])
        need = ((lengths[1:] + lengths[:-1]) / 2 + _BETWEEN) * _WIDE
    else:
        need = np.full(len(apart), _HIGH)
    return bool((apart >= need * float(font)).all())


def use_numbers(axis: Axis, most: int = _MOST, **settings: Any) -> None:
    """Use complete numbers at equal distances on an axis, with at most ``most`` steps between them.

    ``settings`` are those of MaxNLocator.
    """
    axis.set_major_locator(Spread(most, **settings))
    axis.set_major_formatter(Numbers())


def use_round_numbers(axis: Axis, last: float = math.inf) -> None:
    """Use round numbers up to ``last`` on a logarithmic axis."""
    axis.set_major_locator(Round(last))
    axis.set_major_formatter(Numbers(alike=False))


def state_offset(axis: Any) -> None:
    """If tick labels would be long, make them relative to a number that the label of the axis states."""
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, Numbers) or not isinstance(axis.get_major_locator(), MaxNLocator) or formatter.offset:
        return
    low, high = sorted(map(float, axis.get_view_interval()))
    seen = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
    if len(seen) < 2 or max(map(len, labels(seen))) <= _LONGEST or high - low >= 0.1 * max(abs(low), abs(high)):
        return
    unit = 10.0 ** (math.ceil(math.log10(high - low)) + 1)
    offset = math.floor(seen[-1] / unit + 1e-3) * unit
    shortest = next(text for digits in range(1, 18) if abs(float(text := f"{offset:.{digits}g}") - offset) < unit / 1e3)
    formatter.offset = float(shortest)
    sign, text = ("+", shortest.lstrip("-")) if offset < 0 else (_MINUS, shortest)
    plain = f"{float(text):.15g}"
    axis.set_label_text(f"{axis.get_label_text()} {sign} {plain}")


_ROUND = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))


def round_numbers(low: float, high: float, most: int = 8) -> list[float]:
    """Return round numbers for a logarithmic axis from ``low`` to ``high``: at least four if there are enough.

    There are at most ``most`` powers of ten.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [decade for decade in decades if low <= float(f"1e{decade}") <= high]
    if len(powers) > most:
        every = -(-len(powers) // most)
        return [float(f"1e{decade}") for decade in powers if decade % every == 0]
    numbers: list[float] = []
    for digits in _ROUND:
        numbers = _with_digits(low, high, digits)
        if len(numbers) >= 4:
            break
    return numbers


def _with_digits(low: float, high: float, digits: Sequence[float]) -> list[float]:
    """Return the numbers from ``low`` to ``high`` with these digits in every decade."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = (float(f"{digit}e{decade}") for decade in decades for digit in digits)
    return [number for number in numbers if low <= number <= high]
