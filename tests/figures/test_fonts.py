"""Letters that fonts lack are reported with a fix, and drawn if a config names a font that has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib import font_manager, get_data_path
from matplotlib.figure import Figure

from bpviz import config
from bpviz.experiment import runner
from bpviz.figures import _fonts, _render
from bpviz.figures._style import Look, Style

fonts = pytest.importorskip("fontTools.ttLib", reason="comes with matplotlib")
HAN = "梯度下降"


@pytest.fixture
def han_font(tmp_path: Path) -> Iterator[str]:
    """An installed font with four Chinese letters, which look like Latin ones."""
    font = fonts.TTFont(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap = {**dict.fromkeys(map(ord, HAN), "A")}
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "Test Han"
    path = tmp_path / "han.ttf"
    font.save(path)
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(path)
    for cached in (_fonts._files, _fonts._letters):
        cached.cache_clear()
    yield "Test Han"
    font_manager.fontManager.ttflist = before
    for cached in (_fonts._files, _fonts._letters):
        cached.cache_clear()


def lacking(*texts: str, fonts: tuple[str, ...] = ()) -> list[str]:
    figure = Figure()
    for text in texts:
        figure.text(0, 0, text)
    return _fonts.remarks([_fonts.lacking(figure, fonts)])


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Ελληνικά β₁ −",
        "Привет",
        "e\N{COMBINING ACUTE ACCENT}",
        "a\N{NO-BREAK SPACE}b",
        "a\N{ZERO WIDTH JOINER}b",
    ],
)
def test_letters_of_the_font_are_not_reported(text: str) -> None:
    assert lacking(text) == []


@pytest.mark.parametrize("text", [HAN, "🚀 Adam", "\N{DEVANAGARI LETTER A}", "가"])
def test_missing_letters_are_reported_with_the_text_and_a_fix(text: str) -> None:
    (remark,) = lacking(text)
    assert remark.startswith(
        f"missing glyphs: {text!r} in figures needs letters that the font DejaVu Sans does not have"
    )
    assert "style: {font: [" in remark


def test_one_remark_for_many_texts() -> None:
    (remark,) = lacking(f"{HAN} (3 epochs)", HAN, f"Path of {HAN}")
    assert remark.startswith(f"missing glyphs: {HAN!r} and 2 more texts in figures need letters")
    assert "(梯 度 下 降)" in remark


def test_fix_names_an_installed_font_with_the_letters(han_font: str) -> None:
    (remark,) = lacking(HAN)
    assert remark.endswith(f"; use `style: {{font: [{han_font}]}}`")
    assert lacking(HAN, fonts=(han_font,)) == []


def test_letters_are_drawn_with_the_font_of_the_style(han_font: str) -> None:
    drawn = []
    for font in ((), (han_font,)):
        look = Look(Style(font=font or None))
        experiment = config.from_mapping(
            {"algorithms": [{"name": "gd", "label": HAN}], "max_epochs": 3, "figures": ["errors"]}
        )
        request: Any = experiment.figures[0]
        drawn.append(_render.rendered(request, request.data(runner.run(experiment), experiment.problem), "svg", look))
    boxes, letters = drawn
    assert b"DejaVuSans-41" in letters.content or b"-41" in letters.content  # the outline of A
    assert boxes.content != letters.content
    assert (bool(boxes.lacking.letters), bool(letters.lacking.letters)) == (True, False)


def test_fonts_that_are_not_installed_are_reported() -> None:
    assert lacking("plain", fonts=("No Such Font",)) == [
        "style.font: 'No Such Font' not found; use the name of an installed font"
    ]
