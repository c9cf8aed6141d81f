"""Themes of figures: colors and sizes for a purpose."""

from __future__ import annotations

from typing import NamedTuple


class Theme(NamedTuple):
    """Colors and sizes that a config selects by one word."""

    purpose: str
    ink: str = "#1d2733"  # text, axes and everything that is not an algorithm
    pale: str = "#8794a3"  # background elements: the frame, contour lines
    paper: str = "#ffffff"
    unknown: str = "#e9e4dc"  # where the error is not finite
    grid: str = "#dfe4ea"
    pane: str = "#f7f7f7"  # the walls of 3D axes
    # From small to large errors. Close to the paper and unsaturated, so that paths of every color stand out; monotone
    # in lightness.
    errors: tuple[str, ...] = ("#ffffff", "#f1f5f9", "#e1e9f1", "#d0dde8", "#bfd0df", "#aec3d6", "#9bb4cb")
    slopes: tuple[str, ...] = ("#f3f7fa", "#cfdfeb", "#a5c0d6", "#7c9fbd", "#587ea1", "#3b6085")  # for 3D surfaces
    # The color-blind safe palette of Okabe and Ito, without yellow, which is invisible on white.
    colors: tuple[str, ...] = ("#000000", "#009e73", "#cc79a7", "#d55e00", "#e69f00", "#0072b2", "#56b4e9")
    minimum: str = "#f0e442"  # the lowest minima; no algorithm has this color
    size: tuple[float, float] = (7.0, 5.5)  # inches; a long legend adds to the height
    dpi: int = 150
    font_size: float = 10.5  # points
    lines: float = 1.0  # factor on the widths of lines and the sizes of markers
    legend: str = "below"
    exact: bool = False  # whether figures have the size, even if their content is wider or needs more space


LIGHT = Theme("screens and documents")
THEMES = {
    "light": LIGHT,
    "dark": Theme(
        "dark pages and slides",
        ink="#e6ebf0",
        pale="#73859a",
        paper="#12181f",
        unknown="#3a3027",
        grid="#2b3643",
        pane="#182029",
        errors=("#12181f", "#19222b", "#212d39", "#2a3947", "#334556", "#3d5266", "#475f76"),
        slopes=("#1d2731", "#273746", "#34495d", "#435d76", "#547390", "#678bab"),
        colors=("#ffffff", "#2fc79a", "#e39ac0", "#ff7f3f", "#f5b731", "#4a9de0", "#9ad7ff"),  # the same hues, lighter
    ),
    "paper": LIGHT._replace(
        purpose="one column of a journal, with thin lines", size=(3.4, 2.9), dpi=300, font_size=8.0, lines=0.7
    ),
    "slides": LIGHT._replace(
        purpose="16:9 slides, with thick lines",
        size=(10.0, 5.625),
        font_size=16.0,
        lines=1.6,
        legend="right",
        exact=True,
    ),
}
