"""Read the translations of words in figures, and check styles of figures over that of the config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpviz.config.yaml_tree import Node, join_path
from bpviz.figures import _formulas, _words
from bpviz.messages.suggestions import nearest

if TYPE_CHECKING:
    from bpviz.config.values import Reader
    from bpviz.experiment.spec import Experiment
    from bpviz.figures._base import FigureRequest
    from bpviz.figures._style import Style
    from bpviz.messages.diagnostics import Place


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


def check_styles(reader: Reader, root: Node, figures: Sequence[FigureRequest], style: Style) -> None:
    """Report sizes that are too large, of the config's style and of those of figures over it."""
    if reader.mistakes:
        return
    for name, complaint in style.too_large():
        reader.report_field(root.value["style"], "style", name, complaint)
    if reader.mistakes or "figures" not in root.value:
        return
    for i, figure in enumerate(figures):
        if figure.style is not None:
            entry, path = root.value["figures"].value[i].value["style"], join_path(join_path("figures", i), "style")
            for name, complaint in figure.style.over(style).too_large():
                reader.report_field(entry, path, name, complaint)


def check_formulas(reader: Reader, root: Node, experiment: Experiment) -> None:
    """Report texts whose formulas cannot be drawn, if a style asks for formulas."""
    if not any(experiment.look(figure).style.mathtext for figure in experiment.figures):
        return
    texts: list[tuple[tuple[str | int, ...], str]] = [(("title",), experiment.heading)]
    texts += [(("algorithms", i), algorithm.label) for i, algorithm in enumerate(experiment.algorithms)]
    texts += [(("figures", i), figure.title or "") for i, figure in enumerate(experiment.figures)]
    for word, translation in experiment.words:
        drawn = _words.filled(translation, dict.fromkeys(_words.placeholders(word), "0"))
        texts.append((("labels", word), drawn))
    names = getattr(getattr(experiment.problem, "dataset", None), "feature_names", ())
    texts += [(("dataset",), name) for name in names]
    for steps, text in texts:
        complaint = _formulas.complaint(text)
        if complaint:
            path = ""
            for step in steps:
                path = join_path(path, step)
            reader.report(_place(root, steps), path, complaint)


def _place(node: Node, steps: Sequence[str | int]) -> Place:
    """Return the place of a part of a value, or of the innermost part of the path that is in the config."""
    for step in steps:
        parts = dict(enumerate(node.value)) if isinstance(node.value, list) else node.value
        if not isinstance(parts, dict) or step not in parts:
            break
        node = parts[step]
    return node.place
