"""Check formulas in texts of a config, before they are drawn."""

from __future__ import annotations

from bpviz.messages.text import quote_value


def complaint(text: str) -> str | None:
    """Return why matplotlib cannot draw the formulas ``$...$`` of a text, or None."""
    if text.count("$") < 2:
        return None
    from bpviz.figures._matplotlib import without_glyph_warnings  # isort: skip  before other modules import matplotlib

    from matplotlib.mathtext import MathTextParser

    try:
        with without_glyph_warnings():
            MathTextParser("path").parse(text)
    except ValueError as error:
        reason = str(error).strip().splitlines()[-1]
        return f"invalid formula in {quote_value(text)} ({reason}); correct it, or remove `mathtext: true`"
    return None
