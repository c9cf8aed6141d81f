"""Test that files are read with a size limit, and decoded."""

from __future__ import annotations

import codecs
import os
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

    monkeypatch.setattr(Path, "open", refuse)
    assert "permission" in refusal(tmp_path / "file")


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
