"""A tree of values -> an Experiment; everything that is wrong with it is collected on the way."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import declare
from bpviz.config.expectations import EXACTLY, QUANTITIES, RELATIONS, Expectation
from bpviz.config.experiment import Algorithm, Experiment
from bpviz.config.keys import CSV, DISTANCE, KEYS, LABEL, MOST_WRAPPERS, NUMBER, PENALTY, ROWS, WITH
from bpviz.config.yaml_tree import Node, scalar, under
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, WRAPPERS, Field, Problem
from bpviz.declare.domains import Domain, Interval, Listed, Nullable
from bpviz.declare.entry_points import BrokenPluginError
from bpviz.libraries import MissingError
from bpviz.messages.diagnostics import SHOWN, ConfigError, Mistake, Place
from bpviz.messages.suggestions import nearest
from bpviz.messages.text import listed, shown
from bpviz.problems.datasets import DATASETS, Dataset
from bpviz.problems.penalty import Penalized
from bpviz.problems.perceptron import Perceptron
from bpviz.storage.reading import UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.declare.registry import Registry
    from bpviz.figures._kind import FigureRequest

# How words of other languages, and of YAML 1.1, are written here.
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "none": "null", "nil": "null"}


class Reader:
    """Reads one config. Methods return None for what they have refused; ``mistakes`` holds the reasons."""

    def __init__(self, folder: Path, mistakes: Iterable[Mistake] = ()) -> None:
        self.folder = folder
        self.mistakes = list(mistakes)
        self.data_files: list[str] = []

    def refuse(self, place: Place, path: str, message: str, *, shows: bool = True) -> None:
        """Note a mistake, which ``shows`` the line it is in."""
        mistake = place.mistake(path, message)
        self.mistakes.append(mistake if shows else dataclasses.replace(mistake, excerpt=""))

    def experiment(self, root: Node, name: str) -> Experiment | None:
        """Return what a whole config says."""
        given = root.value
        self._known(root, "", KEYS, "key")
        title, max_epochs = (self.option(given, KEYS[key], "") for key in ("title", "max_epochs"))
        problem = self.problem(root)
        error_threshold, gradient_threshold = self.thresholds(given, problem)
        starts = self.starts(given.get("start"), "start", problem)
        algorithms, called = self._algorithms(root, problem)
        figures = self._figures(root, problem, called)
        expectations = self._expectations(given.get("expect"), called)
        if self.mistakes or problem is None or algorithms is None:
            return None
        return Experiment(
            name,
            title or name,
            problem,
            starts,
            error_threshold,
            max_epochs,
            algorithms,
            figures,
            gradient_threshold,
            expectations,
            tuple(self.data_files),
        )

    # -- values ------------------------------------------------------------------------------------------------------

    def accepts(self, node: Node, path: str, domain: Domain, meaning: str) -> bool:
        """Tell whether a value is what ``domain`` allows, refusing what is not at the innermost place."""
        inner = domain.of if isinstance(domain, Nullable) else domain
        if isinstance(inner, Listed) and isinstance(node.value, list):
            right = [self.accepts(item, under(path, i), inner.item, meaning) for i, item in enumerate(node.value)]
            if not all(right):
                return False
        complaint = domain.complaint(node.plain)
        if complaint is None:
            return True
        if isinstance(node.value, float) and not math.isfinite(node.value):
            complaint = f"{shown(node.text)[1:-1]} is not a finite number"
        self.refuse(node.place, path, f"{complaint}{_advice(node, domain)} ({meaning})")
        return False

    def option(self, given: Mapping[str, Node], field: Field, path: str) -> Any:
        """Return the value of a field, its default if it is not given."""
        node = given.get(field.name)
        if node is None:
            return field.default
        path = under(path, field.name)
        return field.domain.convert(node.plain) if self.accepts(node, path, field.domain, field.meaning) else None

    def _options(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the declared fields that are given."""
        before = len(self.mistakes)
        values = self._accepted(node, path, declared)
        return values if len(self.mistakes) == before else None

    def _accepted(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any]:
        """Return the declared fields that are given, without those that are refused."""
        values = {}
        for name, field in declared.items():
            before = len(self.mistakes)
            value = self.option(node.value, field, path)
            if name in node.value and len(self.mistakes) == before:
                values[name] = value
        return values

    def _known(self, node: Node, path: str, allowed: Iterable[str], what: str) -> None:
        """Refuse the keys that are not ``allowed``."""
        allowed = list(allowed)
        for key, place in node.keys.items():
            if key not in allowed:
                guess = nearest(key, allowed) if len(self.mistakes) < SHOWN else None
                hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(allowed)}"
                around = _wrappers_with(key) if "with" in allowed and guess is None else ""
                self.refuse(place, under(path, key), f"unknown {what}; {hint}{around}")

    def _made(self, kind: Any, values: Mapping[str, Any] | None, node: Node, path: str) -> Any:
        """Return a ``kind`` with these values, if they are right and go together."""
        if values is None:
            return None
        conflicts = declare.conflicts(_unchecked(kind, values))
        for name, complaint in conflicts:
            self._refuse_part(node, path, name, complaint)
        return None if conflicts else kind(**values)

    def _refuse_part(self, node: Node, path: str, name: str, complaint: str) -> None:
        """Refuse a field of what stands at ``node``; "" for none in particular."""
        self.refuse(node.value.get(name, node).place, under(path, name) if name else path, complaint)

    # -- the problem -------------------------------------------------------------------------------------------------

    def problem(self, root: Node) -> Problem | None:
        """Return what ``problem``, or ``dataset`` and ``network``, say, with the ``penalty``."""
        given = root.value
        problem = self._function(root) if "problem" in given else self._perceptron(root)
        penalty = given.get("penalty")
        values = self._mapping(penalty, "penalty", PENALTY) if penalty else {}
        if problem is None or values is None:
            return None
        penalized: Any = Penalized(problem, **values)  # has the rest of a Problem from the other
        return penalized if any(values.values()) else problem

    def _function(self, root: Node) -> Problem | None:
        both = [key for key in ("dataset", "network") if key in root.value]
        for key in both:
            self.refuse(root.keys[key], key, "a problem stands for dataset and network; give it or them")
        named = self._named(root.value["problem"], "problem", PROBLEMS, "name")
        if named is None:
            return None
        entry, kind = named
        declared = declare.fields(kind)
        self._known(entry, "problem", ("name", *declared), f"setting of {kind.name}")
        problem: Problem | None = self._made(kind, self._options(entry, "problem", declared), entry, "problem")
        return None if both else problem

    def _mapping(self, node: Node, path: str, declared: Mapping[str, Field]) -> dict[str, Any] | None:
        """Return the declared fields that a mapping gives."""
        if not self._is_mapping(node, path, listed(declared, "and")):
            return None
        self._known(node, path, declared, "key")
        return self._options(node, path, declared)

    def _perceptron(self, root: Node) -> Problem | None:
        data = root.value.get("dataset")
        dataset = self._dataset(data, "dataset") if data else DATASETS[KEYS["dataset"].default]
        network = root.value.get("network", Node({}, root.place))
        values = self._mapping(network, "network", declare.fields(Perceptron))
        if dataset is None or values is None:
            return None
        problem: Problem | None = self._made(Perceptron, {"dataset": dataset, **values}, network, "network")
        return problem

    def _dataset(self, node: Node, path: str) -> Dataset | None:
        if isinstance(node.value, list):
            return self._rows(node, path, ())
        if isinstance(node.value, dict):
            return self._own_dataset(node, path)
        if isinstance(node.value, str) and node.value in DATASETS:
            return DATASETS[node.value]
        guess = nearest(node.value, DATASETS)
        hint = f"did you mean {guess!r}?" if guess else f"known are {', '.join(DATASETS)}"
        if isinstance(node.value, str) and node.value.lower().endswith(".csv"):
            hint = f"for a file write {{csv: {shown(node.value)[1:-1]}}}"
        self.refuse(node.place, path, f"{shown(node.value)} is not the name of a dataset; {hint}")
        return None

    def _own_dataset(self, node: Node, path: str) -> Dataset | None:
        if ("csv" in node.value) == ("rows" in node.value):
            self.refuse(node.place, path, "a mapping here has either csv, the path of a file, or rows, a list")
            return None
        declared = CSV if "csv" in node.value else ROWS
        before = len(self.mistakes)
        self._known(node, path, [*declared, *node.value.keys() & {"rows"}], "key")
        values = self._options(node, path, declared) or {}
        if len(self.mistakes) > before:
            return None
        names = values.get("features") or ()
        if len(set(names)) < len(names):
            self.refuse(node.value["features"].place, under(path, "features"), "a name is given twice")
        if "csv" in values:
            dataset = self._csv(node, path, **values)
        else:
            dataset = self._rows(node.value["rows"], under(path, "rows"), names)
        return dataset if len(self.mistakes) == before else None

    def _rows(self, node: Node, path: str, names: tuple[str, ...]) -> Dataset | None:
        before = len(self.mistakes)
        if not isinstance(node.value, list) or not node.value:
            self.refuse(node.place, path, f"{shown(node.plain)} is not a list of samples such as [[0.9, 0.3, 1]]")
            return None
        width = 0
        for i, row in enumerate(node.value):
            if not self.accepts(row, under(path, i), Listed(NUMBER, 2), "a sample: its features, then its target"):
                continue
            width = width or len(row.value)
            if len(row.value) != width:
                self.refuse(row.place, under(path, i), f"{len(row.value)} numbers, and the rows above have {width}")
        if names and width and len(names) != width - 1:
            message = f"{len(names)} names of features, and the rows have {width - 1} before the target"
            self.refuse(node.place, path, message)
        if len(self.mistakes) > before:
            return None
        samples = [tuple(float(number) for number in row) for row in node.plain]
        names = names or tuple(f"x{i + 1}" for i in range(width - 1))
        return Dataset("data", tuple(s[:-1] for s in samples), tuple(s[-1] for s in samples), names)

    def _csv(
        self, node: Node, path: str, csv: str, features: tuple[str, ...] | None = None, target: str | None = None
    ) -> Dataset | None:
        from bpviz.config.csv_data import Table  # here: few configs have one

        before = len(self.mistakes)
        self.data_files.append(csv)
        try:
            table = Table(self.folder / csv)
            target = target or table.names[-1]
            for part, where in _parts(node, path, ("features", "target")):
                complaint = table.unknown(part.value)
                if part.value == target and part is not node.value.get("target"):
                    complaint = f"{shown(target)} is the target"
                if complaint:
                    self.refuse(part.place, where, complaint)
            if len(self.mistakes) == before:
                return table.dataset(features or [name for name in table.names if name != target], target)
        except UnreadableError as error:
            self.refuse(node.value["csv"].place, under(path, "csv"), f"{self.folder / csv}: {error}")
        except ConfigError as error:
            self.mistakes += error.mistakes
        return None

    def starts(self, node: Node | None, path: str, problem: Problem | None) -> tuple[tuple[float, ...], ...]:
        """Return the points that a start says, one for each run of an algorithm."""
        if node is None:
            return (tuple(problem.start),) if problem else ()
        before = len(self.mistakes)
        several = isinstance(node.value, list) and any(isinstance(item.value, list) for item in node.value)
        points = [(item, under(path, i)) for i, item in enumerate(node.value)] if several else [(node, path)]
        weights = problem.weights if problem else ()
        for point, where in points:
            right = self.accepts(point, where, Listed(NUMBER, 1), KEYS["start"].meaning)
            if right and problem and len(point.value) != len(weights):
                count = f"{len(point.value)} number{'s' * (len(point.value) > 1)}"
                message = f"{count}, and the {problem.name} has {len(weights)} weights: {', '.join(weights)}"
                self.refuse(point.place, where, message)
        return tuple(Listed(NUMBER).convert(point.plain) for point, _ in points) if len(self.mistakes) == before else ()

    def thresholds(self, given: Mapping[str, Node], problem: Problem | None) -> tuple[float | None, float | None]:
        """Return the error, counted from the lowest there is, and the length of the gradient at which a run ends."""
        of_error, of_gradient = KEYS["error_threshold"], KEYS["gradient_threshold"]
        if problem:
            allowed = of_error.domain if problem.lowest is None else Nullable(DISTANCE)
            of_error = dataclasses.replace(of_error, default=problem.threshold, domain=allowed)
        error, gradient = self.option(given, of_error, ""), self.option(given, of_gradient, "")
        reason = declare.without_gradient(problem) if problem and gradient else None
        if reason:
            self.refuse(given["gradient_threshold"].place, "gradient_threshold", reason)
        return error, gradient

    # -- what is compared --------------------------------------------------------------------------------------------

    def _named(self, node: Node, path: str, registry: Registry[Any], key: str) -> tuple[Node, Any] | None:
        """Return an entry spelled out and what of ``registry`` it names under ``key``."""
        entry = spelled_out(node, key)
        if not isinstance(entry.value, dict):
            message = f"{shown(node.plain)} is not a {key}, or a mapping with a {key}"
            self.refuse(node.place, path, message)
            return None
        chosen = entry.value.get(key)
        if chosen is None:
            self.refuse(node.place, path, f"{key} is missing; known are {', '.join(registry)}")
            return None
        where = path if entry is not node else under(path, key)
        if not isinstance(chosen.value, str):
            self.refuse(chosen.place, where, registry.unknown(chosen.plain))
            return None
        if registry is OPTIMIZERS and chosen.value in WRAPPERS:
            message = f"{chosen.value} goes around an algorithm: {{name: gd, with: [{chosen.value}]}}"
            self.refuse(chosen.place, where, message)
            return None
        try:
            return entry, registry[chosen.value]
        except BrokenPluginError as error:
            self.refuse(chosen.place, where, str(error))
        except KeyError as error:
            # A library that is not installed is no mistake of this line, so that is not shown.
            self.refuse(chosen.place, where, error.args[0], shows=not isinstance(error, MissingError))
        return None

    def algorithm(self, node: Node, path: str, problem: Problem | None) -> Algorithm | None:
        """Return what one entry of ``algorithms`` says."""
        named = self._named(node, path, OPTIMIZERS, "name")
        if named is None:
            return None
        entry, kind = named
        before = len(self.mistakes)
        declared = declare.fields(kind)
        self._known(entry, path, ("name", "label", "with", *declared), f"setting of {kind.name}")
        label = self.option(entry.value, LABEL, path)
        optimizer = self._made(kind, self._options(entry, path, declared), entry, path)
        reason = declare.unsuitable(kind, problem) if problem else None
        if reason:
            self.refuse(node.place, path, reason)
        if optimizer is None and any(field.default is dataclasses.MISSING for field in declared.values()):
            return None  # what goes around it cannot be tried around a stand-in
        if "with" in entry.value:
            optimizer = self._wrapped(optimizer or kind(), entry.value["with"], under(path, "with"), problem)
        return Algorithm(label or optimizer.label, optimizer) if len(self.mistakes) == before else None

    def _wrapped(self, optimizer: Any, node: Node, path: str, problem: Problem | None) -> Any:
        """Return the optimizer in the wrappers that are listed, the first inside."""
        if not isinstance(node.value, list):
            hint = f"; write [{node.value}]" if isinstance(node.value, str) and node.value in WRAPPERS else ""
            self.refuse(node.place, path, f"{shown(node.plain)} is not {WITH.domain}{hint}")
            return optimizer
        if len(node.value) > MOST_WRAPPERS:
            self.refuse(node.place, path, f"{len(node.value)} wrappers around one algorithm, more than {MOST_WRAPPERS}")
            return optimizer
        for i, item in enumerate(node.value):
            where = under(path, i)
            named = self._named(item, where, WRAPPERS, "name")
            if named is None:
                continue
            entry, kind = named
            declared = declare.fields(kind)
            self._known(entry, where, ("name", *declared), f"setting of {kind.name}")
            values = self._options(entry, where, declared)
            wrapper = None if values is None else self._made(kind, {"inner": optimizer, **values}, entry, where)
            for name, complaint in declare.misfits(wrapper, problem) if wrapper and problem else ():
                self._refuse_part(entry, where, name, complaint)
            optimizer = wrapper or optimizer
        return optimizer

    def _algorithms(
        self, root: Node, problem: Problem | None
    ) -> tuple[tuple[Algorithm, ...] | None, Sequence[Called] | None]:
        """Return the algorithms and what each is called, which can often be told although its settings are refused."""
        before = len(self.mistakes)
        node = root.value.get("algorithms")
        if node is None:
            self.refuse(root.place, "", "algorithms are missing; give at least one, for instance `algorithms: [gd]`")
            return None, None
        if not isinstance(node.value, list) or not node.value:
            self.refuse(node.place, "algorithms", f"{shown(node.plain)} is not a list of one or more algorithms")
            return None, None
        first: dict[str, int] = {}
        chosen = []
        called = []
        for i, item in enumerate(node.value):
            path = under("algorithms", i)
            algorithm = self.algorithm(item, path, problem)
            if algorithm is not None:
                chosen.append(algorithm)
            names = Called(algorithm.label, algorithm.optimizer.name) if algorithm is not None else _called(item)
            if names is None:
                continue
            called.append(names)
            other = first.setdefault(names.label, i)
            if other != i:
                message = f"{names.label!r} is the label of algorithms[{other}] too ({node.value[other].place})"
                self.refuse(item.place, path, f"{message}; give one of them another `label`")
        all_of_them = len(called) == len(node.value)
        return tuple(chosen) if len(self.mistakes) == before else None, called if all_of_them else None

    # -- what is expected --------------------------------------------------------------------------------------------

    def _expectations(self, node: Node | None, called: Sequence[Called] | None) -> tuple[Expectation, ...]:
        if node is None or not self._is_mapping(node, "expect", "algorithms and what they should come to"):
            return ()
        found: dict[tuple[str, str, str], Expectation] = {}
        for name, of_algorithm in node.value.items():
            path = under("expect", name)
            labels = [one.label for one in called or () if name in one]
            if called is not None and not labels:
                known = dict.fromkeys(word for one in called for word in (one.name, one.label))
                guess = nearest(name, known)
                hint = f"did you mean {guess!r}?" if guess else f"there are {listed(map(shown, known), 'and')}"
                self.refuse(node.keys[name], path, f"{shown(name)} is not an algorithm of this experiment; {hint}")
            if not self._is_mapping(of_algorithm, path, listed(QUANTITIES)):
                continue
            self._known(of_algorithm, path, QUANTITIES, "quantity")
            for quantity, expected in of_algorithm.value.items():
                if quantity not in QUANTITIES:
                    continue
                for relation, value, where in self._bounds(expected, under(path, quantity), quantity):
                    for label in labels:
                        found[label, quantity, relation] = Expectation(label, quantity, relation, value, where)
        labels, quantities = [one.label for one in called or ()], list(QUANTITIES)
        order = sorted(found, key=lambda one: (labels.index(one[0]), quantities.index(one[1])))
        return tuple(found[one] for one in order)

    def _bounds(self, node: Node, path: str, quantity: str) -> Iterator[tuple[str, Any, Mistake]]:
        """Yield each relation that is asked of a quantity, with its value, and its place with nothing said yet."""
        domain = QUANTITIES[quantity].domain
        meaning = f"the {quantity} expected"
        if not isinstance(node.value, dict):
            if self.accepts(node, path, domain, meaning):
                yield EXACTLY, domain.convert(node.plain), node.place.mistake(path, "")
            return
        if not isinstance(domain, Interval):
            self.refuse(node.place, path, f"a mapping is not one of {domain} ({meaning})")
            return
        self._known(node, path, RELATIONS, "bound")
        if not node.value:
            self.refuse(node.place, path, f"an empty mapping has none of {listed(RELATIONS)}")
        for relation, bound in node.value.items():
            if relation in RELATIONS and self.accepts(bound, under(path, relation), domain, meaning):
                yield relation, domain.convert(bound.plain), bound.place.mistake(under(path, relation), "")

    def _is_mapping(self, node: Node, path: str, of: str) -> bool:
        if isinstance(node.value, dict):
            return True
        self.refuse(node.place, path, f"{shown(node.plain)} is not a mapping of {of}")
        return False

    # -- what is drawn -----------------------------------------------------------------------------------------------

    def _figures(
        self, root: Node, problem: Problem | None, called: Sequence[Called] | None
    ) -> tuple[FigureRequest, ...]:
        node = root.value.get("figures")
        if node is None:
            return self._default_figures(root, problem, called) if problem and called else ()
        if not isinstance(node.value, list):
            self.refuse(node.place, "figures", f"{shown(node.plain)} is not a list of figures; [] draws none")
            return ()
        first: dict[str, int] = {}
        requests = []
        for i, item in enumerate(node.value):
            path = under("figures", i)
            request = self.figure(item, path, problem, called)
            if request is None:
                continue
            requests.append(request)
            file = request.file_name()
            other = first.setdefault(file.casefold(), i)
            if other != i:
                message = f"saved as {file!r}, like figures[{other}] ({node.value[other].place})"
                self.refuse(item.place, path, f"{message}; give one of them another `save_as`")
        return tuple(requests)

    def _default_figures(self, root: Node, problem: Problem, called: Sequence[Called]) -> tuple[FigureRequest, ...]:
        labels = list(dict.fromkeys(one.label for one in called))  # of two that are the same it has been told
        requests = tuple(request for _, kind in FIGURES.items() for request in kind.defaults(problem, labels))
        files = [request.file_name().casefold() for request in requests]
        twice = sorted({file for file in files if files.count(file) > 1})
        if twice:
            message = f"two figures would be saved as {twice[0]!r}; give labels that differ in more than punctuation"
            self.refuse(root.value["algorithms"].place, "algorithms", message)
        return requests

    def figure(
        self, node: Node, path: str, problem: Problem | None, called: Sequence[Called] | None
    ) -> FigureRequest | None:
        """Return what one entry of ``figures`` says; ``called``: what algorithms there are, if that is known."""
        named = self._named(node, path, FIGURES, "kind")
        if named is None:
            return None
        entry, kind = named
        declared = declare.fields(kind)
        self._known(entry, path, ("kind", *declared), f"option of {kind.name}")
        before = len(self.mistakes)
        values = self._accepted(entry, path, declared)
        request: FigureRequest | None = self._made(kind, values if len(self.mistakes) == before else None, entry, path)
        if problem is not None:
            asked = _unchecked(kind, values)
            given = getattr(asked, "algorithms", None) or ()
            known = dict.fromkeys(given if called is None else (word for one in called for word in one))
            for name, complaint in asked.misfits(problem, known):
                self._refuse_part(entry, path, name, complaint)
        return request


class Called(NamedTuple):
    """What figures and expectations may call an algorithm."""

    label: str
    name: str


def _called(node: Node) -> Called | None:
    """Return what an entry of ``algorithms`` that is refused is called, or None if that cannot be told."""
    given = spelled_out(node, "name").value
    name, label = (given.get(key) for key in ("name", "label")) if isinstance(given, dict) else (None, None)
    if name is None or not isinstance(name.value, str):
        return None
    try:
        if name.value not in OPTIMIZERS:  # asked first: to word another refusal takes long
            return None
        kind = OPTIMIZERS[name.value]
    except BrokenPluginError:
        return None
    if label is None:
        return Called(kind.label, kind.name) if "with" not in given else None  # what goes around it is in its label
    return Called(label.value, kind.name) if label.value and LABEL.domain.complaint(label.plain) is None else None


def _unchecked(kind: Any, values: Mapping[str, Any]) -> Any:
    """Return a ``kind`` with these values, whether or not they go together."""
    made = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def spelled_out(node: Node, key: str) -> Node:
    """Return an entry that is a word alone, like `- gd`, as the mapping it stands for, `- {name: gd}`."""
    if not isinstance(node.value, str):
        return node
    return Node({key: node}, node.place, keys={key: node.place})


def _parts(node: Node, path: str, names: Iterable[str]) -> Iterator[tuple[Node, str]]:
    """Yield the words that stand under ``names``, alone or in a list, with their paths."""
    for name in names:
        part = node.value.get(name)
        if part is not None and isinstance(part.value, list):
            yield from ((item, under(under(path, name), i)) for i, item in enumerate(part.value))
        elif part is not None and part.value is not None:
            yield part, under(path, name)


def _wrappers_with(setting: str) -> str:
    """Return where a setting belongs that is a number of wrappers; nothing if it is of none."""
    found = ((name, declare.fields(wrapper).get(setting)) for name, wrapper in WRAPPERS.items())
    names = [name for name, field in found if field is not None and isinstance(field.domain, Interval)]
    return f"; what goes around it, under 'with', can have {setting}: {listed(names)}" if names else ""


def _advice(node: Node, domain: Domain) -> str:
    """Return what to write instead, as the end of a complaint, if that can be told from what was written."""
    if isinstance(node.value, list | dict) or len(node.text) > 60:
        return ""
    if not isinstance(node.value, str):
        return f"; write {node.text!r}, in quotes" if domain.complaint(node.text) is None else ""
    if node.quoted and _fits(node.value, domain):
        return f"; it is quoted: write {node.value.strip()} without the quotes"
    return next((f"; write {guess}" for guess in _guesses(node.value) if _fits(guess, domain)), "")


def _guesses(text: str) -> Iterator[str]:
    yield _WORDS.get(text.lower(), "")
    yield text.replace("_", "").replace(" ", "")  # 1_000
    yield text.replace(",", ".")  # 0,3
    yield f"[{', '.join(text.strip('()[]{} ').replace(',', ' ').replace(';', ' ').split())}]"  # (-4, -4)


def _fits(text: str, domain: Domain) -> bool:
    """Tell whether ``text``, written without quotes, is something else than text that ``domain`` allows."""
    text = text.strip()
    value = [scalar(item) for item in text[1:-1].split(", ")] if text.startswith("[") else scalar(text)
    return not isinstance(value, str) and text != "" and domain.complaint(value) is None
