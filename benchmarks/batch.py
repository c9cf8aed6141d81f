"""Measure a run of 100 configs: first run, with one and two processes, and when everything is up to date."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from startup import ENTRY, INSTALLED, python
from versus import Row, heading, megabytes, seconds, versus

HERE = Path(__file__).parent
MANY, VERY_MANY = 100, 1000


def write_configs(folder: Path, number: int) -> None:
    """Write ``number`` configs with one figure each."""
    folder.mkdir()
    for i in range(number):
        step = 0.3 + i / 1000
        text = f"algorithms: [{{name: momentum, step: {step:g}}}, rprop]\nfigures: [paths]\n"
        (folder / f"c{i:04}.yaml").write_text(text)


def write_arrays(published: Path, folder: Path, number: int) -> tuple[str, ...]:
    """Write the input from which the baseline script draws ``number`` figures, and return its arguments."""
    import json

    import numpy as np
    from figures import prepare

    prepare(published, folder)
    scenes = json.loads((folder / "scenes.json").read_text())
    (folder / "scenes.json").write_text(json.dumps(scenes * number))
    (folder / "theirs").mkdir()
    assert np.load(folder / "arrays.npz")["error"].shape == (121, 121)
    return (str(HERE / "bare_figures.py"), *(str(folder / n) for n in ("arrays.npz", "scenes.json", "theirs")))


def peak(configs: Path, out: Path) -> float:
    """Return the peak memory of a run of all configs, in bytes."""
    command = [sys.executable, "-c", ENTRY, "run", str(configs), "--out", str(out), "--quiet"]
    process = subprocess.Popen(command, env=INSTALLED, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss * 1024.0


def rows() -> Iterator[Row]:
    """Yield one row per benchmark."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_configs(folder / "many", MANY)
        write_configs(folder / "one", 1)

        def drawing(configs: str, jobs: int, out: str) -> tuple[str, ...]:
            target = (str(folder / configs), "--jobs", str(jobs), "--out", str(folder / out))
            return ("run", *target, "--force", "--quiet")

        python(ENTRY, *drawing("one", 1, "one-out"))()
        bare = write_arrays(folder / "one-out" / "c0000", folder, MANY)
        theirs = python("import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')", *bare)
        one, two = python(ENTRY, *drawing("many", 1, "out")), python(ENTRY, *drawing("many", 2, "out"))
        yield versus("100 configs, first run, against drawing only", one, theirs, target=1.2, rounds=1)
        yield versus("100 configs, --jobs 2 against --jobs 1", two, one, target=1 / 1.7, rounds=1)

        looked_at = python(ENTRY, "run", str(folder / "many"), "--out", str(folder / "out"), "--quiet")
        yield seconds("100 configs, up to date, against 0.3 s", looked_at, at_most=0.3, rounds=11)

        write_configs(folder / "very-many", VERY_MANY)
        most, few = peak(folder / "very-many", folder / "out-1000"), peak(folder / "many", folder / "out-100")
        # Memory rises until the garbage collector frees drawn figures. If every run kept one, the ratio would be 7.
        yield Row("1000 configs, peak memory, against 100", most, few, 1.2, megabytes)


if __name__ == "__main__":
    print(heading())
    for row in rows():
        print(row, flush=True)
