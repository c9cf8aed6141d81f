"""Measure a run with figures against a minimal script that draws the same number from precomputed arrays."""

from __future__ import annotations

import csv
import itertools
import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from startup import ENTRY, python
from versus import Row, heading, versus

HERE = Path(__file__).parent
CONFIG = HERE.parent / "configs" / "neupy.yaml"


def prepare(published: Path, folder: Path) -> None:
    """Convert the files of a run into the input of the baseline script: arrays.npz and scenes.json."""
    import numpy as np  # not at the top: loop.py sets the number of threads before NumPy is imported

    with (published / "history.csv").open(encoding="utf-8", newline="") as file:
        runs = {label: list(rows) for label, rows in itertools.groupby(csv.DictReader(file), lambda row: row["label"])}
    features = np.array([[0.9, 0.3], [0.5, 0.3], [0.2, 0.1], [0.7, 0.5], [0.1, 0.8], [0.1, 0.9]])
    targets = np.array([1, 1, 1, 0, 0, 0])
    side = np.linspace(-6, 6, 121)
    w = np.stack(np.meshgrid(side, side), axis=-1)
    arrays = {
        "features": features,
        "targets": targets,
        "x": side,
        "y": side,
        "error": np.mean((1 / (1 + np.exp(-(w @ features.T))) - targets) ** 2, axis=-1),
    }
    for label, rows in runs.items():
        arrays[label] = np.array([[float(row["w1"]), float(row["w2"])] for row in rows])
        arrays[f"{label}: errors"] = np.array([float(row["error"]) for row in rows])
    np.savez(folder / "arrays.npz", **arrays)

    names = {run["algorithm"]: run["label"] for run in json.loads((published / "summary.json").read_text())["runs"]}
    asked = json.loads((published / "run.json").read_text())["experiment"]["figures"]
    sizes = [struct.unpack(">II", path.read_bytes()[16:24]) for path in sorted(published.glob("*.png"))]
    scenes = [
        {
            "kind": figure["kind"],
            "size": size,
            "labels": [names.get(name, name) for name in figure.get("algorithms") or names.values()],
        }
        for figure, size in zip(asked, sizes, strict=True)
    ]
    (folder / "scenes.json").write_text(json.dumps(scenes), encoding="utf-8")


def rows() -> Iterator[Row]:
    """Yield one row per benchmark."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = python(ENTRY, "run", str(CONFIG), "--out", str(folder / "ours"), "--force")
        ours()
        (summary,) = (folder / "ours").rglob("summary.json")
        prepare(summary.parent, folder)
        (folder / "theirs").mkdir()
        bare = (str(HERE / "bare_figures.py"), *(str(folder / n) for n in ("arrays.npz", "scenes.json", "theirs")))
        theirs = python("import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')", *bare)
        theirs()
        assert len(list(summary.parent.glob("*.png"))) == len(list((folder / "theirs").glob("*.png")))
        yield versus("bpviz run configs/neupy.yaml", ours, theirs, target=1.3, rounds=5)


if __name__ == "__main__":
    print(heading())
    for row in rows():
        print(row, flush=True)
