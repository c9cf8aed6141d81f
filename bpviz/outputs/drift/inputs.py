"""Level ``inputs`` of a check: compare the hashes of inputs and output files. This module does not import NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import config
from bpviz.config import Mistake, plugins
from bpviz.outputs import lockfile, status
from bpviz.outputs.drift import CheckResult, Drift
from bpviz.outputs.lockfile import LockError
from bpviz.outputs.status import RunOptions
from bpviz.storage import hashing
from bpviz.storage.reading import UnreadableError, read

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.config.discovery import Source
    from bpviz.outputs.lockfile import Lock

_MOST = 5  # changed values of a config that are listed


class CheckOptions(NamedTuple):
    """Options of the command line of a check; missing ones default to those of the lockfile."""

    overrides: Sequence[str]
    formats: Sequence[str]
    no_figures: bool


@dataclass(frozen=True)
class Subject:
    """Outputs to check: their config, folder and options, and their lockfile or the mistake if it cannot be used."""

    source: Source
    folder: Path
    asked: RunOptions
    before: Lock | None
    mistake: Mistake | None = None

    @classmethod
    def of(cls, source: Source, folder: Path, given: CheckOptions) -> Subject:
        """Return the outputs of a config."""
        mistake = None
        try:
            before = lockfile.read(folder)
        except LockError as error:
            before, mistake = None, _unusable(folder / lockfile.NAME, str(error))
        if before is None and mistake is None:
            missing = lockfile.NAME if folder.exists() else "outputs"
            mistake = Mistake(source.label, 0, 0, "", f"no {missing} in {folder}")
        was = before.asked if before else {}
        formats = list(given.formats or was.get("formats") or ["png"])
        asked = RunOptions(list(given.overrides), formats, bool(was.get("figures", True)) and not given.no_figures)
        return cls(source, folder, asked, before, mistake)

    @property
    def unchanged(self) -> bool:
        """Whether all inputs and outputs have the hashes of the lockfile, so that the config need not be parsed."""
        return status.up_to_date(self.source, self.folder, self.asked) is not None

    def with_options(self, experiment: Experiment) -> Experiment:
        """Return an experiment without figures if --no-figures applies."""
        return experiment if self.asked.figures else replace(experiment, figures=())

    def of_config(self, path: str, message: str) -> Drift:
        """Return a drift at a value of the config."""
        return Drift("inputs", self.source.places().place(path).mistake(path, message))


def _unusable(path: Path, message: str) -> Mistake:
    """Return the mistake about a lockfile that cannot be used, at the line of its first conflict marker."""
    reason = message.removeprefix(f"{path} ")
    try:
        lines = read(path, lockfile.LARGEST, links=False).splitlines()
    except UnreadableError:
        lines = []
    conflicts = [number for number, line in enumerate(lines, start=1) if line.startswith(b"<<<<<<< ")]
    return Mistake(str(path), conflicts[0] if conflicts and "conflict" in reason else 0, 0, "", reason)


def check(subject: Subject, experiment: Experiment | None) -> CheckResult:
    """Check inputs and output files; without an experiment, only options and files, as the inputs are unchanged."""
    title = experiment.title if experiment else subject.source.name
    checked = CheckResult(subject.source.label, subject.folder, title)
    if subject.before is None:
        assert subject.mistake
        checked.drifts.append(Drift("inputs", subject.mistake))
        return checked
    checked.drifts += _asked(subject, subject.before)
    if experiment is not None:
        drifts, notes = _read(subject, subject.before, subject.with_options(experiment))
        checked.drifts += drifts
        checked.notes += notes
    checked.drifts += _files(subject.before, subject.folder)
    return checked


def _asked(subject: Subject, before: Lock) -> Iterator[Drift]:
    now = subject.asked._asdict()
    if now != before.asked:
        message = f"options changed: outputs written with {_options(before.asked)}, checked with {_options(now)}"
        yield Drift("inputs", Mistake(subject.source.label, 0, 0, "", message))


def _options(asked: Mapping[str, Any]) -> str:
    """Return options as they are typed on the command line."""
    options = [f"--set {override}" for override in asked.get("overrides", ())]
    options += [f"--format {suffix}" for suffix in asked.get("formats", ())]
    options += [] if asked.get("figures", True) else ["--no-figures"]
    return " ".join(options)


def _read(subject: Subject, before: Lock, experiment: Experiment) -> tuple[list[Drift], list[str]]:
    """Compare the inputs: plugins by hash, config and data by their values."""
    now = status.origin(subject.source, subject.folder, subject.asked, experiment.data_files)
    other = [name for name in status.changed(before.inputs, now.inputs) if not name.startswith("package ")]
    drifts = list(_plugins(subject, other))
    if hashing.of_data(config.resolved(experiment)) == before.experiment:
        return drifts, []
    if not other and subject.asked._asdict() == before.asked:
        return drifts, [f"{subject.folder}: bpviz now interprets this config differently"]
    data = [name.removeprefix("data ") for name in other if name.startswith("data ")]
    drifts += [
        subject.of_config("dataset", f"{name} changed since the last run")
        for name in data
        if name in experiment.data_files
    ]
    if "config" in other:
        drifts += _config(subject, experiment, without_data=bool(data))
    return drifts, []


def _plugins(subject: Subject, other: Iterable[str]) -> Iterator[Drift]:
    files = {f"plugin {Path(plugin.file).name}": plugin.file for plugin in plugins.loaded()}
    for name in other:
        if name in files:
            message = "plugin changed since the last run, or not used in it"
            yield Drift("inputs", Mistake(files[name], 0, 0, "", message))
        elif name.startswith("plugin "):
            message = f"outputs written with --plugin {name.removeprefix('plugin ')}"
            yield Drift("inputs", Mistake(subject.source.label, 0, 0, "", message))


def _config(subject: Subject, experiment: Experiment, *, without_data: bool) -> list[Drift]:
    """Return the drifts of the changed values of a config."""
    changes = status.changes(subject.folder, experiment)
    if changes is None:
        return [subject.of_config("", "config changed since the last run")]
    found = [
        subject.of_config(path, f"changed from {was} to {now}")
        for path, (now, was) in changes.items()
        if not (without_data and path.startswith("dataset"))
    ]
    more = len(found) - _MOST
    if more > 1:
        found = [*found[:_MOST], subject.of_config("", f"{more} more values changed")]
    return found


def _files(before: Lock, folder: Path) -> Iterator[Drift]:
    """Yield the drifts of missing, modified and unreadable output files."""
    for name, damage in lockfile.damages(before, folder).items():
        message = "output file modified since the last run" if damage == "modified" else f"{damage} output file"
        yield Drift("inputs", Mistake(str(folder / name), 0, 0, "", message))


def orphaned(out: Path, checks: Sequence[CheckResult], folders: Sequence[Path]) -> list[CheckResult]:
    """Return orphaned output folders whose configs were in ``folders``; add orphaned files to their checks."""
    found = []
    own = {check.folder.resolve(): check for check in checks}
    for orphan in status.orphans(out, folders):
        if orphan.config:
            message = f"orphaned outputs: their config {orphan.config} no longer exists"
            gone = Drift("inputs", Mistake(str(orphan.folder / lockfile.NAME), 0, 0, "", message))
            found.append(CheckResult("", orphan.folder, orphan.folder.name, [gone]))
        elif orphan.folder.resolve() in own:
            message = "orphaned file: the config no longer produces it"
            mistakes = [Mistake(str(orphan.folder / name), 0, 0, "", message) for name in orphan.files]
            own[orphan.folder.resolve()].drifts += [Drift("inputs", one) for one in mistakes]
    return found


def check_expectations(checked: CheckResult, experiment: Experiment, runs: list[Any], unmet: list[str]) -> None:
    """Record the runs that did not reach their threshold, and the failed expectations."""
    checked.unmet += unmet
    checked.unexpected += [m for expectation in experiment.expectations for m in expectation.failures(runs)]
