"""bpviz explain"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bpviz.cli.errors import fail, report_mistakes
from bpviz.cli.layout import Command, fold, split_width, text_width
from bpviz.cli.options import plugin_option
from bpviz.messages.printing import echo

if TYPE_CHECKING:
    from bpviz.declare import Problem
    from bpviz.declare.registry import Registry


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _all_names() if name.startswith(incomplete)]


def _all_names() -> list[str]:
    """Return the names of everything that can be explained."""
    from bpviz.problems.data import DATASETS

    return [*(name for registry in _registries() for name in registry.names()), *DATASETS]


def _registries() -> tuple[Registry[Any], ...]:
    """Return the registries of everything that can be explained, except for datasets."""
    from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS

    return OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES


@click.command("explain", cls=Command)
@click.argument("name", shell_complete=_names)
@plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """Explain an algorithm, a wrapper, a problem, a dataset or a figure.

    NAME is a name from `bpviz list`. The output has the formula, the settings with their defaults and ranges, the
    start and minima of a problem, the source, and similar names that mean something else.

    \b
      bpviz explain irprop+
      bpviz explain torch:Adam
    """
    from bpviz.declare import OPTIMIZERS
    from bpviz.messages.suggestions import nearest
    from bpviz.messages.text import quote_value
    from bpviz.problems.data import find

    registries = _registries()
    with report_mistakes(plugins):
        own = [registry for registry in registries if name in list(registry)]  # searching installed packages is slow
        found = find(name) or next(
            (registry[known] for registry in own or registries if (known := registry.canonical(name)) in registry), None
        )
        if found is None and OPTIMIZERS.is_external(name):
            fail(OPTIMIZERS.unknown(name))
        if found is None:
            things = [named for registry in registries for named in registry.items()]
            synonyms = {synonym: name for name, thing in things for synonym in getattr(thing, "synonyms", ())}
            guess = nearest(name, _all_names(), synonyms)
            hint = f"did you mean {guess!r}?" if guess else "run `bpviz list` to see all names"
            fail(f"unknown algorithm, wrapper, problem, dataset or figure {quote_value(name)}; {hint}")
        echo(explanation(found, text_width()))


def explanation(declared: Any, width: int) -> str:
    """Return the documentation of an algorithm, a wrapper, a problem, a dataset or a figure kind, for a text width."""
    from bpviz.declare import KINDS, WRAPPERS, fields
    from bpviz.messages.text import join_words

    label = getattr(declared, "label", "")
    head = f"{declared.name}: {label}" if label not in ("", declared.name) else declared.name
    parts = [head, *(_reflowed(paragraph, width) for paragraph in (inspect.getdoc(declared) or "").split("\n\n"))]
    rows = [
        (field.name, _default(field.default), str(field.domain), field.meaning) for field in fields(declared).values()
    ]
    if rows:
        parts.append(_table([("setting", "default", "allowed", "meaning"), *rows], width))
    sentences = []
    if hasattr(declared, "needs"):
        evaluations = [kind for kind in KINDS if kind in declared.needs]
        evaluations += ["those of the wrapped algorithm"] if declared.name in WRAPPERS else []
        sentences.append(f"Evaluations: {join_words(evaluations, 'and')}")
    if hasattr(declared, "offers"):
        problem = declared()
        sentences.append(start_and_minima(problem))
        sentences.append(f"Provides: {join_words([kind for kind in KINDS if kind in problem.offers], 'and')}")
    if getattr(declared, "source", ""):
        sentences.append(f"Source: {declared.source}")
    if getattr(declared, "confused_with", ""):
        sentences.append(f"Not to be confused with: {declared.confused_with}")
    parts += ["\n".join(fold(sentence, width, hanging=2)) for sentence in sentences]
    return "\n\n".join(filter(None, parts))


_FULL_LINE = 95  # columns; docstrings are broken by hand after about as many
_SYMBOLS = re.compile(r"\S+: \w")  # the beginning of a list of symbols: "η: step, β: momentum"
_FORMULA = re.compile(r"^ *\S+ ← |\AE = ", re.MULTILINE)


def _reflowed(paragraph: str, width: int) -> str:
    """Fit a paragraph of a docstring to a width: sentences are filled, formulas keep their lines."""
    lines = paragraph.split("\n")
    formulas = bool(_FORMULA.search(paragraph)) or ("←" in paragraph and not _SYMBOLS.match(paragraph))
    joined = lines[:1]
    for line, following in itertools.pairwise(lines):
        if not formulas and len(f"{line} {following.split()[0]}") > _FULL_LINE:
            joined[-1] += f" {following.lstrip()}"
        else:
            joined.append(following)
    hanging = 4 if formulas or any(line.startswith(" ") for line in lines) else 0
    return "\n".join(part for line in joined for part in fold(line, width, hanging))


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    """Return a table whose last two columns are folded to a width, with as few lines as possible."""
    *fixed, allowed, meaning = ([row[i] for row in rows] for i in range(len(rows[0])))
    widths = [max(map(len, column)) for column in fixed]
    free = width - sum(widths) - 2 * (len(widths) + 1)
    split = split_width(allowed, meaning, free)
    lines = []
    for i, cells in enumerate(zip(allowed, meaning, strict=True)):
        parts_of_row = itertools.zip_longest(fold(cells[0], split), fold(cells[1], max(free - split, 1)), fillvalue="")
        for number, (a, m) in enumerate(parts_of_row):
            first = [column[i] if number == 0 else "" for column in fixed]
            parts = [text.ljust(size) for text, size in zip([*first, a], [*widths, split], strict=True)]
            lines.append("  ".join([*parts, m]).rstrip())
    return "\n".join(lines)


def start_and_minima(problem: Problem) -> str:
    """Return the default start, the window of figures and the known minima of a problem, in sentences."""
    window = " × ".join(f"[{low:g}, {high:g}]" for low, high in problem.window)
    places = [f"{_point(minimum.at)}, error {_exactly(minimum.error)}" for minimum in problem.minima]
    minima = f"{'Minima' if len(places) > 1 else 'Minimum'}: {'; '.join(places)}." if places else "No known minimum"
    if not places:
        minima += "." if problem.threshold is None else f"; default error threshold: {problem.threshold:g}."
    return f"Start {_point(problem.start)}; window {window}. {minima}"


def _point(at: tuple[float, ...]) -> str:
    return f"({', '.join(map(_exactly, at))})"


def _exactly(x: float) -> str:
    return repr(float(x)).removesuffix(".0")


def _default(value: Any) -> str:
    from dataclasses import MISSING

    from bpviz.messages.text import quote_value

    if isinstance(value, tuple):
        return f"[{', '.join(map(_default, value))}]"
    return "(none)" if value is MISSING else quote_value(value).strip("'")
