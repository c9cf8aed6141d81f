"""Test that a lockfile is read as it was written, that invalid ones are rejected, and that damaged files are found."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from bpviz.outputs import lockfile
from bpviz.outputs.lockfile import Lock, LockError
from bpviz.storage import hashing
from bpviz.tables import schemas

if TYPE_CHECKING:
    from pathlib import Path

LOCK = Lock(
    config="../../one.yaml",
    inputs={"config": "0a"},
    asked={"overrides": ["max_epochs=5"], "formats": ["png"], "figures": True},
    experiment="1b",
    code={"engine/loop.py": "2c"},
    results=[
        {
            "label": "GD",
            "start": [1, 0.5],
            "epochs": 5,
            "final_error": None,
            "weights": [0.25, None],
            "evaluations": {"gradient": 5},
            "ending": "diverged",
        }
    ],
    files={"errors.png": {"bytes": "3d", "size": 9, "shows": "4e"}},
    versions={"numpy": "2"},
    table={"titles": ["a", "b"], "rows": [["x", "1"], ["y", "2"]], "numbers": [False, True]},
    left_over={"old.png": {"bytes": "5f", "size": 3}},
)


def altered(path: str, value: object) -> dict[str, Any]:
    """Return the data of the lockfile with another value at a path such as ``results.0.epochs``."""
    data: Any = {"schema": schemas.LOCKFILE, **json.loads(json.dumps(vars(LOCK)))}
    *parents, last = [int(key) if key.isdecimal() else key for key in path.split(".")]
    inner = data
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return data


def reads(folder: Path, data: object) -> Lock | None:
    """Return the lockfile with this data."""
    (folder / lockfile.NAME).write_text(json.dumps(data))
    return lockfile.read(folder)


def rejects(folder: Path, data: object) -> bool:
    """Return whether a lockfile with this data is rejected as not valid."""
    with pytest.raises(LockError) as caught:
        reads(folder, data)
    return str(caught.value) == f"{folder / lockfile.NAME} is not a valid lockfile"


def test_reads_what_was_written(tmp_path: Path) -> None:
    assert lockfile.read(tmp_path) is None
    lockfile.write(tmp_path, LOCK)
    assert lockfile.read(tmp_path) == LOCK
    assert lockfile.without_orphans(LOCK).left_over == {}
    assert LOCK.origin == lockfile.Origin(LOCK.config, LOCK.inputs, LOCK.asked)


def test_lockfile_is_sorted_and_has_one_value_per_line(tmp_path: Path) -> None:
    """So its changes can be read and merged line by line."""
    lockfile.write(tmp_path, LOCK)
    lines = (tmp_path / lockfile.NAME).read_text().splitlines()
    keys = [line.partition(":")[0].strip(' "') for line in lines if line.startswith(' "')]
    assert keys == sorted(keys)
    assert ' "experiment": "1b",' in lines


def test_keeps_letters_and_undecodable_bytes_of_paths(tmp_path: Path) -> None:
    lock = Lock(**{**vars(LOCK), "config": "caf\udce9/η.yaml", "versions": {"η": "η"}})
    lockfile.write(tmp_path, lock)
    assert "η".encode() in (tmp_path / lockfile.NAME).read_bytes()
    assert lockfile.read(tmp_path) == lock


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("inputs", {}),
        ("results", []),
        ("results.0.start", []),
        ("results.0.final_error", 5),
        ("results.0.weights", [-1.5]),
        ("files.errors.png", {"bytes": "", "size": 0}),
        ("files.errors.png", {"bytes": "", "size": 1 << 30}),
        ("left_over", {}),
        ("code", {"__init__.py": "2c", "a/b/c_d.py": "", "a/data.csv": "0", "a/data.u8.gz": "1"}),
        ("inputs", {"config": "0a", "data ../a b.csv": "", "package a.b-c_d": "1", "plugin x.py (2)": "0"}),
        ("config", "caf\udc80\udcff.yaml"),
        ("asked.overrides", ["\ud7ff\ue000"]),  # the characters next to the surrogates
    ],
)
def test_accepts_valid_values(path: str, value: object, tmp_path: Path) -> None:
    data = altered("files", {"errors.png": value}) if path == "files.errors.png" else altered(path, value)
    assert reads(tmp_path, data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", True),
        ("schema", 1.0),
        ("schema", "1"),
        ("config", 5),
        ("config", "\ud800"),
        ("config", chr(0xDC7F)),  # the surrogates next to those that stand for bytes
        ("config", chr(0xDD00)),
        ("inputs", []),
        ("inputs", {"config": 5}),
        ("inputs", {"\udc80": "0a"}),
        ("asked", {"overrides": [], "formats": []}),
        ("asked.more", 5),
        ("asked.figures", 1),
        ("experiment", "\ud800"),
        ("experiment", chr(0xDFFF)),
        ("results", {}),
        ("results.0.start", [True]),
        ("results.0.start", ["1"]),
        ("results.0.epochs", True),
        ("results.0.epochs", 1.0),
        ("results.0.evaluations", {"gradient": 1.0}),
        ("files", {"errors.png": {"size": 9}}),
        ("files", {"errors.png": {"bytes": "3d"}}),
        ("files", {"errors.png": {"bytes": 5, "size": 9}}),
        ("files", {"errors.png": {"bytes": "3d", "size": "9"}}),
        ("files", {"errors.png": {"bytes": "3d", "size": 9, "shows": None}}),
        ("table.titles", ["a"]),
        ("table.numbers", [True]),
        ("table.rows", [["x", "1"], ["y"]]),
        ("table.rows", ["xy"]),
        ("table", {"titles": ["a"], "rows": [["x"]], "numbers": [False]}),
        ("files", {"errors.png": {"bytes": "3d", "size": -1}}),
        ("files", {"errors.png": {"bytes": "3d", "size": True}}),
        ("files", {"errors.png": {"bytes": "3d", "size": (1 << 30) + 1}}),
        ("files", {"errors.png": {"bytes": "3d", "size": 9, "shows": 5}}),
        ("left_over", ["old.png"]),
        ("left_over", {"old.png": {"bytes": "5f"}}),
        ("asked.formats", ["exe"]),
        ("asked.formats", ["png", "png"]),
        ("code", {"/dev/zero": "x"}),
        ("code", {"../setup.py": "x"}),
        ("code", {"engine/../../setup.py": "x"}),
        ("code", {"engine/../data.gz": "x"}),
        ("code", {"notes.txt": "x"}),
        ("code", {"engine/loop": "x"}),
        ("inputs", {"other": "0a"}),
        ("inputs", {"package ": "1"}),
        ("inputs", {"package ../x": "1"}),
        ("config", "/etc/passwd"),
        ("config", "a\0b"),
        ("more", 5),
    ],
)
def test_rejects_values_of_other_types(path: str, value: object, tmp_path: Path) -> None:
    assert rejects(tmp_path, altered(path, value))


@pytest.mark.parametrize("key", vars(LOCK))
def test_rejects_lockfile_without_a_key(key: str, tmp_path: Path) -> None:
    data = altered(key, None)
    del data[key]
    assert rejects(tmp_path, data)


OTHERS = [
    "",
    ".",
    "..",
    "../a.png",
    "a/b.png",
    "a\\b.png",
    "C:a.png",
    "a\0.png",
    "README.md",
    "a.yaml",
    ".png",
    "a.exe",
]


@pytest.mark.parametrize("name", [*OTHERS, lockfile.NAME, "-a.png", "a.png\n"])
@pytest.mark.parametrize("where", ["files", "left_over"])
def test_rejects_names_that_are_not_of_outputs(name: str, where: str, tmp_path: Path) -> None:
    """``--prune`` deletes these files."""
    record = {"bytes": "3d", "size": 9}
    assert reads(tmp_path, altered(where, {"summary.md": record, "größe 1+2=3.svg": record, "a.b.pdf": record}))
    assert rejects(tmp_path, altered(where, {"a.png": record, name: record}))


@pytest.mark.parametrize(("offset", "age"), [(-1, "an older"), (1, "a newer")])
def test_names_the_age_of_other_versions(offset: int, age: str, tmp_path: Path) -> None:
    (tmp_path / lockfile.NAME).write_text(json.dumps({"schema": schemas.LOCKFILE + offset}))
    with pytest.raises(LockError, match=f"was written by {age} version of bpviz$"):
        lockfile.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),  # nested too deeply for Python
        (b'{"schema": 2, "schema": 2}', "is not valid JSON"),
        (b'{"schema": NaN}', "is not valid JSON"),
        (b'{"schema": -Infinity}', "is not valid JSON"),
        (b'{"schema": 1e999}', "is not valid JSON"),
        (b'{"schema": 1' + b"0" * 400 + b"}", "is not valid JSON"),
        (b"[]", "is not a valid lockfile"),
        (b"{}", "is not a valid lockfile"),
        (b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "contains git conflict markers"),
    ],
)
def test_gives_the_reason_why_content_is_unusable(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / lockfile.NAME).write_bytes(content)
    with pytest.raises(LockError) as caught:
        lockfile.read(tmp_path)
    assert str(caught.value) == f"{tmp_path / lockfile.NAME} {reason}"


def test_lock_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LOCK.config = "other.yaml"  # type: ignore[misc]


def test_limits_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lockfile.write(tmp_path, LOCK)
    path = tmp_path / lockfile.NAME
    monkeypatch.setattr(lockfile, "LARGEST", 3 << 20)
    path.write_bytes(path.read_bytes().ljust(3 << 20))
    assert lockfile.read(tmp_path) == LOCK
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(LockError, match=r"cannot be read \(file too large \(limit 3072 KiB\)\)$"):
        lockfile.read(tmp_path)


def test_a_thousand_runs_are_far_below_the_limit() -> None:
    assert lockfile.LARGEST > 100 * (1000 * 300)


def test_reports_unreadable_lockfile(tmp_path: Path) -> None:
    (tmp_path / lockfile.NAME).mkdir()
    with pytest.raises(LockError) as caught:
        lockfile.read(tmp_path)
    assert str(caught.value) == f"{tmp_path / lockfile.NAME} cannot be read (expected a file, got a folder)"


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
def test_reads_neither_links_nor_pipes(tmp_path: Path) -> None:
    lockfile.write(tmp_path, LOCK)
    path = tmp_path / lockfile.NAME
    path.rename(tmp_path / "elsewhere")
    path.symlink_to("elsewhere")
    with pytest.raises(LockError, match=r"got a symbolic link\)$"):
        lockfile.read(tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(LockError, match=r"got a pipe\)$"):
        lockfile.read(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(LockError, match=r"link is a symbolic link \(expected a folder\)$"):
        lockfile.read(tmp_path / "link")


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
def test_finds_damaged_files(tmp_path: Path) -> None:
    contents = {name: name.encode() for name in ("good", "missing", "modified", "longer", "folder", "link", "pipe")}
    lock = Lock(**{**vars(LOCK), "files": {name: lockfile.written(content) for name, content in contents.items()}})
    assert lock.files["good"] == {"bytes": hashing.of_bytes(b"good"), "size": 4}
    (tmp_path / "good").write_bytes(b"good")
    (tmp_path / "modified").write_bytes(b"modifies")
    (tmp_path / "longer").write_bytes(b"longer ")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("good")
    os.mkfifo(tmp_path / "pipe")
    found = {name: name for name in ("missing", "modified")} | {"longer": "modified"}
    found |= dict.fromkeys(("folder", "link", "pipe"), "unreadable")
    assert lockfile.damages(lock, tmp_path) == found
    assert lockfile.damage(lock.files["good"], tmp_path / "good") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.png", b"GIF89a"),
        ("a.svg", b"<?xml "),
        ("a.pdf", b"%PDF-1.4"),
        ("run.json", b"{"),
        ("run.json", b'{"a": NaN}'),
        ("history.csv", b"a,\xff\n"),
        ("summary.md", b"\xff"),
    ],
)
def test_finds_outputs_that_do_not_parse(name: str, content: bytes, tmp_path: Path) -> None:
    """Their hashes may be recorded, by another program or by a wrong merge."""
    (tmp_path / name).write_bytes(content)
    assert lockfile.damage(lockfile.written(content), tmp_path / name) == "unreadable"
