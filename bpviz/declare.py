"""Declare a thing once: its name, its fields, what each field may be, and what it means.

Everything a user can write in a config is declared here-style: hyperparameters of optimizers, fields of problems and
options of figures. Validation, JSON Schema, ``bpviz explain``, the documentation tables and the tests' bad values all
read the same declaration. This module imports neither NumPy nor YAML, so that reading a config costs neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import itertools
import math
import pkgutil
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeGuard,
    TypeVar,
    dataclass_transform,
)

from bpviz import installed
from bpviz.words import SYNONYMS, listed, nearest, shown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    import numpy as np
    import numpy.typing as npt

    from bpviz.oracle import Oracle

    Array: TypeAlias = npt.NDArray[np.float64]
    Column: TypeAlias = float | Array
    """A hyperparameter: written as a number, seen by the rule as an array, ``()`` or a column ``(runs, 1)``."""
else:
    Array = Column = Any

T = TypeVar("T")


class Domain:
    """What a value may be. It words its own complaint, its JSON Schema and a value that it refuses."""

    def complaint(self, value: object) -> str | None:
        """Return why ``value`` is refused, as the end of a sentence that starts with its place; None if it is fine."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """Return an accepted value in the form the program keeps it."""
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 7) of the accepted values."""
        raise NotImplementedError

    def bad(self) -> object:
        """Return a value that is refused, for tests."""
        return {"not": "this"}

    def __str__(self) -> str:
        raise NotImplementedError


_INTERVAL = re.compile(r"(integer )?([\[(])\s*(-?[\w.+-]+)\s*,\s*(-?[\w.+-]+)\s*([\])])")


@dataclasses.dataclass(frozen=True)
class Interval(Domain):
    """An interval of numbers, written and read as mathematics does: ``[0, 1)``, ``(0, inf)``, ``integer [1, inf)``.

    Infinity itself is never inside, and a bool is not a number.
    """

    low: float
    high: float
    with_low: bool
    with_high: bool
    integer: bool = False

    @classmethod
    def parse(cls, text: str) -> Interval:
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an interval such as '[0, 1)' or 'integer [1, inf)'")
        integer, left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]", integer is not None)

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        above = value >= self.low if self.with_low else value > self.low
        below = value <= self.high if self.with_high else value < self.high
        return above and below

    def complaint(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{shown(value)} is not a {self._kind()} in {self._range()}"
        if self.integer and isinstance(value, float) and math.isfinite(value) and not value.is_integer():
            return f"{shown(value)} is not a whole number in {self._range()}"
        try:
            inside = float(value) in self
        except OverflowError:  # an integer too large for a float
            inside = False
        return None if inside else f"{shown(value)} is not in {self._range()}"

    def convert(self, value: Any) -> float | int:
        return int(value) if self.integer else float(value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "integer" if self.integer else "number"}
        number = int if self.integer else float
        if math.isfinite(self.low):
            schema["minimum" if self.with_low else "exclusiveMinimum"] = number(self.low)
        if math.isfinite(self.high):
            schema["maximum" if self.with_high else "exclusiveMaximum"] = number(self.high)
        return schema

    def bad(self) -> object:
        if math.isfinite(self.low):
            return self.low - 1 if self.with_low else self.low
        if math.isfinite(self.high):
            return self.high + 1 if self.with_high else self.high
        return math.nan

    def _kind(self) -> str:
        return "whole number" if self.integer else "number"

    def _range(self) -> str:
        left, right = "[" if self.with_low else "(", "]" if self.with_high else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def __str__(self) -> str:
        return f"integer {self._range()}" if self.integer else self._range()


@dataclasses.dataclass(frozen=True)
class Choice(Domain):
    """One word out of a few."""

    words: tuple[str, ...]

    def complaint(self, value: object) -> str | None:
        if isinstance(value, str) and value in self.words:
            return None
        guess = nearest(value, self.words)
        hint = f"; did you mean {guess!r}?" if guess else ""
        return f"{shown(value)} is not one of {', '.join(self.words)}{hint}"

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def bad(self) -> object:
        return "no such word"

    def __str__(self) -> str:
        return listed(self.words)


@dataclasses.dataclass(frozen=True)
class Flag(Domain):
    """true or false."""

    def complaint(self, value: object) -> str | None:
        return None if isinstance(value, bool) else f"{shown(value)} is not true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def bad(self) -> object:
        return "perhaps"

    def __str__(self) -> str:
        return "true or false"


@dataclasses.dataclass(frozen=True)
class Text(Domain):
    """A line of text, not empty."""

    longest: int = 200

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, str):
            return f"{shown(value)} is not text"
        if not value.strip():
            return "the text is empty"
        if len(value) > self.longest:
            return f"the text has {len(value)} characters, more than {self.longest}"
        if not value.isprintable():
            return f"{shown(value)} has characters that cannot be printed on one line"
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}

    def __str__(self) -> str:
        return "text"


@dataclasses.dataclass(frozen=True)
class FileName(Text):
    """A file name without folders and suffix: it cannot lead out of the output folder."""

    longest: int = 100

    def complaint(self, value: object) -> str | None:
        complaint = super().complaint(value)
        if complaint or not isinstance(value, str):
            return complaint
        if value[0] in ".-" or not re.fullmatch(r"[\w .+=-]+", value) or value != value.strip():
            return f"{shown(value)} is not a plain file name of letters, digits and . + = - _"
        return None

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "pattern": r"^[\w+=][\w .+=-]*$"}

    def bad(self) -> object:
        return "../outside"

    def __str__(self) -> str:
        return "a file name"


@dataclasses.dataclass(frozen=True)
class Listed(Domain):
    """A list of values of one domain, with as many items as ``least`` to ``most``, distinct or ordered if asked."""

    item: Domain
    least: int = 0
    most: int | None = None
    rising: bool = False

    def complaint(self, value: object) -> str | None:
        if not isinstance(value, list | tuple):
            return f"{shown(value)} is not a list of {self._items()}"
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            return f"a list of {len(value)} is not {self}"
        for place, item in enumerate(value):
            complaint = self.item.complaint(item)
            if complaint:
                return f"item {place + 1}: {complaint}"
        if self.rising and any(b <= a for a, b in itertools.pairwise(value)):
            return f"[{', '.join(shown(v) for v in value)}] does not rise: each number must be above the one before"
        return None

    def convert(self, value: Any) -> tuple[Any, ...]:
        return tuple(self.item.convert(item) for item in value)

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.schema(), "minItems": self.least}
        if self.most is not None:
            schema["maxItems"] = self.most
        return schema

    def _items(self) -> str:
        if self.most == self.least:
            return f"{self.least} values, each {self.item}"
        return f"values, each {self.item}"

    def __str__(self) -> str:
        least = "" if self.most == self.least else f"{self.least} or more "
        return f"a list of {least}{self._items()}"


@dataclasses.dataclass(frozen=True)
class Nullable(Domain):
    """A value of another domain, or null."""

    of: Domain
    null: str = "nothing"  # what null stands for

    def complaint(self, value: object) -> str | None:
        return None if value is None else self.of.complaint(value)

    def convert(self, value: Any) -> Any:
        return None if value is None else self.of.convert(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), {"type": "null"}]}

    def bad(self) -> object:
        return self.of.bad()

    def __str__(self) -> str:
        return f"{self.of}, or null for {self.null}"


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


FILES: dict[str, str] = {}
"""Plugin files, as they were named, by the modules they became."""


def is_own(thing: object) -> bool:
    """Tell whether a class, or whatever has been registered, is part of this package."""
    return getattr(thing, "__module__", "").startswith("bpviz.")


def origin(thing: object) -> str:
    """Return a class as messages name it: ``Leap in my_rule.py``."""
    module = getattr(thing, "__module__", "")
    return f"{getattr(thing, '__qualname__', thing)} in {FILES.get(module, module)}" if module else str(thing)


class Registry(Generic[T]):
    """Things by name, found in the modules of a package: for one name by importing the module in whose text it stands,
    for all of them by importing every module once.

    Modules whose name starts with an underscore hold what the others compute with and are left alone.

    Others register things too: a plugin file when it is loaded, and installed packages, whose entry points of ``group``
    have the names of what they bring. To look through all packages is slow; it is done for a name that is not known
    otherwise, for any name if a package has a say, and by ``find_all``. They raise installed.BrokenPluginError.

    A name with a colon, ``torch:Adam``, is looked for ``elsewhere``: by the function ``kind`` of a module, which raises
    KeyError with its reason. Such things are had by name alone and do not turn up among the others.
    """

    def __init__(self, what: str, package: str, group: str = "", elsewhere: str = "") -> None:
        self.what = what
        self.brought: dict[str, str] = {}  # names that installed packages have brought, and which
        self._package = package
        self._group = group
        self._elsewhere = elsewhere
        self._things: dict[str, T] = {}
        self._walked = False
        self._texts: dict[str, str] = {}  # of modules, as far as nobody has walked

    def add(self, name: str, thing: T) -> None:
        """Register ``thing`` under ``name``; a name that is taken is an error."""
        if not is_own(thing):
            self._walk()  # or a name that this package has would still be free
        known = self._things.get(name)
        other = origin(known) if known is not None and not _same_cell(known, thing) else self._claimed(name, thing)
        if other:
            raise ValueError(f"two definitions of the {self.what} {name!r}: {other} and {origin(thing)}")
        self._things[name] = thing

    def _claimed(self, name: str, thing: object) -> str:
        """Return which installed package has a name that a class of no package takes; nothing if none has."""
        if is_own(thing) or name in self.brought:
            return ""
        points = (point for point in self._points().get(name, []) if not installed.holds(point, thing))
        return next(map(installed.described, points), "")

    def forget(self, module: str) -> None:
        """Forget what a module has registered."""
        self._things = {name: thing for name, thing in self.items() if thing.__module__ != module}

    def find_all(self) -> None:
        """Load what every installed package brings; what is wrong is said together, a line each."""
        self._walk()
        wrong = []
        for name in self._points():
            try:
                self._find(name)
            except installed.BrokenPluginError as error:
                wrong.append(str(error))
        if wrong:
            raise installed.BrokenPluginError("\n".join(wrong))

    def names(self) -> list[str]:
        """Return all names in order, those of installed packages without loading these."""
        return sorted({*self._walk(), *self._points()})

    def _points(self) -> dict[str, list[EntryPoint]]:
        return installed.points(self._group) if self._group else {}

    def _find(self, name: str) -> bool:
        """Load what an installed package brings under ``name``; tell whether there is one."""
        points = self._points().get(name, [])
        if not points or name in self.brought:
            return bool(points)
        said = installed.described(points[0])
        known = self._things.get(name)
        if known is not None and not installed.holds(points[0], known):
            raise installed.BrokenPluginError(f"{said} has the name of another {self.what}: {origin(known)}")
        if len(points) > 1:
            others = listed(map(installed.described, points[1:]), "and")
            raise installed.BrokenPluginError(f"{said} has the name of another {self.what}: {others}")
        self.brought[name] = installed.package(points[0])
        try:
            with all_or_nothing():
                installed.load(points[0])
                if name not in self._things:
                    message = f"{said} cannot be used: {points[0].value} defines no {self.what} of that name"
                    raise installed.BrokenPluginError(message)
        except BaseException:
            del self.brought[name]
            raise
        return True

    def _walk(self) -> dict[str, T]:
        if not self._walked:
            self._walked = True
            for module in self._modules():
                importlib.import_module(module)
        return self._things

    def _modules(self) -> list[str]:
        package = importlib.import_module(self._package)
        found = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
        return [f"{self._package}.{name}" for name in found]

    def _defines(self, name: object) -> bool:
        """Tell whether the package defines ``name``, importing no more than modules that speak of it: to import them
        all takes longer than most of what is asked for by name."""
        if not self._walked and name not in self._things:
            try:
                self._texts = self._texts or {module: _text(module) for module in self._modules()}
            except OSError:  # no sources are there
                return name in self._walk()
            for module, text in self._texts.items():
                if f'"{name}"' in text:
                    importlib.import_module(module)
        return name in self._things

    def __getitem__(self, name: str) -> T:
        if self.is_elsewhere(name):
            return self._kind(name)
        if name not in self:
            raise KeyError(self.unknown(name))
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        if self.is_elsewhere(name):
            try:
                return self._kind(name) is not None
            except KeyError:
                return False
        if not isinstance(name, str):
            return False
        if not self._defines(name):
            return self._find(name)
        if self._group in installed.groups():
            self._find(name)  # an error if a package has it too
        return True

    def is_elsewhere(self, name: object) -> TypeGuard[str]:
        """Tell whether it is left to another module to find a thing of this name, or to say why there is none."""
        return self._elsewhere != "" and isinstance(name, str) and ":" in name

    def _kind(self, name: str) -> T:
        found: T = importlib.import_module(self._elsewhere).kind(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._walk()))

    def __len__(self) -> int:
        return len(self._walk())

    def items(self) -> list[tuple[str, T]]:
        return [(name, self._walk()[name]) for name in self]

    def unknown(self, name: object) -> str:
        """Word the refusal of a name that is not registered, with the name that was meant if one is near."""
        if self.is_elsewhere(name):
            try:
                self._kind(name)
            except KeyError as error:
                return str(error.args[0])
        synonyms = {**SYNONYMS, **{s: n for n, thing in self.items() for s in getattr(thing, "synonyms", ())}}
        guess = nearest(name, self.names(), synonyms)
        hint = f"; did you mean {guess!r}?" if guess else f"; known are {', '.join(self.names())}"
        return f"{shown(name)} is not the name of {_an(self.what)}{hint}"


def _text(module: str) -> str:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


def _same_cell(known: object, thing: object) -> bool:
    """Tell whether a class is another's next version, by a cell of a notebook that is run again."""
    names = [(getattr(one, "__module__", ""), getattr(one, "__qualname__", "")) for one in (known, thing)]
    return names[0] == names[1] and names[0][0] == "__main__"


def _an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


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


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Forget what was registered in this block if an exception ends it."""
    before = [(registry, dict(registry.items())) for registry in (OPTIMIZERS, WRAPPERS, PROBLEMS, FIGURES)]
    try:
        yield
    except BaseException:
        for registry, things in before:
            registry._things = things
        raise


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
