"""The layout of a figure: titles above, axes with a color bar, and the legend."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from bpviz.figures import _legend, _projection, _style, _ticks
from bpviz.figures._labels import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

_INITIAL_POSITION = (0.12, 0.2, 0.68, 0.7)  # of axes, until ``frame`` places them

# Inches at the usual font size.
EDGE, GAP, BAR = 0.12, 0.12, 0.16  # margin of the figure, gap between axes and color bar, width of the bar
AXIS = 0.5  # least height of the tick labels and the label of the x axis
_TITLE_AND_LEGEND = 0.95  # height of both; if they need more, the figure grows
_MOST_TURNS = 3  # of placing axes, whose ticks depend on their size
_LEAST = 1.2  # height of axes; a figure of a given size grows if its texts leave less

# Characters that fit the usual figure.
_TITLE_CHARACTERS, _NOTE_CHARACTERS, _LEGEND_CHARACTERS, _ASIDE_CHARACTERS = 60, 84, 94, 30
_AVERAGE = 0.58  # width of a character, in font sizes
_ASIDE = 0.36  # of the width of the figure, the most that a legend on the right takes


class _Given:
    """Axes of the caller that a figure is drawn into, instead of axes of its own."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.used = False


_GIVEN: ContextVar[_Given | None] = ContextVar("given axes", default=None)


@contextlib.contextmanager
def drawing_into(axes: Axes | None) -> Iterator[None]:
    """Draw into axes of the caller; the figure is then not laid out."""
    token = _GIVEN.set(_Given(axes) if axes is not None else None)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def axes(figure: Figure, **settings: Any) -> Axes:
    """Add the axes of a figure; ``frame`` places them.

    Raises
    ------
    ValueError
        If the caller's axes cannot be used: a figure has several axes, or needs another projection.
    """
    given, projection = _GIVEN.get(), settings.pop("projection", None)
    if given is None:
        chosen = figure.add_axes(_INITIAL_POSITION, projection=projection, **_construction(settings))
    else:
        if given.used:
            raise ValueError("ax: expected a figure of one plot, got one of several; draw it without ax")
        if given.axes.name != (projection or "rectilinear"):
            needs = f"subplot_kw={{'projection': {projection!r}}}" if projection else "plain axes"
            raise ValueError(f"ax: expected {projection or '2D'} axes, got {given.axes.name}; use {needs}")
        given.used = True
        chosen = given.axes
    chosen.set(**{name: value for name, value in settings.items() if name not in _CONSTRUCTION})
    for axis in axes_of(chosen):
        _ticks.use_numbers(axis)
    return chosen


_CONSTRUCTION = ("computed_zorder",)  # settings that exist only when axes are made


def _construction(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in _CONSTRUCTION if name in settings}


def bar_axes(figure: Figure, axes: Axes) -> Axes:
    """Add the axes of a color bar to the right of ``axes``; ``frame`` places them."""
    bar = figure.add_axes(_INITIAL_POSITION) if _GIVEN.get() is None else axes.inset_axes((1.03, 0, 0.04, 1))
    _ticks.use_numbers(bar.yaxis)
    return bar


def axes_of(axes: Axes) -> list[Any]:
    """Return the axes along x, y and, in 3D, z."""
    return [getattr(axes, f"{name}axis") for name in ("x", "y", "z") if hasattr(axes, f"{name}axis")]


def characters(usual: int, look: _style.Look | None = None, width: float | None = None) -> int:
    """Return how many characters fit where ``usual`` ones fit in a figure of usual size."""
    look = look or _style.look()
    return max(6, int(usual * look.breadth(width)))


def frame(
    _figure: Figure,
    axes: Axes,
    title: str,
    note: str = "",
    entries: _legend.Entries = (),
    bar: Axes | None = None,
    height: float | None = None,
    fit: Callable[[], object] | None = None,
) -> None:
    """Place the title above, the legend and the color bar, and give the axes the remaining space.

    Call this after everything that changes the labels of the axes. ``height`` is that of the figure in inches at the
    usual font size; a figure without a given size grows with its texts. ``fit`` is called whenever the axes have
    another size. matplotlib's own layout engines do the same for any figure, but take about as long as drawing it.
    """
    look = _style.look()
    for axis in [*axes_of(axes), *([bar.yaxis] if bar else [])]:
        _ticks.state_offset(axis)
    if _GIVEN.get() is None:
        Frame(axes, title, note, entries, bar, fit).grow(height * look.scale if height else look.size[1])
        return
    above = axes.set_title("", fontsize="medium")
    across = int(axes.bbox.width / axes.figure.dpi * 72 / (_AVERAGE * float(above.get_fontsize())))
    above.set_text("\n".join(wrapped(text, max(across, 6)) for text in (title if look.titled else "", note) if text))
    if entries and look.legend != "none":
        _legend.inside(axes, entries, _ASIDE_CHARACTERS)
    if fit:
        fit()


class Frame:
    """Places the titles, the axes and the legend of a figure. A subclass can arrange several axes."""

    def __init__(
        self,
        axes: Axes,
        title: str,
        note: str,
        entries: _legend.Entries,
        bar: Axes | None,
        fit: Callable[[], object] | None = None,
    ) -> None:
        self.look = look = _style.look()
        self.axes, self.entries, self.bar, self.fit = axes, entries, bar, fit
        shown = [(look.heading, look.title, _TITLE_CHARACTERS)] if look.heading and look.titled else []
        if look.titled:
            shown.append((title, look.body, _NOTE_CHARACTERS) if shown else (title, look.title, _TITLE_CHARACTERS))
        shown.append((note, look.small, _NOTE_CHARACTERS))
        self.texts = [
            (axes.figure.text(0.5, 1, "", size=size, ha="center", va="top"), text, most)
            for text, size, most in shown
            if text
        ]
        labeled = [*axes_of(axes), *([bar.yaxis] if bar else [])]
        self.labels = [(axis.label, axis.get_label_text(), axis.axis_name == "x") for axis in labeled]
        self.legend: Legend | None = None
        self.aside = False  # whether the legend is on the right
        self.growing = True

    def grow(self, height: float) -> None:
        """Place the parts of a new figure, which may become higher than ``height`` or lower."""
        figure: Any = self.axes.figure
        figure.set_figheight(self.look.size[1] if self.look.exact else height)
        self.place(figure)
        self.growing = False
        figure.frame = self

    def inches(self, usual: float) -> float:
        """Return a distance in inches, given the one at the usual font size."""
        return usual * self.look.scale

    def place(self, figure: Any) -> None:
        """Place the parts in a figure of its present size."""
        width, height = figure.get_size_inches()
        over, tops = self.inches(EDGE), []
        for written, text, most in self.texts:
            tops.append(over)
            over += _write(figure, written, text, characters(most, self.look, width), self.inches(EDGE))
        under, aside = self._place_legend(figure, width, height - over - self.inches(EDGE))
        if self.growing and not self.look.exact:
            height += max(0.0, over + under - self.inches(_TITLE_AND_LEGEND))
        elif self.growing:
            height = max(height, over + under + self.inches(AXIS + _LEAST))
        figure.set_figheight(height)
        height, right = self._arrange(figure, over, under, aside)
        figure.set_figheight(height)
        for (written, _, _), top in zip(self.texts, tops, strict=True):
            written.set_y(1 - top / height)
        if self.legend and self.aside:
            place = (right + self.inches(EDGE)) / width, 1 - (over + self.inches(EDGE)) / height
            self.legend.set_bbox_to_anchor(place, figure.transFigure)
        if self.fit:
            self.fit()

    def _arrange(self, figure: Any, over: float, under: float, aside: float) -> tuple[float, float]:
        """Place the axes; return the height of the figure and the place to the right of them, in inches.

        Above, below and to the right of them, ``over``, ``under`` and ``aside`` inches are taken.
        """
        axes = self.axes
        width, height = figure.get_size_inches()
        self._wrap_labels(0.75 * (width - aside), height - over - under - self.inches(AXIS))
        if axes.name == "3d":
            _projection.fit(axes, (self.inches(EDGE), under, width - aside - self.inches(EDGE), height - over))
            return height, width - aside
        placed, labels = (height, 0.0), (math.nan, math.nan, math.nan)
        for _ in range(_MOST_TURNS):
            before, labels = labels, self._label_sizes()
            if labels == before:
                break
            placed = self._arrange_around(labels, height, over, under, aside)
            self._wrap_labels(*(axes.bbox.size / figure.dpi))
        return placed

    def _label_sizes(self) -> tuple[float, float, float]:
        """Return the space of the labels below and to the left of the axes, and to the right of the bar, in inches."""
        right = extent(self.bar, "y") if self.bar else 0.0
        in_lines = "\n" in self.axes.get_xlabel()  # a label of one line and its ticks fit into AXIS
        return extent(self.axes, "x") if in_lines else 0.0, extent(self.axes, "y"), right

    def _arrange_around(
        self, labels: tuple[float, float, float], height: float, over: float, under: float, aside: float
    ) -> tuple[float, float]:
        axes, bar = self.axes, self.bar
        figure: Any = axes.figure
        width = figure.get_figwidth()
        below, left, right = labels
        edge, gap, thick = (self.inches(usual) for usual in (EDGE, GAP, BAR))
        down = max(self.inches(AXIS), below + self.inches(0.04))
        more = gap + thick + right if bar else edge
        wide, high = width - 2 * edge - left - more - aside, height - over - under - down
        if axes.get_aspect() != "auto":
            (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
            wide = min(wide, high * (x1 - x0) / (y1 - y0))
            spare = high - wide * (y1 - y0) / (x1 - x0)
            high -= spare
            if self.growing and not self.look.exact and spare > edge:  # avoid white bands above and below
                height -= spare
        wide, high = max(wide, 0.1), max(high, 0.1)
        x = left + max(0.0, width - left - wide - more - aside) / 2
        y = under + down + max(0.0, height - over - under - down - high) / 2
        figure.set_figheight(height)
        axes.set_position((x / width, y / height, wide / width, high / height))
        if bar:
            bar.set_position(((x + wide + gap) / width, y / height, thick / width, high / height))
        return height, x + wide + more

    def _place_legend(self, figure: Any, width: float, high: float) -> tuple[float, float]:
        """Draw the legend again; return the height that it takes at the bottom, and the width on the right.

        On the right it is at most ``high`` inches high; a higher one is below.
        """
        if self.legend:
            self.legend.remove()
            self.legend = None
        look, edge = self.look, self.inches(EDGE)
        self.aside = False
        if not self.entries or look.legend == "none":
            return edge, 0.0
        if look.legend == "inside" and self.axes.name != "3d":
            self.legend = _legend.inside(self.axes, self.entries, characters(_ASIDE_CHARACTERS, look, width))
            return edge, 0.0
        if look.legend == "right":
            most = _ASIDE * width * figure.dpi
            self.legend = _legend.beside(figure, self.entries, characters(_ASIDE_CHARACTERS, look, width), most)
            extent = self.legend.get_window_extent()
            if extent.height <= high * figure.dpi:
                self.aside = True
                return edge, extent.width / figure.dpi + edge
            self.legend.remove()
        most = (width - 2 * edge) * figure.dpi
        self.legend = _legend.below(figure, self.entries, characters(_LEGEND_CHARACTERS, look, width), most)
        return self.legend.get_window_extent().height / figure.dpi + edge, 0.0

    def _wrap_labels(self, wide: float, high: float) -> None:
        """Break the labels of the axes where they are longer than the axes, given in inches."""
        for label, text, across in self.labels:
            most = int(72 * (wide if across else high) / (_AVERAGE * self.look.body))
            label.set_text(wrapped(text, max(most, 6)) if len(text) > most else text)


def extent(axes: Any, axis: str) -> float:
    """Return the size of the tick labels and the label of an axis beyond the axes, in inches."""
    box = getattr(axes, f"{axis}axis").get_tightbbox()
    if box is None:
        return 0.0
    pixels = axes.bbox.y0 - box.y0 if axis == "x" else max(axes.bbox.x0 - box.x0, box.x1 - axes.bbox.x1)
    return float(max(0.0, pixels)) / float(axes.figure.dpi)


def _write(figure: Any, written: Text, text: str, across: int, edge: float) -> float:
    """Write text in lines of at most ``across`` characters, fewer if these are wide; return its height in inches."""
    written.set_text(wrapped(text, across))
    size = float(written.get_fontsize())
    room = 72 * (figure.get_figwidth() - 2 * edge)
    # Characters of ASCII are at most as wide as high, so short texts need not be measured.
    while not (text.isascii() and size * min(len(text), across) <= room):
        much = written.get_window_extent().width / (room / 72 * figure.dpi)
        if much <= 1 or across <= 6:
            break
        across = min(across - 1, int(across / much))
        written.set_text(wrapped(text, across))
    high = 1.35 / 72 * size * (written.get_text().count("\n") + 1)
    if written.get_parse_math() and "$" in text:  # a formula can be higher than a line
        high = max(high, written.get_window_extent().height / figure.dpi + 0.35 / 72 * size)
    return high
