"""Test that files are written atomically, and only where they should be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bpviz
from bpviz.storage import atomic
from bpviz.storage.atomic import UnwritableError

HOME = Path(bpviz.__file__).parent.parent

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, which is not writable")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- one file --------------------------------------------------------------------------------------------------------


def test_write_creates_and_replaces_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.csv"
    for content in (b"old\n", b"", bytes(range(256)) * 1000):
        atomic.write(path, content)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["a.csv"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_written_file_has_default_permissions(tmp_path, mask):
    before = os.umask(mask)
    try:
        atomic.write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failed_write_keeps_old_file_and_leaves_no_temporary_file(tmp_path, monkeypatch, failing, error):
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


def test_reader_of_old_file_is_not_disturbed(tmp_path):
    path = tmp_path / "a.csv"
    atomic.write(path, b"old" * 1000)
    with path.open("rb") as reader:
        start = reader.read(3)
        atomic.write(path, b"new")
        assert start + reader.read() == b"old" * 1000


def test_temporary_file_of_killed_process_is_replaced(tmp_path):
    """Even if it had the id of this process, and even if a symbolic link has its name."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / f".bpviz-{os.getpid()}.part").symlink_to(victim)
    atomic.make(tmp_path)
    atomic.write(tmp_path / "a.csv", b"new")
    assert victim.read_bytes() == b"untouched"
    assert names(tmp_path) == ["a.csv", "victim"]


def test_make_tolerates_concurrent_sweep(tmp_path, monkeypatch):
    close = os.close
    monkeypatch.setattr(os, "close", lambda handle: (close(handle), atomic.remove_temporary_files(tmp_path)))
    atomic.make(tmp_path)
    assert names(tmp_path) == []


def test_write_reports_missing_folder(tmp_path):
    path = tmp_path / "no" / "a.csv"
    with pytest.raises(UnwritableError) as caught:
        atomic.write(path, b"")
    assert str(caught.value) == f"cannot write {path}: No such file or directory"


# -- checks before writing -------------------------------------------------------------------------------------------


def refusal(folder, *written):
    with pytest.raises(UnwritableError) as caught:
        atomic.check(folder, written)
    return str(caught.value)


def test_check_accepts_new_and_existing_files(tmp_path):
    atomic.check(tmp_path / "new" / "er", ["a", "b"])
    (tmp_path / "a").write_bytes(b"")
    atomic.check(tmp_path, ["a", "b"])
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_check_rejects_invalid_file_names(tmp_path, name):
    """On systems that allow only ASCII, è is such a name."""
    assert refusal(tmp_path, name) == f"cannot write {tmp_path / name}: invalid file name"


@pytest.mark.parametrize("there", [True, False], ids=["link", "dangling link"])
def test_check_rejects_symbolic_links(tmp_path, there):
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


def test_check_rejects_files_and_folders_in_each_others_place(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_bytes(b"")
    assert refusal(tmp_path, "a") == f"cannot write {tmp_path / 'a'}: a folder with that name exists"
    assert refusal(tmp_path / "b", "c") == f"cannot create folder {tmp_path / 'b'}: a file with that name exists"
    assert refusal(tmp_path / "b" / "c", "d") == f"cannot write {tmp_path / 'b' / 'c'}: Not a directory"


def test_check_rejects_too_long_names(tmp_path):
    """File systems limit the length in bytes, not in characters."""
    path = tmp_path / ("字" * 90)
    assert refusal(tmp_path, path.name) == f"cannot write {path}: File name too long"


@on_linux
def test_make_rejects_unwritable_folder():
    with pytest.raises(UnwritableError) as caught:
        atomic.make(Path("/proc/bpviz"))
    assert str(caught.value) == "cannot write in /proc/bpviz: No such file or directory"
    with pytest.raises(UnwritableError, match=r"cannot write in /proc: "):
        atomic.make(Path("/proc"))


# -- killed processes ------------------------------------------------------------------------------------------------


# Writes in a forked process that kills itself at one step, then at the next, until one has written all. A step is the
# moment before or after a call of a C function, since every system call is inside one; and one process is ended by the
# system in the middle of the file. Prints one line per process: the step, and the content of the folder afterwards.
DYING = """
import json, os, resource, signal, sys
from pathlib import Path
from bpviz.storage import atomic

path, old, new = Path("file"), b"a" * 100_000, b"b" * 100_000

def die_at(step):
    def count(frame, event, function):
        nonlocal step
        if event in ("c_call", "c_return"):
            step -= 1
            if step < 0:
                os.write(sender, f"{event} {function.__name__}".encode())
                os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)

def die_in_the_middle():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(new) // 2, len(new) // 2))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.write(sender, b"middle")

step, status = -1, None
while status != 0:
    path.write_bytes(old)
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        die_at(step) if step >= 0 else die_in_the_middle()
        atomic.write(path, new, precious=PRECIOUS)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    os.close(sender)
    sizes = {file.name: file.stat().st_size for file in Path().iterdir()}
    state = {old: "old", new: "new"}.get(path.read_bytes(), "neither")
    print(json.dumps([os.read(receiver, 99).decode(), state, sizes]))
    os.close(receiver)
    atomic.remove_temporary_files(Path())
    step += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
@pytest.mark.parametrize("precious", [False, True])
def test_process_killed_at_any_step_leaves_complete_file(tmp_path, precious):
    command = [sys.executable, "-c", DYING.replace("PRECIOUS", str(precious))]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    middle, *deaths, whole = map(json.loads, done.stdout.splitlines())
    assert whole == ["", "new", {"file": 100_000}]
    moments = [moment for moment, _, _ in deaths]
    states = {moment: state for moment, state, _ in [middle, *deaths]}
    assert {"c_call open", "c_call write", "c_call replace"} < set(moments), "it was not killed while it wrote"
    assert (states["middle"], states["c_call replace"], states["c_return replace"]) == ("old", "old", "new")
    replaced = moments.index("c_return replace")
    assert [state for _, state, _ in deaths] == ["old"] * replaced + ["new"] * (len(deaths) - replaced)
    left = [{name: size for name, size in sizes.items() if name != "file"} for _, _, sizes in [middle, *deaths]]
    assert all(re.fullmatch(r"\.bpviz-\d+\.part", name) for names in left for name in names)
    assert list(left[0].values()) == [50_000], "it was not killed in the middle of the file"
    assert any(left[1:])
    assert ("c_return fsync" in moments[: moments.index("c_call replace")]) is precious
    assert names(tmp_path) == ["file"]
