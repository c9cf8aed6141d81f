"""Render a figure to the bytes of its file. The bytes do not depend on time, folder, locale or the user's settings."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpviz.figures import _style


@contextlib.contextmanager
def _without_user_settings() -> Iterator[None]:
    """Hide the user's matplotlib settings during its import, which reads them and fails on some of them."""
    theirs = {name: os.environ.get(name) for name in ("MATPLOTLIBRC", "MPLBACKEND")}
    os.environ |= {"MATPLOTLIBRC": os.devnull, "MPLBACKEND": "agg"}
    # A matplotlibrc in the working directory takes precedence over the environment variable.
    elsewhere = contextlib.chdir(Path(__file__).parent) if Path("matplotlibrc").exists() else contextlib.nullcontext()
    try:
        with elsewhere:
            yield
    finally:
        for name, value in theirs.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


with _without_user_settings():
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

# Omit dates and versions from the files.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

# Files are a tenth larger than with the default level 6, but written in half the time.
_OPTIONS: dict[str, dict[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 3}}}


def rendered(request: Any, data: Any, format: str) -> bytes:
    """Return the file content of a figure of ``data``, in ``format`` png, svg or pdf."""
    file = io.BytesIO()
    with _bpviz_style():
        figure = _figure(request, data)
        figure.savefig(file, format=format, metadata=_METADATA[format], **_OPTIONS.get(format, {}))
    return file.getvalue()


def drawn(request: Any, data: Any) -> Figure:
    """Return a figure as a matplotlib object, to be changed or saved by the caller."""
    with _bpviz_style():
        return _figure(request, data)


@contextlib.contextmanager
def blank(width: int, height: int) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` x ``height`` pixels, in the style of bpviz."""
    with _bpviz_style():
        figure = Figure((width / _style.DPI, height / _style.DPI))
        FigureCanvasAgg(figure)
        yield figure


def png(figure: Figure) -> bytes:
    """Return the PNG of a figure."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata=_METADATA["png"], **_OPTIONS["png"])
    return file.getvalue()


def _figure(request: Any, data: Any) -> Figure:
    figure = Figure((_style.WIDTH, _style.HEIGHT))
    FigureCanvasAgg(figure)  # measures texts while the figure is drawn, for every format
    request.draw(figure, data)
    return figure


@contextlib.contextmanager
def _bpviz_style() -> Iterator[None]:
    with mpl.rc_context(_settings()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # missing glyphs are drawn as boxes
        yield


def _settings() -> Any:
    """Return the settings that differ from the style of bpviz, with the values to set."""
    now: Any = mpl.rcParams  # its stubs list the settings of one version of matplotlib
    default: Any = mpl.rcParamsDefault
    wanted = {**default, **_style.SETTINGS}
    del wanted["backend"]
    # Setting all of them takes as long as drawing a small figure, and few differ.
    return {name: value for name, value in wanted.items() if now[name] != value}
