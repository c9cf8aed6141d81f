"""TensorBoard."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from bpviz.storage import atomic
from bpviz.trackers._outputs import Outputs, Run, flat, parent, place
from bpviz.trackers._tracker import NEW, UNCHANGED, UPDATED, TrackingError, tracker

if TYPE_CHECKING:
    from pathlib import Path

_UNSAFE = re.compile(r"[^\w ()+.,=-]")  # in folder names
_EVENTS = "events.out.tfevents.0.bpviz."  # TensorBoard recognizes event files by the part before the number


@tracker("tensorboard", library="tensorboardX")
class TensorBoard:
    """One TensorBoard run per run, and one for the overview, with the files that TensorBoard can display.

    A TensorBoard run is a folder; they are in the folder ``tensorboard`` in the output folder. Each has one event file,
    named after the hash of its content. The same run gives the same bytes, because an epoch counts as one second and no
    time is recorded. The file is written here in one piece, because the writer of tensorboardX works in a thread and
    does not report errors. TensorBoard stores scalars in single precision.
    """

    def __init__(self, into: Path | None) -> None:
        self.into = into

    def _home(self, folder: Path) -> Path:
        return folder / "tensorboard" if self.into is None else self.into / place(folder).name

    def where(self, folder: Path) -> str:
        return str(self._home(folder))

    def next_commands(self, folders: Sequence[Path]) -> list[str]:
        homes = [self._home(folder) for folder in folders]
        if len(homes) > 1:  # TensorBoard finds runs in all subfolders
            homes = [self.into] if self.into else list(dict.fromkeys(map(parent, folders)))
        return [f"tensorboard --logdir {quote(str(home))}" for home in homes]

    def export(self, outputs: Outputs) -> Iterator[str]:
        home = self._home(outputs.folder)
        for run in outputs.runs:
            yield _export_one(home, run, run.name, _run)
        yield _export_one(home, outputs, "overview", _overview)


def _export_one(home: Path, thing: Any, name: str, events: Callable[[Any], Iterator[bytes]]) -> str:
    """Write the event file of a run or an overview unless it exists, and remove older ones."""
    folder = home / f"{_UNSAFE.sub('_', name)[:60].strip()} {thing.id[:8]}"
    for path in (home, folder):
        if path.is_symlink():
            raise TrackingError(f"{path} is a symbolic link to {path.readlink()}; remove it")
    path = folder / f"{_EVENTS}{thing.content}"
    older = [other for other in folder.glob(f"{_EVENTS}*") if other != path]
    exists = path.exists()
    if not exists:
        atomic.make(folder)
        atomic.write(path, b"".join(map(_record, events(thing))))
    for other in older:
        other.unlink()
    return UPDATED if older else UNCHANGED if exists else NEW


def _record(data: bytes) -> bytes:
    """Return data as a TFRecord: length and data, each with a checksum."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


def _event(second: int, **content: Any) -> bytes:
    from tensorboardX.proto.event_pb2 import Event

    return bytes(Event(wall_time=float(second), step=second, **content).SerializeToString(deterministic=True))


def _run(run: Run) -> Iterator[bytes]:
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import hparams

    summary = {f"summary/{name}": value for name, value in run.summary.items()}
    yield _event(0, file_version="brain.Event:2")
    for part in hparams({**flat(run.params), "ending": run.ending}, summary):
        plugin_data = part.value[0].metadata.plugin_data
        plugin_data.content = HParamsPluginData.FromString(plugin_data.content).SerializeToString(deterministic=True)
        yield _event(0, summary=part)
    yield _text("about", {"config": run.config, "ending": run.ending, "params": run.params, "versions": run.versions})
    for epoch, row in enumerate(run.history):
        values = [Summary.Value(tag=tag, simple_value=x) for tag, x in zip(run.metrics, row, strict=True)]
        yield _event(epoch, summary=Summary(value=values))
    values = [Summary.Value(tag=tag, simple_value=x) for tag, x in summary.items()]
    yield _event(0, summary=Summary(value=values))


def _overview(outputs: Outputs) -> Iterator[bytes]:
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.summary import text

    contents = {path.name: path.read_bytes() for path in outputs.files}
    yield _event(0, file_version="brain.Event:2")
    yield _event(0, summary=text("summary", contents["summary.md"].decode("utf-8")))
    yield _text("run", json.loads(contents["run.json"]))
    for path in outputs.pictures:
        png = contents[path.name]
        width, height = struct.unpack(">II", png[16:24])
        picture = Summary.Image(encoded_image_string=png, width=width, height=height, colorspace=4)
        yield _event(0, summary=Summary(value=[Summary.Value(tag=f"figures/{path.stem}", image=picture)]))


def _text(tag: str, data: Any) -> bytes:
    """Return plain data as a text event, which TensorBoard displays as Markdown."""
    from tensorboardX.summary import text

    return _event(0, summary=text(tag, f"```json\n{json.dumps(data, indent=2, ensure_ascii=False)}\n```"))
