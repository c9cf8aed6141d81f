"""What GitHub shows beside the lines of a pull request, and in the summary of a job.

Annotations are lines of the log that begin with ``::``. GitHub shows ten of a kind for a step, so no more are said.
The summary is a file that a step appends to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpviz.messages.diagnostics import Mistake

SHOWN = 10  # annotations of one kind that GitHub shows for a step
LARGEST = 1024 * 1024  # bytes of a step's summary; GitHub drops a larger one whole


def active() -> bool:
    """Tell whether this runs in a job of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def commands(mistakes: Sequence[tuple[str, Mistake]]) -> Iterator[str]:
    """Yield the annotation of each mistake, which comes with a title, and one that counts those left out."""
    for title, mistake in mistakes[:SHOWN]:
        yield _annotation(title, mistake)
    more = len(mistakes) - SHOWN
    if more > 0:
        yield f"::notice title=bpviz::{more} more; the log of this step has them all"


def _annotation(title: str, mistake: Mistake) -> str:
    properties = {"title": title}
    file = repository_path(mistake.file)
    if file:
        numbers = {"file": file, "line": str(mistake.line or ""), "col": str(mistake.column or "")}
        properties = {name: value for name, value in numbers.items() if value} | properties
    said = mistake.message if file else f"{mistake.file}: {mistake.message}"
    if mistake.path:
        said = f"{mistake.path}: {said}"
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::error {listed}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def repository_path(file: str) -> str | None:
    """Return the path of a file in its repository, with slashes; None for what is no file in one."""
    if not os.path.lexists(file):  # an argument of the command line, the standard input, or gone
        return None
    path = Path(os.path.abspath(file))  # noqa: PTH100  resolving would follow links out of the repository
    roots = [folder for folder in path.parents if (folder / ".git").exists()]
    workspace = os.environ.get("GITHUB_WORKSPACE")
    roots += [Path(workspace)] if workspace else []
    for root in roots:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return None


def harmless(text: str) -> str:
    """Return text in which no line is taken for a command: lines of a config are shown as they are written."""
    return re.sub(r"(?m)^(\s*):(?=:)", r"\1: ", text)


def summarize(text: str) -> str | None:
    """Append Markdown to the summary of the step, if there is one; return a sentence if not all of it could be."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    content = text.encode(errors="backslashreplace")
    path = Path(name)
    try:
        free = LARGEST - (path.stat().st_size if path.exists() else 0)
        whole = len(content) <= free
        with path.open("ab") as file:
            file.write(content if whole else _cut(content, free))
    except OSError as error:
        return f"the summary of the job cannot be written: {error.strerror or error}"
    return None if whole else "the summary of the job is cut: there is room for 1 MiB"


_CUT = b"\n\n*There is more: the log of this step has all of it.*\n"


def _cut(content: bytes, free: int) -> bytes:
    """Return the first lines of Markdown, closing a block of code that is open where they end."""
    fence = b"\n````\n"
    room = free - len(_CUT) - len(fence)
    if room <= 0:
        return b""
    kept = content[:room].rpartition(b"\n")[0]
    open_ = sum(line.startswith(b"````") for line in kept.splitlines()) % 2
    return kept + (fence if open_ else b"") + _CUT
