"""Bringing outputs up to date: which experiments have nothing to do, why others have, and what is left over.

An experiment has nothing to do if everything that made its outputs is what its lock says: the bytes of its config and
its data, what the command line asked, the code. Then its config is not even read as YAML.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import config
from bpviz.config import plugins
from bpviz.messages.text import listed, shown
from bpviz.outputs import lockfile, provenance
from bpviz.outputs.lockfile import Lock, LockError, Origin
from bpviz.storage import atomic, hashing

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.config.discovery import Source
    from bpviz.outputs.build import Job

_MOST_CHANGES = 3  # named of a config; more say no more


class RunOptions(NamedTuple):
    """What a command line says that matters for the outputs: overrides, formats of figures, and whether to draw any."""

    overrides: list[str]
    formats: list[str]
    figures: bool


class Work(NamedTuple):
    """An experiment to be brought up to date, and why; None: there is nothing of it yet."""

    job: Job
    why: str | None


def up_to_date(source: Source, folder: Path, asked: RunOptions) -> Lock | None:
    """Return the lock of outputs that are what their config would make of them now, None if that is not sure."""
    try:
        before = lockfile.read(folder)
    except LockError:
        return None
    if before is None:
        return None
    packages = {name: plugins.version_of(name) for name in _named(before, "package")}
    if origin(source, folder, asked, _named(before, "data"), packages) != before.origin:
        return None
    if provenance.other_code(before.code) or lockfile.misplaced(before, folder):
        return None
    return before


def origin(
    source: Source, folder: Path, asked: RunOptions, data: Iterable[str], packages: Mapping[str, str] | None = None
) -> Origin:
    """Return where an experiment comes from, as its lock says it."""
    inputs = {"config": hashing.of_bytes(source.data)}
    for plugin in plugins.loaded():
        key = f"plugin {Path(plugin.file).name}"
        alike = sum(name == key or name.startswith(f"{key} (") for name in inputs)
        inputs[f"{key} ({alike + 1})" if alike else key] = plugin.sha256
    inputs |= {f"package {name}": version for name, version in (packages or {}).items()}
    inputs |= {f"data {name}": _of_file(source.folder / name) for name in data}
    return Origin(_relative(source.path, folder), inputs, asked._asdict())


def _named(before: Lock, kind: str) -> list[str]:
    """Return the files, ``data`` or ``plugin``, or packages that an experiment had besides its config."""
    return [name.removeprefix(f"{kind} ") for name in before.inputs if name.startswith(f"{kind} ")]


def _of_file(path: Path) -> str:
    try:
        return hashing.of_bytes(path.read_bytes())
    except OSError:
        return ""


def _relative(path: str, folder: Path) -> str:
    """Return the path of a config from the folder of its outputs, with slashes on every system."""
    if path == "-":
        return path
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return Path(path).name


def job(source: Source, experiment: Experiment, folder: Path, asked: RunOptions, *, force: bool) -> Job:
    """Return the job of an experiment, which knows nothing yet of the outputs that are there."""
    from bpviz.outputs.build import Job  # with NumPy, which whoever finds nothing to do does without

    now = origin(source, folder, asked, experiment.data_files, plugins.packages(experiment))
    if not asked.figures:
        experiment = dataclasses.replace(experiment, figures=())
    return Job(experiment, folder, tuple(asked.formats), origin=now, forced=force)


def work_for(job: Job) -> Work:
    """Look at the outputs that are there."""
    assert job.origin
    try:
        before = lockfile.read(job.folder)
    except LockError as error:
        return Work(job, str(error))
    if before is None:
        return Work(job, None)
    return Work(dataclasses.replace(job, before=before), _why(job.experiment, job.folder, before, job.origin))


def _why(experiment: Experiment, folder: Path, before: Lock, now: Origin) -> str:
    """Return why the outputs of an experiment are looked at anew."""
    reasons = [f"{name.partition(' ')[2]} changed" for name in changed(before.inputs, now.inputs) if name != "config"]
    other = changed(before.asked, now.asked)
    if before.inputs.get("config") != now.inputs["config"] or "overrides" in other:
        reasons += _said_changes(folder, experiment) or ["the config is written otherwise, and says the same"]
    if set(other) - {"overrides"}:
        reasons.append("the command line asks for other figures")
    code = provenance.other_code(before.code)
    if code:
        reasons.append(f"bpviz's own {listed(code, 'and')} changed")
    reasons += [f"{name} {wrong}" for name, wrong in lockfile.misplaced(before, folder).items()]
    return "; ".join(reasons) or "it was asked for"


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of what is other now than it was before."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _said_changes(folder: Path, experiment: Experiment) -> list[str]:
    """Return what a config says otherwise than the one that made the outputs: ``algorithms[0].step is 10, was 0.3``."""
    found = changes(folder, experiment)
    if found is None:
        return ["the config changed"]
    said = [f"{path} is {now}, was {was}" for path, (now, was) in found.items()]
    more = len(said) - _MOST_CHANGES
    return [*said[:_MOST_CHANGES], f"and {more} more of the config changed"] if more > 0 else said


def changes(folder: Path, experiment: Experiment) -> dict[str, tuple[str, str]] | None:
    """Return by path what an experiment says now and what it said when the outputs were made; None if nobody knows."""
    try:
        was = _flat(json.loads((folder / "run.json").read_bytes())["experiment"])
        now = _flat(json.loads(json.dumps(config.resolved(experiment))))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return {path: (_said(now, path), _said(was, path)) for path in {**was, **now} if was.get(path) != now.get(path)}


def _said(flat: Mapping[str, Any], path: str) -> str:
    return shown(flat[path]) if path in flat else "not there"


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    """Return the values of nested data by their paths."""
    if isinstance(data, dict):
        parts = [(f"{path}.{name}" if path else name, value) for name, value in data.items()]
    elif isinstance(data, list):
        parts = [(f"{path}[{i}]", value) for i, value in enumerate(data)]
    else:
        return {path: data}
    return {name: value for part, inner in parts for name, value in _flat(inner, part).items()}


class Orphan(NamedTuple):
    """Outputs that no config makes any more: a folder whose config is gone, or files of earlier runs in one."""

    folder: Path
    files: list[str]
    config: str  # which is gone; empty if only files are left over

    def __str__(self) -> str:
        if self.config:
            return f"{self.folder} is left over: its config {self.config} is gone"
        return f"{listed(self.files, 'and')} in {self.folder} {'is' if len(self.files) == 1 else 'are'} left over"


def orphans(out: Path, folders: Sequence[Path], known: Mapping[Path, Lock] = MappingProxyType({})) -> Iterator[Orphan]:
    """Yield what is left over in a folder of outputs, of configs that stood in ``folders`` and files of those there.

    The locks of some folders may be ``known`` already.
    """
    try:
        inside = sorted(path for path in out.iterdir() if (path / lockfile.NAME).is_file() and not path.is_symlink())
    except OSError:
        return
    wanted = {folder.resolve() for folder in folders}
    for folder in inside:
        try:
            before = known.get(folder) or lockfile.read(folder)
        except LockError:
            continue
        if before is None or before.config == "-":
            continue
        path = folder / before.config
        if os.path.exists(path):  # noqa: PTH110  which has no complaint about a name that is too long
            if before.left_over:
                yield Orphan(folder, [name for name in before.left_over if (folder / name).exists()], "")
        elif path.parent.resolve() in wanted:
            yield Orphan(folder, [*before.files, *before.left_over, lockfile.NAME], os.path.normpath(path))


def prune(orphan: Orphan) -> None:
    """Remove what is left over, and the folder with it if it is empty then; UnwritableError if that cannot be done."""
    for name in orphan.files:
        try:
            (orphan.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise atomic.UnwritableError(f"cannot remove {orphan.folder / name}: {error.strerror or error}") from None
    if orphan.config:
        try:
            orphan.folder.rmdir()
        except OSError:  # something of somebody else's is in it
            return
    else:
        before = lockfile.read(orphan.folder)
        if before:
            lockfile.write(orphan.folder, lockfile.without_left_over(before))
