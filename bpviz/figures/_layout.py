"""The layout of a figure: titles above, axes with a color bar, and the legend."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import LayoutEngine
from matplotlib.transforms import Bbox
from mpl_toolkits.mplot3d import proj3d

from bpviz.figures import _legend, _style, _ticks
from bpviz.figures._labels import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

_INITIAL_POSITION = (0.12, 0.2, 0.68, 0.7)  # of axes, until ``frame`` places them

# Inches at the usual font size.
_WIDTH = 7.0  # of a figure
_EDGE, _GAP, _BAR = 0.12, 0.12, 0.16  # margin of the figure, gap between axes and color bar, width of the bar
_AXIS = 0.5  # least height of the tick labels and the label of the x axis
_TITLE_AND_LEGEND = 0.95  # height of both; if they need more, the figure grows
_LEAST = 1.2  # height of axes; a figure of a given size grows if its texts leave less

# Characters that fit the usual figure.
_TITLE_CHARACTERS, _NOTE_CHARACTERS, _LEGEND_CHARACTERS, _ASIDE_CHARACTERS = 60, 84, 94, 30
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
    for axis in _axes_of(chosen):
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


def _axes_of(axes: Axes) -> list[Any]:
    return [getattr(axes, f"{name}axis") for name in ("x", "y", "z") if hasattr(axes, f"{name}axis")]


def characters(usual: int, look: _style.Look | None = None, width: float | None = None) -> int:
    """Return how many characters fit where ``usual`` ones fit in a figure of usual size."""
    look = look or _style.look()
    return max(6, int(usual * (width or look.size[0]) / _WIDTH / look.scale))


def frame(
    figure: Figure,
    axes: Axes,
    title: str,
    note: str = "",
    entries: _legend.Entries = (),
    bar: Axes | None = None,
    height: float | None = None,
    fit: Callable[[], object] = lambda: None,
) -> None:
    """Place the title above, the legend and the color bar, and give the axes the remaining space.

    Call this after everything that changes the labels of the axes. ``height`` is that of the figure in inches at the
    usual font size; a figure without a given size grows with its texts. ``fit`` is called whenever the axes have
    another size. matplotlib's own layout engines do the same for any figure, but take about as long as drawing it.
    """
    look = _style.look()
    for axis in [*_axes_of(axes), *([bar.yaxis] if bar else [])]:
        _ticks.state_offset(axis)
    if _GIVEN.get() is None:
        placed = Frame(figure, axes, [look.heading, title, note], entries, bar, fit)
        placed.grow(height * look.scale if height else look.size[1])
        figure.set_layout_engine(placed)
        return
    axes.set_title("\n".join(filter(None, [title if look.titled else "", note])), fontsize="medium")
    if entries and look.legend != "none":
        _legend.inside(axes, entries, _ASIDE_CHARACTERS)
    fit()


class Frame(LayoutEngine):
    """Places the parts of a figure again whenever it has another size."""

    _adjust_compatible = True
    _colorbar_gridspec = False

    def __init__(
        self,
        figure: Figure,
        axes: Axes,
        texts: list[str],
        entries: _legend.Entries,
        bar: Axes | None,
        fit: Callable[[], object],
    ) -> None:
        super().__init__()
        self.look = look = _style.look()
        self.axes, self.entries, self.bar, self.fit = axes, entries, bar, fit
        heading, title, note = texts
        shown = [(heading, look.title, _TITLE_CHARACTERS)] if heading and look.titled else []
        if look.titled:
            size, most = (look.body, 75) if shown else (look.title, _TITLE_CHARACTERS)
            shown.append((title, size, most))
        shown.append((note, look.small, _NOTE_CHARACTERS))
        self.texts = [
            (figure.text(0.5, 1, "", size=size, ha="center", va="top"), text, most) for text, size, most in shown if text
        ]
        self.labels = [(axis.label, axis.get_label_text()) for axis in _axes_of(axes)]
        self.legend: Legend | None = None
        self.placed: tuple[float, float] | None = None

    def grow(self, height: float) -> None:
        """Place the parts of a new figure, which may become higher than ``height`` or lower."""
        figure: Any = self.axes.figure
        figure.set_figheight(self.look.size[1] if self.look.exact else height)
        self._place(figure, growing=True)

    def execute(self, fig: Any) -> None:
        """Place the parts again if the figure has another size."""
        if tuple(fig.get_size_inches()) != self.placed:
            with _style.using(self.look):
                self._place(fig, growing=False)

    def _place(self, figure: Any, *, growing: bool) -> None:
        look, axes, bar = self.look, self.axes, self.bar
        scale = look.scale
        edge, gap, thick = (inches * scale for inches in (_EDGE, _GAP, _BAR))
        width, height = figure.get_size_inches()
        over = edge
        tops = []
        for written, text, most in self.texts:
            tops.append(over)
            over += _write(figure, written, text, characters(most, look, width), edge)
        under, aside = self._place_legend(figure, width, edge)
        down = _AXIS * scale
        if growing and not look.exact:
            height += max(0.0, over + under - _TITLE_AND_LEGEND * scale)
        elif growing:
            height = max(height, over + under + down + _LEAST * scale)
        self._wrap_labels(width - aside, height - over - under - down)
        if axes.name == "3d":
            figure.set_figheight(height)
            _fit_projection(axes, (edge, under, width - aside - edge, height - over))
            right = width - aside
        else:
            down = max(down, _extent(axes, "x") + 0.04 * scale)
            left = _extent(axes, "y")
            more = gap + thick + _extent(bar, "y") if bar else edge
            wide, high = width - 2 * edge - left - more - aside, height - over - under - down
            if axes.get_aspect() != "auto":
                (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
                wide = min(wide, high * (x1 - x0) / (y1 - y0))
                spare = high - wide * (y1 - y0) / (x1 - x0)
                high -= spare
                if growing and not look.exact and spare > edge:  # avoid white bands above and below
                    height -= spare
            wide, high = max(wide, 0.1), max(high, 0.1)
            x = left + max(0.0, width - left - wide - more - aside) / 2
            y = under + down + max(0.0, height - over - under - down - high) / 2
            axes.set_position((x / width, y / height, wide / width, high / height))
            if bar:
                bar.set_position(((x + wide + gap) / width, y / height, thick / width, high / height))
            right = x + wide + more
        figure.set_figheight(height)
        for (written, _, _), top in zip(self.texts, tops, strict=True):
            written.set_y(1 - top / height)
        if self.legend and look.legend == "right":
            self.legend.set_bbox_to_anchor((right / width, 1 - (over + edge) / height), figure.transFigure)
        self.placed = tuple(figure.get_size_inches())
        self.fit()

    def _place_legend(self, figure: Any, width: float, edge: float) -> tuple[float, float]:
        """Draw the legend again; return the height that it takes at the bottom, and the width on the right."""
        if self.legend:
            self.legend.remove()
            self.legend = None
        look, place = self.look, self.look.legend
        if not self.entries or place == "none":
            return edge, 0.0
        if place == "inside":
            self.legend = _legend.inside(self.axes, self.entries, characters(_ASIDE_CHARACTERS, look, width))
            return edge, 0.0
        if place == "below":
            most = (width - 2 * edge) * figure.dpi
            self.legend = _legend.below(figure, self.entries, characters(_LEGEND_CHARACTERS, look, width), most)
            return self.legend.get_window_extent().height / figure.dpi + edge, 0.0
        most = _ASIDE * width * figure.dpi
        self.legend = _legend.beside(figure, self.entries, characters(_ASIDE_CHARACTERS, look, width), most)
        return edge, self.legend.get_window_extent().width / figure.dpi + edge

    def _wrap_labels(self, wide: float, high: float) -> None:
        """Break the labels of the axes where they are longer than the axes, given in inches."""
        for (label, text), inches in zip(self.labels, (0.75 * wide, high, high), strict=False):
            most = int(72 * inches / (0.58 * self.look.body))
            label.set_text(wrapped(text, max(most, 6)) if len(text) > most else text)


def _fit_projection(axes: Any, box: tuple[float, float, float, float]) -> None:
    """Give 3D axes the size and the place at which they fill a box in inches, with the labels around them."""
    figure = axes.figure
    left, bottom, right, top = (inches * figure.dpi for inches in box)
    x, y, wide, high = left, bottom, right - left, top - bottom
    for _ in range(3):  # labels have a fixed size, so one step is not enough
        axes.set_position((x / figure.bbox.width, y / figure.bbox.height, wide / figure.bbox.width, high / figure.bbox.height))
        axes.apply_aspect()
        boxes = [found for axis in _axes_of(axes) if (found := axis.get_tightbbox()) is not None]
        seen = Bbox.union([*boxes, _cube(axes)])
        factor = min((right - left) / seen.width, (top - bottom) / seen.height)
        middle = (x + wide / 2 - (seen.x0 + seen.x1) / 2, y + high / 2 - (seen.y0 + seen.y1) / 2)
        wide, high = wide * factor, high * factor
        x = (left + right) / 2 + middle[0] * factor - wide / 2
        y = (bottom + top) / 2 + middle[1] * factor - high / 2
    axes.set_position((x / figure.bbox.width, y / figure.bbox.height, wide / figure.bbox.width, high / figure.bbox.height))


def _cube(axes: Any) -> Bbox:
    """Return the box in pixels around the cube that the limits of 3D axes span."""
    corners = np.array(list(itertools.product(axes.get_xlim(), axes.get_ylim(), axes.get_zlim())))
    x, y, _ = proj3d.proj_transform(*corners.T, axes.get_proj())
    places = axes.transData.transform(np.column_stack([x, y]))
    return Bbox([places.min(axis=0), places.max(axis=0)])


def _extent(axes: Any, axis: str) -> float:
    """Return the size of the tick labels and the label of an axis beyond the axes, in inches."""
    box = getattr(axes, f"{axis}axis").get_tightbbox()
    if box is None:
        return 0.0
    pixels = axes.bbox.y0 - box.y0 if axis == "x" else max(axes.bbox.x0 - box.x0, box.x1 - axes.bbox.x1)
    return float(max(0.0, pixels)) / float(axes.figure.dpi)


def _write(figure: Any, written: Text, text: str, across: int, edge: float) -> float:
    """Write text in lines of at most ``across`` characters, fewer if these are wide; return its height in inches."""
    written.set_text(wrapped(text, across))
    size = float(written.get_size())
    room = 72 * (figure.get_figwidth() - 2 * edge)
    # Characters of ASCII are at most as wide as high, so short texts need not be measured.
    while not (text.isascii() and size * min(len(text), across) <= room):
        much = written.get_window_extent().width / (room / 72 * figure.dpi)
        if much <= 1 or across <= 6:
            break
        across = min(across - 1, int(across / much))
        written.set_text(wrapped(text, across))
    return 1.35 / 72 * size * (written.get_text().count("\n") + 1)


# -- old names, until all kinds use the new ones --
from bpviz.figures._labels import error_label, threshold_label, threshold_text  # noqa
from bpviz.figures._legend import handle as legend_handle, start as start_legend  # noqa
from bpviz.figures._ticks import round_numbers  # noqa


def end_marker(style):  # noqa
    return _style.look().end(style)
