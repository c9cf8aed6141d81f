"""Weights & Biases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from bpviz.storage import atomic
from bpviz.trackers._outputs import Outputs, Run, beside, place
from bpviz.trackers._tracker import NEW, THERE, UPDATED, TrackingError, environment, tracker

_CONTENT = "bpviz-content"  # a file in the folder of a run, written when all the rest is


@tracker("wandb", library="wandb")
class WandB:
    """A group for each folder, in it a run for each run, and one with the files: the overview.

    They are kept in ``wandb`` beside the folder, for ``wandb sync`` to send on, unless WANDB_MODE says otherwise. Our
    ids are those of its runs, so that a service that is sent a run twice has it once. Of what has been handed over
    offline and has changed, the old folder is removed first.
    """

    def __init__(self, into: Path | None) -> None:
        self.into = into
        self.mode = os.environ.get("WANDB_MODE", "") or "offline"
        self.project = os.environ.get("WANDB_PROJECT", "") or "bpviz"

    def _home(self, folder: Path) -> Path:
        return self.into or Path(os.environ.get("WANDB_DIR", "") or beside(folder))

    def where(self, folder: Path) -> str:
        if self.mode == "offline":
            return str(self._home(folder) / "wandb")
        return f"project {self.project}"

    def look(self, folders: Sequence[Path]) -> list[str]:
        if self.mode != "offline":
            return []
        return list(dict.fromkeys(f"wandb sync {quote(self.where(folder))}/offline-run-*" for folder in folders))

    def hand_over(self, outputs: Outputs) -> Iterator[str]:
        if self.mode == "disabled":
            raise TrackingError("WANDB_MODE is disabled, and nothing would be written; unset it, or set it to offline")
        home = place(self._home(outputs.folder))
        atomic.make(home / "wandb")  # where nothing can be written, wandb would write elsewhere
        with environment({"WANDB_ERROR_REPORTING": "false"}):
            import wandb

            try:
                for run in outputs.runs:
                    yield self._hand_over(home, outputs, run, run.name, run.algorithm)
                yield self._hand_over(home, outputs, outputs, f"{outputs.name}: overview", "overview")
            finally:
                wandb.teardown()

    def _hand_over(self, home: Path, outputs: Outputs, thing: Run | Outputs, name: str, kind: str) -> str:
        import wandb

        content = thing.content
        there = [path for path in (home / "wandb").glob(f"offline-run-*-{thing.id}") if self.mode == "offline"]
        if any(_read(path / _CONTENT) == content for path in there):
            return THERE
        for path in there:  # first: the new one may get the same name, which ends in seconds
            shutil.rmtree(path)
        run = wandb.init(
            project=self.project,
            group=outputs.name,
            id=thing.id,
            name=name,
            job_type=kind,
            config={**thing.params, "title": outputs.title, "versions": thing.versions, "digest": thing.config},
            tags=[f"bpviz {thing.versions.get('bpviz', '?')}"[:64], f"config {thing.config}"],
            mode=self.mode,
            dir=str(home),
            settings=_settings(),
        )
        try:  # not ``with run``, which would print a traceback
            if isinstance(thing, Run):
                _log(run, thing)
            else:
                _save(run, thing)
        except BaseException:
            run.finish(exit_code=1)
            raise
        run.finish()
        if self.mode != "offline":
            return NEW
        atomic.write(Path(run.settings.sync_dir) / _CONTENT, content.encode())
        return UPDATED if there else NEW


def _settings() -> Any:
    """Return what keeps wandb to the point: this machine and this process are not what ran the experiment."""
    import wandb

    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        save_code=False,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )


def _log(run: Any, thing: Run) -> None:
    for epoch, row in enumerate(thing.history):
        run.log(dict(zip(thing.metrics, row, strict=True)), step=epoch)
    run.summary.update({**thing.summary, "ending": thing.ending})


def _save(run: Any, outputs: Outputs) -> None:
    """Save the files of an overview: pictures that a browser shows as media, the others as files."""
    import wandb

    pictures = {f"figures/{path.stem}": wandb.Image(str(path)) for path in outputs.pictures}
    if pictures:
        run.log(pictures)
    for path in outputs.files:
        if path not in outputs.pictures:
            shutil.copyfile(path, Path(run.dir) / path.name)
            run.save(str(Path(run.dir) / path.name), base_path=run.dir, policy="now")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
