"""Write a drift report as one HTML page, without scripts and external resources, and its images as files."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from bpviz.storage import atomic

if TYPE_CHECKING:
    from pathlib import Path

    from bpviz.outputs.drift import CheckResult, Picture

PAGE = "index.html"

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #1d2733; --pale: #5c6a79; --line: #dfe4ea; --mark: #b34e00;
  --mark-paper: #fdf0e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12171d; --card: #1b222b; --ink: #e4e9ef; --pale: #9aa7b5; --line: #303b47; --mark: #ffa45c;
    --mark-paper: #33241a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 110rem;
  background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
}
h1 { margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.25; letter-spacing: -.01em; }
h2 { margin: 0; font-size: 1.25rem; }
h3 { margin: 2rem 0 .1rem; font-size: 1.05rem; }
p { margin: .25rem 0 1rem; }
.pale { color: var(--pale); }
nav ul { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; margin: 1rem 0 0; padding: 0; list-style: none; }
a { color: inherit; text-decoration-color: var(--pale); text-underline-offset: .2em; }
a:focus-visible { outline: 3px solid var(--mark); outline-offset: 3px; border-radius: 4px; }
section {
  margin-top: 2rem; padding: 1.5rem clamp(1rem, 2.5vw, 2rem) 2rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 14px;
}
.drifts { margin: 1rem 0 0; padding: 0; list-style: none; }
.drifts li {
  margin-top: .5rem; padding: .55rem .9rem; border-left: 4px solid var(--mark); border-radius: 0 8px 8px 0;
  background: var(--mark-paper); overflow-wrap: anywhere;
}
.drifts code { color: var(--mark); }
code { font: .9em/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
.level { float: right; margin-left: 1rem; color: var(--pale); font-size: .85rem; }
.notes { margin: 1rem 0 0; padding-left: 1.2rem; color: var(--pale); }
.scroll { overflow-x: auto; margin-top: 1.25rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 1.4rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--pale); font-weight: 600; font-size: .85rem; }
td.number, th.number { text-align: right; }
td.now { color: var(--mark); font-weight: 600; }
.three { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1.25rem; }
figure { margin: .75rem 0 0; }
figcaption { margin-bottom: .4rem; font-size: .9rem; font-weight: 600; color: var(--pale); }
figure img {
  display: block; width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line); border-radius: 8px;
}
@media print { section { break-inside: avoid; } body { max-width: none; } }
"""

_CAPTIONS = {"expected": "Baseline", "actual": "Now", "difference": "Difference"}


def write(folder: Path, results: Sequence[CheckResult], verdict: str) -> Path:
    """Write the page and its images, and return its path; raise UnwritableError if that fails."""
    drifted = [result for result in results if result.drifts]
    written: dict[Path, bytes] = {}
    for result in drifted:
        for picture in result.pictures:
            for part, content in picture.parts.items():
                written[folder / result.folder.name / _file(picture, part)] = content
    written[folder / PAGE] = page(drifted, verdict).encode(errors="backslashreplace")
    for inside in dict.fromkeys([folder, *(path.parent for path in written)]):
        atomic.check(inside, [path.name for path in written if path.parent == inside])
        atomic.make(inside)
    for path, content in written.items():
        atomic.write(path, content)
    return folder / PAGE


def _file(picture: Picture, part: str) -> str:
    return f"{picture.name}-{part}.png"


def page(results: Sequence[CheckResult], verdict: str) -> str:
    """Return the page, with the images embedded in it."""
    entries = "".join(
        f'<li><a href="#e{number}">{escape(result.title)}</a></li>' for number, result in enumerate(results, start=1)
    )
    sections = "".join(_section(number, result) for number, result in enumerate(results, start=1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>bpviz: {escape(verdict)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Drift report</h1>
<p class="pale">{escape(verdict[0].upper() + verdict[1:])}.</p>
{f'<nav aria-label="Experiments"><ul>{entries}</ul></nav>' if len(results) > 1 else ""}
</header>
<main>
{sections}</main>
</body>
</html>
"""


def _section(number: int, result: CheckResult) -> str:
    config = f"<code>{escape(result.config)}</code>, " if result.config else ""
    parts = [
        f'<section id="e{number}" aria-labelledby="t{number}">\n<h2 id="t{number}">{escape(result.title)}</h2>\n',
        f'<p class="pale">{config}outputs in <code>{escape(str(result.folder))}</code></p>\n',
        f'<ul class="drifts">\n{"".join(_drifts(result))}</ul>\n',
    ]
    if result.notes:
        notes = "".join(f"<li>{escape(note)}</li>\n" for note in result.notes)
        parts.append(f'<ul class="notes">\n{notes}</ul>\n')
    if result.changes:
        parts.append(_changes(result))
    parts += [_picture(result, picture) for picture in result.pictures]
    return "".join([*parts, "</section>\n"])


def _drifts(result: CheckResult) -> Iterator[str]:
    for level, where in result.drifts:
        place = ":".join([where.file, *(str(n) for n in (where.line, where.column) if n)])
        path = f"{escape(where.path)}: " if where.path else ""
        yield (
            f'<li><span class="level">{level}</span><code>{escape(place)}</code><br>'
            f"{path}{escape(where.message)}</li>\n"
        )


def _changes(result: CheckResult) -> str:
    rows = "".join(
        f"<tr><td>{escape(change.run)}</td><td>{escape(change.what)}</td>"
        f'<td class="number">{escape(change.was)}</td><td class="number now">{escape(change.now)}</td></tr>\n'
        for change in result.changes
    )
    head = '<tr><th>run</th><th>quantity</th><th class="number">baseline</th><th class="number">now</th></tr>'
    return f'<div class="scroll" tabindex="0"><table>\n<thead>{head}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n'


def _picture(result: CheckResult, picture: Picture) -> str:
    figures = "".join(
        f"<figure><figcaption>{_CAPTIONS[part]}</figcaption>"
        f'<a href="{_url(result, picture, part)}"><img alt="{escape(f"{picture.title}: {_CAPTIONS[part].lower()}")}"'
        f' src="data:image/png;base64,{base64.b64encode(content).decode()}"></a></figure>\n'
        for part, content in picture.parts.items()
    )
    return (
        f"<h3>{escape(picture.title)}</h3>\n"
        f'<p class="pale">{escape(picture.caption)}</p>\n<div class="three">\n{figures}</div>\n'
    )


def _url(result: CheckResult, picture: Picture, part: str) -> str:
    from urllib.parse import quote

    return quote(f"{result.folder.name}/{_file(picture, part)}")
