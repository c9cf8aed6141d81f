"""What figure kinds have in common before any number is computed: options, names of files, which runs are shown."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from bpviz.declare import hyper
from bpviz.declare.domains import FileName, Interval, Listed, Nullable, Text
from bpviz.messages import suggestions, text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.figure import Figure

    from bpviz.declare import Problem
    from bpviz.engine.results import Results, Run
    from bpviz.landscape.window import Limits


@dataclasses.dataclass(frozen=True)
class FigureRequest:
    """What every figure kind can be told. A kind is a frozen subclass made by ``@figure``, its fields its options.

    A kind says which figures it adds to the default set (``defaults``), turns results into plain arrays (``data``) and
    draws those (``draw``). Kinds import NumPy and matplotlib inside their methods only.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    save_as: str | None = hyper(None, Nullable(FileName(), "the kind and what it shows"), "file name, without a suffix")
    title: str | None = hyper(None, Nullable(Text(), "a title by what is shown"), "text above the figure")

    if TYPE_CHECKING:  # each kind has its own, and one that has not fails by name

        def data(self, results: Results, problem: Problem) -> Any:
            """Return what is shown, as plain arrays."""

        def draw(self, figure: Figure, data: Any) -> Any:
            """Draw that, and return what was drawn."""

    def misfits(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        """Return (field, complaint) for options that fit no figure of this problem and these algorithms.

        ``algorithms`` holds the labels and the names that an option may use.
        """
        return []

    def name_of_file(self) -> str:
        """Return the file name, without a suffix, when ``save_as`` does not give one: the kind and what it shows."""
        return self.name

    def file_name(self) -> str:
        """Return the file name, without a suffix."""
        return self.save_as or self.name_of_file()


_LIMITS = Listed(Interval.parse("[-1e9, 1e9]"), 2, 2, rising=True)


@dataclasses.dataclass(frozen=True)
class OfAlgorithms(FigureRequest):
    """A figure that shows some of the algorithms."""

    algorithms: tuple[str, ...] | None = hyper(
        None, Nullable(Listed(Text(), 1), "all of them"), "the algorithms to show, by label or name"
    )

    def misfits(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        unknown = [a for a in self.algorithms or () if a not in algorithms]
        wrong = []
        for name in unknown:
            guess = suggestions.nearest(name, algorithms)
            hint = f"; did you mean {guess!r}?" if guess else ""
            wrong.append(("algorithms", f"{text.shown(name)} is not an algorithm of this experiment{hint}"))
        return super().misfits(problem, algorithms) + wrong

    def name_of_file(self) -> str:
        return "-".join([super().name_of_file(), *map(slug, self.algorithms or ())])[:80]


@dataclasses.dataclass(frozen=True)
class OfPlane(FigureRequest):
    """A figure over the plane of two weights; the others, if there are any, are held where the first shown run ends."""

    weights: tuple[str, str] | None = hyper(
        None, Nullable(Listed(Text(), 2, 2), "the first two"), "the weights on the axes, across and up"
    )
    x: Limits | None = hyper(None, Nullable(_LIMITS, "what is shown"), "limits of the weight across")
    y: Limits | None = hyper(None, Nullable(_LIMITS, "what is shown"), "limits of the weight up")

    def misfits(self, problem: Problem, algorithms: Collection[str]) -> list[tuple[str, str]]:
        wrong = super().misfits(problem, algorithms)
        names = problem.weights
        if len(names) < 2:
            return [*wrong, ("kind", f"{self.name} needs two weights or more, and this problem has {len(names)}")]
        for weight in self.weights or ():
            if weight not in names:
                known = text.listed(names, "and")
                wrong.append(("weights", f"{text.shown(weight)} is not a weight of this problem, which has {known}"))
        return wrong

    def conflicts(self) -> list[tuple[str, str]]:
        if self.weights and self.weights[0] == self.weights[1]:
            return [("weights", f"{text.shown(self.weights[0])} stands on both axes")]
        return []

    def pair(self, problem: Problem) -> tuple[int, int]:
        """Return which weights of the problem are on the axes."""
        across, up = self.weights or problem.weights[:2]
        return problem.weights.index(across), problem.weights.index(up)

    def name_of_file(self) -> str:
        parts = [super().name_of_file(), *map(slug, self.weights or ())]
        for axis, limits in (("x", self.x), ("y", self.y)):
            if limits:
                parts.append(f"{axis}={limits[0]:g}_{limits[1]:g}")
        return "-".join(parts)


def slug(label: str) -> str:
    """Return a label as part of a file name: ``Gradient descent + golden search`` is gradient-descent+golden-search."""
    plain = re.sub(r"[^\w+]+", "-", label.lower().replace("−", "-"))
    return re.sub(r"-?\+-?(?=\w)", "+", plain).lstrip("-") or "algorithm"


class Shown(NamedTuple):
    """An algorithm with its place in the experiment, which decides its look, and its runs, one a start."""

    label: str
    place: int
    runs: list[Run]


def shown(results: Results, algorithms: Sequence[str] | None = None) -> list[Shown]:
    """Return the algorithms given by label or name (None: all) in the order of the experiment."""
    groups: dict[str, list[Run]] = {}
    for run in results.runs:
        groups.setdefault(run.label, []).append(run)
    return [
        Shown(label, place, runs)
        for place, (label, runs) in enumerate(groups.items())
        if algorithms is None or label in algorithms or runs[0].algorithm in algorithms
    ]


def how_far(runs: Sequence[Run], results: Results) -> str:
    """Return the epochs of runs and the endings of failed ones: ``20 epochs``, ``1000 epochs, reached max_epochs``."""
    from bpviz.engine.results import ENDINGS

    counts = [run.trajectory.epochs for run in runs]
    least, most = min(counts), max(counts)
    parts = [_epochs(most) if least == most else f"{least} to {_epochs(most)}"]
    failed = [run.trajectory.ending for run in runs if not results.succeeded(run)]
    for ending in ENDINGS:
        if number := failed.count(ending):
            parts.append(ending.short if number == len(runs) else f"{number} of {len(runs)} {ending.short}")
    return ", ".join(parts)


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
