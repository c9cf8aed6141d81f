"""Files with rules and problems of somebody's own: executed because somebody named them, never by a config.

A file becomes a module that nobody can import by accident, so it may have any name. Other processes are handed the text
that was read here, and run that.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bpviz.config import algorithm
from bpviz.config.schema import NUMBER
from bpviz.config.yaml_tree import LARGEST
from bpviz.declare import KINDS, OPTIMIZERS, PARTS, PROBLEMS, WRAPPERS, entry_points, made_of
from bpviz.declare.domains import Listed, Text
from bpviz.declare.registry import FILES, Registry, all_or_nothing
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.text import listed, shown
from bpviz.storage.reading import UnreadableError, decode, read

if TYPE_CHECKING:
    from bpviz.declare import Optimizer
    from bpviz.experiment.spec import Experiment

_IN_A_FILE = re.compile(r"(?P<file>.+?\.py)(?::(?P<rest>.*))?", re.DOTALL)
_NAME = re.compile(r"[\w+.-]{1,100}")
_REGISTRIES: tuple[Registry[Any], ...] = (OPTIMIZERS, WRAPPERS, PROBLEMS)


@dataclass(frozen=True)
class Plugin:
    """A file that has been loaded: as it was named, its bytes, and the module it became."""

    file: str
    data: bytes = field(repr=False)
    module: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def definitions(self) -> list[Any]:
        """Return the rules, the wrappers and the problems that it defines."""
        return [thing for registry in _REGISTRIES for _, thing in registry.items() if thing.__module__ == self.module]


_LOADED: dict[str, Plugin] = {}  # by their modules


def loaded() -> list[Plugin]:
    """Return the files that this process has loaded, in the order it did."""
    return list(_LOADED.values())


def load_all(files: Iterable[str]) -> list[Plugin]:
    """Load files, one after the other. Raises ConfigError, with the mistakes of all of them."""
    plugins: list[Plugin] = []
    mistakes: list[Mistake] = []
    for file in files:
        try:
            plugins.append(load(file))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return plugins


def load(file: str) -> Plugin:
    """Run a file, so that what it defines is known by name; a file that has changed replaces what it was.

    What it prints goes to the standard error stream. Raises ConfigError, whatever is wrong, and leaves nothing behind.
    """
    try:
        data = read(Path(file), LARGEST)
    except UnreadableError as error:
        raise ConfigError([Mistake(file, 0, 0, "", str(error))]) from None
    whole = Path(file).resolve()
    stem = re.sub(r"\W", "_", whole.stem)[:60]
    plugin = Plugin(file, data, f"bpviz_plugin_{stem}_{hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]}")
    start(plugin)
    return plugin


def start(plugin: Plugin) -> None:
    """Run the text of a plugin if it does not run already. Raises ConfigError."""
    before = _LOADED.get(plugin.module)
    if before is not None and before.data == plugin.data:
        return
    document = decode(plugin.data, plugin.file)
    with all_or_nothing():
        for registry in _REGISTRIES:
            registry.forget(plugin.module)
        with _module(plugin) as module:
            _run(document, module)
            _look_at(plugin, document, module)
    _LOADED[plugin.module] = plugin


@contextlib.contextmanager
def _module(plugin: Plugin) -> Iterator[ModuleType]:
    """Make the module of a plugin; the one before comes back if an exception ends the block."""
    before, file = sys.modules.get(plugin.module), FILES.get(plugin.module)
    module = ModuleType(plugin.module)
    module.__file__ = plugin.file
    sys.modules[plugin.module], FILES[plugin.module] = module, plugin.file  # classes look their module up
    try:
        yield module
    except BaseException:
        del sys.modules[plugin.module], FILES[plugin.module]
        if before is not None and file is not None:
            sys.modules[plugin.module], FILES[plugin.module] = before, file
        raise


def _run(document: Document, module: ModuleType) -> None:
    try:
        code = compile(document.text, document.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = Place(document, error.lineno or 0, error.offset or 0)
        raise ConfigError([place.mistake("", f"not Python: {error.msg}")]) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL byte, or brackets in brackets in brackets
        raise ConfigError([Place(document).mistake("", f"not Python: {entry_points.in_words(error)}")]) from None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        _, line = entry_points.last_place(error, document.name) or ("", 0)
        raise ConfigError([Place(document, line).mistake("", entry_points.in_words(error))]) from error


def _look_at(plugin: Plugin, document: Document, module: ModuleType) -> None:
    """Refuse a plugin that defines nothing, or something that cannot be used by its name."""
    wrong = []
    things = plugin.definitions()
    if not things:
        wrong.append(
            "it defines no algorithm and no problem; what does is a class under @optimizer(...) or @problem(...)"
        )
    for thing in things:
        if not _NAME.fullmatch(thing.name):
            wrong.append(f"{shown(thing.name)} cannot be a name: letters, digits and + - . _ can")
        if getattr(module, thing.__qualname__, None) is not thing:
            wrong.append(f"{thing.name}: the class {thing.__qualname__} does not stand at the top of the file")
        complaint = Text().complaint(getattr(thing, "label", thing.name))
        if complaint:
            wrong.append(f"{thing.name}: label: {complaint}")
        if not hasattr(thing, "advance"):
            wrong += [f"{thing.name}: {complaint}" for complaint in _ill_made(thing)]
    if wrong:
        raise ConfigError([Place(document).mistake("", message) for message in wrong])


def _ill_made(problem: Any) -> Iterator[str]:
    """Yield what is wrong with the parts of a problem."""
    parts = {}
    try:
        made = problem()
        for part in PARTS:
            parts[part] = getattr(made, part)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a mistake in the file
        yield f"{PARTS[list(PARTS)[len(parts)]]}: {entry_points.in_words(error)}"
        return
    weights, offers, start = parts["weights"], parts["offers"], parts["start"]
    if not isinstance(weights, tuple) or not weights or not all(isinstance(name, str) for name in weights):
        yield f"weights: {weights!r:.60} is not a tuple of names"
    elif not isinstance(start, tuple) or Listed(NUMBER, len(weights), len(weights)).complaint(start):
        yield f"start: {start!r:.60} is not a tuple of {len(weights)} numbers"
    if not isinstance(offers, frozenset) or not {"error"} <= offers <= set(KINDS):
        yield f'offers: {offers!r:.60} is not a frozenset with "error" in it and others of {", ".join(KINDS[1:])}'


def named(plugin: Plugin, name: str) -> Any:
    """Return the rule that a plugin's class ``name``, or that name itself, is; the only one if ``name`` is empty.

    Raises ConfigError.
    """
    rules = [thing for thing in plugin.definitions() if hasattr(thing, "advance") and thing.name not in WRAPPERS]
    found = [rule for rule in rules if name in (rule.__qualname__, rule.name)] if name else rules
    if len(found) == 1:
        return found[0]
    there = listed((rule.__qualname__ for rule in rules), "and")
    message = f"no algorithm is named {shown(name)}; there is {there}" if name else f"which one? There are {there}"
    raise ConfigError([Mistake(plugin.file, 0, 0, "", message if rules else "it defines no algorithm")])


def rule_of(spec: str) -> Optimizer:
    """Return the rule that a user names: ``gd``, ``gd:step=10``, or in a file ``my_rule.py:MyRule:step=10``.

    A file that is named is loaded. Raises ConfigError.
    """
    match = _IN_A_FILE.fullmatch(spec)
    if match is None:
        return algorithm(spec).optimizer
    name, _, settings = (match["rest"] or "").partition(":")
    if "=" in name:  # my_rule.py:step=10
        name, settings = "", f"{name}:{settings}" if settings else name
    chosen: str = named(load(match["file"]), name).name
    return algorithm(f"{chosen}:{settings}" if settings else chosen, spec).optimizer


def blamed(error: BaseException) -> str | None:
    """Return what an exception that came out of a plugin says, with its place; None if it came from elsewhere."""
    for plugin in _LOADED.values():
        place = entry_points.last_place(error, plugin.file)
        if place:
            return f"{place[0]}:{place[1]}: {entry_points.in_words(error)}"
    return None


def used(experiment: Experiment) -> list[dict[str, str]]:
    """Return what an experiment's results depend on besides bpviz: files by name and hash, packages by version.

    All files that have been loaded are named, whatever is used of them.
    """
    files = [{"file": Path(plugin.file).name, "sha256": plugin.sha256} for plugin in _LOADED.values()]
    return [*files, *({"package": name, "version": version} for name, version in packages(experiment).items())]


def packages(experiment: Experiment) -> dict[str, str]:
    """Return the installed packages that an experiment has its rules or its problem of, with their versions."""
    things = [experiment.problem, *(a.optimizer for a in experiment.algorithms)]
    names = dict.fromkeys(part.name for thing in things for part in made_of(thing))
    return dict(
        registry.brought[name].split(" ", 1) for name in names for registry in _REGISTRIES if name in registry.brought
    )


def version_of(package: str) -> str:
    """Return the version of an installed package, nothing if there is none."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
