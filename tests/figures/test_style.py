"""A config determines the size, the colors, the fonts and the words of figures."""

from __future__ import annotations

import ast
import io
import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.text import Text

import bpviz
from bpviz import config
from bpviz.config import ConfigError, Experiment
from bpviz.declare import FIGURES
from bpviz.engine.results import Ending
from bpviz.experiment import runner
from bpviz.figures import _fonts, _render, _style, _words
from bpviz.figures._style import THEMES, Look, Style

HOME = Path(bpviz.__file__).parent
ALGORITHMS = ["gd", "rprop", {"name": "newton", "label": "Newton, with a long label"}]
LATIN = re.compile("[A-Za-zÀ-ſ]{2,}")


def experiment(**keys: Any) -> Experiment:
    return config.from_mapping({"algorithms": ALGORITHMS, "max_epochs": 30, **keys})


def fitting(kind: str) -> dict[str, Any]:
    """Return the keys of a problem that a kind of figure can show."""
    return {"dataset": [[0.2, 1], [0.9, 0], [0.4, 1]]} if kind == "curve" else {}


def drawn(kind: str, **keys: Any) -> Any:
    """Return a figure of an experiment; keys of the figure are under ``figure``."""
    options = keys.pop("figure", {})
    found = experiment(figures=[{"kind": kind, **options}], **{**keys, **fitting(kind)})
    (request,) = found.figures
    look, results = found.look(request), runner.run(found)
    with _style.using(look):
        data = request.data(results, found.problem)
    return _render.drawn(request, data, look)


def rendered(kind: str, format: str, **keys: Any) -> bytes:
    found = experiment(figures=[kind], **{**keys, **fitting(kind)})
    (request,) = found.figures
    look, results = found.look(request), runner.run(found)
    with _style.using(look):
        data = request.data(results, found.problem)
    return _render.rendered(request, data, format, look).content


def words(figure: Any) -> list[str]:
    texts = (text.get_text().replace("\n", " ") for text in figure.findobj(Text) if text.get_visible())
    return [text for text in texts if text]


every_kind = pytest.mark.parametrize("kind", list(FIGURES))

# -- size and themes ---------------------------------------------------------------------------------------------------


@every_kind
def test_given_size_and_resolution_are_those_of_the_file(kind: str) -> None:
    style = {"size": [5, 4.5], "dpi": 60}
    assert imread(io.BytesIO(rendered(kind, "png", style=style)), format="png").shape[:2] == (270, 300)


@pytest.mark.parametrize("theme", THEMES)
def test_colors_of_the_theme(theme: str) -> None:
    figure = drawn("errors", style={"theme": theme})
    (axes,) = figure.axes
    expected = THEMES[theme]
    assert to_hex(figure.get_facecolor()) == to_hex(axes.get_facecolor()) == expected.paper
    assert to_hex(axes.xaxis.label.get_color()) == expected.ink
    assert axes.xaxis.label.get_fontsize() == expected.font_size
    assert figure.dpi == expected.dpi
    assert figure.get_figwidth() == expected.size[0]
    assert [to_hex(line.get_color()) for line in axes.lines[:5:2]] == list(expected.colors[:3])


def test_style_of_a_figure_overrides_that_of_the_config() -> None:
    style = {"theme": "paper", "font_size": 9, "dpi": 100}
    look = drawn("errors", style=style, figure={"style": {"theme": "dark", "dpi": 90}}).look
    assert look.style == Style(theme="dark", font_size=9.0, dpi=90)


def test_algorithms_have_the_given_colors_and_markers() -> None:
    algorithms = [{"name": "gd", "color": "Red", "marker": "s"}, "rprop", {"name": "newton", "marker": "hexagon"}]
    figure = drawn("errors", algorithms=algorithms, style={"colors": ["#00f", "#0f0"]})
    lines = figure.axes[0].lines
    assert [to_hex(curve.get_color()) for curve in lines[:5:2]] == ["#ff0000", "#00ff00", "#0000ff"]
    assert [end.get_marker() for end in lines[1:6:2]] == ["s", "s", "h"]


@pytest.mark.parametrize("theme", THEMES)
def test_outlines_separate_any_color_from_the_contours(theme: str) -> None:
    look = Look(Style(theme=theme))
    for color in ("#000000", "#777777", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#ffff00"):
        assert color != look.outline(color)


@pytest.mark.parametrize(("place", "number"), [("below", 1), ("right", 1), ("none", 0)])
def test_place_of_the_legend(place: str, number: int) -> None:
    figure = drawn("errors", style={"legend": place})
    assert len(figure.legends) == number
    box = figure.axes[0].get_window_extent()
    for legend in figure.legends:
        extent = legend.get_window_extent()
        assert extent.y1 < box.y0 if place == "below" else extent.x0 > box.x1
        assert figure.bbox.x0 <= extent.x0 < extent.x1 <= figure.bbox.x1


def test_legend_inside() -> None:
    figure = drawn("errors", style={"legend": "inside"})
    assert figure.legends == []
    (axes,) = figure.axes
    box, extent = axes.get_window_extent(), axes.get_legend().get_window_extent()
    assert box.x0 < extent.x0 < extent.x1 < box.x1


@pytest.mark.parametrize("theme", THEMES)
def test_numbers_of_epochs_fit_the_size(theme: str) -> None:
    options = {"algorithms": ["rprop"], "epochs": [1, 20], "number_epochs": True}
    figure = drawn("paths", algorithms=[{"name": "rprop", "step": 0.1}], style={"theme": theme}, figure=options)
    figure.draw_without_rendering()
    numbers = [text for text in figure.axes[0].texts if text.get_text().isdecimal()]
    assert len(numbers) > 5
    boxes = [text.get_window_extent() for text in numbers]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


# -- titles and words --------------------------------------------------------------------------------------------------


@every_kind
def test_title_of_the_config_is_above_that_of_the_figure(kind: str) -> None:
    own, with_heading = (drawn(kind, **keys).texts for keys in ({}, {"title": "My comparison, $_5"}))
    titles = [text.get_text() for text in with_heading]
    assert titles == ["My comparison, $_5", *(text.get_text() for text in own)]
    assert with_heading[0].get_position()[1] > with_heading[1].get_position()[1]


@every_kind
def test_figures_without_a_title(kind: str) -> None:
    assert not {"Heading", "none"} & {*words(drawn(kind, title="Heading", figure={"title": "none"}))}
    assert "Heading" not in words(drawn(kind, title="none"))


def marked(template: str) -> str:
    """Return a word without Latin letters, with the same placeholders."""
    parts = re.split(r"(\{\w+\})", template)
    return "".join(part if part.startswith("{") else re.sub("[A-Za-z]+", "ж", part) for part in parts)


@pytest.mark.parametrize("number", [1, 2, 7])
@every_kind
def test_every_word_can_be_translated(kind: str, number: int) -> None:
    entries = [{"name": "gd", "step": 0.1 * i, "label": f"№{i}"} for i in range(1, number + 1)]
    labels = {word: marked(word) for word in _words.WORDS}
    dataset = {"rows": [[1, 2, 0], [3, 1, 1]], "features": ["α", "β"]}
    figure = drawn(kind, algorithms=entries, labels=labels, dataset=dataset)
    figure.draw_without_rendering()
    texts = [text.replace("sigmoid", "") for text in words(figure)]  # a value of the config
    assert [text for text in texts if LATIN.search(text)] == []


def test_catalogue_has_exactly_the_words_that_are_drawn() -> None:
    """Words are arguments of ``word(...)``, or values of a table of words."""
    texts = {
        node.value
        for path in (HOME / "figures").glob("*.py")
        if path.stem != "_words"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    endings = {ending.short for ending in Ending}
    assert {*_words.WORDS} - texts - endings == set()
    assert len({*_words.WORDS}) == len(_words.WORDS)
    calls = [
        node.args[0].value
        for path in (HOME / "figures").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "word" and isinstance(node.args[0], ast.Constant)
    ]
    assert {*calls} - {*_words.WORDS} == set()


def test_values_of_placeholders_are_not_templates() -> None:
    figure = drawn("errors", algorithms=[{"name": "gd", "label": "{label} {x.__class__} {"}])
    assert "{label} {x.__class__} { (30 epochs, reached max_epochs)" in words(figure)


# -- formulas ----------------------------------------------------------------------------------------------------------


def test_formulas_are_drawn_only_if_asked_for() -> None:
    label = "with $\\alpha = \\frac{1}{2}$ and a long tail that is broken into lines, so that $\\beta = 1 + 1$ is whole"
    algorithms = [{"name": "gd", "label": label}]
    plain, formulas = (drawn("errors", algorithms=algorithms, style={"mathtext": on}) for on in (False, True))
    assert not plain.legends[0].get_texts()[0].get_parse_math()
    text = formulas.legends[0].get_texts()[0]
    assert text.get_parse_math()
    assert all(line.count("$") % 2 == 0 for line in text.get_text().split("\n"))
    formulas.draw_without_rendering()


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"algorithms": ["gd", {"name": "rprop", "label": "$\\fracc{1}$"}]}, "algorithms[1]"),
        ({"title": "$\\fracc{1}$"}, "title"),
        ({"figures": [{"kind": "errors", "title": "$x$, $\\fracc{1}$"}]}, "figures[0]"),
        ({"labels": {"Epoch": "$\\fracc{{1}}$"}}, "labels.Epoch"),
    ],
)
def test_invalid_formulas_are_mistakes(keys: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        experiment(style={"mathtext": True}, **keys)
    (mistake,) = caught.value.mistakes
    assert mistake.path == path
    assert "invalid formula in" in mistake.message
    assert experiment(**keys)  # as text


def test_invalid_formulas_are_mistakes_in_python() -> None:
    results = bpviz.run({"algorithms": [{"name": "gd", "label": "$\\fracc{1}$"}], "max_epochs": 1})
    assert results.figure("errors")
    with pytest.raises(ConfigError, match="invalid formula in"):
        results.figure("errors", style={"mathtext": True})


def test_text_with_a_formula_has_only_the_letters_of_the_first_font() -> None:
    look = {"mathtext": True, "font": ["DejaVu Serif"]}
    labels = {
        label: drawn("errors", algorithms=[{"name": "gd", "label": label}], style=look)
        for label in ("\u2713", "$x$ \u2713")
    }
    found = {label: _fonts.lacking(figure, ["DejaVu Serif"]) for label, figure in labels.items()}
    assert not found["\u2713"].letters
    assert "\u2713" in found["$x$ \u2713"].letters.values()
    assert found["$x$ \u2713"].fonts == ("DejaVu Serif",)


def test_letters_missing_next_to_a_formula_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The message of bpviz about them names the label."""
    figure = drawn("errors", algorithms=[{"name": "gd", "label": "$\\beta$ \u68af"}], style={"mathtext": True})
    assert "\u68af" in "".join(_fonts.lacking(figure, ()).letters.values())
    assert caplog.messages == []


# -- files -------------------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def test_svg_has_a_role_a_title_and_a_description() -> None:
    root = ET.fromstring(rendered("errors", "svg", title="A & B <c>"))
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "title desc")
    title, description = (root.find(f"{SVG}{name}").text for name in ("title", "desc"))
    assert title == "A & B <c>: Error per epoch"
    assert description == (
        "Horizontal axis: Epoch. Vertical axis: Error. Gradient descent (30 epochs, reached max_epochs). "
        "RPROP (20 epochs). Newton, with a long label (3 epochs). Threshold (error = 0.125)"
    )


@every_kind
def test_svg_of_every_kind_is_described(kind: str) -> None:
    root = ET.fromstring(rendered(kind, "svg"))
    assert all(root.find(f"{SVG}{name}").text for name in ("title", "desc"))


def test_text_of_svg_is_outlines_or_text() -> None:
    outlines, text = (rendered("errors", "svg", style=style) for style in ({}, {"svg_text": True}))
    assert b"<text" not in outlines
    assert "Error per epoch" in [element.text for element in ET.fromstring(text).iter(f"{SVG}text")]


def test_fonts_in_pdf_are_truetype() -> None:
    content = rendered("paths", "pdf")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


# -- Python ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results() -> bpviz.Results:
    return bpviz.compare("gd", "rprop", "newton", max_epochs=30)


def results_for(kind: str) -> bpviz.Results:
    return bpviz.run({"algorithms": ALGORITHMS, "max_epochs": 30, **fitting(kind)})


def test_figure_is_shown_as_an_image_in_notebooks(results: bpviz.Results) -> None:
    assert results.figure("errors")._repr_png_().startswith(b"\x89PNG")


def test_notebook_shows_one_image(results: bpviz.Results) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(results.figure("errors"))
    assert data["image/png"]


@pytest.mark.parametrize("kind", [kind for kind in FIGURES if kind != "surface"])
def test_draws_into_given_axes(kind: str) -> None:
    results = results_for(kind)
    figure = mpl.figure.Figure()
    left, right = figure.subplots(1, 2)
    place = left.get_position().bounds
    assert results.figure(kind, ax=left) is figure
    figure.draw_without_rendering()
    assert left.has_data()
    assert not right.has_data()
    assert left.get_title()
    if left.get_aspect() == "auto":
        assert left.get_position().bounds == place
    assert figure.texts == figure.legends == []


def test_texts_above_given_axes_are_not_wider_than_them(results: bpviz.Results) -> None:
    figure = mpl.figure.Figure(figsize=(9, 4))
    axes = figure.subplots(1, 3)[1]
    results.figure("paths", ax=axes, title=" ".join(["long title"] * 12))
    figure.draw_without_rendering()
    assert axes.title.get_window_extent().width < 1.15 * axes.bbox.width


def test_given_axes_must_fit(results: bpviz.Results) -> None:
    figure = mpl.figure.Figure()
    with pytest.raises(ValueError, match=r"^ax: expected 3d axes, got rectilinear; use subplot_kw="):
        results.figure("surface", ax=figure.add_subplot(1, 2, 1))
    results.figure("surface", ax=figure.add_subplot(1, 2, 2, projection="3d"))
    with pytest.raises(ValueError, match=r"^ax: expected 2D axes, got 3d; use plain axes$"):
        results.figure("errors", ax=figure.axes[1])


@every_kind
@pytest.mark.parametrize("size", [(4.0, 7.0), (12.0, 4.0)])
def test_layout_follows_the_size(kind: str, size: tuple[float, float]) -> None:
    figure: Any = results_for(kind).figure(kind)
    figure.set_size_inches(*size)
    figure.draw_without_rendering()
    assert figure.get_size_inches().tolist() == list(size)
    page = figure.bbox
    labels = [axis.label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    for text in [*figure.texts, *labels, *(text for legend in figure.legends for text in legend.get_texts())]:
        if text.get_text():
            box = text.get_window_extent()
            assert page.x0 <= box.x0 < box.x1 <= page.x1
            assert page.y0 <= box.y0 < box.y1 <= page.y1
    axes = figure.axes[0].get_window_extent()
    for legend in figure.legends:
        assert legend.get_window_extent().y1 <= axes.y0 + 1 or kind == "surface"
    again = figure.axes[0].get_position().bounds
    figure.draw_without_rendering()
    np.testing.assert_array_equal(figure.axes[0].get_position().bounds, again)


def test_warns_about_missing_letters() -> None:
    results = bpviz.run({"algorithms": [{"name": "gd", "label": "梯度下降"}], "max_epochs": 3})
    with pytest.warns(UserWarning, match="^missing glyphs: '梯度下降 "):
        results.figure("errors")
