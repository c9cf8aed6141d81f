"""What changed between two folders of outputs, or between those of a git revision and those that are there.

Experiments are matched by the names of their folders, runs by label and start. Whole numbers and words are compared as
they are, other numbers to a relative 1e-9, so that another processor's last bits make no difference.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import tables
from bpviz.config import ConfigError, Mistake
from bpviz.config.discovery import find
from bpviz.declare import KINDS
from bpviz.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = 1
"""Version of the JSON's layout; a change that breaks a reader raises it."""

CLOSE = 1e-9
"""Relative difference up to which computed numbers are the same."""

_SUMMARY = "summary.json"


@dataclass(frozen=True)
class Outputs:
    """The outputs of an experiment: its runs as summary.json has them, and its figures as files, read when needed."""

    runs: list[dict[str, Any]]
    figures: Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Side:
    """Experiments by name, and what they are called together: a folder, or a folder at a revision."""

    name: str
    experiments: Mapping[str, Outputs]
    single: bool = False  # one experiment, whatever the name of its folder


class Difference(NamedTuple):
    """One thing of a run that is not what it was; ``relative`` is None where that makes no sense."""

    what: str
    old: Any
    new: Any
    relative: float | None


@dataclass(frozen=True)
class Changed:
    """An experiment, or a run of one, that was added, removed or changed; nothing of runs that are the same."""

    experiment: str
    change: str  # added, removed or changed
    label: str = ""  # of a run; empty for an experiment as a whole
    start: tuple[float, ...] = ()
    epochs: int = 0  # of a run that was added or removed
    runs: int = 0  # of an experiment that was added or removed
    differences: list[Difference] = field(default_factory=list)


# -- comparing -------------------------------------------------------------------------------------------------------


def compare(old: Side, new: Side) -> list[Changed]:
    """Return what differs, experiment by experiment in the order of their names, runs in the order of the new ones.

    Raises ConfigError if one side is one experiment and the other several.
    """
    if old.single and new.single:
        ((_, before),), ((name, now),) = old.experiments.items(), new.experiments.items()
        return list(_changed_runs(name, before.runs, now.runs))
    wrong = [
        Mistake(one.name, 0, 0, "", f"these are the outputs of one experiment, and {other.name} holds several")
        for one, other in ((old, new), (new, old))
        if one.single
    ]
    if wrong:
        raise ConfigError(wrong)
    changed: list[Changed] = []
    for name in sorted({*old.experiments, *new.experiments}):
        if name not in old.experiments:
            changed.append(Changed(name, "added", runs=len(new.experiments[name].runs)))
        elif name not in new.experiments:
            changed.append(Changed(name, "removed", runs=len(old.experiments[name].runs)))
        else:
            changed += _changed_runs(name, old.experiments[name].runs, new.experiments[name].runs)
    return changed


def _changed_runs(name: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[Changed]:
    before, after = _by_name(old), _by_name(new)
    for key, run in after.items():
        label, start, _ = key
        if key not in before:
            yield Changed(name, "added", label, start, epochs=run["epochs"])
        elif differences := list(_differences(before[key], run)):
            yield Changed(name, "changed", label, start, differences=differences)
    for key, run in before.items():
        if key not in after:
            yield Changed(name, "removed", key[0], key[1], epochs=run["epochs"])


def _by_name(runs: list[dict[str, Any]]) -> dict[tuple[str, tuple[float, ...], int], dict[str, Any]]:
    """Return runs by label, start and which they are of those that share both."""
    named: dict[tuple[str, tuple[float, ...], int], dict[str, Any]] = {}
    times = Counter[tuple[str, tuple[float, ...]]]()
    for run in runs:
        key = (run["label"], tuple(run["start"]))
        named[*key, times[key]] = run
        times[key] += 1
    return named


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    settings = [old.get("settings", {}), new.get("settings", {})]
    for what in ("algorithm", *(name for name in settings[0] if name in settings[1])):
        before, after = (
            (settings[0][what], settings[1][what]) if what in settings[0] else (old.get(what), new.get(what))
        )
        if before != after:
            yield Difference(what, before, after, _relative(before, after))
    whole = [("epochs", old["epochs"], new["epochs"])]
    whole += [(f"{kind} evals", old["evaluations"].get(kind, 0), new["evaluations"].get(kind, 0)) for kind in KINDS]
    for what, before, after in whole:
        if before != after:
            yield Difference(what, before, after, _relative(before, after))
    before, after = old["final_error"], new["final_error"]
    if not _close([before], [after]):
        yield Difference("final error", before, after, _relative(before, after))
    before, after = old["weights"], new["weights"]
    if not _close(before, after):
        yield Difference("end point", before, after, _moved(before, after))
    if old["ending"] != new["ending"]:
        yield Difference("ending", old["ending"], new["ending"], None)


def _close(old: Sequence[float | None], new: Sequence[float | None]) -> bool:
    """Tell whether points are the same, as far from each other as 1e-9 of their distance from zero at most.

    Where a number is not finite, both must be.
    """
    if len(old) != len(new) or [x is None for x in old] != [x is None for x in new]:
        return False
    before, after = ([x for x in point if x is not None] for point in (old, new))
    return math.dist(before, after) <= CLOSE * max(math.hypot(*before), math.hypot(*after))


def _relative(old: Any, new: Any) -> float | None:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (old, new))
    return (new - old) / abs(old) if numbers and old else None


def _moved(old: Sequence[float | None], new: Sequence[float | None]) -> float | None:
    """Return how far an end point moved, as a part of its distance from zero."""
    before, after = ([x for x in point if x is not None] for point in (old, new))
    if len(before) != len(old) or len(after) != len(old) or not any(before):
        return None
    return math.dist(before, after) / math.hypot(*before)


# -- showing ---------------------------------------------------------------------------------------------------------


def table(changed: Sequence[Changed], *, several: bool) -> Table:
    """Return what changed as a table, a row a difference; with ``several`` experiments their names stand in front."""
    many = Counter(label for label, _ in {(one.label, one.start) for one in changed})  # starts of each label
    titles = [*(["experiment"] if several else []), "Algorithm", "what", "old", "new", "change"]
    rows = []
    for one in changed:
        label = f"{one.label} from {tables.point(one.start)}" if many[one.label] > 1 else one.label
        front = [*([one.experiment] if several else []), label]
        if one.change != "changed":
            number, noun = (one.epochs, "epoch") if one.label else (one.runs, "run")
            there = f"{number} {noun}{'' if number == 1 else 's'}"
            old, new = ("", there) if one.change == "added" else (there, "")
            rows.append([*front, one.change, old, new, ""])
        for difference in one.differences:
            change = "" if difference.relative is None else f"{100 * difference.relative:+.3g}%"
            rows.append([*front, difference.what, *_told_apart(difference.old, difference.new), change])
    return Table(titles, rows, [*([False] if several else []), False, False, True, True, True])


def _told_apart(old: Any, new: Any) -> tuple[str, str]:
    """Return two values as text, to as many digits as it takes to tell one from the other, four at least."""
    for digits in range(4, 18):
        said = _said(old, digits), _said(new, digits)
        if said[0] != said[1]:
            break
    return said


def _said(value: Any, digits: int) -> str:
    if value is None:
        return "not finite"
    if isinstance(value, list):
        return f"({', '.join(_said(x, digits) for x in value)})"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def as_data(old: Side, new: Side, changed: Sequence[Changed]) -> dict[str, Any]:
    """Return what changed as plain data, exact."""
    experiments: dict[str, dict[str, Any]] = {}
    for one in changed:
        whole = one.change if not one.label else "changed"
        of = experiments.setdefault(one.experiment, {"name": one.experiment, "change": whole, "runs": []})
        if one.label:
            of["runs"].append(
                {
                    "label": one.label,
                    "start": list(one.start),
                    "change": one.change,
                    "differences": [difference._asdict() for difference in one.differences],
                }
            )
    return {
        "schema": SCHEMA,
        "old": old.name,
        "new": new.name,
        "same": not changed,
        "experiments": list(experiments.values()),
    }


# -- reading folders -------------------------------------------------------------------------------------------------


def sides(old: str, new: str) -> tuple[Side, Side]:
    """Return two folders of outputs. Raises ConfigError with what is wrong with either."""
    read = _all_of([lambda: _of_folder(old), lambda: _of_folder(new)])
    return read[0], read[1]


def _all_of(readings: Iterable[Callable[[], Side]]) -> list[Side]:
    """Return what was read; ConfigError with the mistakes of all."""
    read: list[Side] = []
    mistakes: list[Mistake] = []
    for reading in readings:
        try:
            read.append(reading())
        except ConfigError as error:
            mistakes += [mistake for mistake in error.mistakes if mistake not in mistakes]
    if mistakes:
        raise ConfigError(mistakes)
    return read


def _of_folder(folder: str) -> Side:
    path = Path(folder)
    if not path.exists():
        raise _mistake(folder, "no such folder")
    if not path.is_dir():
        raise _mistake(folder, "this is a file, not a folder of outputs")
    try:
        inside = [path, *sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink())]
        found = {
            p.relative_to(path).as_posix() + f"/{file.name}": file.read_bytes
            for p in inside
            for file in sorted(p.iterdir())
            if file.is_file() and (file.name == _SUMMARY or file.suffix == ".png")
        }
    except OSError as error:
        raise _mistake(folder, f"cannot be read: {error.strerror or error}") from None
    return _side(folder, folder, {name.removeprefix("./"): reads for name, reads in found.items()})


def _side(name: str, folder: str, found: Mapping[str, Callable[[], bytes]]) -> Side:
    """Return the experiments whose files, by their paths from ``folder``, were found there."""
    single = _SUMMARY in found
    names = [""] if single else sorted(path.rpartition("/")[0] for path in found if path.endswith(f"/{_SUMMARY}"))
    if not names:
        raise _mistake(name, f"there are no outputs of bpviz: no {_SUMMARY} here, nor in a folder of it")
    experiments: dict[str, Outputs] = {}
    mistakes: list[Mistake] = []
    for part in names:
        own = {path.rpartition("/")[2]: reads for path, reads in found.items() if path.rpartition("/")[0] == part}
        where = "/".join(filter(None, [name, part, _SUMMARY]))
        try:
            runs = _runs(where, own.pop(_SUMMARY))
        except ConfigError as error:
            mistakes += error.mistakes
        else:
            experiments[part or Path(os.path.abspath(folder)).name] = Outputs(runs, own)  # noqa: PTH100
    if mistakes:
        raise ConfigError(mistakes)
    return Side(name, experiments, single)


def _mistake(file: str, message: str) -> ConfigError:
    return ConfigError([Mistake(file or "''", 0, 0, "", message)])


def _runs(where: str, read: Callable[[], bytes]) -> list[dict[str, Any]]:
    """Return the runs of a summary; ConfigError if it is none."""
    try:
        content = read()
        data = json.loads(content)
    except OSError as error:
        raise _mistake(where, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        conflict = b"<<<<<<< " in content
        raise _mistake(where, "has conflict markers of git in it" if conflict else "is damaged: not JSON") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > tables.SCHEMA:
        raise _mistake(where, "is of a newer bpviz")
    if schema != tables.SCHEMA or not isinstance(data.get("runs"), list) or not all(map(_sound, data["runs"])):
        raise _mistake(where, "is damaged: not a summary of bpviz")
    runs: list[dict[str, Any]] = data["runs"]
    return runs


def _sound(run: Any) -> bool:
    """Tell whether a run of a summary has all that is compared, each of its kind."""

    def number(x: Any) -> bool:
        return isinstance(x, int | float) and not isinstance(x, bool)

    return (
        isinstance(run, dict)
        and isinstance(run.get("label"), str)
        and isinstance(run.get("ending"), str)
        and isinstance(run.get("epochs"), int)
        and isinstance(run.get("settings", {}), dict)
        and isinstance(run.get("evaluations"), dict)
        and all(map(number, run["evaluations"].values()))
        and isinstance(run.get("start"), list)
        and all(map(number, run["start"]))
        and isinstance(run.get("weights"), list)
        and all(x is None or number(x) for x in run["weights"])
        and "final_error" in run
        and (run["final_error"] is None or number(run["final_error"]))
    )


# -- reading git -----------------------------------------------------------------------------------------------------


def since(revision: str, paths: Sequence[str], out: Path) -> tuple[Side, Side]:
    """Return the outputs of a git revision and those that are there: of folders of outputs, or of configs, in ``out``.

    Git is only asked what it has; the working tree stays as it is. Raises ConfigError.
    """
    folders = _folders(paths, out)
    repository = _Repository(folders[0], revision)
    pairs: list[tuple[Side, Side]] = []
    mistakes: list[Mistake] = []
    for folder in folders:
        try:
            pairs.append(_then_and_now(repository, folder))
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    if len(pairs) == 1:
        return pairs[0]
    then, now = (
        {name: one for side in of for name, one in side.experiments.items()} for of in zip(*pairs, strict=True)
    )
    return Side(revision, then), Side(", ".join(folders), now)


def _then_and_now(repository: _Repository, folder: str) -> tuple[Side, Side]:
    """Return the outputs of a folder at the revision and now; a folder that is on one side only is new, or gone."""
    name = f"{folder} at {repository.revision}"
    found = repository.files(folder)
    if not Path(folder).exists() and found:
        then = _side(name, folder, found)
        return Side(name, then.experiments), Side(folder, {})
    if not found and Path(folder).exists():
        now = _of_folder(folder)
        if now.single:
            return Side(name, {}), Side(folder, now.experiments)
        raise _mistake(folder, f"{repository.revision} has no outputs here")
    if not found:
        raise _mistake(folder, f"no such folder, neither here nor at {repository.revision}")
    then, now = _all_of([lambda: _side(name, folder, found), lambda: _of_folder(folder)])
    return then, now


def _folders(paths: Sequence[str], out: Path) -> list[str]:
    """Return the folders of outputs that are meant: named themselves, or by their configs."""
    folders = []
    for path in paths or [str(out)]:
        given = Path(path)
        configs = given.suffix in (".yaml", ".yml") or (
            given.is_dir() and any(file.suffix in (".yaml", ".yml") for file in given.iterdir())
        )
        if configs:
            found = find([path])
            if found.mistakes:
                raise ConfigError(found.mistakes)
            folders += [str(out / source.name) for source in found.sources]
        else:
            folders.append(path)
    return list(dict.fromkeys(folders))


class _Repository:
    """What git has of files at a revision."""

    def __init__(self, folder: str, revision: str) -> None:
        self.revision = revision
        self._named = folder
        self._folder = Path(os.path.abspath(folder))  # noqa: PTH100  a link is not to be followed
        while not self._folder.is_dir():
            self._folder = self._folder.parent
        self.top = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel").rstrip(b"\n")))
        if revision.startswith("-") or not revision:
            raise _mistake(f"--git {revision}", "this is no revision")
        try:
            said = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except ConfigError:
            shallow = self._git("rev-parse", "--is-shallow-repository").strip() == b"true"
            hint = "; this clone is shallow, and `git fetch --unshallow` gets the rest" if shallow else ""
            raise _mistake(f"--git {revision}", f"git knows no such revision{hint}") from None
        self._commit = said.decode().strip()

    def files(self, folder: str) -> dict[str, Callable[[], bytes]]:
        """Return the summaries and pictures of a folder at the revision, and of folders in it, by their paths."""
        inside = os.path.relpath(os.path.realpath(folder), os.path.realpath(self.top))
        where = PurePosixPath(Path(inside).as_posix())
        if where.parts[:1] == ("..",):
            raise _mistake(folder, f"this is not in the repository {self.top}")
        found: dict[str, Callable[[], bytes]] = {}
        for entry in self._git("ls-tree", "-r", "-z", "--full-tree", self._commit, "--", f"{where}/").split(b"\0"):
            about, _, path = entry.partition(b"\t")
            mode, _, rest = about.decode().partition(" ")
            name = PurePosixPath(os.fsdecode(path))
            if mode not in ("100644", "100755"):
                continue
            below = name.relative_to(where)
            if len(below.parts) <= 2 and (below.name == _SUMMARY or below.suffix == ".png"):
                found[str(below)] = self._reader(rest.split()[1])
        return found

    def _reader(self, blob: str) -> Callable[[], bytes]:
        return lambda: self._git("cat-file", "blob", blob)

    def _git(self, *arguments: str) -> bytes:
        """Return what git says; ConfigError with its own words if it refuses."""
        environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(
                ["git", "-C", str(self._folder), *arguments], capture_output=True, check=False, env=environment
            )
        except OSError as error:
            raise _mistake("git", f"cannot be run: {error.strerror or error}") from None
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
            raise _mistake(self._named, f"git says: {said or f'exit code {done.returncode}'}")
        return done.stdout
