"""From a request for a figure to the bytes of its file: the same bytes whoever asks, wherever and whenever."""

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
def _as_it_comes() -> Iterator[None]:
    """Import matplotlib here: it reads the user's settings at once, and some stop it before any can be set back."""
    theirs = {name: os.environ.get(name) for name in ("MATPLOTLIBRC", "MPLBACKEND")}
    os.environ |= {"MATPLOTLIBRC": os.devnull, "MPLBACKEND": "agg"}
    # A matplotlibrc in the working directory comes before the one of the variable.
    elsewhere = contextlib.chdir(Path(__file__).parent) if Path("matplotlibrc").exists() else contextlib.nullcontext()
    try:
        with elsewhere:
            yield
    finally:
        for name, value in theirs.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


with _as_it_comes():
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

# No dates and no versions inside the files.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

# A tenth larger than at the usual 6, and written in half the time.
_OPTIONS: dict[str, dict[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 3}}}


def rendered(request: Any, data: Any, format: str) -> bytes:
    """Return the file of a figure that shows what ``request.data`` made, in ``format`` png, svg or pdf."""
    file = io.BytesIO()
    with _our_style():
        figure = _figure(request, data)
        figure.savefig(file, format=format, metadata=_METADATA[format], **_OPTIONS.get(format, {}))
    return file.getvalue()


def drawn(request: Any, data: Any) -> Figure:
    """Return a figure, for whoever wants to add to it or save it."""
    with _our_style():
        return _figure(request, data)


@contextlib.contextmanager
def blank(width: int, height: int) -> Iterator[Figure]:
    """Hand out an empty figure of so many pixels, in our style."""
    with _our_style():
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
    FigureCanvasAgg(figure)  # measures texts while the figure is drawn, whatever the format
    request.draw(figure, data)
    return figure


@contextlib.contextmanager
def _our_style() -> Iterator[None]:
    with mpl.rc_context(_settings()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # drawn as a box
        yield


def _settings() -> Any:
    """Return what must be set to have our style, whatever the user's matplotlibrc says."""
    now: Any = mpl.rcParams  # typed as if the names of settings were the same in every matplotlib
    default: Any = mpl.rcParamsDefault
    wanted = {**default, **_style.SETTINGS}
    del wanted["backend"]
    # Setting them all costs as much as drawing a small figure; they rarely differ.
    return {name: value for name, value in wanted.items() if now[name] != value}
