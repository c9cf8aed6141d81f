"""Render a figure to the bytes of its file. The bytes do not depend on time, folder, locale or the user's settings."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.figures._matplotlib import FigureCanvasAgg, mpl, without_glyph_warnings  # isort: skip  before other modules import matplotlib

from matplotlib.figure import Figure

from bpviz.figures import _fonts, _style, _svg
from bpviz.figures._layout import Frame, drawing_into
from bpviz.figures._style import Look

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Omit dates and versions from the files.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

# Files are a tenth larger than with the default level 6, but written in half the time.
_OPTIONS: dict[str, dict[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 3}}}


remarks = _fonts.remarks


def lacking(drawn: Artist, look: Look) -> _fonts.Lacking:
    """Return what the fonts of a look lack for a figure or axes."""
    return _fonts.lacking(drawn, look.style.font or ())


class Rendered(NamedTuple):
    """A file's content, and what the fonts of the figure lack: see ``_fonts``."""

    content: bytes
    lacking: _fonts.Lacking


class BpvizFigure(Figure):
    """A figure that a notebook shows as an image, and that is saved in the look in which it was drawn."""

    look = Look()
    frame: Frame | None = None  # places the parts of the figure, once it is drawn

    def set_size_inches(self, w: Any, h: float | None = None, forward: bool = True) -> None:
        """Set the size, and place the parts of the figure in it: see ``matplotlib.figure.Figure.set_size_inches``."""
        super().set_size_inches(w, h, forward)
        frame, self.frame = self.frame, None
        if frame:
            with _settings_of(self.look), _style.using(self.look):
                frame.place(self)
            self.frame = frame

    def savefig(self, *arguments: Any, **options: Any) -> None:
        """Save the figure: see ``matplotlib.figure.Figure.savefig``."""
        with _settings_of(self.look):
            super().savefig(*arguments, **options)

    def _repr_png_(self) -> bytes:
        return png(self)


def rendered(request: Any, data: Any, format: str, look: Look | None = None) -> Rendered:
    """Return the file of a figure of ``data``, in ``format`` png, svg or pdf."""
    file = io.BytesIO()
    with _settings_of(look or Look()), _style.using(look or Look()):
        figure = _figure(request, data)
        figure.savefig(file, format=format, metadata=_METADATA[format], **_OPTIONS.get(format, {}))
        content = file.getvalue()
        if format == "svg":
            title = getattr(data, "title", "") or request.summary
            alternative = _svg.alternative(figure, title)
            content = _svg.with_alternative(content, *alternative)
        return Rendered(content, lacking(figure, figure.look))


def drawn(request: Any, data: Any, look: Look | None = None, axes: Axes | None = None) -> Figure:
    """Return a figure as a matplotlib object, to be changed or saved by the caller.

    With ``axes``, draw into these and return their figure.
    """
    with _settings_of(look or Look()), _style.using(look or Look()):
        if axes is None:
            return _figure(request, data)
        figure: Any = axes.get_figure(root=True) if hasattr(axes, "get_figure") else axes.figure
        with drawing_into(axes):
            request.draw(figure, data)
        return figure  # type: ignore[no-any-return]


@contextlib.contextmanager
def blank(width: int, height: int) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` x ``height`` pixels, in the usual look."""
    look = Look()
    with _settings_of(look):
        figure = Figure((width / look.dpi, height / look.dpi))
        FigureCanvasAgg(figure)
        yield figure


def png(figure: Figure) -> bytes:
    """Return the PNG of a figure."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata=_METADATA["png"], **_OPTIONS["png"])
    return file.getvalue()


def _figure(request: Any, data: Any) -> BpvizFigure:
    look = _style.look()
    figure = BpvizFigure(look.size)
    figure.look = look
    FigureCanvasAgg(figure)  # measures texts while the figure is drawn, for every format
    request.draw(figure, data)
    return figure


@contextlib.contextmanager
def _settings_of(look: Look) -> Iterator[None]:
    with mpl.rc_context(_settings(look)), without_glyph_warnings():
        yield


def _settings(look: Look) -> Any:
    """Return the settings that differ from those of a look, with the values to set."""
    now: Any = mpl.rcParams  # its stubs list the settings of one version of matplotlib
    default: Any = mpl.rcParamsDefault
    wanted = {**default, **look.settings, "font.family": _fonts.installed(look.style.font or ())}
    del wanted["backend"]
    # Setting all of them takes as long as drawing a small figure, and few differ.
    return {name: value for name, value in wanted.items() if now[name] != value}
