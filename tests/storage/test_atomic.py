"""A file is whole, old or new, whatever happens; and nothing is written where it was not asked for."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bpviz
from bpviz.storage import atomic
from bpviz.storage.atomic import UnwritableError

HOME = Path(bpviz.__file__).parent.parent

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, where nobody can write")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- one file --------------------------------------------------------------------------------------------------------


def test_writing_makes_and_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a.csv"
    for content in (b"old\n", b"", bytes(range(256)) * 1000):
        atomic.write(path, content)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["a.csv"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        atomic.write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_file_and_no_traces(tmp_path, monkeypatch, failing, error):
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(failing, fail)
    with pytest.raises((UnwritableError, KeyboardInterrupt)) as caught:
        atomic.write(path, b"new", precious=True)
    monkeypatch.undo()
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.csv"]


def test_a_reader_that_has_the_old_file_open_reads_it_to_its_end(tmp_path):
    path = tmp_path / "a.csv"
    atomic.write(path, b"old" * 1000)
    with path.open("rb") as reader:
        start = reader.read(3)
        atomic.write(path, b"new")
        assert start + reader.read() == b"old" * 1000


def test_what_a_killed_process_left_is_no_hindrance(tmp_path):
    """Even if it had this process's number, and even if somebody put a link there."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / f".bpviz-{os.getpid()}.part").symlink_to(victim)
    atomic.make(tmp_path)
    atomic.write(tmp_path / "a.csv", b"new")
    assert victim.read_bytes() == b"untouched"
    assert names(tmp_path) == ["a.csv", "victim"]


def test_another_run_may_sweep_a_folder_while_it_is_made(tmp_path, monkeypatch):
    close = os.close
    monkeypatch.setattr(os, "close", lambda handle: (close(handle), atomic.sweep(tmp_path)))
    atomic.make(tmp_path)
    assert names(tmp_path) == []


def test_writing_where_there_is_no_folder(tmp_path):
    path = tmp_path / "no" / "a.csv"
    with pytest.raises(UnwritableError) as caught:
        atomic.write(path, b"")
    assert str(caught.value) == f"cannot write {path}: No such file or directory"


# -- looking before writing ------------------------------------------------------------------------------------------


def refusal(folder, *written):
    with pytest.raises(UnwritableError) as caught:
        atomic.check(folder, written)
    return str(caught.value)


def test_what_is_new_or_to_be_replaced_is_fine(tmp_path):
    atomic.check(tmp_path / "new" / "er", ["a", "b"])
    (tmp_path / "a").write_bytes(b"")
    atomic.check(tmp_path, ["a", "b"])
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_names_that_the_system_cannot_spell(tmp_path, name):
    """Where it takes ASCII alone, an è is such a name."""
    assert refusal(tmp_path, name) == f"cannot write {tmp_path / name}: invalid file name"


@pytest.mark.parametrize("there", [True, False], ids=["link", "dangling link"])
def test_symbolic_links_are_refused(tmp_path, there):
    goal, folder = tmp_path / "goal", tmp_path / "folder"
    if there:
        goal.mkdir()
    folder.symlink_to(goal)
    advice = "remove it or choose another --out"
    assert refusal(folder, "a") == f"{folder} is a symbolic link to {goal}; {advice}"
    folder.unlink()
    folder.mkdir()
    (folder / "b").symlink_to("../goal")
    assert refusal(folder, "a", "b") == f"{folder / 'b'} is a symbolic link to ../goal; {advice}"
    assert goal.exists() is there


def test_files_and_folders_in_each_others_place(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_bytes(b"")
    assert refusal(tmp_path, "a") == f"cannot write {tmp_path / 'a'}: a folder with that name exists"
    assert refusal(tmp_path / "b", "c") == f"cannot create folder {tmp_path / 'b'}: a file with that name exists"
    assert refusal(tmp_path / "b" / "c", "d") == f"cannot write {tmp_path / 'b' / 'c'}: Not a directory"


def test_names_too_long_for_the_file_system(tmp_path):
    """Counted in bytes there, not in characters."""
    path = tmp_path / ("字" * 90)
    assert refusal(tmp_path, path.name) == f"cannot write {path}: File name too long"


@on_linux
def test_a_folder_where_nobody_can_write():
    with pytest.raises(UnwritableError) as caught:
        atomic.make(Path("/proc/bpviz"))
    assert str(caught.value) == "cannot write in /proc/bpviz: No such file or directory"
    with pytest.raises(UnwritableError, match=r"cannot write in /proc: "):
        atomic.make(Path("/proc"))


# -- killed in the middle --------------------------------------------------------------------------------------------


SIZE = 2**21
FOREVER = f"""
from pathlib import Path
from bpviz.storage.atomic import write
print("ready", flush=True)
while True:
    for letter in b"a", b"b":
        write(Path("file"), letter * {SIZE})
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a" * SIZE)
    moments, interrupted = random.Random(2), 0
    for _ in range(20):
        command = [sys.executable, "-c", FOREVER]
        environment = {**os.environ, "PYTHONPATH": str(HOME)}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.002, 0.02))
            process.kill()
        assert path.read_bytes() in (b"a" * SIZE, b"b" * SIZE)
        left = [name for name in names(tmp_path) if name != "file"]
        assert all(re.fullmatch(r"\.bpviz-\d+\.part", name) for name in left)
        interrupted = len(left)
    assert interrupted, "no process was killed while it wrote, so this test has shown nothing"
    atomic.write(path, b"new")
    assert path.read_bytes() == b"new"
