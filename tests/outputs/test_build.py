"""Test that experiments are run and written in one or several processes, and that interrupted runs leave nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

import bpviz
from bpviz import config
from bpviz.outputs import build
from bpviz.storage import atomic
from bpviz.storage.atomic import UnwritableError

HOME = Path(bpviz.__file__).parent.parent
SMALL = "algorithms: [gd, rprop]\nfigures: [errors, epochs]\nmax_epochs: 20\n"
OTHER = "algorithms: [newton]\nfigures: [errors]\ntitle: Second\n"


def experiment(text, name="small"):
    return config.loads(text.encode(), "test", Path(), name=name)


@pytest.fixture
def two():
    return [experiment(SMALL, "first"), experiment(OTHER, "second")]


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def planned(experiments, out, *formats, **rest):
    """Return jobs whose output folders exist."""
    jobs = [build.Job(one, out / one.name, formats, **rest) for one in experiments]
    build.plan(jobs)
    return jobs


def carry_out(jobs, **rest):
    """Carry out jobs and return their outcomes."""
    return build.carry_out(jobs, lambda number, outcome: outcome, **rest)


def ends(outcomes):
    return [[run.trajectory.weights[-1].tolist() for run in outcome.results.runs] for outcome in outcomes]


@pytest.mark.slow
def test_files_do_not_depend_on_number_of_processes(two, tmp_path):
    progress = {1: [], 2: []}
    ended = []
    for jobs, words in progress.items():
        work = planned(two, tmp_path / str(jobs), "png", "svg")
        outcomes = carry_out(work, processes=jobs, progress=words.append)
        assert [outcome.results.title for outcome in outcomes] == ["first", "Second"]
        assert [list(outcome.seconds) for outcome in outcomes] == [["Gradient descent", "RPROP"], ["Newton's method"]]
        ended.append(ends(outcomes))
    assert ended[0] == ended[1]
    assert progress[1] == ["first", "errors", "epochs", "Second", "errors"]
    assert sorted(progress[2]) == sorted(progress[1])
    one = tree(tmp_path / "1")
    assert sorted(one) == sorted(
        [f"{name}/{table}" for name in ("first", "second") for table in build.TABLES]
        + [
            f"{figure}.{suffix}"
            for figure in ("first/errors", "first/epochs", "second/errors")
            for suffix in ("png", "svg")
        ]
    )
    assert one == tree(tmp_path / "2")


@pytest.mark.slow
def test_many_experiments_with_few_processes(tmp_path):
    """Most experiments are one task each, the figures of the last ones are tasks of their own.

    The number of results in memory is limited, so a thousand experiments need no more memory than a few.
    """
    many = [experiment("algorithms: [rprop]\nfigures: [epochs]", name=f"e{n}") for n in range(12)]
    progress = {1: [], 2: []}
    for (jobs, words), held in zip(progress.items(), (1, 8), strict=True):
        seen, alive = [], []

        def keep(number, outcome, seen=seen, alive=alive):
            seen.append(weakref.ref(outcome.results))
            alive.append(sum(results() is not None for results in seen))
            return number

        work = planned(many, tmp_path / str(jobs), "svg")
        assert build.carry_out(work, keep, processes=jobs, progress=words.append) == list(range(12))
        assert max(alive) <= held
    assert sorted(progress[2]) == sorted(progress[1]) == sorted([one.title for one in many] + 12 * ["epochs"])
    assert len(tree(tmp_path / "1")) == 12 * (len(build.TABLES) + 1)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


@pytest.mark.parametrize("jobs", [1, 2])
def test_writes_only_figures_without_tables(two, tmp_path, jobs):
    carry_out(planned(two[1:], tmp_path, "svg", with_tables=False), processes=jobs)
    assert list(tree(tmp_path)) == ["second/errors.svg"]


def test_writes_every_file_with_atomic_write(two, tmp_path, monkeypatch):
    """So the guarantees of atomic.write apply to every file of a run."""
    jobs = planned(two, tmp_path, "png")
    written = []
    monkeypatch.setattr(atomic, "write", lambda path, content: written.append((path, type(content))))
    carry_out(jobs)
    assert tree(tmp_path) == {}
    assert len(written) == 2 * len(build.TABLES) + 3
    assert {kind for _, kind in written} == {bytes}


def test_plan_with_unwritable_file_creates_no_folder(two, tmp_path):
    out = tmp_path / "out"
    (out / "second").mkdir(parents=True)
    (out / "second" / "history.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnwritableError, match=r"second/history\.csv is a symbolic link to .*elsewhere; remove it"):
        planned(two, out, "png")
    assert [path.name for path in out.iterdir()] == ["second"]
    planned(two[1:], out, "png", with_tables=False)  # which does not write that file


def test_rejects_too_long_figure_name_before_running(tmp_path):
    long = experiment(f"algorithms: [gd]\nfigures: [{{kind: errors, save_as: {'字' * 90}}}]")
    with pytest.raises(UnwritableError, match=r"字\.png: File name too long"):
        planned([long], tmp_path, "png")


@pytest.mark.parametrize("jobs", [1, 2])
def test_reports_file_that_becomes_unwritable(two, tmp_path, jobs):
    """A folder with the name of the file is created after the plan was made."""
    work = planned(two, tmp_path, "png")
    (tmp_path / "second" / "run.json").mkdir()
    with pytest.raises(UnwritableError) as caught:
        carry_out(work, processes=jobs)
    assert str(caught.value) == f"cannot write {tmp_path / 'second' / 'run.json'}: Is a directory"


# -- interrupts ------------------------------------------------------------------------------------------------------

LONG = "algorithms: [gd, adam]\nerror_threshold: null\nmax_epochs: 300000\nfigures: [errors]\n"


def started(folder, *arguments, text=LONG):
    """Start a run of two slow experiments in a new process group, and wait until it has created the output folders."""
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(text)
    command = [sys.executable, "-m", "bpviz", "run", "a.yaml", "b.yaml", "--out", "out", *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    )
    deadline = time.monotonic() + 20
    while not (folder / "out" / "b").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process


def gone(group):
    """Wait until a process group is empty, and return whether that happened in time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    return False


on_posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


@on_posix
@pytest.mark.parametrize("wait", [0, 0.5])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_interrupt_ends_all_processes_with_one_message(tmp_path, jobs, wait):
    """Ctrl-C sends the interrupt to every process of the group."""
    process = started(tmp_path, "--jobs", jobs)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    # An interrupt during exec(), which creates classes, can kill CPython by the signal; a shell reports 130 as well.
    assert process.returncode in (130, -signal.SIGINT)
    assert (out, err.strip()) == ("", "interrupted")
    assert gone(process.pid)
    assert [name for name in tree(tmp_path / "out") if not name.endswith(".part")] == []


@pytest.mark.slow
@on_posix
@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize(("jobs", "name", "code"), [("1", "SIGTERM", 143), ("2", "SIGTERM", 143), ("2", "SIGHUP", 129)])
def test_signal_ends_all_processes_quietly(tmp_path, jobs, name, code, whole_group):
    """`kill` sends the signal to one process, `timeout` and a closed terminal to all of the group."""
    process = started(tmp_path, "--jobs", jobs)
    time.sleep(0.5)
    (os.killpg if whole_group else os.kill)(process.pid, getattr(signal, name))
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "", "")
    assert gone(process.pid)
    assert list((tmp_path / "out").iterdir()) == []


@on_posix
def test_ignored_hangup_does_not_end_the_program(tmp_path):
    """`nohup` ignores SIGHUP."""
    (tmp_path / "a.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    code = "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    code += "from bpviz.experiment import runner\nrun = runner.run\n"
    code += "runner.run = lambda *a, **k: (os.kill(os.getpid(), signal.SIGHUP), run(*a, **k))[1]\n"
    code += "from bpviz.cli import main; main()\n"
    command = [sys.executable, "-c", code, "run", "a.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(HOME)}, check=False, timeout=20)
    assert done.returncode == 0


@pytest.mark.slow
@on_posix
def test_workers_end_when_parent_is_killed(tmp_path):
    process = started(tmp_path, "--jobs", "2")
    time.sleep(0.5)
    process.kill()
    process.wait()
    ended = gone(process.pid)
    process.communicate()
    assert ended


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_workers_ignore_interrupts(tmp_path):
    """Otherwise each would print its own traceback."""

    def children():
        stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
        return [int(stat.split()[0]) for stat in stats if stat.rpartition(")")[2].split()[1] == str(process.pid)]

    process = started(tmp_path, "--jobs", "2", text=LONG.replace("300000", "20000").replace("[errors]", "[]"))
    interrupts = 0
    while process.poll() is None:
        time.sleep(0.03)
        for child in children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGINT)
                interrupts += 1
    out, err = process.communicate(timeout=20)
    assert interrupts > 10
    assert (process.returncode, err) == (0, "out/a: wrote 5 files\nout/b: wrote 5 files\n")
    assert out.count("reached max_epochs") == 4
