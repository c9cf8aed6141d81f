"""Determine which outputs are up to date, why others must be updated, and which are orphaned.

Outputs are up to date if the config, the data, the options, the source files and the output files are those of the
lockfile, compared by hash. The config is then not parsed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import config
from bpviz.config import plugins
from bpviz.config.discovery import Source
from bpviz.messages.text import join_words, quote_value
from bpviz.outputs import lockfile, provenance, summaries
from bpviz.outputs.lockfile import Lock, LockError, Origin
from bpviz.outputs.names import TABLES
from bpviz.storage import atomic, hashing
from bpviz.storage.reading import UnreadableError, read
from bpviz.storage.untrusted import LARGEST_OUTPUT, parse

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.outputs.build import Job

_MOST_CHANGES = 3  # changed values of a config that are listed
_MOST_FILES = 4  # changed source files that are listed
_MOST_PACKAGES = 50  # in a lockfile; looking up each takes a millisecond
_LARGEST_DATA = 1 << 28  # bytes; data that are too large to be used are reported when the config is read


class RunOptions(NamedTuple):
    """Options of the command line that affect the outputs: overrides, figure formats, and whether to draw figures."""

    overrides: list[str]
    formats: list[str]
    figures: bool


class Work(NamedTuple):
    """An experiment to run and the reason; None if there are no outputs yet."""

    job: Job
    why: str | None


def up_to_date(source: Source, folder: Path, asked: RunOptions) -> Lock | None:
    """Return the lock of outputs that are up to date, None if they may not be."""
    try:
        before = lockfile.read(folder)
    except LockError:
        return None
    if before is None or before.asked != asked._asdict() or not before.files.keys() >= set(TABLES):
        return None
    data, packages = _data(source, before, asked), _named(before, "package")
    if data is None or len(packages) > _MOST_PACKAGES:
        return None
    versions = {name: plugins.version_of(name) for name in packages}
    if origin(source, folder, asked, data, versions) != before.origin:
        return None
    if provenance.changed_code(before.code) or lockfile.damages(before, folder):
        return None
    return before


def _data(source: Source, before: Lock, asked: RunOptions) -> list[str] | None:
    """Return the data files of a lockfile if the config names them, None if it does not.

    The config is parsed only if it does not contain the names as they are.
    """
    names = _named(before, "data")
    given = [source.data, *(override.encode(errors="replace") for override in asked.overrides)]
    if all(any(name.encode() in text for text in given) for name in names):
        return names
    try:
        return names if set(names) <= set(source.experiment(asked.overrides).data_files) else None
    except config.ConfigError:
        return None


def origin(
    source: Source, folder: Path, asked: RunOptions, data: Iterable[str], packages: Mapping[str, str] | None = None
) -> Origin:
    """Return the inputs and options of an experiment as its lockfile records them."""
    inputs = {"config": hashing.of_bytes(source.data)}
    for plugin in plugins.loaded():
        key = f"plugin {Path(plugin.file).name}"
        alike = sum(name == key or name.startswith(f"{key} (") for name in inputs)
        inputs[f"{key} ({alike + 1})" if alike else key] = plugin.sha256
    inputs |= {f"package {name}": version for name, version in (packages or {}).items()}
    inputs |= {f"data {name}": _of_file(source.folder / name) for name in data}
    return Origin(_relative(source.path, folder), inputs, asked._asdict())


def _named(before: Lock, kind: str) -> list[str]:
    """Return the names of the inputs of one kind: ``data``, ``plugin`` or ``package``."""
    return [name.removeprefix(f"{kind} ") for name in before.inputs if name.startswith(f"{kind} ")]


def _of_file(path: Path) -> str:
    try:
        return hashing.of_bytes(read(path, _LARGEST_DATA))
    except UnreadableError:
        return ""


def _relative(path: str, folder: Path) -> str:
    """Return the path of a config relative to its output folder, with forward slashes."""
    if path == "-":
        return path
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(path).name


def job(source: Source, experiment: Experiment, folder: Path, asked: RunOptions, *, force: bool) -> Job:
    """Return the job of an experiment, without the lockfile of existing outputs: see work_for."""
    from bpviz.outputs.build import Job  # imports NumPy, which outputs that are up to date do not need

    now = origin(source, folder, asked, experiment.data_files, plugins.packages(experiment))
    if not asked.figures:
        experiment = dataclasses.replace(experiment, figures=())
    return Job(experiment, folder, tuple(asked.formats), origin=now, forced=force)


def work_for(job: Job, requested: str = "rerun requested") -> Work:
    """Return the work for a job, with the lockfile of its existing outputs and the reason to run it.

    ``requested`` is the reason to run it if its outputs are up to date.
    """
    assert job.origin
    try:
        before = lockfile.read(job.folder)
    except LockError as error:
        return Work(job, str(error))
    if before is None:
        return Work(job, None)
    return Work(dataclasses.replace(job, before=before), _reason(job, before, job.origin) or requested)


def _reason(job: Job, before: Lock, now: Origin) -> str:
    """Return why an experiment with outputs must be run again; an empty string if they are up to date."""
    reasons = [f"{name.partition(' ')[2]} changed" for name in changed(before.inputs, now.inputs) if name != "config"]
    other = changed(before.asked, now.asked)
    if before.inputs.get("config") != now.inputs["config"] or "overrides" in other:
        reasons += _config_changes(job) or ["config file edited, but its values are unchanged"]
    if set(other) - {"overrides"}:
        reasons.append("figure options changed (--format or --no-figures)")
    code = provenance.changed_code(before.code)
    if code:
        more = len(code) - _MOST_FILES
        names = [*code[:_MOST_FILES], f"{more} more"] if more > 1 else code
        reasons.append(f"bpviz source files changed: {', '.join(names)}")
    damages = lockfile.damages(before, job.folder)
    for kind in dict.fromkeys(damages.values()):
        files = [name for name, found in damages.items() if found == kind]
        reasons.append(f"{kind} output {'file' if len(files) == 1 else 'files'}: {', '.join(files)}")
    if not reasons:
        unlisted = [name for name in job.files if name not in before.files]
        reasons += [f"not listed in {lockfile.NAME}: {', '.join(unlisted)}"] if unlisted else []
        try:
            summaries.of_folder(job.folder)
        except UnreadableError as error:
            reasons.append(f"{summaries.NAME} {error}")
    return "; ".join(reasons)


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the keys whose values differ, including those that only one mapping has."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _config_changes(job: Job) -> list[str]:
    """Return the changed values of a config: ``algorithms[0].step: 0.3 -> 10``."""
    found = changes(job.folder, job.experiment)
    if found is None:
        return ["config changed"]
    values = [f"{path}: {was} -> {now}" for path, (now, was) in found.items()]
    more = len(values) - _MOST_CHANGES
    if more <= 0:
        return values
    return [*values[:_MOST_CHANGES], f"{more} more config {'value' if more == 1 else 'values'} changed"]


def changes(folder: Path, experiment: Experiment) -> dict[str, tuple[str, str]] | None:
    """Return the changed values of an experiment by path, each as (now, before); None if run.json is unusable."""
    try:
        was = _flat(parse(read(folder / "run.json", LARGEST_OUTPUT, links=False))["experiment"])
        now = _flat(json.loads(json.dumps(config.resolved(experiment))))
    except (UnreadableError, KeyError, TypeError, RecursionError):
        return None
    found = {path: (_value(now, path), _value(was, path)) for path in {**was, **now} if was.get(path) != now.get(path)}
    other = {path: values for path, values in found.items() if not path.startswith("dataset")}
    if experiment.data_files and len(other) < len(found):  # messages must not quote files outside the config's folder
        return {"dataset": (join_words(experiment.data_files, "and"), "other data"), **other}
    return found


def _value(flat: Mapping[str, Any], path: str) -> str:
    return quote_value(flat[path]) if path in flat else "unset"


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    """Return the values of nested data by path."""
    if isinstance(data, dict):
        parts = [(f"{path}.{name}" if path else name, value) for name, value in data.items()]
    elif isinstance(data, list):
        parts = [(f"{path}[{i}]", value) for i, value in enumerate(data)]
    else:
        return {path: data}
    return {name: value for part, inner in parts for name, value in _flat(inner, part).items()}


class Orphan(NamedTuple):
    """Orphaned outputs: a folder whose config no longer exists, or files that its config no longer produces.

    ``files`` has the recorded hash and size of each file.
    """

    folder: Path
    files: Mapping[str, Mapping[str, Any]]
    config: str  # the config that no longer exists; empty if only files are orphaned

    def __str__(self) -> str:
        if self.config:
            return f"{self.folder} is an orphaned output folder (its config {self.config} no longer exists)"
        return f"{self.folder}: orphaned {'file' if len(self.files) == 1 else 'files'}: {', '.join(self.files)}"


def orphans(out: Path, folders: Sequence[Path], known: Mapping[Path, Lock] = MappingProxyType({})) -> Iterator[Orphan]:
    """Yield the orphaned outputs in the folder ``out``.

    Folders count as orphaned only if their config was in one of ``folders``, and if they have its name. ``known`` has
    lockfiles that have been read already, by folder.
    """
    try:
        inside = sorted(path for path in out.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return
    wanted = {folder.resolve() for folder in folders}
    for folder in inside:
        try:
            before = known.get(folder) or lockfile.read(folder)
        except LockError:
            continue
        if before is None or before.config == "-" or Source(before.config, b"").name != folder.name:
            continue
        path = folder / before.config
        if os.path.exists(path):  # noqa: PTH110  Path.exists raises an error if the name is too long
            left = {name: record for name, record in before.left_over.items() if os.path.lexists(folder / name)}
            if left:
                yield Orphan(folder, left, "")
        elif _place(path.parent) in wanted:
            yield Orphan(folder, {**before.files, **before.left_over}, os.path.normpath(path))


def _place(folder: Path) -> Path | None:
    """Return the absolute path of a folder without links, None if it cannot be determined."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        return None


def prune(orphan: Orphan) -> list[str]:
    """Delete orphaned outputs, and their folder if it is then empty.

    Only files with the recorded content are deleted.

    Returns
    -------
    list
        The names of the files that are kept, because they have other content.

    Raises
    ------
    UnwritableError
        If a file cannot be deleted.
    """
    kept = []
    for name, record in orphan.files.items():
        found = lockfile.damage(record, orphan.folder / name)
        if found is None:
            _delete(orphan.folder / name)
        elif found != "missing":
            kept.append(name)
    if orphan.config:
        _delete(orphan.folder / lockfile.NAME)
        with contextlib.suppress(OSError):  # it contains other files
            orphan.folder.rmdir()
    else:
        before = lockfile.read(orphan.folder)
        if before:
            lockfile.write(orphan.folder, lockfile.without_orphans(before))
    return kept


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.UnwritableError(f"cannot delete {path}: {error.strerror or error}") from None
