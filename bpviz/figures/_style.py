"""The style of all figures: colors, markers, dashes, fonts and sizes. This module does not import matplotlib."""

from __future__ import annotations

from typing import Any, NamedTuple

WIDTH, HEIGHT = 7.0, 5.5  # inches; a long legend adds to the height
DPI = 150
ACROSS = 94  # approximate width of a legend in characters
EDGE, GAP, BAR = 0.12, 0.12, 0.16  # inches: margin of the figure, gap between axes and color bar, width of the bar
AXIS = 0.5  # inches for the tick labels and the label of the x axis
TITLE_AND_LEGEND = 0.95  # inches for both; if they need more, the figure grows

INK = "#1d2733"  # text, axes and everything that is not an algorithm
PALE = "#8794a3"  # background elements: the frame, contour lines
PAPER = "#ffffff"
UNKNOWN = "#e9e4dc"  # where the error is not finite

# From small to large errors. Light and unsaturated, so that paths of every color stand out; monotone in lightness.
ERROR_COLORS = ("#ffffff", "#f1f5f9", "#e1e9f1", "#d0dde8", "#bfd0df", "#aec3d6", "#9bb4cb")
SLOPE_COLORS = ("#f3f7fa", "#cfdfeb", "#a5c0d6", "#7c9fbd", "#587ea1", "#3b6085")  # stronger, for 3D surfaces

# The color-blind safe palette of Okabe and Ito, without yellow, which is invisible on white.
COLORS = ("#000000", "#009e73", "#cc79a7", "#d55e00", "#e69f00", "#0072b2", "#56b4e9")
LIGHT = ("#cc79a7", "#e69f00", "#56b4e9")  # these need a dark outline to stand out from contours in grayscale
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "p", "h")
DASHES = ((), (5, 1.5), (1.5, 1.2), (7, 1.5, 1.5, 1.5), (3, 1.2), (7, 1.2, 1.2, 1.2, 1.2, 1.2))

# Arrows from tail to tip in data coordinates; head sizes are multiples of the shaft's width. Short arrows are scaled
# down as a whole instead of becoming dots.
ARROW: dict[str, Any] = {
    "angles": "xy",
    "scale_units": "xy",
    "scale": 1,
    "units": "inches",
    "width": 1.9 / 72,
    "headwidth": 4.2,
    "headlength": 4.6,
    "headaxislength": 4.0,
    "minshaft": 1.4,
    "minlength": 0,
}

# From below: the paths cross starts and minima, and end on top.
STARTS_ORDER, MINIMA_ORDER, PATHS_ORDER, ENDS_ORDER = 2.6, 2.8, 3.0, 5.0

END: dict[str, Any] = {"markersize": 7.0, "markeredgewidth": 0.7}  # the end of a path
START: dict[str, Any] = {
    "marker": "o",
    "markersize": 6.5,
    "color": PAPER,
    "markeredgecolor": INK,
    "markeredgewidth": 1.4,
}

# Known minima are stars, yellow (which no path is) for the lowest and white for the others.
LOWEST: dict[str, Any] = {
    "marker": "*",
    "markersize": 10.0,
    "color": "#f0e442",
    "markeredgecolor": INK,
    "markeredgewidth": 0.9,
}
OTHER: dict[str, Any] = {**LOWEST, "markersize": 8.0, "color": PAPER}

TITLE, BODY, SMALL = 13.0, 10.5, 9.5  # points

SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # shipped with matplotlib, so available on every machine
    "font.size": BODY,
    "text.color": INK,
    "text.parse_math": False,  # labels may contain dollar signs
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.labelsize": BODY,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "grid.color": "#dfe4ea",
    "grid.linewidth": 0.7,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.6,
    "legend.labelspacing": 0.35,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "round",
    "hatch.linewidth": 0.8,
    "svg.hashsalt": "bpviz",  # makes element ids reproducible
}


class AlgorithmStyle(NamedTuple):
    """The color, marker and dashes of an algorithm in all figures of its experiment."""

    color: str
    marker: str
    dashes: tuple[float, ...]  # points on, points off, ...; empty for a solid line

    @property
    def outline(self) -> str:
        """The color of the outline of arrows and markers."""
        return INK if self.color in LIGHT else PAPER


def style(place: int) -> AlgorithmStyle:
    """Return the style of the algorithm at this place of its experiment.

    The lengths of the lists are coprime, so styles repeat late and two of the same color differ in marker and dashes.
    """
    return AlgorithmStyle(COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])


# The styles of classes of samples, chosen to differ from those of the first algorithms.
CLASSES = tuple(
    AlgorithmStyle(COLORS[i], marker, ()) for i, marker in zip((5, 3, 1, 2, 4, 6, 0), MARKERS, strict=False)
)
