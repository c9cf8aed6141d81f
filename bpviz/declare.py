"""Declare a thing once: its name, its fields, what each field may be, and what it means.

Everything a user can write in a config is declared here-style: hyperparameters of optimizers, fields of problems and
options of figures. Validation, JSON Schema, ``bpviz explain``, the documentation tables and the tests' bad values all
read the same declaration. This module imports neither NumPy nor YAML, so that reading a config costs neither.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    dataclass_transform,
)

from bpviz.domains import Domain, FileName, Interval, Nullable, Text
from bpviz.messages.text import listed, shown
from bpviz.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from bpviz.oracle import Oracle
    from bpviz.results import Results

    Array: TypeAlias = npt.NDArray[np.float64]
    Column: TypeAlias = float | Array
    """A hyperparameter: written as a number, seen by the rule as an array, ``()`` or a column ``(runs, 1)``."""
else:
    Array = Column = Any

T = TypeVar("T")


def hyper(default: Any, domain: str | Domain, meaning: str, *, at_start: bool = False) -> Any:
    """Declare a field: its default, what it may be (an interval's text or a Domain) and what it means.

    ``at_start`` says that a rule reads it in ``begin`` alone, so that nothing is gained by changing it later.
    """
    domain = Interval.parse(domain) if isinstance(domain, str) else domain
    metadata = {"domain": domain, "meaning": meaning, "at_start": at_start}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Field:
    """A declared field, as the readers of declarations see it."""

    name: str
    default: Any
    domain: Domain
    meaning: str
    at_start: bool = False

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with ``value``, with the field's meaning, or None."""
        complaint = self.domain.complaint(value)
        return f"{complaint} ({self.meaning})" if complaint else None


def fields(declared: Any) -> dict[str, Field]:
    """Return the declared fields of a class or an instance, by name, in the order written."""
    return {
        f.name: Field(f.name, f.default, **f.metadata) for f in dataclasses.fields(declared) if "domain" in f.metadata
    }


def settings(declared: Any) -> dict[str, Any]:
    """Return the values of an instance's declared fields, by name, in the order written."""
    return {name: getattr(declared, name) for name in fields(declared)}


def conflicts(declared: Any) -> list[tuple[str, str]]:
    """Return (field, complaint) for values that are fine alone but not together, as the class's ``conflicts`` says.

    A field of "" is none in particular: what is complained of is the thing itself.
    """
    return list(declared.conflicts()) if hasattr(declared, "conflicts") else []


def _check(self: Any) -> None:
    wrong = []
    for name, field in fields(self).items():
        value = getattr(self, name)
        complaint = field.complaint(value)
        if complaint:
            wrong.append(f"{name}: {complaint}")
        else:
            object.__setattr__(self, name, field.domain.convert(value))
    if not wrong:
        wrong = [f"{name}: {complaint}" if name else complaint for name, complaint in conflicts(self)]
    if wrong:
        raise ValueError(f"{type(self).name}: {'; '.join(wrong)}")


class Optimizer(Protocol):
    """An update rule with its hyperparameters; frozen. ``@optimizer`` makes one of a class with these two methods."""

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch: a tuple of arrays whose first axis is runs."""

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights ``(runs, params)`` and the state after one epoch; write on neither ``w`` nor ``state``."""


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """What goes around an update rule, and is an update rule itself. ``@wrapper`` makes one of a subclass.

    The facts of a class are its own. Those of an instance tell of all its layers: it ``needs`` what they all ask, is
    called as they all are (``label``), and its ``name`` is that of the rule inside.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    source: ClassVar[str]
    confused_with: ClassVar[str]
    synonyms: ClassVar[tuple[str, ...]]
    recalls: ClassVar[bool]

    inner: Optimizer

    def misfits(self, problem: Problem) -> list[tuple[str, str]]:
        """Return (field, complaint) for what does not fit ``problem``, besides what it has to answer."""
        return []

    def scales(self) -> tuple[str, ...]:
        """Return its own settings that a schedule around it multiplies, as it does the step of the rule inside."""
        return ()

    def begin(self, w: Array, f: Oracle) -> Any:
        """Return the state before the first epoch: a named tuple whose ``inner`` is the state of what is inside."""
        raise NotImplementedError

    def advance(self, w: Array, state: Any, f: Oracle) -> tuple[Array, Any]:
        """Return the weights and the state after one epoch, in which what is inside advances once or more."""
        raise NotImplementedError


class _OfLayers:
    """A fact of a wrapper: of the class its own, of an instance what its own and that of what is inside make."""

    def __init__(self, name: str, own: Any, both: Callable[[Any, Any], Any]) -> None:
        self.name = name
        self.own = own
        self.both = both

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.own if instance is None else self.both(getattr(instance.inner, self.name, self.own), self.own)


def layers(optimizer: Any) -> list[Any]:
    """Return a rule and what is around it, from the inside out; of a class, itself."""
    found = [optimizer]
    while isinstance(found[-1], Wrapper):
        found.append(found[-1].inner)
    return found[::-1]


def spelled(optimizer: Optimizer) -> dict[str, Any]:
    """Return all settings as a config writes them: those of the rule, and of what is around it under ``with``."""
    rule, *around = layers(optimizer)
    wrappers = [{"name": type(wrapper).name, **settings(wrapper)} for wrapper in around]
    return {**settings(rule), "with": wrappers} if wrappers else settings(rule)


def made_of(thing: Any) -> Iterator[Any]:
    """Yield a rule or a problem, and the rules or problems that it is made of, if any."""
    yield thing
    for part in getattr(thing, "__dict__", {}).values():
        if hasattr(part, "advance") or hasattr(part, "offers"):
            yield from made_of(part)


class Point(Protocol):
    """A problem at one block of weights; what one question computes, the next may use."""

    def error(self) -> Array: ...  # (runs,)
    def gradient(self) -> Array: ...  # (runs, params)
    def hessian(self) -> Array: ...  # (runs, params, params)
    def residuals(self) -> Array: ...  # (runs, samples); the error is the sum of their squares
    def jacobian(self) -> Array: ...  # (runs, samples, params)


class Minimum(NamedTuple):
    """A place where a problem's error is known to be lowest, at least among its neighbours, and that error."""

    at: tuple[float, ...]
    error: float


class Problem(Protocol):
    """A function to make small, with the derivatives it has. Knows no optimizer.

    A problem with data also says how many ``samples`` there are, and its ``part(samples)`` is a problem of some of them
    alone, by their numbers: ``(batch, 1)`` the same for all runs, ``(batch, runs)`` each run's own.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""

    @property
    def offers(self) -> frozenset[str]:
        """The questions it can answer, of KINDS."""

    @property
    def start(self) -> tuple[float, ...]:
        """Where runs start if nobody says where."""

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """What figures show of two weights, across and up, as long as runs stay in it."""

    @property
    def minima(self) -> tuple[Minimum, ...]:
        """The minima that are known."""

    @property
    def lowest(self) -> float | None:
        """The lowest error there is, which thresholds count from; None if it is not known, or there is none."""

    @property
    def threshold(self) -> float | None:
        """How near to the lowest error a run has arrived, if nobody says; None: however near."""

    @property
    def width(self) -> int:
        """How many numbers one run needs at once; the loop chooses its block size by it."""

    def at(self, w: Array, spare: Any = None) -> Point:
        """Go to ``w (runs, params)``. ``spare`` is an earlier point that nobody asks any more; reuse its memory."""


OPTIMIZERS: Registry[type[Optimizer]] = Registry("algorithm", "bpviz.optimizers", "bpviz.optimizers", "bpviz.foreign")
WRAPPERS: Registry[type[Wrapper]] = Registry("wrapper", "bpviz.wrappers")
PROBLEMS: Registry[Any] = Registry("problem", "bpviz.problems", "bpviz.problems")
FIGURES: Registry[Any] = Registry("figure", "bpviz.figures")


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


def declared(cls: type[T], name: str, **facts: Any) -> type[T]:
    """Return a class with these facts and its declared fields frozen and checked, in no registry."""
    made: Any = cls
    for fact, value in {"name": name, **facts}.items():
        setattr(made, fact, value)
    made.__post_init__ = _check
    return dataclasses.dataclass(frozen=True)(cls)


def _declare(
    cls: type[T], name: str, registry: Registry[Any], parts: Mapping[str, str] | None = None, **facts: Any
) -> type[T]:
    missing = [f"no {what}" for part, what in (parts or {}).items() if not hasattr(cls, part)]
    if missing:
        raise TypeError(f"{name}: {cls.__qualname__} has {listed(missing, 'and')}")
    made = declared(cls, name, **facts)
    taken = [field.name for field in dataclasses.fields(made) if field.name in (*facts, *_KEYS)]  # type: ignore[arg-type]
    if taken:
        raise ValueError(f"{name}: {listed(taken, 'and')} cannot be the name of a field; it stands for something else")
    for field in fields(made).values():
        complaint = field.complaint(field.default)
        if complaint:
            raise ValueError(f"{name}: the default of {field.name}: {complaint}")
    registry.add(name, made)
    return made


_KEYS = ("name", "label", "kind")
"""What stands beside the fields in a config."""

_RULE = {"begin": "method begin(self, w, f)", "advance": "method advance(self, w, state, f)"}
PARTS = {
    "weights": "weights (the names of its parameters)",
    "offers": "offers (the questions it answers)",
    "start": "start (where runs start)",
    "window": "window (what figures show)",
    "minima": "minima (those that are known)",
    "lowest": "lowest (the lowest error there is, or None)",
    "threshold": "threshold (how near to the lowest error a run has arrived, or None)",
    "width": "width (how many numbers a run needs at once)",
    "at": "method at(self, w, spare=None)",
}
"""What a problem has, besides its name."""


KINDS = ("error", "gradient", "hessian", "residuals", "jacobian")
"""The questions an optimizer can ask of a problem, in the order tables show them."""


def unsuitable(optimizer: Optimizer | type[Optimizer], problem: Problem) -> str | None:
    """Return why ``optimizer`` cannot work on ``problem``, or None if it can."""
    return next((complaint for layer in layers(optimizer) for _, complaint in misfits(layer, problem)), None)


def misfits(layer: Any, problem: Problem) -> list[tuple[str, str]]:
    """Return (field, complaint) for what of a rule, or of a wrapper without what is inside, does not fit ``problem``.

    A field of "" is none in particular.
    """
    kind = type(layer) if isinstance(layer, Wrapper) else layer
    missing = [question for question in KINDS if question in kind.needs - problem.offers]
    if missing:
        called = getattr(problem, "called", problem.name)
        return [("", f"{kind.name} needs {listed(missing, 'and')}, which this {called} does not have")]
    return layer.misfits(problem) if isinstance(layer, Wrapper) else []


def without_gradient(problem: Problem) -> str | None:
    """Return why nobody can wait for a small gradient of ``problem``, or None if one can."""
    if "gradient" in problem.offers:
        return None
    return f"a gradient_threshold needs a gradient, and {problem.name} has none"


@dataclass_transform(frozen_default=True)
def optimizer(
    name: str,
    *,
    needs: str,
    label: str = "",
    source: str = "",
    confused_with: str = "",
    synonyms: tuple[str, ...] = (),
    recalls: bool = False,
) -> Callable[[type[T]], type[T]]:
    """Register a class as the update rule ``name`` and make its hyperparameters frozen, checked fields.

    ``needs`` names the questions it asks (of KINDS, separated by spaces); ``label`` is its name in tables and legends,
    ``name`` if none is given; ``source`` the paper with the place in it; ``confused_with`` what else goes by the same
    name. A rule that ``recalls`` has answers at the weights it hands over in its state: who moves them, or changes what
    is answered, has to let it begin again.
    """
    facts = {"needs": _questions(name, needs), "source": source, "confused_with": confused_with, "synonyms": synonyms}
    return lambda cls: _declare(cls, name, OPTIMIZERS, _RULE, label=label or name, recalls=recalls, **facts)


def _questions(name: str, needs: object) -> frozenset[str]:
    if not isinstance(needs, str):
        raise TypeError(f"{name}: needs is text such as 'error gradient', not {shown(needs)}")
    asked = frozenset(needs.split())
    if not asked <= set(KINDS):
        raise ValueError(f"{name}: needs {sorted(asked - set(KINDS))}, not one of {KINDS}")
    return asked


@dataclass_transform(frozen_default=True)
def wrapper(
    name: str, *, label: str, source: str, needs: str = "", confused_with: str = "", synonyms: tuple[str, ...] = ()
) -> Callable[[type[T]], type[T]]:
    """Register a subclass of Wrapper as ``name`` and make its settings frozen, checked fields.

    ``label`` is what it adds to the name of what it is around, in tables and legends; ``needs`` what it asks itself;
    the rest is as for ``@optimizer``.
    """
    asked = _questions(name, needs)

    def made(cls: type[T]) -> type[T]:
        found: Any = _declare(cls, name, WRAPPERS, source=source, confused_with=confused_with, synonyms=synonyms)
        found.name = _OfLayers("name", name, lambda inner, _: inner)
        found.label = _OfLayers("label", label, "{}, {}".format)
        found.needs = _OfLayers("needs", asked, frozenset.union)
        found.recalls = _OfLayers("recalls", False, lambda inner, _: inner)
        return found  # type: ignore[no-any-return]

    return made


@dataclass_transform(frozen_default=True)
def problem(name: str, *, source: str = "", synonyms: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Register a class as the problem ``name``, with its source."""
    return lambda cls: _declare(cls, name, PROBLEMS, PARTS, source=source, synonyms=synonyms)


@dataclass_transform(frozen_default=True)
def figure(name: str, *, summary: str) -> Callable[[type[T]], type[T]]:
    """Register a class as the figure kind ``name``; its fields are the options a config may give."""
    return lambda cls: _declare(cls, name, FIGURES, summary=summary, synonyms=())
