"""The style of figures: what a config may set, the themes, and the look of the figure that is being drawn.

This module does not import matplotlib.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from bpviz.declare import hyper
from bpviz.declare.domains import Choice, Flag, Interval, ListOf, Nullable, Text
from bpviz.declare.fields import given
from bpviz.figures import _words
from bpviz.figures._colors import MARKERS, Color, lightness, mixed
from bpviz.figures._themes import LIGHT, THEMES, Theme

_LABELS = (2.0, 1.25)  # inches that labels take of the width and of the height
_MOST_PIXELS = 64_000_000


@dataclasses.dataclass(frozen=True)
class Style:
    """The style of a config, or of one figure: settings that are None are those of the config or the theme."""

    name = "style"

    theme: str | None = hyper(None, Nullable(Choice(tuple(THEMES)), "light"), "colors and sizes for a purpose")
    size: tuple[float, float] | None = hyper(
        None, Nullable(ListOf(Interval.parse("[1, 40]"), 2, 2), "that of the theme"), "width and height in inches"
    )
    dpi: int | None = hyper(
        None, Nullable(Interval.parse("integer [30, 1200]"), "that of the theme"), "pixels per inch of PNG files"
    )
    font_size: float | None = hyper(
        None, Nullable(Interval.parse("[4, 60]"), "that of the theme"), "size of axis labels in points"
    )
    font: tuple[str, ...] | None = hyper(
        None, Nullable(ListOf(Text(), 1), "DejaVu Sans"), "installed fonts; each letter is taken from the first with it"
    )
    colors: tuple[str, ...] | None = hyper(
        None, Nullable(ListOf(Color(), 1), "those of the theme"), "colors of the algorithms, in their order"
    )
    legend: str | None = hyper(
        None, Nullable(Choice(("below", "right", "inside", "none")), "that of the theme"), "place of the legend"
    )
    mathtext: bool | None = hyper(None, Nullable(Flag(), "false"), "whether $...$ in labels and titles is a formula")
    svg_text: bool | None = hyper(
        None, Nullable(Flag(), "false"), "whether SVG files have text, which needs the font, instead of outlines"
    )

    def too_large(self) -> list[tuple[str, str]]:
        """Return (setting, complaint) if images would be too large."""
        look = Look(self)
        width, height = look.size
        pixels = width * height * look.dpi**2
        if pixels <= _MOST_PIXELS:
            return []
        name = "dpi" if self.dpi else "size"
        got = f"{pixels / 1e6:.0f} ({width:g} x {height:g} inches at {look.dpi} dpi)"
        most = f"{_MOST_PIXELS / 1e6:g} million pixels"
        return [(name, f"expected at most {most}, got {got}; use a smaller size or dpi")]

    def over(self, other: Style) -> Style:
        """Return this style with what it leaves open taken from ``other``."""
        return dataclasses.replace(other, **given(self))


class AlgorithmStyle(NamedTuple):
    """The color, marker and dashes of an algorithm in all figures of its experiment."""

    color: str
    outline: str  # color of the outline of arrows and markers
    marker: str
    dashes: tuple[float, ...]  # points on, points off, ...; empty for a solid line


# From below: the paths cross starts and minima, and end on top.
STARTS_ORDER, MINIMA_ORDER, PATHS_ORDER, ENDS_ORDER = 2.6, 2.8, 3.0, 5.0
DASHES = ((), (5, 1.5), (1.5, 1.2), (7, 1.5, 1.5, 1.5), (3, 1.2), (7, 1.2, 1.2, 1.2, 1.2, 1.2))
_CODES = tuple(MARKERS.values())
_OUTLINED = 40.0  # least difference in lightness between a color and the paper that needs no dark outline


@dataclasses.dataclass(frozen=True)
class Look:
    """Everything that determines how a figure looks, besides its data.

    Parameters
    ----------
    style : Style
        The style of the figure, over that of its config.
    words : mapping of str to str
        Translations of the words that figures draw; see _words.
    heading : str
        The title of the experiment, drawn above the title of the figure; "" for none.
    titled : bool
        Whether the figure has a heading and a title.
    own : tuple of (str or None, str or None)
        Colors and markers that a config gives to algorithms, in their order.
    """

    style: Style = Style()
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)
    heading: str = ""
    titled: bool = True
    own: tuple[tuple[str | None, str | None], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return the look as plain data, for hashes."""
        parts = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        return {**parts, "words": dict(self.words), "style": given(self.style)}

    @property
    def theme(self) -> Theme:
        """The colors and sizes of the theme."""
        return THEMES[self.style.theme or "light"]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches. The height is a first guess unless it is given: see ``_layout.frame``."""
        return self.style.size or self.theme.size

    @property
    def exact(self) -> bool:
        """Whether the figure has this size, whatever it shows."""
        return self.style.size is not None or self.theme.exact

    @property
    def dpi(self) -> int:
        """Pixels per inch."""
        return self.style.dpi or self.theme.dpi

    @property
    def legend(self) -> str:
        """The place of the legend: below, right, inside or none."""
        return self.style.legend or self.theme.legend

    @property
    def body(self) -> float:
        """The font size of axis labels, in points."""
        return self.style.font_size or self.theme.font_size

    @property
    def scale(self) -> float:
        """The font size as a multiple of the usual one; distances between texts have the same factor."""
        return self.body / LIGHT.font_size

    def breadth(self, width: float | None = None) -> float:
        """Return the room for texts across a figure, by default of the look's width, as a multiple of the usual one."""
        return (width or self.size[0]) / LIGHT.size[0] / self.scale

    @property
    def room(self) -> float:
        """The approximate size of a plot as a multiple of the usual one, at the usual font size."""
        own, usual = (
            min(size / scale - labels for size, labels in zip(sizes, _LABELS, strict=True))
            for sizes, scale in ((self.size, self.scale), (LIGHT.size, 1.0))
        )
        return max(own, 1.0) / usual

    @property
    def title(self) -> float:
        """The font size of titles, in points."""
        return 13.0 * self.scale

    @property
    def small(self) -> float:
        """The font size of tick labels, legends and notes, in points."""
        return 9.5 * self.scale

    @property
    def lines(self) -> float:
        """A factor on the widths of lines and the sizes of markers."""
        return self.theme.lines

    @property
    def colors(self) -> tuple[str, ...]:
        """The colors of algorithms."""
        return self.style.colors or self.theme.colors

    def algorithm(self, place: int) -> AlgorithmStyle:
        """Return the style of the algorithm at this place of its experiment.

        The numbers of colors, markers and dashes of a theme are coprime, so styles repeat late and two of the same
        color differ in marker and dashes.
        """
        color, marker = self.own[place] if place < len(self.own) else (None, None)
        color = color or self.colors[place % len(self.colors)]
        code = MARKERS[marker] if marker else _CODES[place % len(_CODES)]
        return AlgorithmStyle(color, self.outline(color), code, DASHES[place % len(DASHES)])

    def sample(self, place: int) -> AlgorithmStyle:
        """Return the style of a class of samples. The first ones differ from those of the first algorithms."""
        color = self.colors[(5, 3, 1, 2, 4, 6, 0)[place % 7] % len(self.colors)]
        return AlgorithmStyle(color, self.outline(color), _CODES[place % len(_CODES)], ())

    def outline(self, color: str) -> str:
        """Return the color of an outline that separates a color from the contours, also in grayscale."""
        near = abs(lightness(color) - lightness(self.theme.paper)) < _OUTLINED
        return self.theme.ink if near else self.theme.paper

    def mixed(self, color: str, share: float) -> str:
        """Return a color mixed with the paper, of which it keeps ``share``."""
        return mixed(color, self.theme.paper, share)

    # Arrows from tail to tip in data coordinates; head sizes are multiples of the shaft's width. Short arrows are
    # scaled down as a whole instead of becoming dots.
    @property
    def arrow(self) -> dict[str, Any]:
        """The properties of arrows."""
        return {
            "angles": "xy",
            "scale_units": "xy",
            "scale": 1,
            "units": "inches",
            "width": 1.9 / 72 * self.lines,
            "headwidth": 4.2,
            "headlength": 4.6,
            "headaxislength": 4.0,
            "minshaft": 1.4,
            "minlength": 0,
        }

    def _marker(self, marker: str, size: float, color: str, edge: float) -> dict[str, Any]:
        return {
            "marker": marker,
            "markersize": size * self.lines,
            "color": color,
            "markeredgecolor": self.theme.ink,
            "markeredgewidth": edge * self.lines,
        }

    def end(self, style: AlgorithmStyle) -> dict[str, Any]:
        """Return the properties of the marker at the end of an algorithm's path."""
        size, edge = 7.0 * self.lines, 0.7 * self.lines
        return {
            "marker": style.marker,
            "markersize": size,
            "markeredgewidth": edge,
            "markeredgecolor": style.outline,
        }

    @property
    def start(self) -> dict[str, Any]:
        """The properties of the marker of a start."""
        return self._marker("o", 6.5, self.theme.paper, 1.4)

    @property
    def lowest(self) -> dict[str, Any]:
        """The properties of the marker of a global minimum: a yellow star."""
        star = self._marker("*", 10.0, self.theme.minimum, 0.9)
        return star if self.theme.paper == LIGHT.paper else {**star, "markeredgecolor": self.theme.paper}

    @property
    def other(self) -> dict[str, Any]:
        """The properties of the marker of another minimum: a star without a color."""
        return self._marker("*", 8.0, self.theme.paper, 0.9)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of matplotlib (rcParams)."""
        theme, lines = self.theme, self.lines
        return {
            "font.family": [*(self.style.font or ()), "DejaVu Sans"],  # shipped with matplotlib, so always available
            "font.size": self.body,
            "text.color": theme.ink,
            "text.parse_math": bool(self.style.mathtext),  # otherwise labels may contain dollar signs
            "axes.edgecolor": theme.pale,
            "axes.facecolor": theme.paper,
            "axes.labelcolor": theme.ink,
            "axes.labelsize": self.body,
            "axes.labelpad": 4.0 * self.scale,
            "axes.axisbelow": True,
            "axes.linewidth": 0.8 * lines,
            "figure.dpi": self.dpi,
            "figure.edgecolor": theme.paper,
            "figure.facecolor": theme.paper,
            "savefig.dpi": self.dpi,
            "grid.color": theme.grid,
            "grid.linewidth": 0.7 * lines,
            **{f"axes3d.{axis}axis.panecolor": theme.pane for axis in "xyz"},
            **{f"{axis}tick.{part}": value for axis in "xy" for part, value in self._ticks().items()},
            "legend.fontsize": self.small,
            "legend.frameon": False,
            "legend.facecolor": theme.paper,
            "legend.edgecolor": theme.paper,
            "legend.handlelength": 2.4,
            "legend.columnspacing": 1.6,
            "legend.labelspacing": 0.35,
            "lines.solid_capstyle": "round",
            "lines.dash_capstyle": "round",
            "hatch.linewidth": 0.8 * lines,
            "pdf.fonttype": 42,  # TrueType: journals refuse Type 3, matplotlib's default
            "svg.fonttype": "none" if self.style.svg_text else "path",
            "svg.hashsalt": "bpviz",  # makes element ids reproducible
        }

    def _ticks(self) -> dict[str, Any]:
        theme, lines = self.theme, self.lines
        return {
            "color": theme.pale,
            "labelcolor": theme.ink,
            "labelsize": self.small,
            "major.pad": 3.5 * self.scale,
            "major.size": 3.5 * lines,
            "major.width": 0.8 * lines,
        }


_LOOK: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039  immutable


def look() -> Look:
    """Return the look of the figure whose data are prepared or that is drawn."""
    return _LOOK.get()


@contextlib.contextmanager
def using(chosen: Look) -> Iterator[None]:
    """Prepare data and draw with a look."""
    token = _LOOK.set(chosen)
    try:
        yield
    finally:
        _LOOK.reset(token)


def style(place: int) -> AlgorithmStyle:
    """Return the style of the algorithm at this place of its experiment."""
    return look().algorithm(place)


def word(template: str, **values: object) -> str:
    """Return a word of figures in the language of the config, with values for its placeholders; see _words."""
    return _words.filled(look().words.get(template, template), values)
