"""MLflow."""

from __future__ import annotations

import contextlib
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Any

from bpviz.storage import atomic
from bpviz.trackers._outputs import PICTURES, Outputs, Run, flat, parent, place
from bpviz.trackers._tracker import NEW, UNCHANGED, UPDATED, TrackingError, environment, tracker, without_password

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow import MlflowClient

_SERVER = "MLFLOW_TRACKING_URI"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_METRICS_PER_BATCH, _PARAMS_PER_BATCH = 1000, 100  # limits of log_batch
_NOTE = 5000  # largest description that MLflow displays, in characters
_RUN, _CONTENT = "bpviz.run", "bpviz.content"


@tracker("mlflow", library="mlflow")
class MLflow:
    """One MLflow experiment per folder, with one run per run and one for the overview, which has the files.

    The database ``mlflow.db`` and the files in ``mlartifacts`` are in the parent of the folder, unless
    MLFLOW_TRACKING_URI is set. MLflow chooses the ids of its runs; the id of bpviz is a tag, by which a run is found
    again. A changed run becomes a new run, and the old one is deleted, because logged metrics cannot be removed.
    """

    def __init__(self, into: Path | None) -> None:
        self.into = into
        self.server = os.environ.get(_SERVER, "") if into is None else ""

    def where(self, folder: Path) -> str:
        return without_password(self.server) or f"sqlite:///{(self.into or parent(folder)) / 'mlflow.db'}"

    def next_commands(self, folders: Sequence[Path]) -> list[str]:
        if self.server:
            return []
        return list(dict.fromkeys(f"mlflow ui --backend-store-uri {quote(self.where(folder))}" for folder in folders))

    def export(self, outputs: Outputs) -> Iterator[str]:
        with environment(_QUIET):
            from mlflow import MlflowClient

            home = None if self.server else place(self.into or parent(outputs.folder))
            client = MlflowClient(tracking_uri=self.server if home is None else _database(home))
            experiment = _experiment(client, outputs.name, home)
            for run in outputs.runs:
                tags = {"bpviz.algorithm": run.algorithm, "bpviz.ending": run.ending}
                if not math.isfinite(run.summary["final_error"]):  # MLflow has no infinity
                    tags["bpviz.final_error"] = repr(run.summary["final_error"])
                yield _export_one(client, experiment, run, run.name, tags, partial(_epochs, run))
            table = next(path for path in outputs.files if path.name == "summary.md").read_text(encoding="utf-8")
            tags = {"bpviz.title": outputs.title, "mlflow.note.content": table if len(table) <= _NOTE else ""}
            yield _export_one(client, experiment, outputs, "overview", tags, partial(_files, outputs))


def _database(home: Path) -> str:
    if set("?%") & set(str(home)):  # they have a special meaning in the URI of a database
        raise TrackingError(
            f"invalid folder for the database: {home} (its path contains ? or %); set another one with --into"
        )
    atomic.make(home)
    return f"sqlite:///{(home / 'mlflow.db').as_posix()}"


def _experiment(client: MlflowClient, name: str, home: Path | None) -> str:
    """Return the id of the experiment with a name; it is created if it does not exist."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    artifacts = None if home is None else (home / "mlartifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))


def _export_one(
    client: MlflowClient,
    experiment: str,
    thing: Run | Outputs,
    name: str,
    tags: Mapping[str, str],
    write: Callable[[MlflowClient, str], None],
) -> str:
    """Write a run unless it is unchanged. The tag with its content is set last, which marks the run as complete."""
    content = thing.content
    existing = client.search_runs([experiment], f"tags.`{_RUN}` = '{thing.id}'")
    unchanged = [run.info.run_id for run in existing if run.data.tags.get(_CONTENT) == content][:1]
    if not unchanged:
        tags = {_RUN: thing.id, "bpviz.config": thing.config, **_versions(thing.versions), **tags}
        new = client.create_run(experiment, tags=tags, run_name=name).info.run_id
        try:
            write(client, new)
            client.set_tag(new, _CONTENT, content)
            client.set_terminated(new)
        except BaseException:
            with contextlib.suppress(Exception):
                client.set_terminated(new, "FAILED")
            raise
    for run in existing:
        if run.info.run_id not in unchanged:
            client.delete_run(run.info.run_id)
    return UNCHANGED if unchanged else UPDATED if existing else NEW


def _versions(versions: Mapping[str, str]) -> dict[str, str]:
    return {f"bpviz.version.{name}": version for name, version in versions.items()}


def _epochs(run: Run, client: MlflowClient, run_id: str) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)  # epochs have no recorded time
    params = _allowed(flat(run.params))
    for batch in _batches([Param(key, _value(value)) for key, value in params.items()], _PARAMS_PER_BATCH):
        client.log_batch(run_id, params=batch)
    keys = list(_allowed(dict.fromkeys(run.metrics)))
    metrics = [
        Metric(key, _finite(value), now, epoch)
        for epoch, row in enumerate(run.history)
        for key, value in zip(keys, row, strict=True)
    ]
    metrics += [Metric(key, _finite(value), now, 0) for key, value in run.summary.items()]
    for batch in _batches(metrics, _METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=batch)


def _files(outputs: Outputs, client: MlflowClient, run_id: str) -> None:
    for path in outputs.files:
        client.log_artifact(run_id, str(path), "figures" if path.suffix in PICTURES else None)


def _batches(things: list[Any], size: int) -> Iterator[list[Any]]:
    return (things[i : i + size] for i in range(0, len(things), size))


def _value(value: str | float | bool) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _finite(value: float) -> float:
    """Return a number, or NaN if it is infinite: MLflow would store infinity as 1.8e308 and plot it."""
    return float(value) if math.isfinite(value) else math.nan


def _allowed(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under names that MLflow allows: letters, digits and a few signs, and no ``..`` in paths."""
    found: dict[str, Any] = {}
    for name, value in named.items():
        parts = [re.sub(r"[^\w. -]", "_", part).strip() for part in name[:200].split("/")]
        key = "/".join(part if part.strip(".") else "_" for part in parts)
        while key in found:
            key += "_"
        found[key] = value
    return found
