"""bpviz explain"""

from __future__ import annotations

import inspect
from typing import Any

import click


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _things() if name.startswith(incomplete)]


def _things() -> dict[str, Any]:
    """Return all that can be explained, by name."""
    from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS, Registry

    registries: tuple[Registry[Any], ...] = (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES)
    return {name: thing for registry in registries for name, thing in registry.items()}


@click.command("explain")
@click.argument("name", shell_complete=_names)
def command(name: str) -> None:
    """Explain an algorithm, a wrapper, a problem or a figure.

    NAME is one that `bpviz list` shows. Printed are the formula, the settings with their ranges and defaults, the
    source and what else goes by the same name.

    \b
      bpviz explain irprop+
    """
    from bpviz.cli.shared import fail
    from bpviz.words import nearest, shown

    things = _things()
    if name not in things:
        synonyms = {synonym: name for name, thing in things.items() for synonym in getattr(thing, "synonyms", ())}
        guess = nearest(name, things, synonyms)
        hint = f"did you mean {guess!r}?" if guess else "`bpviz list` names them"
        fail(f"{shown(name)} is not the name of an algorithm, a wrapper, a problem or a figure; {hint}")
    click.echo(explanation(things[name]))


def explanation(declared: Any) -> str:
    """Return what is declared about an algorithm, a wrapper, a problem or a figure kind, as text."""
    from bpviz.declare import KINDS, WRAPPERS, fields
    from bpviz.words import listed, shown

    label = getattr(declared, "label", "")
    parts = [f"{declared.name}: {label}" if label else declared.name, inspect.getdoc(declared) or ""]
    rows = [
        (field.name, _short(shown(field.default)), str(field.domain), field.meaning)
        for field in fields(declared).values()
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
    if getattr(declared, "source", ""):
        parts.append(_wrapped("Source: ", declared.source))
    if getattr(declared, "confused_with", ""):
        parts.append(_wrapped("Not to be confused with: ", declared.confused_with))
    return "\n\n".join(parts)


def _short(text: str) -> str:
    return text.strip("'")


def _wrapped(title: str, text: str) -> str:
    from textwrap import fill

    return fill(title + text, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
