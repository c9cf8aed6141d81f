"""Text alternatives of figures, and their place in SVG files."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from bpviz.figures._style import look, word

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def alternative(figure: Figure, title: str) -> tuple[str, str]:
    """Return the title of a figure, with that of its experiment, and what its notes, axes and legend say."""
    written = [text.get_text() for text in figure.texts]
    plots: list[Any] = figure.axes
    headings = [text for text in (look().heading, title) if text]
    parts = [text for text in written if _plain(text) not in map(_plain, headings)]
    for axes in plots:
        for template, label in (
            ("Horizontal axis: {label}", axes.get_xlabel()),
            ("Vertical axis: {label}", axes.get_ylabel()),
        ):
            if label:
                parts.append(word(template, label=label))
        parts += [text.get_text() for text in axes.get_yticklabels() if not _is_number(text.get_text())]
    legends = [*figure.legends, *(legend for axes in plots if (legend := axes.get_legend()))]
    parts += [text.get_text() for legend in legends for text in legend.get_texts()]
    return _plain(": ".join(headings)), ". ".join(dict.fromkeys(_plain(part) for part in parts))


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\N{MINUS SIGN}", "-") or "0")
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    return " ".join(text.split())


def with_alternative(content: bytes, title: str, description: str) -> bytes:
    """Return an SVG file as an image with a title and a description, for screen readers."""
    begin = content.index(b"<svg")
    end = content.index(b">", begin)
    parts = f'<title id="title">{_escaped(title)}</title>\n <desc id="desc">{_escaped(description)}</desc>'
    role = b' role="img" aria-labelledby="title desc"'
    return content[:end] + role + b">\n " + parts.encode() + content[end + 1 :]


def _escaped(text: str) -> str:
    """Return text for XML, without characters that XML does not allow."""
    return escape("".join(c for c in text if c.isprintable()), quote=False)
