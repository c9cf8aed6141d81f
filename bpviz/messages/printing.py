"""Print text. All output passes through this module: text of configs and outputs must not control terminals or CI.

A control character, or one that changes the direction of text, is printed as its escape sequence, such as ``\\x1b``.
GitHub Actions and Azure Pipelines run lines of a log that begin with ``::`` or contain ``##[`` or ``##vso[``: a space
is added, as in ``: :``. This does not depend on the environment, which a container hides.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_COMMAND = re.compile(r"^(\s*:)(?=:)|(#)(?=#\w*\[)", re.MULTILINE)
_STYLE = re.compile("(\x1b\\[[0-9;]*m)")


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print text, and a new line if ``nl``, on standard output or the standard error stream."""
    _write(defused(str(text)), err=err, nl=nl)


def echo_json(text: str) -> None:
    """Print JSON, which keeps its values."""
    text = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    _write(re.sub(r"#(?=#\w*\[)", r"\\u0023", text), nl=False)


def echo_styled(text: str) -> None:
    """Print text with colors; texts that are not bpviz's must have been defused before they were styled."""
    parts = _STYLE.split(text)
    _write("".join(part if place % 2 else defused(part) for place, part in enumerate(parts)), nl=False)


def echo_command(command: str) -> None:
    """Print a workflow command of bpviz's own on the standard error stream.

    GitHub reads both streams, and standard output may be redirected to a file.
    """
    _write(spelled(command), err=True)


def defused(text: str) -> str:
    """Return text without control characters and workflow commands."""
    return _COMMAND.sub(lambda match: f"{match[0]} ", spelled(text))


def spelled(text: str) -> str:
    """Return text with escape sequences in place of control characters, except tabs and new lines."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def defuse_interpreter() -> None:
    """Print tracebacks and warnings of this process as ``echo`` does."""
    plain = warnings.formatwarning

    def formatted(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        return defused(plain(message, category, filename, lineno, line))

    warnings.formatwarning = formatted
    sys.excepthook = _show_traceback


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback  # slow to import

    echo("".join(traceback.format_exception(kind, error, trace)), err=True, nl=False)


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{text}\n" if nl else text)
    stream.flush()
