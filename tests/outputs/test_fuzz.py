"""Fuzz the output folder: no command raises an exception, hangs, or touches a file outside, whatever is in it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings

from bpviz.cli import cli
from bpviz.outputs import lockfile
from bpviz.trackers import _outputs as trackers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and signals")

# CONTRIBUTING.md names the command of a longer search.
EXAMPLES = int(os.environ.get("BPVIZ_EXAMPLES", "200"))
LIMIT = 30  # seconds per case
OUT = Path("outputs/a")
CONFIG = """\
algorithms: [gd, {name: rprop, label: R}]
dataset: {csv: data.csv}
max_epochs: 3
expect: {gd: {epochs: 3}}
"""
DATA = "a,b,y\n.9,.3,1\n.5,.3,1\n.2,.1,0\n"
PLAIN = (lockfile.NAME, "summary.md", "summary.csv", "summary.json", "history.csv", "run.json")
DRAWN = (*PLAIN, "errors.png", "errors.svg")
COMMANDS = (
    "run configs",
    "run configs --strict",
    "run configs --force",
    "run configs --prune",
    "run configs --no-figures",
    "run configs --format json",
    "run configs --format csv",
    "run configs --format html",
    "run configs --check --level inputs",
    "run configs --check --level inputs --strict",
    "run configs --check --level results",
    "run configs --check --level results --strict --format json",
    "run configs --check --level pixels --format md",
    "embed a.md",
    "embed --check a.md",
    "embed --check --level inputs a.md",
    "embed --check --level results a.md",
    "diff outputs/a good/a",
    "diff good outputs --format json",
    "diff good/a outputs/a --figure diff.png --format html",
    "export",
)


def fuzzed(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
    )


# -- mutations ---------------------------------------------------------------------------------------------------------


def nested(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return data


_NAMES = [
    "",
    ".",
    "..",
    "../../outside/secret.txt",
    "/dev/zero",
    "/dev/ptmx",
    "/etc/passwd",
    "a\0b",
    "x" * 300,
    "notes.txt",
]
_NAMES += [
    "../b/summary.md",
    "README.md",
    "photo.png",
    "summary.md",
    "bpviz.lock.json",
    "data data.csv",
    "data /dev/zero",
]
_NAMES += [
    "package x",
    "package ..",
    "plugin x.py",
    "engine/loop.py",
    "../configs/a.yaml",
    "configs/a.yaml",
    "exe",
    "png",
]
_TEXTS = [*_NAMES, "\ud800", "a\nb", "\x1b[31m", "::error::x", "0" * 16, "x" * 5000, "1", "nan", "\u202e", "é"]
_NUMBERS = [0, -1, 1, 2**63, 10**299, -(10**299), 1e308, 5e-324, 0.5, 1e-9]
_VALUES = st.one_of(
    st.sampled_from(
        [None, True, False, [], {}, [[]], [{}], nested(30), {"bytes": "0" * 16, "size": 4}, {"x": {"y": 1}}]
    ),
    st.sampled_from(_TEXTS),
    st.sampled_from(_NUMBERS),
    st.lists(st.sampled_from(_TEXTS) | st.sampled_from(_NUMBERS), max_size=3),
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from([*_TEXTS, 0, {"bytes": "0" * 16, "size": 4}]), max_size=2),
)
_PIECES = [
    b"",
    b"\0",
    b"\xff",
    b"<<<<<<< a\n",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"9" * 400,
    b"[" * 5000,
    b",",
    b"{",
    b"}",
]
_PIECES += [b'"', b"\n", b"\\ud800", b"\xef\xbb\xbf", b"-", b"0", b"x" * 1000, b'"schema": 3, "schema": 1']

Mutation = tuple[Any, ...]


def mutations(files: tuple[str, ...]) -> st.SearchStrategy[Mutation]:
    data_files = st.sampled_from([lockfile.NAME, lockfile.NAME, "summary.json", "run.json"])
    place = st.integers(0, 10**6)
    return st.one_of(
        st.tuples(st.just("replace"), data_files, place, _VALUES),
        st.tuples(st.just("remove"), data_files, place),
        st.tuples(st.just("add"), data_files, place, st.sampled_from(_NAMES), _VALUES),
        st.tuples(st.just("rename"), data_files, place, st.sampled_from(_NAMES)),
        st.tuples(st.just("cut"), st.sampled_from(files), place, st.integers(0, 40), st.sampled_from(_PIECES)),
        st.tuples(st.just("truncate"), st.sampled_from(files), place),
        st.tuples(st.just("become"), st.sampled_from(files), st.sampled_from(list(_BECOMES))),
        st.tuples(st.just("folder"), st.sampled_from(["link", "dangling", "pipe", "file", "missing"])),
    )


def containers(data: Any) -> Iterator[Any]:
    """Yield every mapping and list of nested data that is not empty."""
    if isinstance(data, dict | list):
        if data:
            yield data
        for part in data.values() if isinstance(data, dict) else data:
            yield from containers(part)


def edit_json(path: Path, kind: str, place: int, *rest: Any) -> None:
    """Change one value, wherever it is."""
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    places = [
        (inner, key) for inner in containers(data) for key in (inner if isinstance(inner, dict) else range(len(inner)))
    ]
    if not places:
        return
    inner, key = places[place % len(places)]
    if kind == "replace":
        inner[key] = rest[0]
    elif kind == "remove":
        del inner[key]
    elif isinstance(inner, list):
        inner.insert(key, rest[-1])
    elif kind == "add":
        inner[rest[0]] = rest[1]
    else:
        inner[rest[0]] = inner.pop(key)
    path.write_text(json.dumps(data))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _socket(path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))


_BECOMES: dict[str, Callable[[Path], None]] = {
    "missing": lambda path: None,
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": _socket,
    "sparse": _sparse,
    "link outside": lambda path: path.symlink_to(Path("outside/secret.txt").absolute()),
    "link to good": lambda path: path.symlink_to(Path("good/a", path.name).absolute()),
    "zero": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path.name),
}


def mutate(mutation: Mutation) -> None:
    kind, *rest = mutation
    if kind == "folder":
        shutil.move(OUT, "moved")
        if rest[0] == "link":
            OUT.symlink_to("../outside")
        elif rest[0] == "dangling":
            OUT.symlink_to("nowhere")
        elif rest[0] == "pipe":
            os.mkfifo(OUT)
        elif rest[0] == "file":
            OUT.write_text("x")
        return
    path = OUT / rest[0]
    if not is_plain(path):
        return
    if kind == "become":
        path.unlink()
        _BECOMES[rest[1]](path)
    elif kind == "cut":
        content = path.read_bytes()
        begin = rest[1] % (len(content) + 1)
        path.write_bytes(content[:begin] + rest[3] + content[begin + rest[2] :])
    elif kind == "truncate":
        content = path.read_bytes()
        path.write_bytes(content[: rest[1] % (len(content) + 1)])
    else:
        edit_json(path, kind, *rest[1:])


def is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 24


def sign() -> None:
    """Record the present content of files in the lockfile, as an attacker would."""
    path = OUT / lockfile.NAME
    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError, TypeError, KeyError):
        data = json.loads(path.read_bytes()) if is_plain(path) else {}
        for name in data["files"]:
            if is_plain(OUT / name):
                data["files"][name].update(lockfile.written((OUT / name).read_bytes()))
        path.write_text(json.dumps(data))


# -- the check ---------------------------------------------------------------------------------------------------------

_watched: list[str] | None = None  # paths that were opened


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watched is not None and isinstance(arguments[0], str):
        _watched.append(arguments[0])


sys.addaudithook(_watch)  # cannot be removed


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    global _watched  # noqa: PLW0603
    _watched = opened = []
    try:
        yield opened
    finally:
        _watched = None


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raise TimeoutError after a while, also in a system call that never returns."""

    def hang(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(command: str) -> int:
    """Run a command and return its exit code; exceptions pass through."""
    if command == "export":
        with contextlib.suppress(trackers.OutputsError):
            trackers.read(OUT)
        return 0
    result = CliRunner().invoke(cli, command.split(), catch_exceptions=False)
    assert "Traceback" not in result.output
    assert result.exit_code in {0, 1, 2}, result.output
    return result.exit_code


def made(folder: Path, figures: str, *formats: str) -> Path:
    """Make a folder with outputs, and files that no command may read or change."""
    (folder / "configs").mkdir()
    (folder / "configs/a.yaml").write_text(f"{CONFIG}figures: {figures}\n")
    (folder / "configs/data.csv").write_text(DATA)
    (folder / "outside").mkdir()
    (folder / "outside/secret.txt").write_text("secret")
    marks = ["table configs/a.yaml", *(["figure configs/a.yaml errors"] if formats else [])]
    (folder / "a.md").write_text("".join(f"<!-- bpviz: {mark} -->\n<!-- bpviz: end -->\n" for mark in marks))
    with contextlib.chdir(folder):
        options = "".join(f" --format {form}" for form in formats)
        assert run(f"run configs --out good{options}") == run(f"run configs{options}") == 0
        assert run("embed a.md") == 0
        for name in ("README.md", "notes.txt", "photo.png"):
            (OUT / name).write_text("mine")
    return folder


def kept(folder: Path) -> dict[str, bytes]:
    """Return the content of files that no command may change."""
    mine = [OUT / name for name in ("README.md", "notes.txt", "photo.png")]
    files = [path for part in ("outside", "configs", "good") for path in (folder / part).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in [*files, *(path for path in mine if path.is_file())]}


def check(made: Path, cases: Path, steps: list[Mutation], signed: bool, command: str) -> None:
    folder = cases / "case"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    with contextlib.chdir(folder):
        for step in steps:
            if OUT.is_dir() and not OUT.is_symlink():
                mutate(step)
        if signed and OUT.is_dir() and not OUT.is_symlink():
            sign()
        before = kept(folder)
        with limited(), watched() as opened:
            code = run(command)
            if command == "run configs --force" and code == 0:  # repairs everything
                again = ["run", "configs", "--check", "--level", "results", "--quiet"]
                result = CliRunner().invoke(cli, again, catch_exceptions=False)
                others = ("orphaned file", "errors.svg: not listed")  # of a lockfile or in a format that is gone
                lines = result.stdout.splitlines()
                assert all(any(other in line for other in others) for line in lines), lines
        assert kept(folder) == before
        outside = (str(folder / "outside") + os.sep, "/dev/zero", "/dev/ptmx", "/etc/passwd")
        assert not [path for path in opened if os.path.realpath(path).startswith(outside)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("plain"), "[]")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("drawn"), "[errors]", "png", "svg")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def steps(files: tuple[str, ...]) -> st.SearchStrategy[list[Mutation]]:
    return st.lists(mutations(files), min_size=1, max_size=4)


@fuzzed(EXAMPLES)
@given(steps(PLAIN), st.booleans(), st.sampled_from(COMMANDS))
def test_tables_and_lockfiles(plain: Path, cases: Path, steps: list[Mutation], signed: bool, command: str) -> None:
    check(plain, cases, steps, signed, command)


@fuzzed(max(EXAMPLES // 20, 1))
@given(steps(DRAWN), st.booleans(), st.sampled_from(COMMANDS))
def test_figures(drawn: Path, cases: Path, steps: list[Mutation], signed: bool, command: str) -> None:
    check(drawn, cases, steps, signed, command)


@pytest.mark.slow
@fuzzed(5 * EXAMPLES)
@given(steps(PLAIN), st.booleans(), st.sampled_from(COMMANDS))
def test_many_tables_and_lockfiles(plain: Path, cases: Path, steps: list[Mutation], signed: bool, command: str) -> None:
    check(plain, cases, steps, signed, command)


@pytest.mark.slow
@fuzzed(EXAMPLES // 2)
@given(steps(DRAWN), st.booleans(), st.sampled_from(COMMANDS))
def test_many_figures(drawn: Path, cases: Path, steps: list[Mutation], signed: bool, command: str) -> None:
    check(drawn, cases, steps, signed, command)
