"""Registries: classes by name, from this package, plugin files, installed packages and other libraries."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

from bpviz.declare import entry_points
from bpviz.messages.suggestions import SYNONYMS, fold_name, nearest
from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

_FEW = 12  # names that a message lists

FILES: dict[str, str] = {}
"""Paths of the loaded plugin files, as given, by module name."""


def is_own(thing: object) -> bool:
    """Return whether a registered object is part of this package."""
    return getattr(thing, "__module__", "").startswith("bpviz.")


def origin(thing: object) -> str:
    """Return the name of a class for messages: ``Leap in my_rule.py``."""
    module = getattr(thing, "__module__", "")
    return f"{getattr(thing, '__qualname__', thing)} in {FILES.get(module, module)}" if module else str(thing)


class Registry(Generic[T]):
    """Classes by name, registered by the modules of a package.

    Looking up one name imports only the modules whose text contains it in quotes; iteration imports every module.
    Modules whose name starts with an underscore are helpers and register nothing.

    Plugin files register classes when they are loaded. Installed packages provide classes through entry points of
    ``group``; these are loaded on lookup, which raises BrokenPluginError if that fails. Finding entry points is slow,
    so it happens only for names that the package does not define, if a package has entry points in the group, and in
    ``find_all``.

    A name with a colon, such as ``torch:Adam``, is passed to ``optimizer_class`` of the module ``lookup_module``, which
    raises KeyError with a message. Iteration does not include these names.

    Parameters
    ----------
    what : str
        Noun for messages: ``"algorithm"``.
    package : str
        Name of the package whose modules register classes.
    group : str
        Entry point group; empty for none.
    lookup_module : str
        Name of the module for names with a colon; empty for none.
    """

    def __init__(self, what: str, package: str, group: str = "", lookup_module: str = "") -> None:
        self.what = what
        self.providers: dict[str, str] = {}  # the installed package of each name
        self._package = package
        self._group = group
        self._lookup_module = lookup_module
        self._things: dict[str, T] = {}
        self._complete = False  # whether every module has been imported
        self._texts: dict[str, str] = {}  # source of each module, until all are imported
        _ALL.append(self)

    def add(self, name: str, thing: T) -> None:
        """Register ``thing`` under ``name``; raise ValueError if the name is in use."""
        if not is_own(thing):
            self._import_all()  # to detect a clash with a name that this package defines
        registered = self._things.get(name)
        if registered is not None and not _same_cell(registered, thing):
            other = origin(registered)
        else:
            other = self._claimed(name, thing)
        if other:
            raise ValueError(f"duplicate {self.what} {name!r}: {other} and {origin(thing)}")
        self._things[name] = thing

    def _claimed(self, name: str, thing: object) -> str:
        """Return the entry point of another package that has this name, for messages; "" if there is none."""
        if is_own(thing) or name in self.providers:
            return ""
        points = (point for point in self._points().get(name, []) if not entry_points.belongs_to_package(point, thing))
        return next(map(entry_points.described, points), "")

    def unregister(self, module: str) -> None:
        """Remove everything that a module has registered."""
        self._things = {name: thing for name, thing in self.items() if thing.__module__ != module}

    def find_all(self) -> None:
        """Load everything, including all entry points; raise BrokenPluginError with one line per failure."""
        self._import_all()
        failures = []
        for name in self._points():
            try:
                self._find(name)
            except entry_points.BrokenPluginError as error:
                failures.append(str(error))
        if failures:
            raise entry_points.BrokenPluginError("\n".join(failures))

    def canonical(self, name: str) -> str:
        """Return the registered name that differs only in case and separators: ``adam`` for ``Adam``.

        Return ``name`` itself if it is registered, if it is the name of a library optimizer, or if there is no such
        name or several.
        """
        if self.is_external(name) or name in self:
            return name
        alike = [known for known in self.names() if fold_name(known) == fold_name(name)]
        return alike[0] if len(alike) == 1 else name

    def choices(self) -> str:
        """Return where a name can be chosen from, for messages: the names themselves if they are few."""
        names = self.names()
        if len(names) > _FEW:
            return f"use a name from `bpviz list {self.what}s`"
        return f"use one of {', '.join(names)}"

    def names(self) -> list[str]:
        """Return all names in order, including those of entry points, which are not loaded."""
        return sorted({*self._import_all(), *self._points()})

    def _points(self) -> dict[str, list[EntryPoint]]:
        return entry_points.points(self._group) if self._group else {}

    def _find(self, name: str) -> bool:
        """Load the entry point ``name`` if there is one; return whether there is one."""
        points = self._points().get(name, [])
        if not points or name in self.providers:
            return bool(points)
        plugin = entry_points.described(points[0])
        registered = self._things.get(name)
        others = [entry_points.described(point) for point in points[1:]]
        if registered is not None and not entry_points.belongs_to_package(points[0], registered):
            others = [origin(registered)]
        if others:
            everyone = join_words([plugin, *others], "and")
            raise entry_points.BrokenPluginError(f"duplicate {self.what} {name!r}: {everyone}")
        self.providers[name] = entry_points.package(points[0])
        try:
            with all_or_nothing():
                entry_points.load(points[0])
                if name not in self._things:
                    message = f"{plugin} cannot be used: {points[0].value} defines no {self.what} of that name"
                    raise entry_points.BrokenPluginError(message)
        except BaseException:
            del self.providers[name]
            raise
        return True

    def _import_all(self) -> dict[str, T]:
        if not self._complete:
            self._complete = True
            for module in self._modules():
                importlib.import_module(module)
        return self._things

    def _modules(self) -> list[str]:
        package = importlib.import_module(self._package)
        found = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]
        return [f"{self._package}.{name}" for name in found]

    def _defines(self, name: object) -> bool:
        """Return whether the package defines ``name``, importing only modules whose text contains it in quotes.

        Importing every module takes longer than most commands.
        """
        if not self._complete and name not in self._things:
            try:
                self._texts = self._texts or {module: _text(module) for module in self._modules()}
            except OSError:  # installed without sources
                return name in self._import_all()
            for module, text in self._texts.items():
                if f'"{name}"' in text or f"'{name}'" in text:
                    importlib.import_module(module)
        return name in self._things

    def __getitem__(self, name: str) -> T:
        if self.is_external(name):
            return self._kind(name)
        if name not in self:
            raise KeyError(self.unknown(name))
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        if self.is_external(name):
            try:
                return self._kind(name) is not None
            except KeyError:
                return False
        if not isinstance(name, str):
            return False
        if not self._defines(name):
            return self._find(name)
        if self._group in entry_points.groups():
            self._find(name)  # raises if a package has an entry point of this name
        return True

    def is_external(self, name: object) -> TypeGuard[str]:
        """Return whether another module looks up this name."""
        return self._lookup_module != "" and isinstance(name, str) and ":" in name

    def _kind(self, name: str) -> T:
        found: T = importlib.import_module(self._lookup_module).optimizer_class(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._import_all()))

    def __len__(self) -> int:
        return len(self._import_all())

    def items(self) -> list[tuple[str, T]]:
        return [(name, self._import_all()[name]) for name in self]

    def unknown(self, name: object) -> str:
        """Return the message for an unknown name, with a suggestion if a similar name exists."""
        if self.is_external(name):
            try:
                self._kind(name)
            except KeyError as error:
                return str(error.args[0])
        synonyms = {**SYNONYMS, **{s: n for n, thing in self.items() for s in getattr(thing, "synonyms", ())}}
        guess = nearest(name, self.names(), synonyms)
        hint = f"did you mean {guess!r}?" if guess else self.choices()
        if isinstance(name, str):
            return f"unknown {self.what} {quote_value(name)}; {hint}"
        return f"expected the name of {_an(self.what)}, got {quote_value(name)}; {hint}"


def _text(module: str) -> str:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


def _same_cell(old: object, new: object) -> bool:
    """Return whether a class is a new version of another, defined by running a notebook cell again."""
    names = [(getattr(one, "__module__", ""), getattr(one, "__qualname__", "")) for one in (old, new)]
    return names[0] == names[1] and names[0][0] == "__main__"


def _an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


_ALL: list[Registry[Any]] = []


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Undo what plugins registered in the block if an exception ends it."""
    before = [(registry, registry._things.copy()) for registry in _ALL]
    try:
        yield
    except BaseException:
        for registry, things in before:
            own = {name: thing for name, thing in registry._things.items() if is_own(thing)}
            registry._things = {**own, **things}
        raise
