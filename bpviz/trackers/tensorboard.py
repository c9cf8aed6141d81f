"""TensorBoard."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from bpviz.storage import atomic
from bpviz.trackers._outputs import Outputs, Run, beside, flat, place
from bpviz.trackers._tracker import NEW, THERE, UPDATED, TrackingError, tracker

if TYPE_CHECKING:
    from pathlib import Path

_UNSAFE = re.compile(r"[^\w ()+.,=-]")  # in the name of a folder
_EVENTS = "events.out.tfevents.0.bpviz."  # TensorBoard goes by the words before the number


@tracker("tensorboard", library="tensorboardX")
class TensorBoard:
    """A run of TensorBoard, which is a folder, for each run, and one with what it can show of the files: the overview.

    They are kept in the folder ``tensorboard`` in the folder of outputs. A run is one file of events, with the digest
    of its content in its name, and the same run gives the same bytes: no clock is asked, an epoch counts as a second.
    The file is put together here and written at once, as tensorboardX's own writer works in a thread whose failures
    nobody hears of. TensorBoard keeps scalars in single precision.
    """

    def __init__(self, into: Path | None) -> None:
        self.into = into

    def _home(self, folder: Path) -> Path:
        return folder / "tensorboard" if self.into is None else self.into / place(folder).name

    def where(self, folder: Path) -> str:
        return str(self._home(folder))

    def look(self, folders: Sequence[Path]) -> list[str]:
        homes = [self._home(folder) for folder in folders]
        if len(homes) > 1:  # TensorBoard looks for runs in all that is below a folder
            homes = [self.into] if self.into else list(dict.fromkeys(map(beside, folders)))
        return [f"tensorboard --logdir {quote(str(home))}" for home in homes]

    def hand_over(self, outputs: Outputs) -> Iterator[str]:
        home = self._home(outputs.folder)
        for run in outputs.runs:
            yield _hand_over(home, run, run.name, _run)
        yield _hand_over(home, outputs, "overview", _overview)


def _hand_over(home: Path, thing: Any, name: str, events: Callable[[Any], Iterator[bytes]]) -> str:
    """Write the events of a run, or of an overview, in its folder, unless they are there; then remove older ones."""
    folder = home / f"{_UNSAFE.sub('_', name)[:60].strip()} {thing.id[:8]}"
    for path in (home, folder):
        if path.is_symlink():
            raise TrackingError(f"{path} is a symbolic link to {path.readlink()}; remove it")
    path = folder / f"{_EVENTS}{thing.content}"
    older = [other for other in folder.glob(f"{_EVENTS}*") if other != path]
    there = path.exists()
    if not there:
        atomic.make(folder)
        atomic.write(path, b"".join(map(_record, events(thing))))
    for other in older:
        other.unlink()
    return UPDATED if older else THERE if there else NEW


def _record(data: bytes) -> bytes:
    """Return data as a record of TensorFlow's: its length, and both with checksums."""
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
        told = part.value[0].metadata.plugin_data
        told.content = HParamsPluginData.FromString(told.content).SerializeToString(deterministic=True)
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
    """Return plain data as an event with text, which TensorBoard reads as Markdown."""
    from tensorboardX.summary import text

    return _event(0, summary=text(tag, f"```json\n{json.dumps(data, indent=2, ensure_ascii=False)}\n```"))
