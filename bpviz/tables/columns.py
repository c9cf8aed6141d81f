"""The columns of the table of an experiment's runs.

Numbers for people are rounded. Exact numbers are the shortest text that parses to the same float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bpviz.declare import KINDS
from bpviz.messages.text import join_words

if TYPE_CHECKING:
    from bpviz.engine.results import Results, Run


_KIND_TITLES = dict(zip(KINDS, ("error", "gradient", "Hessian", "residual", "Jacobian"), strict=True))
_STEPS = ("step", "lr", "learning_rate")  # the names in bpviz, torch and optax
FINAL_ERROR = "final error"  # the only computed number that is shown
ALWAYS_SHOWN = ("error", "gradient", "hessian")  # shown even if all counts are zero


class Column(NamedTuple):
    """A column of the table: its title, the cell of a run, and whether cells are numbers."""

    title: str
    value: Callable[[Run], str]
    number: bool = True


class Table(NamedTuple):
    """A table as plain text cells."""

    titles: list[str]
    rows: list[list[str]]
    numbers: list[bool]


def table(results: Results, seconds: Mapping[str, float] | None = None, *, exact: bool = False) -> Table:
    """Return the table of an experiment, one row per run.

    ``seconds`` adds a column with the duration of each algorithm, by label. ``exact`` keeps all digits of numbers and
    adds the final weights.
    """
    columns = list(_columns(results, seconds, exact))
    return Table(
        [c.title for c in columns],
        [[c.value(run) for c in columns] for run in results.runs],
        [c.number for c in columns],
    )


def _columns(results: Results, seconds: Mapping[str, float] | None, exact: bool) -> Iterator[Column]:
    error: Callable[[float], str] = repr if exact else shown_error
    number: Callable[[float], str] = repr if exact else "{:g}".format
    yield Column("Algorithm", lambda run: run.label, number=False)
    if len({run.start for run in results.runs}) > 1:
        yield Column("start", lambda run: f"({', '.join(map(number, run.start))})", number=False)
    yield Column("step", lambda run: next((number(run.settings[s]) for s in _STEPS if run.settings.get(s)), ""))
    yield Column("epochs", lambda run: str(run.trajectory.epochs))
    for kind in KINDS:
        if kind in ALWAYS_SHOWN or any(run.trajectory.evaluations[kind] for run in results.runs):
            yield Column(f"{_KIND_TITLES[kind]} evals", _evaluations(kind))
    yield Column(FINAL_ERROR, lambda run: error(run.trajectory.final_error))
    if exact:
        for i, name in enumerate(results.weights):
            yield Column(name, _last_weight(i))
    if seconds is not None:
        yield Column("seconds", lambda run: f"{seconds[run.label]:.3f}")
    yield Column("ending", ending, number=False)


def _evaluations(kind: str) -> Callable[[Run], str]:
    return lambda run: str(run.trajectory.evaluations[kind])


def shown_error(error: float) -> str:
    """Return an error as it is shown, with four digits."""
    return f"{error:#.4g}"


def _last_weight(i: int) -> Callable[[Run], str]:
    return lambda run: repr(float(run.trajectory.weights[-1, i]))


def ending(run: Run) -> str:
    """Return why a run ended, as a sentence: that of its ``Ending``, or ``stuck: <the optimizer's own reason>``."""
    trajectory = run.trajectory
    return f"{trajectory.ending.short}: {trajectory.why}" if trajectory.why else trajectory.ending.value


def unmet(results: Results) -> list[str]:
    """Return a sentence for each run that did not succeed: ``RPROP from (-4, -4): reached max_epochs``."""
    labels = dict.fromkeys(run.label for run in results.runs)
    prefix = "" if results.title == join_words(labels, "and") else f"{results.title}: "  # as in `bpviz compare`
    return [
        f"{prefix}{run.label} from {point(run.start)}: {ending(run)}"
        for run in results.runs
        if not results.succeeded(run)
    ]


def point(start: Sequence[float]) -> str:
    """Return a start as text: ``(-4, -4)``."""
    return f"({', '.join(f'{x:g}' for x in start)})"
