"""Remarks in legends about runs that are not completely in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpviz import landscape
from bpviz.figures._style import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpviz.declare import Array
    from bpviz.landscape.window import Window

# About one run, about several runs.
_LEAVES = "leaves the plot", "leave the plot"
_RETURNS = "leaves the plot and returns", "leave the plot and return"
_ENTERS = "starts outside the plot", "start outside the plot"
_ABSENT = "not in this window", "not in this window"
_ENDED = "ends before epoch {first}", "end before epoch {first}"


def departures(paths: Sequence[Array], window: Window, epochs: tuple[int, int] | None = None) -> list[str]:
    """Return remarks about the paths ``(epochs + 1, 2)`` of an algorithm that are partly outside the window.

    ``epochs`` are the first and last epoch shown, or None for all.
    """
    found = [_departure(path, window, epochs) for path in paths]
    first = epochs[0] if epochs else 1
    remarks = []
    for kind in (_LEAVES, _RETURNS, _ENTERS, _ABSENT, _ENDED):
        number = found.count(kind)
        remark = word(kind[number > 1], **({"first": first} if kind == _ENDED else {}))
        if number == len(paths):
            remarks.append(remark if number == 1 else word("all {ending}", ending=remark))
        elif number:
            remarks.append(word("{count} of {total} {ending}", count=number, total=len(paths), ending=remark))
    return remarks


def _departure(path: Array, window: Window, epochs: tuple[int, int] | None) -> tuple[str, str] | None:
    """Return the remark about a path, None if it is completely in the window."""
    if epochs and len(path) < epochs[0]:
        return _ENDED
    first, last = epochs or (1, len(path))
    shown = path[first - 1 : last + 1]
    inside = landscape.within(shown, window)
    if not inside.any() and not landscape.clipped(shown[:-1], shown[1:], window, beyond=0.0)[2].any():
        return _ABSENT
    inside = landscape.within(path, window)
    if inside.all():
        return None
    if not inside[-1]:
        return _LEAVES
    return _RETURNS if not inside[inside.argmax() :].all() else _ENTERS
