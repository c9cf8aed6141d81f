"""Test that files are read with a size limit, and decoded."""

from __future__ import annotations

import codecs
import contextlib
import os
import socket
from pathlib import Path

import pytest

from bpviz.messages.diagnostics import ConfigError
from bpviz.storage.reading import UnreadableError, decode, read, too_large


def refusal(path: Path, largest: int = 100) -> str:
    with pytest.raises(UnreadableError) as refused:
        read(path, largest)
    return str(refused.value)


def test_reads_a_file_of_exactly_the_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 2048)
    assert read(path, 2048) == b"x" * 2048
    assert refusal(path, 2047) == too_large(2047)


def test_names_the_limit_in_kib() -> None:
    assert "3 KiB" in too_large(3 * 1024 + 1023)
    assert "4 KiB" in too_large(4 * 1024)


def test_reports_unreadable_files(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing") == "no such file"
    assert "folder" in refusal(tmp_path)
    assert "null" in refusal(Path("a\0b"))
    (tmp_path / "loop").symlink_to("loop")
    assert os.strerror(40) in refusal(tmp_path / "loop")  # ELOOP


def test_reports_missing_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the error is simulated."""

    def refuse(*_: object) -> None:
        raise PermissionError

    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(os, "open", refuse)
    assert "permission" in refusal(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="needs devices and pipes")
@pytest.mark.parametrize("links", [True, False])
def test_opens_only_regular_files(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(tmp_path / "socket"))
    opened: list[object] = []
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments))
    others = {"/dev/zero": "device", "/dev/ptmx": "device", tmp_path / "pipe": "pipe", tmp_path / "socket": "socket"}
    for path, kind in others.items():
        with pytest.raises(UnreadableError, match=f"^expected a file, got a {kind}$"):
            read(Path(path), 100, links=links)
    assert opened == []


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_follows_links_only_if_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert read(tmp_path / "link", 100) == b"x"
    for name in ("link", "zero"):
        with pytest.raises(UnreadableError, match=r"^expected a file, got a symbolic link$"):
            read(tmp_path / name, 100, links=False)
    assert refusal(tmp_path / "zero") == "expected a file, got a device"


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_refuses_a_pipe_that_replaces_a_file_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _, **__: status)
    assert refusal(path) == "expected a file, got a pipe"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_reads_a_file_whose_size_is_not_known() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert read(Path("/proc/self/status"), 1 << 20).startswith(b"Name:")
    assert refusal(Path("/proc/self/status"), 9) == too_large(9)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_rejects_utf16(mark: bytes) -> None:
    with pytest.raises(ConfigError) as refused:
        decode(mark + b"a\0", "c.yaml")
    [mistake] = refused.value.mistakes
    assert (mistake.file, mistake.line, mistake.column, mistake.excerpt) == ("c.yaml", 0, 0, "")
    assert "UTF-16" in mistake.message


def test_decodes_utf8_with_and_without_byte_order_mark() -> None:
    assert decode(codecs.BOM_UTF8 + "η: 1".encode(), "c.yaml").text == "η: 1"
    assert decode("η: 1".encode(), "c.yaml").text == "η: 1"


def test_locates_the_first_byte_that_is_not_utf8() -> None:
    with pytest.raises(ConfigError) as refused:
        decode("a: η\nb: ".encode() + b"\xff\xfe", "c.yaml")
    [mistake] = refused.value.mistakes
    assert (mistake.line, mistake.column, mistake.excerpt) == (2, 4, "b: ÿþ")
    assert "0xff" in mistake.message
