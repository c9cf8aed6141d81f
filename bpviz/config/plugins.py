"""Load plugins: Python files with update rules and problems. Only --plugin executes a file, never a config.

The module name of a plugin is unique, so a plugin file can have any name. Worker processes execute the text that was
read here, even if the file has changed since.
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
from bpviz.declare import KINDS, OPTIMIZERS, PARTS, PROBLEMS, WRAPPERS, components, entry_points
from bpviz.declare.domains import ListOf, Text
from bpviz.declare.registry import FILES, Registry, all_or_nothing
from bpviz.messages.diagnostics import ConfigError, Document, Mistake, Place
from bpviz.messages.text import join_words, quote_value
from bpviz.storage.reading import UnreadableError, decode, read

if TYPE_CHECKING:
    from bpviz.declare import Optimizer
    from bpviz.experiment.spec import Experiment

_IN_A_FILE = re.compile(r"(?P<file>.+?\.py)(?::(?P<rest>.*))?", re.DOTALL)
_NAME = re.compile(r"[\w+.-]{1,100}")
_REGISTRIES: tuple[Registry[Any], ...] = (OPTIMIZERS, WRAPPERS, PROBLEMS)


@dataclass(frozen=True)
class Plugin:
    """A loaded file: its path as given, its bytes, and the name of its module."""

    file: str
    data: bytes = field(repr=False)
    module: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def definitions(self) -> list[Any]:
        """Return the rules, wrappers and problems that the file defines."""
        return [thing for registry in _REGISTRIES for _, thing in registry.items() if thing.__module__ == self.module]


_LOADED: dict[str, Plugin] = {}  # by module name


def loaded() -> list[Plugin]:
    """Return the plugins that this process has loaded, in order."""
    return list(_LOADED.values())


def load_all(files: Iterable[str]) -> list[Plugin]:
    """Load files in order; raise ConfigError with the mistakes of all of them if there are any."""
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
    """Execute a file and register its definitions; a changed file replaces its earlier definitions.

    Standard output is redirected to standard error. If anything fails, raise ConfigError and register nothing.
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
    """Execute the text of a plugin unless it is already loaded; raise ConfigError if that fails."""
    before = _LOADED.get(plugin.module)
    if before is not None and before.data == plugin.data:
        return
    document = decode(plugin.data, plugin.file)
    with all_or_nothing():
        for registry in _REGISTRIES:
            registry.unregister(plugin.module)
        with _module(plugin) as module:
            _run(document, module)
            _check(plugin, document, module)
    _LOADED[plugin.module] = plugin


@contextlib.contextmanager
def _module(plugin: Plugin) -> Iterator[ModuleType]:
    """Add the module of a plugin to sys.modules; restore the previous one if an exception ends the block."""
    before, file = sys.modules.get(plugin.module), FILES.get(plugin.module)
    module = ModuleType(plugin.module)
    module.__file__ = plugin.file
    sys.modules[plugin.module], FILES[plugin.module] = module, plugin.file  # dataclasses look up their module
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
        raise ConfigError([place.mistake("", f"invalid Python: {error.msg}")]) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL byte, or deeply nested brackets
        raise ConfigError(
            [Place(document).mistake("", f"invalid Python: {entry_points.describe_error(error)}")]
        ) from None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        _, line = entry_points.error_location(error, document.name) or ("", 0)
        raise ConfigError([Place(document, line).mistake("", entry_points.describe_error(error))]) from error


def _check(plugin: Plugin, document: Document, module: ModuleType) -> None:
    """Raise ConfigError if a plugin defines nothing, or something that cannot be used."""
    messages = []
    definitions = plugin.definitions()
    if not definitions:
        messages.append("no algorithm or problem found; decorate a class with @optimizer(...) or @problem(...)")
    for thing in definitions:
        if not _NAME.fullmatch(thing.name):
            messages.append(f"invalid name {quote_value(thing.name)}; use letters, digits and + - . _")
        if getattr(module, thing.__qualname__, None) is not thing:
            messages.append(f"{thing.name}: class {thing.__qualname__} is not at the top level of the file")
        complaint = Text().complaint(getattr(thing, "label", thing.name))
        if complaint:
            messages.append(f"{thing.name}: label: {complaint}")
        if not hasattr(thing, "advance"):
            messages += [f"{thing.name}: {complaint}" for complaint in _problem_complaints(thing)]
    if messages:
        raise ConfigError([Place(document).mistake("", message) for message in messages])


def _problem_complaints(problem: Any) -> Iterator[str]:
    """Yield complaints about the attributes of a problem class."""
    parts = {}
    try:
        instance = problem()
        for part in PARTS:
            parts[part] = getattr(instance, part)
    except Exception as error:  # noqa: BLE001 - any exception is a mistake in the file
        yield f"{PARTS[list(PARTS)[len(parts)]]}: {entry_points.describe_error(error)}"
        return
    weights, offers, start = parts["weights"], parts["offers"], parts["start"]
    if not isinstance(weights, tuple) or not weights or not all(isinstance(name, str) for name in weights):
        yield f"weights: expected a tuple of strings, got {weights!r:.60}"
    elif not isinstance(start, tuple) or ListOf(NUMBER, len(weights), len(weights)).complaint(start):
        yield f"start: expected a tuple of {len(weights)} numbers, got {start!r:.60}"
    if not isinstance(offers, frozenset) or not {"error"} <= offers <= set(KINDS):
        yield f"offers: expected a frozenset of 'error' and any of {', '.join(KINDS[1:])}, got {offers!r:.60}"


def rule_in(plugin: Plugin, name: str) -> Any:
    """Return the rule of a plugin with this class name or name; if ``name`` is empty, the only rule.

    Raise ConfigError if there is no such rule.
    """
    rules = [thing for thing in plugin.definitions() if hasattr(thing, "advance") and thing.name not in WRAPPERS]
    found = [rule for rule in rules if name in (rule.__qualname__, rule.name)] if name else rules
    if len(found) == 1:
        return found[0]
    classes = [rule.__qualname__ for rule in rules]
    if not rules:
        message = "no algorithm found; decorate a class with @optimizer(...)"
    elif name:
        message = f"unknown algorithm {quote_value(name)}; use {join_words(classes)}"
    else:
        message = f"{len(rules)} algorithms found; use {join_words(f'{plugin.file}:{one}' for one in classes)}"
    raise ConfigError([Mistake(plugin.file, 0, 0, "", message)])


def rule_of(spec: str) -> Optimizer:
    """Return the rule of a text: ``gd``, ``gd:step=10``, or ``my_rule.py:MyRule:step=10`` for a rule in a file.

    The file is loaded. Raise ConfigError if there are mistakes.
    """
    match = _IN_A_FILE.fullmatch(spec)
    if match is None:
        return algorithm(spec).optimizer
    name, _, settings = (match["rest"] or "").partition(":")
    if "=" in name:  # my_rule.py:step=10
        name, settings = "", f"{name}:{settings}" if settings else name
    chosen: str = rule_in(load(match["file"]), name).name
    return algorithm(f"{chosen}:{settings}" if settings else chosen, spec).optimizer


def plugin_error(error: BaseException) -> str | None:
    """Return the message of an exception that a plugin raised, with file and line; None for other exceptions."""
    for plugin in _LOADED.values():
        place = entry_points.error_location(error, plugin.file)
        if place:
            return f"{place[0]}:{place[1]}: {entry_points.describe_error(error)}"
    return None


def used(experiment: Experiment) -> list[dict[str, str]]:
    """Return the plugins on which an experiment's results depend: files with their hash, packages with their version.

    All loaded files are included, whether or not the experiment uses them.
    """
    files = [{"file": Path(plugin.file).name, "sha256": plugin.sha256} for plugin in _LOADED.values()]
    return [*files, *({"package": name, "version": version} for name, version in packages(experiment).items())]


def packages(experiment: Experiment) -> dict[str, str]:
    """Return the installed packages that provide an experiment's rules or problem, with their versions."""
    things = [experiment.problem, *(a.optimizer for a in experiment.algorithms)]
    names = dict.fromkeys(part.name for thing in things for part in components(thing))
    return dict(
        registry.providers[name].split(" ", 1)
        for name in names
        for registry in _REGISTRIES
        if name in registry.providers
    )


def version_of(package: str) -> str:
    """Return the version of an installed package; "" if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
