"""Options, file names and selected runs that figure kinds share. No number is computed here."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from bpviz.declare import hyper
from bpviz.declare.domains import FileName, Interval, ListOf, Nullable, Text
from bpviz.declare.fields import Record
from bpviz.figures._style import Style, word
from bpviz.messages import suggestions, text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results, Run
    from bpviz.landscape.window import Limits


@dataclasses.dataclass(frozen=True)
class FigureRequest:
    """The options that every figure kind has.

    A kind is a frozen subclass registered with ``@figure``; its fields are its options. It lists the figures that it
    adds to the default set (``defaults``), turns results into plain arrays (``data``) and draws them (``draw``). Kinds
    import NumPy and matplotlib only inside their methods.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    save_as: str | None = hyper(None, Nullable(FileName(), "a name made from the options"), "file name without suffix")
    title: str | None = hyper(None, Nullable(Text(), "a generated title"), "title above the figure, or none")
    style: Style | None = hyper(None, Nullable(Record(Style), "the style of the config"), "style of this figure")

    if TYPE_CHECKING:  # every kind defines both

        def data(self, results: Results, problem: Problem) -> Any:
            """Return the plotted data as plain arrays."""

        def draw(self, figure: Figure, data: Any) -> Any:
            """Draw ``data`` on ``figure`` and return the artists."""

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        """Return (option, message) for options that are invalid for this problem and these algorithms.

        ``algorithms`` contains the labels and names that options may use.
        """
        return []

    def name_of_file(self) -> str:
        """Return the default file name, without suffix, made from the kind and its options."""
        return self.name

    def title_or(self, generated: str) -> str:
        """Return the title of the figure."""
        return generated if self.title in (None, "none") else self.title

    def file_name(self) -> str:
        """Return the file name, without suffix."""
        return self.save_as or self.name_of_file()


LIMITS = ListOf(Interval.parse("[-1e9, 1e9]"), 2, 2, rising=True)


@dataclasses.dataclass(frozen=True)
class OfAlgorithms(FigureRequest):
    """A figure of all or some of the algorithms."""

    algorithms: tuple[str, ...] | None = hyper(
        None, Nullable(ListOf(Text(), 1), "all"), "algorithms to show, by label or name"
    )

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        unknown = [a for a in self.algorithms or () if a not in algorithms]
        wrong = []
        for name in unknown:
            guess = suggestions.nearest(name, algorithms)
            hint = f"; did you mean {guess!r}?" if guess else ""
            wrong.append(("algorithms", f"unknown algorithm {text.quote_value(name)}{hint}"))
        return super().invalid_options(problem, algorithms) + wrong

    def name_of_file(self) -> str:
        return "-".join([super().name_of_file(), *map(slug, self.algorithms or ())])[:80]


@dataclasses.dataclass(frozen=True)
class OfPlane(FigureRequest):
    """A figure over the plane of two weights.

    Any other weights are fixed at the end of the first run shown that did not diverge; the figure names this run.
    """

    weights: tuple[str, str] | None = hyper(
        None, Nullable(ListOf(Text(), 2, 2), "the first two"), "weights on the x and y axes"
    )
    x: Limits | None = hyper(None, Nullable(LIMITS, "automatic limits"), "limits of the x axis")
    y: Limits | None = hyper(None, Nullable(LIMITS, "automatic limits"), "limits of the y axis")

    def invalid_options(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        wrong = super().invalid_options(problem, algorithms)
        names = problem.weights
        if len(names) < 2:
            return [*wrong, ("kind", f"{self.name} needs at least two weights (the problem has {len(names)})")]
        for weight in self.weights or ():
            if weight not in names:
                wrong.append(
                    ("weights", f"unknown weight {text.quote_value(weight)} (expected {text.join_words(names)})")
                )
        return wrong

    def conflicts(self) -> list[tuple[str, str]]:
        if self.weights and self.weights[0] == self.weights[1]:
            return [("weights", f"duplicate weight {text.quote_value(self.weights[0])}; use two different weights")]
        return []

    def pair(self, problem: Problem) -> tuple[int, int]:
        """Return the indices of the weights on the x and y axes."""
        across, up = self.weights or problem.weights[:2]
        return problem.weights.index(across), problem.weights.index(up)

    def name_of_file(self) -> str:
        parts = [super().name_of_file(), *map(slug, self.weights or ())]
        for axis, limits in (("x", self.x), ("y", self.y)):
            if limits:
                parts.append(f"{axis}={limits[0]:g}_{limits[1]:g}")
        return "-".join(parts)


def slug(label: str) -> str:
    """Return a label as part of a file name: ``gradient-descent+golden`` for ``Gradient descent + golden``."""
    plain = re.sub(r"[^\w+]+", "-", label.lower().replace("−", "-"))
    return re.sub(r"-?\+-?(?=\w)", "+", plain).lstrip("-") or "algorithm"


class AlgorithmRuns(NamedTuple):
    """An algorithm's runs, one per start, with its place in the experiment, which determines its color and marker."""

    label: str
    place: int
    runs: list[Run]


def select(results: Results, algorithms: Sequence[str] | None = None) -> list[AlgorithmRuns]:
    """Return the runs of the algorithms given by label or name (None: all), in the order of the experiment."""
    groups: dict[str, list[Run]] = {}
    for run in results.runs:
        groups.setdefault(run.label, []).append(run)
    return [
        AlgorithmRuns(label, place, runs)
        for place, (label, runs) in enumerate(groups.items())
        if algorithms is None or label in algorithms or runs[0].algorithm in algorithms
    ]


def outcome(runs: Sequence[Run], results: Results) -> str:
    """Return the epochs of runs and the endings of failed ones: ``20 epochs``, ``1000 epochs, reached max_epochs``."""
    from bpviz.engine.results import ENDINGS

    counts = [run.trajectory.epochs for run in runs]
    least, most = min(counts), max(counts)
    parts = [_epochs(most) if least == most else word("{least} to {most} epochs", least=least, most=most)]
    failed = [run.trajectory.ending for run in runs if not results.succeeded(run)]
    for ending in ENDINGS:
        number, text = failed.count(ending), word(ending.short)
        if number == len(runs):
            parts.append(text)
        elif number:
            parts.append(word("{count} of {total} {ending}", count=number, total=len(runs), ending=text))
    return ", ".join(parts)


def _epochs(count: int) -> str:
    return word("1 epoch") if count == 1 else word("{count} epochs", count=count)
