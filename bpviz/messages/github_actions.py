"""Annotations and job summaries for GitHub Actions.

Annotations are lines of the log that begin with ``::``; GitHub shows them next to the lines of a pull request, at most
ten of each kind per step. The job summary is a file to which steps append Markdown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bpviz.messages.printing import spelled

if TYPE_CHECKING:
    from bpviz.messages.diagnostics import Mistake

SHOWN = 10  # maximum number of annotations of one kind that GitHub shows per step
LARGEST = 1024 * 1024  # maximum size of a step's summary in bytes; GitHub drops larger ones entirely


def active() -> bool:
    """Return whether this process runs in GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def commands(mistakes: Sequence[tuple[str, Mistake]]) -> Iterator[str]:
    """Yield an annotation per pair of a title and a mistake, and one with the number of those left out."""
    for title, mistake in mistakes[:SHOWN]:
        yield _annotation(title, mistake)
    more = len(mistakes) - SHOWN
    if more > 0:
        yield f"::notice title=bpviz::{more} more; see the log of this step"


def _annotation(title: str, mistake: Mistake) -> str:
    properties = {"title": title}
    file = repository_path(mistake.file)
    if file:
        numbers = {"file": file, "line": str(mistake.line or ""), "col": str(mistake.column or "")}
        properties = {name: value for name, value in numbers.items() if value} | properties
    text = mistake.message if file else f"{mistake.file}: {mistake.message}"
    if mistake.path:
        text = f"{mistake.path}: {text}"
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::error {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def repository_path(file: str) -> str | None:
    """Return the path of a file relative to its repository, with slashes; None if it is not in one."""
    if not os.path.lexists(file):  # a command-line argument, standard input, or a deleted file
        return None
    path = Path(os.path.abspath(file))  # noqa: PTH100  resolve() would follow links out of the repository
    roots = [folder for folder in path.parents if (folder / ".git").exists()]
    workspace = os.environ.get("GITHUB_WORKSPACE")
    roots += [Path(workspace)] if workspace else []
    for root in roots:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return None


def summarize(text: str) -> str | None:
    """Append Markdown to the summary of the step, if there is one; return a warning if not all of it was written."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return None
    content = spelled(text).encode(errors="backslashreplace")
    path = Path(name)
    try:
        free = LARGEST - (path.stat().st_size if path.exists() else 0)
        whole = len(content) <= free
        with path.open("ab") as file:
            file.write(content if whole else _cut(content, free))
    except OSError as error:
        return f"cannot write the job summary: {error.strerror or error}"
    return None if whole else "job summary truncated (limit: 1 MiB)"


_CUT = b"\n\n*Truncated; see the log of this step for the rest.*\n"


def _cut(content: bytes, free: int) -> bytes:
    """Return the first lines of Markdown, at most ``free`` bytes, and close a code block that they leave open."""
    fence = b"\n````\n"
    room = free - len(_CUT) - len(fence)
    if room <= 0:
        return b""
    kept = content[:room].rpartition(b"\n")[0]
    open_ = sum(line.startswith(b"````") for line in kept.splitlines()) % 2
    return kept + (fence if open_ else b"") + _CUT
