"""Draw the figures that differ between two output folders side by side in one image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bpviz.config import ConfigError, Mistake
from bpviz.figures._style import Look
from bpviz.outputs import images
from bpviz.storage.reading import UnreadableError

if TYPE_CHECKING:
    from bpviz.declare import Array
    from bpviz.outputs.diff import Outputs, Side

_TALLEST = 16000  # pixels; figures that do not fit are counted
_MARGIN, _CAPTION, _HEADING = 24, 44, 60  # pixels


def side_by_side(old: Side, new: Side) -> tuple[bytes, int]:
    """Return a PNG of the figures that differ, and their number; no bytes if no figure differs.

    Raises ConfigError if a figure is not a valid PNG.
    """
    pairs: list[tuple[str, Array, Array]] = []
    mistakes: list[Mistake] = []
    for name, before, now in _in_both(old, new):
        try:
            contents = before(), now()
        except UnreadableError as error:
            mistakes.append(Mistake(f"{name}.png", 0, 0, "", str(error)))
            continue
        if contents[0] == contents[1]:
            continue
        side = old
        try:
            before_pixels = images.decode(contents[0])
            side = new
            found = images.compare(before_pixels, images.decode(contents[1]))
        except images.UnreadableError as error:
            mistakes.append(Mistake(side.name, 0, 0, name, str(error)))
            continue
        if not found.same:
            pairs.append((name, found.expected, found.actual))
    if mistakes:
        raise ConfigError(mistakes)
    return (_drawn(old.name, new.name, pairs) if pairs else b""), len(pairs)


def _in_both(old: Side, new: Side) -> list[tuple[str, Callable[[], bytes], Callable[[], bytes]]]:
    """Return the figures that both sides have: their names, and functions that read the old and the new file."""
    together: list[tuple[str, Outputs, Outputs]] = []
    if old.single and new.single:
        (before,) = old.experiments.values()
        together += ((name, before, after) for name, after in new.experiments.items())
    else:
        names = [name for name in old.experiments if name in new.experiments]
        together += ((name, old.experiments[name], new.experiments[name]) for name in names)
    return [
        (f"{name}/{file.removesuffix('.png')}", reads, other.figures[file])
        for name, one, other in together
        for file, reads in sorted(one.figures.items())
        if file in other.figures
    ]


def _drawn(old: str, new: str, pairs: list[tuple[str, Array, Array]]) -> bytes:
    """Return the image: one row per figure with its name above, the old version on the left."""
    from bpviz.figures._render import blank, png

    heights = [max(before.shape[0], now.shape[0]) + _CAPTION for _, before, now in pairs]
    fit = max(1, sum(sum(heights[: i + 1]) <= _TALLEST for i in range(len(heights))))
    shown, more = pairs[:fit], len(pairs) - fit
    width = max(picture.shape[1] for _, *both in shown for picture in both)
    tall = _HEADING + sum(heights[:fit]) + (_CAPTION if more else 0) + _MARGIN
    wide = 2 * width + 3 * _MARGIN
    left = (_MARGIN, 2 * _MARGIN + width)
    look = Look()
    with blank(wide, tall) as figure:

        def write(text: str, x: int, y: int, size: float, **how: Any) -> None:
            figure.text(x / wide, 1 - y / tall, text, fontsize=size, va="center", **how)

        for x, heading in zip(left, (f"old: {old}", f"new: {new}"), strict=True):
            write(heading, x, _HEADING // 2, look.title, fontweight="bold")
        top = _HEADING
        for (name, *both), height in zip(shown, heights, strict=False):
            for x, picture in zip(left, both, strict=True):
                write(name, x, top + _CAPTION // 2, look.body)
                figure.figimage(picture / 255, x, tall - top - _CAPTION - picture.shape[0], origin="upper")
            top += height
        if more:
            write(f"... and {more} more (omitted: image too tall)", left[0], top + _CAPTION // 2, look.body)
        return png(figure)
