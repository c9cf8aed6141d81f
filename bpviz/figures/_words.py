"""The words that figures draw, which ``labels`` in a config translates. A word may have placeholders for values."""

from __future__ import annotations

import dataclasses
import functools
import string
from collections.abc import Mapping
from typing import Any

from bpviz.declare import Field
from bpviz.declare.domains import Text
from bpviz.messages.text import join_words

WORDS = (
    # axes
    "Epoch",
    "Error",
    "Error above minimum ({error})",
    "First weight",
    "Second weight",
    "Third weight",
    "Fourth weight",
    "Fifth weight",
    "Epochs (solid) and evaluations (pale), log scale",
    "Target",
    "Gradient dE/dw",
    # networks
    "s {value}",
    "a {value}",
    "δ {value}",
    "w {value}",
    "dE/dw {value}",
    "b {value}",
    "dE/db {value}",
    "Inputs",
    "Layer {number}",
    "Output",
    "{count} more",
    "{count} more layers",
    # legends
    "Start",
    "Start (with its number in history.csv)",
    "Threshold (error = {error})",
    "Threshold (error above minimum = {error})",
    "{threshold} at {source}",
    "Minimum",
    "Lowest minimum",
    "Lowest minima",
    "Other minimum",
    "Other minima",
    "Known minimum",
    "Known minima",
    "Target {value}",
    "Target {value} ({name})",
    "{label} ({outcome})",
    "Positive weight",
    "Negative weight",
    "|weight| = {size}",
    "s: weighted sum, a: activation, δ: dE/ds",
    # outcomes of runs
    "1 epoch",
    "{count} epochs",
    "{least} to {most} epochs",
    "{count} of {total} {ending}",
    "reached the error threshold",
    "reached the gradient threshold",
    "diverged",
    "reached max_epochs",
    "stuck",
    "leaves the plot",
    "leave the plot",
    "leaves the plot and returns",
    "leave the plot and return",
    "starts outside the plot",
    "start outside the plot",
    "not in this window",
    "ends before epoch {first}",
    "end before epoch {first}",
    "all {ending}",
    "same path as {label}",
    "covered by {label}",
    "covered by other paths",
    "{count} per arrow",
    "{evaluations} evals",
    "{count} error",
    "{count} gradient",
    "{count} Hessian",
    "{count} residuals",
    "{count} Jacobian",
    # titles
    "Path of {algorithm}",
    "Paths of {count} algorithms",
    "{count} algorithms",
    "{subject}, epoch {first}",
    "{subject}, epochs {first} to {last}",
    "{subject} on the error surface",
    "Error contours",
    "Steps of {subject} on the error curve",
    "Error per epoch",
    "Epochs",
    "Epochs to reach error ≤ {error}",
    "Dataset (1 sample)",
    "Dataset ({count} samples)",
    "Backpropagation: {algorithm}, epoch {epoch}, sample {sample}",
    # notes
    "E = {error}; gradient check: {agreeing} of {count} derivatives agree",
    "E = {error}, desired output {desired}; gradient check: {agreeing} of {count} derivatives agree",
    "contour at {weights} ({source})",
    "contour with {count} other weights as at {source}",
    "surface at {weights} ({source})",
    "surface with {count} other weights as at {source}",
    "the end of {algorithm}",
    "the end of {algorithm} from start {number}",
    "the start of {algorithm}",
    "the start of {algorithm} from start {number}",
    "bars and evaluation counts: medians of {count} starts",
    "one arrow per {count} epochs",
    "one arrow per epoch ({exceptions})",
    "{labels}: one per {count} epochs",
    "{labels}: one per {count}",
    "epochs per arrow: {numbers}",
    "one arrow per {least} to {most} epochs",
    "{words} and {word}",
    # text alternatives of SVG files
    "Horizontal axis: {label}",
    "Vertical axis: {label}",
)


@functools.cache
def placeholders(template: str) -> frozenset[str]:
    """Return the names in braces; raise ValueError for anything but names in braces."""
    names = set()
    for _, name, form, conversion in string.Formatter().parse(template):
        if form or conversion or name == "" or (name is not None and not name.isidentifier()):
            raise ValueError(f"expected placeholders such as {{count}}, got {{{name}...}}")
        if name is not None:
            names.add(name)
    return frozenset(names)


@dataclasses.dataclass(frozen=True)
class Translation(Text):
    """The translation of a word, with the same placeholders."""

    word: str = ""

    def complaint(self, value: object) -> str | None:
        complaint = super().complaint(value)
        if complaint or not isinstance(value, str):
            return complaint
        expected = placeholders(self.word)
        named = join_words([f"{{{name}}}" for name in sorted(expected)], "and") or "no placeholders"
        try:
            found = placeholders(value)
        except ValueError:
            return f"expected {named} without other braces (write {{{{ and }}}} for braces), got {value!r}"
        return None if found == expected else f"expected a string with {named}, got {value!r}"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


def fields() -> dict[str, Field]:
    """Return the words as fields of the mapping ``labels``."""
    return {word: Field(word, None, Translation(word=word), "translation of a word in figures") for word in WORDS}


def filled(template: str, values: Mapping[str, object]) -> str:
    """Return a word with the values of its placeholders."""
    return template.format(**values) if "{" in template or "}" in template else template
