"""How figures look: the one place for colours, markers, dashes, fonts and sizes. Plain words and numbers only."""

from __future__ import annotations

from typing import Any, NamedTuple

WIDTH, HEIGHT = 7.0, 5.5  # inches; a long legend adds to the height
DPI = 150
ACROSS = 94  # about how many characters of a legend fit into the width
EDGE, GAP, BAR = 0.12, 0.12, 0.16  # inches: of free paper, between axes and colour bar, the width of the bar
AXIS = 0.5  # inches that the numbers under the axes and what they are called take
TITLE_AND_LEGEND = 0.95  # inches for both before the figure grows

INK = "#1d2733"  # text, axes and what belongs to no algorithm
PALE = "#8794a3"  # what stands back: the rest of a path, the frame
PAPER = "#ffffff"
UNKNOWN = "#e9e4dc"  # where there is no error, because it is not finite

# From small errors to large ones. Light and dull, so that paths of every colour stand out, and monotone in lightness.
ERROR_COLOURS = ("#ffffff", "#f1f5f9", "#e1e9f1", "#d0dde8", "#bfd0df", "#aec3d6", "#9bb4cb")
SLOPE_COLOURS = ("#f3f7fa", "#cfdfeb", "#a5c0d6", "#7c9fbd", "#587ea1", "#3b6085")  # stronger: height in space needs it

# Okabe and Ito's colours for all kinds of colour vision, without yellow, which white paper swallows.
COLOURS = ("#000000", "#009e73", "#cc79a7", "#d55e00", "#e69f00", "#0072b2", "#56b4e9")
LIGHT = ("#cc79a7", "#e69f00", "#56b4e9")  # these need a dark outline to stand out from a contour in grey
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "p", "h")
DASHES = ((), (5, 1.5), (1.5, 1.2), (7, 1.5, 1.5, 1.5), (3, 1.2), (7, 1.2, 1.2, 1.2, 1.2, 1.2))

# An arrow from tail to tip in the units of the axes, heads in multiples of the shaft's width. Short arrows shrink as a
# whole instead of becoming dots.
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

END: dict[str, Any] = {"markersize": 7.0, "markeredgewidth": 0.7}  # where a path ends
START: dict[str, Any] = {
    "marker": "o",
    "markersize": 6.5,
    "color": PAPER,
    "markeredgecolor": INK,
    "markeredgewidth": 1.4,
}

# Known minima: stars, in the yellow that no path has. The others are hollow.
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
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so it is there on every machine
    "font.size": BODY,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a label is a dollar
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
    "svg.hashsalt": "bpviz",  # the same names inside the file at every run
}


class Look(NamedTuple):
    """What an algorithm looks like in every figure of its experiment."""

    colour: str
    marker: str
    dashes: tuple[float, ...]  # points on, points off, ...; empty for a solid line

    @property
    def outline(self) -> str:
        """The colour around arrows and markers."""
        return INK if self.colour in LIGHT else PAPER


def look(place: int) -> Look:
    """Return the look of the algorithm at this place of its experiment.

    The lists have no common divisor, so that looks repeat late and two of one colour differ in marker and dashes.
    """
    return Look(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])


# The looks of classes of samples, so far from those of the first algorithms that nobody takes one for the other.
CLASSES = tuple(Look(COLOURS[i], marker, ()) for i, marker in zip((5, 3, 1, 2, 4, 6, 0), MARKERS, strict=False))
