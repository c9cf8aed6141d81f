"""The first level: what went in, and the files that came out, compared by digests. Nothing here imports NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz import config
from bpviz.config import Mistake, plugins
from bpviz.outputs import lockfile, status
from bpviz.outputs.drift import Checked, Drift
from bpviz.outputs.lockfile import LockError
from bpviz.outputs.status import RunOptions
from bpviz.storage import hashing

if TYPE_CHECKING:
    from bpviz.config import Experiment
    from bpviz.config.discovery import Source
    from bpviz.outputs.lockfile import Lock

_MOST = 5  # values of one config that are named; more say no more


class CheckOptions(NamedTuple):
    """What the command line of a check says; what it does not say is as it was when the outputs were made."""

    overrides: Sequence[str]
    formats: Sequence[str]
    no_figures: bool


@dataclass(frozen=True)
class Subject:
    """Outputs to be checked: their config, their folder, their lock, or what is wrong with it."""

    source: Source
    folder: Path
    asked: RunOptions
    before: Lock | None
    trouble: Mistake | None = None

    @classmethod
    def of(cls, source: Source, folder: Path, given: CheckOptions) -> Subject:
        """Return what is to be checked of a config."""
        trouble = None
        try:
            before = lockfile.read(folder)
        except LockError as error:
            before, trouble = None, _useless(folder / lockfile.NAME, str(error))
        if before is None and trouble is None:
            there = "there are no outputs of it" if not folder.exists() else f"there is no {lockfile.NAME}"
            trouble = Mistake(source.said, 0, 0, "", f"{there} in {folder}")
        was = before.asked if before else {}
        formats = list(given.formats or was.get("formats") or ["png"])
        asked = RunOptions(list(given.overrides), formats, bool(was.get("figures", True)) and not given.no_figures)
        return cls(source, folder, asked, before, trouble)

    @property
    def untouched(self) -> bool:
        """Whether everything that went in is, byte for byte, what the lock says, so that nobody need read it."""
        return status.up_to_date(self.source, self.folder, self.asked) is not None

    def as_asked(self, experiment: Experiment) -> Experiment:
        """Return an experiment with the figures that are asked for."""
        return experiment if self.asked.figures else replace(experiment, figures=())

    def of_config(self, path: str, message: str) -> Drift:
        """Return a drift of a value of the config."""
        return Drift("inputs", self.source.written().place(path).mistake(path, message))


def _useless(path: Path, said: str) -> Mistake:
    """Return the place of a lock that cannot be used, with the line of the first conflict in it."""
    reason = said.removeprefix(f"{path} ")
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        lines = []
    conflicts = [number for number, line in enumerate(lines, start=1) if line.startswith(b"<<<<<<< ")]
    return Mistake(str(path), conflicts[0] if conflicts and "conflict" in reason else 0, 0, "", reason)


def check(subject: Subject, experiment: Experiment | None) -> Checked:
    """Compare what went in and the files that came out; without an experiment, what went in is known to be the same."""
    title = experiment.title if experiment else subject.source.name
    checked = Checked(subject.source.said, subject.folder, title)
    if subject.before is None:
        assert subject.trouble
        checked.drifts.append(Drift("inputs", subject.trouble))
        return checked
    checked.drifts += _asked(subject, subject.before)
    if experiment is not None:
        drifts, notes = _read(subject, subject.before, subject.as_asked(experiment))
        checked.drifts += drifts
        checked.notes += notes
    checked.drifts += _files(subject.before, subject.folder)
    return checked


def _asked(subject: Subject, before: Lock) -> Iterator[Drift]:
    now = subject.asked._asdict()
    if now != before.asked:
        message = f"the outputs were made with {_options(before.asked)}, and are checked with {_options(now)}"
        yield Drift("inputs", Mistake(subject.source.said, 0, 0, "", message))


def _options(asked: Mapping[str, Any]) -> str:
    """Return what a command line asked, as it would be typed."""
    said = [f"--set {override}" for override in asked.get("overrides", ())]
    said += [f"--format {suffix}" for suffix in asked.get("formats", ())]
    said += [] if asked.get("figures", True) else ["--no-figures"]
    return " ".join(said)


def _read(subject: Subject, before: Lock, experiment: Experiment) -> tuple[list[Drift], list[str]]:
    """Compare what is read: plugins byte by byte, config and data by what they say."""
    now = status.origin(subject.source, subject.folder, subject.asked, experiment.data_files)
    other = [n for n in status.changed(before.inputs, now.inputs) if not n.startswith("package ")]  # versions
    drifts = list(_plugins(subject, other))
    if hashing.of_data(config.resolved(experiment)) == before.experiment:
        return drifts, []
    if not other and subject.asked._asdict() == before.asked:
        return drifts, [f"{subject.folder}: bpviz reads more into the same config than it did"]
    data = [name.removeprefix("data ") for name in other if name.startswith("data ")]
    drifts += [
        subject.of_config("dataset", f"{name} is not what it was when the outputs were made")
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
            message = "the outputs were made with another version of it, or without it"
            yield Drift("inputs", Mistake(files[name], 0, 0, "", message))
        elif name.startswith("plugin "):
            message = f"the outputs were made with --plugin {name.removeprefix('plugin ')}"
            yield Drift("inputs", Mistake(subject.source.said, 0, 0, "", message))


def _config(subject: Subject, experiment: Experiment, *, without_data: bool) -> list[Drift]:
    """Return the values of a config that are other than they were."""
    changes = status.changes(subject.folder, experiment)
    if changes is None:
        return [subject.of_config("", "it says something else than when the outputs were made")]
    found = [
        subject.of_config(path, f"{now} now, {was} when the outputs were made")
        for path, (now, was) in changes.items()
        if not (without_data and path.startswith("dataset."))
    ]
    more = len(found) - _MOST
    if more > 1:
        found = [*found[:_MOST], subject.of_config("", f"{more} more values are other than they were")]
    return found


def _files(before: Lock, folder: Path) -> Iterator[Drift]:
    """Yield what is wrong with the files that came out."""
    for name in before.files:
        wrong = lockfile.altered(before, folder, name)
        if wrong:
            since = " since bpviz wrote it" if wrong == "was changed" else ""
            yield Drift("inputs", Mistake(str(folder / name), 0, 0, "", f"{wrong}{since}"))


def orphaned(out: Path, checks: Sequence[Checked], folders: Sequence[Path]) -> list[Checked]:
    """Return outputs of configs that are gone from ``folders``, and note files left over in the folders of checks."""
    found = []
    own = {check.folder.resolve(): check for check in checks}
    for orphan in status.orphans(out, folders):
        if orphan.config:
            message = f"the config of these outputs, {orphan.config}, is gone"
            gone = Drift("inputs", Mistake(str(orphan.folder / lockfile.NAME), 0, 0, "", message))
            found.append(Checked("", orphan.folder, orphan.folder.name, [gone]))
        elif orphan.folder.resolve() in own:
            message = "it is left over: the config makes no such file any more"
            wrong = [Mistake(str(orphan.folder / name), 0, 0, "", message) for name in orphan.files]
            own[orphan.folder.resolve()].drifts += [Drift("inputs", one) for one in wrong]
    return found


def check_expectations(checked: Checked, experiment: Experiment, runs: list[Any], unmet: list[str]) -> None:
    """Note which runs did not come to what they should."""
    checked.unmet += unmet
    checked.unexpected += [m for expectation in experiment.expectations for m in expectation.failures(runs)]
