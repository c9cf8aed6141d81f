"""Test that SVG and PDF files are compared up to rounding of coordinates."""

from __future__ import annotations

import re
import zlib

import numpy as np
import pytest

from bpviz.figures import _render
from bpviz.figures.errors import Curve, Errors, ErrorsData
from bpviz.outputs import drawings

ERRORS = np.geomspace(1.0, 0.1, 40)


def drawn(form: str, errors: np.ndarray = ERRORS, label: str = "RPROP (20)", title: str = "Title") -> bytes:
    return _render.rendered(Errors(), ErrorsData([Curve(0, label, errors)], 0.0, 0.125, title), form).content


@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_equal_up_to_rounding(form: str) -> None:
    """A coordinate that is rounded differently also gets another name for its clipping path or marker."""
    exact, rounded = drawn(form), drawn(form, ERRORS * (1 + 1e-7))
    assert exact != rounded
    assert drawings.same(exact, rounded)


@pytest.mark.parametrize("form", ["svg", "pdf"])
@pytest.mark.parametrize(
    "change",
    [
        {"errors": ERRORS * 1.05},
        {"errors": ERRORS[:-1]},
        {"label": "RPROP (21)"},
        {"label": "Rprop (20)"},
        {"title": "title"},
    ],
)
def test_finds_differences(form: str, change: dict[str, object]) -> None:
    assert not drawings.same(drawn(form), drawn(form, **change))  # type: ignore[arg-type]


def test_finds_one_moved_point_in_a_pdf() -> None:
    content = drawn("pdf")
    stream = next(s for s in re.finditer(rb"stream\n(x.*?)\nendstream", content, re.DOTALL) if len(s[1]) > 500)
    drawing = zlib.decompress(stream[1])
    for old, new, same in ((rb"(\n\d+\.\d{3,}) ", rb"\g<1>9 ", True), (rb"\n\d(\d+\.)", rb"\n9\g<1>", False)):
        changed = re.sub(old, new, drawing, count=1)
        assert changed != drawing
        moved = content[: stream.start(1)] + zlib.compress(changed) + content[stream.end(1) :]
        assert drawings.same(moved, content) is same


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (b"<a x='1.001'/>", b"<a x='1.009'/>", True),
        (b"<a x='1.0'/>", b"<a x='1.02'/>", False),
        (b"<a x='1'/>", b"<a x='1' y='1'/>", False),
        (b"<text>1.001</text>", b"<text>1.009</text>", True),
        (b'<p id="m0123456789"/><u href="#m0123456789"/>', b'<p id="mabcdefabcd"/><u href="#mabcdefabcd"/>', True),
        (b'<p id="m0123456789"/><u href="#m0123456789"/>', b'<p id="mabcdefabcd"/><u href="#m0123456789"/>', False),
        (b"%PDF-1.4\nstream\nx not zlib\nendstream", b"%PDF-1.4\nstream\nx no zlib\nendstream", False),
    ],
)
def test_compares_numbers_and_names(old: bytes, new: bytes, same: bool) -> None:
    assert drawings.same(old, new) is same


def test_does_not_decompress_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_LARGEST", 1 << 16)
    bomb = b"%PDF-1.4\nstream\n" + zlib.compress(bytes(1 << 17)) + b"\nendstream"
    assert not drawings.same(bomb, bomb + b" ")
