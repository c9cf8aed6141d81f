"""Level ``pixels`` of a check: compare the plotted data of figures, and the files that were drawn again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from bpviz.messages.text import join_words
from bpviz.outputs import provenance, rounding
from bpviz.outputs.drift import Drift, Picture
from bpviz.storage.reading import UnreadableError, read
from bpviz.storage.untrusted import LARGEST_OUTPUT

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.outputs.build import Outcome
    from bpviz.outputs.drift.tasks import Task
    from bpviz.outputs.images import Comparison


class Difference(NamedTuple):
    """How a figure file differs from its redrawn version, with the images if both are PNG files."""

    message: str
    images: Comparison | None = None


def comparable(made_with: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Return whether figures that are drawn with two sets of versions look alike."""
    return _minor(made_with) == _minor(now)


def why_skipped(made_with: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return why figures that are drawn with two sets of versions are not compared."""
    return f"drawn with matplotlib {_minor(made_with)}, installed: {_minor(now)}"


def _minor(versions: Mapping[str, str]) -> str:
    """Return the minor version of matplotlib, like ``3.10``."""
    return ".".join(versions.get("matplotlib", "unknown").split(".")[:2])


def difference(path: Path, drawn: bytes) -> Difference | None:
    """Return how a figure file differs from its redrawn version, None if it does not up to the tolerance."""
    from bpviz.outputs import drawings, images

    try:
        content = read(path, rounding.largest_size(drawn), links=False)
    except UnreadableError as error:
        return Difference(str(error))
    if content == drawn:
        return None
    if path.suffix != ".png":
        return None if drawings.same(content, drawn) else Difference("lines or texts differ")
    try:
        found = images.compare(images.decode(content), images.decode(drawn))
    except images.UnreadableError as error:
        return Difference(str(error))
    return None if found.same else Difference(found.description, found)


def compare(task: Task, outcome: Outcome) -> None:
    """Compare the figures of a task with its repeated ones, and record the drifts and the skipped files."""
    checked, before, folder = task.checked, task.before, task.subject.folder
    explained = bool(provenance.changed_code(before.code)) or bool(checked.at("inputs"))
    rounded = []
    for number, figure in enumerate(task.experiment.figures):
        name = figure.file_name()
        files = [file for suffix in task.subject.asked.formats if (file := f"{name}.{suffix}") in before.files]
        differing = dict(_differing(task, files if task.job.formats else []))
        messages = [f"{file}: {message}" for file, message in differing.items() if message]
        other = [f for f in files if before.files[f].get("shows") != outcome.shows[number] and f not in differing]
        if other and not explained:
            rounded += other
        elif other:
            messages.append(f"plotted data changed: {', '.join(other)}")
        if messages:
            checked.drifts.append(Drift("pixels", replace(task.at(f"figures[{number}]"), message="; ".join(messages))))
        elif not task.job.formats:
            checked.skipped += files
    if checked.skipped:
        reason = why_skipped(before.versions, provenance.versions(task.experiment))
        checked.notes.append(f"{folder}: comparison of figures skipped ({reason})")
    if rounded:
        checked.notes.append(
            f"{folder}: ignored: plotted data of {join_words(rounded, 'and')} differs only in the last digits "
            "(different CPU or NumPy version)"
        )


def _differing(task: Task, files: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the names of figure files that differ with a message, which is empty if level ``inputs`` had one."""
    reported = {drift.where.file for drift in task.checked.at("inputs")}
    for file in files:
        path = task.subject.folder / file
        found = difference(path, (task.job.folder / file).read_bytes())
        if found is None:
            continue
        if found.images is not None:
            task.checked.pictures.append(_picture(file, path, task.job.folder / file, found.images))
        yield file, "" if found.images is None and str(path) in reported else found.message


def _picture(file: str, old: Path, new: Path, images: Comparison) -> Picture:
    before, now = (read(path, LARGEST_OUTPUT, links=False) for path in (old, new))
    contents = {"expected": before, "actual": now, "difference": images.difference()}
    caption = f"{images.description[0].upper()}{images.description[1:]}."
    return Picture(file.removesuffix(".png"), file, caption, contents)
