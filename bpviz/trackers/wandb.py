"""Weights & Biases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from bpviz.storage import atomic
from bpviz.trackers._outputs import Outputs, Run, parent, place
from bpviz.trackers._tracker import NEW, UNCHANGED, UPDATED, TrackingError, environment, tracker

_CONTENT = "bpviz-content"  # a file in the folder of a run, written last


@tracker("wandb", library="wandb")
class WandB:
    """One group per folder, with one wandb run per run and one for the overview, which has the files.

    Runs are stored in the folder ``wandb`` in the parent of the output folder, for ``wandb sync`` to upload, unless
    WANDB_MODE is set. wandb's runs have the ids of bpviz, so a run that is uploaded twice is stored once. If an offline
    run has changed, its old folder is removed first.
    """

    def __init__(self, into: Path | None) -> None:
        self.into = into
        self.mode = os.environ.get("WANDB_MODE", "") or "offline"
        self.project = os.environ.get("WANDB_PROJECT", "") or "bpviz"

    def _home(self, folder: Path) -> Path:
        return self.into or Path(os.environ.get("WANDB_DIR", "") or parent(folder))

    def where(self, folder: Path) -> str:
        if self.mode == "offline":
            return str(self._home(folder) / "wandb")
        return f"project {self.project}"

    def next_commands(self, folders: Sequence[Path]) -> list[str]:
        if self.mode != "offline":
            return []
        return list(dict.fromkeys(f"wandb sync {quote(self.where(folder))}/offline-run-*" for folder in folders))

    def export(self, outputs: Outputs) -> Iterator[str]:
        if self.mode == "disabled":
            raise TrackingError(
                "nothing would be written (WANDB_MODE is disabled); unset WANDB_MODE or set it to offline"
            )
        home = place(self._home(outputs.folder))
        atomic.make(home / "wandb")  # fails if the folder is not writable, where wandb would write elsewhere
        with environment({"WANDB_ERROR_REPORTING": "false"}):
            import wandb

            try:
                for run in outputs.runs:
                    yield self._export_one(home, outputs, run, run.name, run.algorithm)
                yield self._export_one(home, outputs, outputs, f"{outputs.name}: overview", "overview")
            finally:
                wandb.teardown()

    def _export_one(self, home: Path, outputs: Outputs, thing: Run | Outputs, name: str, kind: str) -> str:
        import wandb

        content = thing.content
        existing = [path for path in (home / "wandb").glob(f"offline-run-*-{thing.id}") if self.mode == "offline"]
        if any(_read(path / _CONTENT) == content for path in existing):
            return UNCHANGED
        for path in existing:  # before init: the new folder may get the same name, which contains the time in seconds
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
        try:  # ``with run`` would print a traceback
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
        return UPDATED if existing else NEW


def _settings() -> Any:
    """Return settings that record nothing about this machine and process, which did not run the experiment."""
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
    """Save the files of an overview: PNG figures as media, the others as files."""
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
