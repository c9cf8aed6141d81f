"""Import matplotlib without the user's settings. Import this module before another import of matplotlib."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path


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

__all__ = ["FigureCanvasAgg", "mpl", "without_glyph_warnings"]


@contextlib.contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Ignore matplotlib's warnings about letters that fonts lack; see _fonts for those of bpviz."""
    logger = logging.getLogger("matplotlib.mathtext")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            yield
    finally:
        logger.setLevel(before)
