"""Things by name, wherever they come from: this package, a plugin file, an installed package, another library."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

from bpviz.declare import entry_points
from bpviz.messages.suggestions import SYNONYMS, nearest
from bpviz.messages.text import listed, shown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

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
        _ALL.append(self)

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
        points = (point for point in self._points().get(name, []) if not entry_points.holds(point, thing))
        return next(map(entry_points.described, points), "")

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
            except entry_points.BrokenPluginError as error:
                wrong.append(str(error))
        if wrong:
            raise entry_points.BrokenPluginError("\n".join(wrong))

    def names(self) -> list[str]:
        """Return all names in order, those of installed packages without loading these."""
        return sorted({*self._walk(), *self._points()})

    def _points(self) -> dict[str, list[EntryPoint]]:
        return entry_points.points(self._group) if self._group else {}

    def _find(self, name: str) -> bool:
        """Load what an installed package brings under ``name``; tell whether there is one."""
        points = self._points().get(name, [])
        if not points or name in self.brought:
            return bool(points)
        said = entry_points.described(points[0])
        known = self._things.get(name)
        if known is not None and not entry_points.holds(points[0], known):
            raise entry_points.BrokenPluginError(f"{said} has the name of another {self.what}: {origin(known)}")
        if len(points) > 1:
            others = listed(map(entry_points.described, points[1:]), "and")
            raise entry_points.BrokenPluginError(f"{said} has the name of another {self.what}: {others}")
        self.brought[name] = entry_points.package(points[0])
        try:
            with all_or_nothing():
                entry_points.load(points[0])
                if name not in self._things:
                    message = f"{said} cannot be used: {points[0].value} defines no {self.what} of that name"
                    raise entry_points.BrokenPluginError(message)
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
                if f'"{name}"' in text or f"'{name}'" in text:
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
        if self._group in entry_points.groups():
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


_ALL: list[Registry[Any]] = []


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Forget what others than this package registered in this block if an exception ends it."""
    before = [(registry, registry._things.copy()) for registry in _ALL]
    try:
        yield
    except BaseException:
        for registry, things in before:
            own = {name: thing for name, thing in registry._things.items() if is_own(thing)}
            registry._things = {**own, **things}
        raise
