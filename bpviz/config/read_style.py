"""Read the translations of words in figures, and check styles of figures over that of the config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpviz.config.yaml_tree import Node, join_path
from bpviz.declare import conflicts
from bpviz.figures import _words
from bpviz.figures._style import Style
from bpviz.messages.suggestions import nearest

if TYPE_CHECKING:
    from bpviz.config.values import Reader
    from bpviz.figures._base import FigureRequest


def read_words(reader: Reader, node: Node | None) -> tuple[tuple[str, str], ...]:
    """Read ``labels``: pairs of a word and its translation, in the order of the catalogue of words."""
    if node is None or not reader.is_mapping(node, "labels", "of words to translations"):
        return ()
    declared = _words.fields()
    for key, place in node.keys.items():
        if key not in declared:
            guess = nearest(key, declared)
            hint = f"did you mean {guess!r}?" if guess else "docs/figures.md lists the words"
            reader.report(place, join_path("labels", key), f"unknown word of figures; {hint}")
    return tuple(reader.valid_fields(node, "labels", declared).items())


def check_styles(reader: Reader, node: Node | None, figures: Sequence[FigureRequest], style: Style | None) -> None:
    """Report settings in the styles of figures that do not fit the style of the config."""
    if node is None or reader.mistakes:
        return
    for i, figure in enumerate(figures):
        if style is not None and figure.style is not None:
            entry, path = node.value[i].value["style"], join_path(join_path("figures", i), "style")
            for name, complaint in conflicts(figure.style.over(style)):
                reader.report_field(entry, path, name, complaint)
