"""Texts that several kinds of figures draw, in the words of the config."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpviz.figures import _style, _ticks
from bpviz.figures._style import word

if TYPE_CHECKING:
    from bpviz.landscape.plane import Section

_ORDINALS = ("First weight", "Second weight", "Third weight", "Fourth weight", "Fifth weight")
_FORMULA = re.compile(r"\$[^$]+\$")
_SPACE = "\N{WORD JOINER}"  # for spaces in formulas, where no line may break


def wrapped(text: str, width: int) -> str:
    """Return text in lines of at most ``width`` characters; long words are broken, formulas are not."""
    formulas = bool(_style.look().style.mathtext) and bool(_FORMULA.search(text))
    if formulas:
        text = _FORMULA.sub(lambda formula: formula[0].replace(" ", _SPACE), text)
    lines = textwrap.wrap(text, max(width, 1), break_long_words=not formulas, break_on_hyphens=not formulas)
    return "\n".join(lines).replace(_SPACE, " ") if formulas else "\n".join(lines)


def listed(texts: Sequence[str]) -> str:
    """Return texts as a list in a sentence: ``a, b and c``."""
    if len(texts) < 2:
        return "".join(texts)
    return word("{words} and {word}", words=", ".join(texts[:-1]), word=texts[-1])


def weight_label(name: str) -> str:
    """Return the axis label of a weight: ``First weight`` for ``w1``, otherwise its name."""
    number = name[1:]
    if name[:1] == "w" and number.isdecimal() and 0 < int(number) <= len(_ORDINALS):
        return word(_ORDINALS[int(number) - 1])
    return name


def weight_labels(names: Sequence[str]) -> dict[str, str]:
    """Return the labels of the x and y axes of a plane."""
    across, up = map(weight_label, names)
    return {"xlabel": across, "ylabel": up}


_LISTED = 3  # weights
_NOTES = {
    "contour": ("contour at {weights} ({source})", "contour with {count} other weights as at {source}"),
    "surface": ("surface at {weights} ({source})", "surface with {count} other weights as at {source}"),
}


def section_note(drawing: str, section: Section | None) -> str:
    """Return a note on the weights that have no axis: their values, or only their number if there are many."""
    if section is None:
        return ""
    listed, counted = _NOTES[drawing]
    if len(section.weights) > _LISTED:
        return word(counted, count=len(section.weights), source=_source(section))
    weights = ", ".join(f"{name} = {value}" for name, value in section.weights.items())
    return word(listed, weights=weights, source=_source(section))


def _source(section: Section) -> str:
    """Return whose weights a section has: ``the end of Adam``, ``the end of Adam from start 2``."""
    values = {"algorithm": section.label}
    if not section.start:
        return word("the end of {algorithm}" if section.at_end else "the start of {algorithm}", **values)
    values["number"] = str(section.start)
    if section.at_end:
        return word("the end of {algorithm} from start {number}", **values)
    return word("the start of {algorithm} from start {number}", **values)


def threshold_at(label: str, section: Section | None) -> str:
    """Return the legend label of the threshold, with the run for which its contour holds if several are shown."""
    if section is None or not section.several:
        return label
    return word("{threshold} at {source}", threshold=label, source=_source(section))


def error_label(lowest: float) -> str:
    """Return the label of an axis of errors relative to ``lowest``, the lowest known error."""
    return word("Error above minimum ({error})", error=_ticks.number(lowest, 5)) if lowest else word("Error")


def threshold_text(threshold: float, lowest: float) -> str:
    """Return the threshold as a number on such an axis, relative to ``lowest``."""
    return _ticks.number(threshold - lowest, 4) if lowest else _ticks.number(threshold)


def threshold_label(threshold: float, lowest: float) -> str:
    """Return the legend label of the threshold."""
    text = threshold_text(threshold, lowest)
    if lowest:
        return word("Threshold (error above minimum = {error})", error=text)
    return word("Threshold (error = {error})", error=text)
