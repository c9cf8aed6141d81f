"""bpviz explain"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from bpviz.cli.errors import fail, mistakes_reported
from bpviz.cli.options import plugin_option

if TYPE_CHECKING:
    from bpviz.declare import Problem
    from bpviz.declare.registry import Registry


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for registry in _registries() for name in registry.names() if name.startswith(incomplete)]


def _registries() -> tuple[Registry[Any], ...]:
    """Return the registries of all that can be explained."""
    from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS

    return OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES


@click.command("explain")
@click.argument("name", shell_complete=_names)
@plugin_option
def command(name: str, plugins: tuple[str, ...]) -> None:
    """Explain an algorithm, a wrapper, a problem or a figure.

    NAME is one that `bpviz list` shows. Printed are the formula, the settings with their ranges and defaults, where a
    problem starts and has its minima, the source and what else goes by the same name.

    \b
      bpviz explain irprop+
      bpviz explain torch:Adam
    """
    from bpviz.declare import OPTIMIZERS
    from bpviz.messages.suggestions import nearest
    from bpviz.messages.text import shown

    registries = _registries()
    with mistakes_reported(plugins):
        own = [registry for registry in registries if name in list(registry)]  # packages are slow to look through
        found = next((registry[name] for registry in own or registries if name in registry), None)
        if found is None and OPTIMIZERS.is_elsewhere(name):
            fail(OPTIMIZERS.unknown(name))
        if found is None:
            things = [named for registry in registries for named in registry.items()]
            synonyms = {synonym: name for name, thing in things for synonym in getattr(thing, "synonyms", ())}
            guess = nearest(name, [name for registry in registries for name in registry.names()], synonyms)
            hint = f"did you mean {guess!r}?" if guess else "`bpviz list` names them"
            fail(f"{shown(name)} is not the name of an algorithm, a wrapper, a problem or a figure; {hint}")
        click.echo(explanation(found))


def explanation(declared: Any) -> str:
    """Return what is declared about an algorithm, a wrapper, a problem or a figure kind, as text."""
    from bpviz.declare import KINDS, WRAPPERS, fields
    from bpviz.messages.text import listed

    label = getattr(declared, "label", "")
    head = f"{declared.name}: {label}" if label not in ("", declared.name) else declared.name
    parts = [head, *filter(None, [inspect.getdoc(declared)])]
    rows = [
        (field.name, _default(field.default), str(field.domain), field.meaning) for field in fields(declared).values()
    ]
    if rows:
        head = ("setting", "default", "may be", "meaning")
        widths = [max(len(row[i]) for row in (head, *rows)) for i in range(3)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
            for row in (head, *rows)
        ]
        parts.append("\n".join(lines))
    if hasattr(declared, "needs"):
        asked = [kind for kind in KINDS if kind in declared.needs]
        asked += ["what the algorithm inside asks for"] if declared.name in WRAPPERS else []
        parts.append(f"Asks for: {listed(asked, 'and')}")
    if hasattr(declared, "offers"):
        problem = declared()
        parts.append(_wrapped("", whereabouts(problem)))
        parts.append(f"Answers: {listed([kind for kind in KINDS if kind in problem.offers], 'and')}")
    if getattr(declared, "source", ""):
        parts.append(_wrapped("Source: ", declared.source))
    if getattr(declared, "confused_with", ""):
        parts.append(_wrapped("Not to be confused with: ", declared.confused_with))
    return "\n\n".join(parts)


def whereabouts(problem: Problem) -> str:
    """Return where runs start, what figures show and which minima are known, in sentences."""
    window = " × ".join(f"[{low:g}, {high:g}]" for low, high in problem.window)
    places = [f"{_point(minimum.at)}, error {_exactly(minimum.error)}" for minimum in problem.minima]
    minima = f"{'Minima' if len(places) > 1 else 'Minimum'}: {'; '.join(places)}." if places else "No known minimum"
    if not places:
        minima += "." if problem.threshold is None else f"; a run has arrived at an error of {problem.threshold:g}."
    return f"Starts at {_point(problem.start)}, in {window}. {minima}"


def _point(at: tuple[float, ...]) -> str:
    return f"({', '.join(map(_exactly, at))})"


def _exactly(x: float) -> str:
    return repr(float(x)).removesuffix(".0")


def _default(value: Any) -> str:
    from dataclasses import MISSING

    from bpviz.messages.text import shown

    if isinstance(value, tuple):
        return f"[{', '.join(map(_default, value))}]"
    return "(none)" if value is MISSING else shown(value).strip("'")


def _wrapped(title: str, text: str) -> str:
    from textwrap import fill

    return fill(title + text, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
