"""Test that output folders are created, updated and locked."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from bpviz.storage import atomic, hashing

if TYPE_CHECKING:
    from pathlib import Path


def test_makes_missing_parents(tmp_path: Path) -> None:
    atomic.make(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_update_reports_whether_the_content_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert atomic.update(path, b"b") is True
    before = path.stat()
    assert atomic.update(path, b"b") is False
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    for content in (b"a", b"c", b""):  # smaller, larger, empty
        assert atomic.update(path, content) is True
        assert path.read_bytes() == content


def test_written_file_has_permissions_of_the_umask(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        atomic.write(tmp_path / "file", b"a")
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_sweep_removes_only_temporary_files(tmp_path: Path) -> None:
    for name in (".bpviz-1.part", ".bpviz-77.part", "bpviz-1.part", ".bpviz-1", "mine.part"):
        (tmp_path / name).write_bytes(b"")
    atomic.remove_temporary_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bpviz-1", "bpviz-1.part", "mine.part"]


def test_removes_only_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_bytes(b"")
    for name in ("empty", "full", "none"):
        atomic.remove_empty(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_folder_is_locked_until_the_block_ends(tmp_path: Path) -> None:
    waited: list[bool] = []
    with atomic.locked(tmp_path, lambda: waited.append(True)):
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    assert waited == []


def test_calls_waiting_before_it_waits(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with atomic.locked(tmp_path, lambda: os.close(other)):  # the lock goes when the last descriptor is closed
        again = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(again)


@pytest.mark.parametrize("error", [ImportError, OSError])
def test_continues_if_folders_cannot_be_locked(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise error

    monkeypatch.setattr(os, "open", refuse)
    entered = False
    with atomic.locked(tmp_path, lambda: None):
        entered = True
    assert entered


def test_continues_if_file_system_has_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with atomic.locked(tmp_path, lambda: pytest.fail("it does not wait")):
        pass


def test_modules_are_hashed_once_per_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_HOME", tmp_path)
    hashing.of_module.cache_clear()
    hashing.modules.cache_clear()
    (tmp_path / "a.py").write_text("1")
    first = hashing.modules("*.py")
    (tmp_path / "a.py").write_text("2")
    assert (hashing.modules("*.py"), hashing.of_module("a.py")) == (first, first["a.py"])
    hashing.of_module.cache_clear()
    hashing.modules.cache_clear()
