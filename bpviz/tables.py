"""The table of an experiment's runs and the epochs behind it, as text for people and for programs.

One list of columns serves the terminal, Markdown and CSV. Numbers for people are rounded to be read; numbers for
programs are the shortest text that gives back the same float.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bpviz.declare import KINDS
from bpviz.messages.text import columns, listed

if TYPE_CHECKING:
    from bpviz.engine.results import Results, Run

SCHEMA = 1
"""Version of the files' layout; a change that breaks a reader raises it."""

_KIND_TITLES = dict(zip(KINDS, ("error", "gradient", "Hessian", "residual", "Jacobian"), strict=True))
_STEPS = ("step", "lr", "learning_rate")  # what bpviz, torch and optax call it
_ALWAYS = ("error", "gradient", "hessian")  # shown even where nobody asked


class Column(NamedTuple):
    """A column of the table: what stands above it, what each run has there, and whether it is a number."""

    title: str
    value: Callable[[Run], str]
    number: bool = True


class Table(NamedTuple):
    """A table as plain text cells."""

    titles: list[str]
    rows: list[list[str]]
    numbers: list[bool]


def table(results: Results, seconds: Mapping[str, float] | None = None, *, exact: bool = False) -> Table:
    """Return the table of an experiment, one row a run; with ``seconds`` by label, the time each algorithm took."""
    shown = list(_columns(results, seconds, exact))
    return Table(
        [c.title for c in shown],
        [[c.value(run) for c in shown] for run in results.runs],
        [c.number for c in shown],
    )


def _columns(results: Results, seconds: Mapping[str, float] | None, exact: bool) -> Iterator[Column]:
    error: Callable[[float], str] = repr if exact else "{:#.4g}".format
    number: Callable[[float], str] = repr if exact else "{:g}".format
    yield Column("Algorithm", lambda run: run.label, number=False)
    if len({run.start for run in results.runs}) > 1:
        yield Column("start", lambda run: f"({', '.join(map(number, run.start))})", number=False)
    yield Column("step", lambda run: next((number(run.settings[s]) for s in _STEPS if run.settings.get(s)), ""))
    yield Column("epochs", lambda run: str(run.trajectory.epochs))
    for kind in KINDS:
        if kind in _ALWAYS or any(run.trajectory.evaluations[kind] for run in results.runs):
            yield Column(f"{_KIND_TITLES[kind]} evals", _evaluations(kind))
    yield Column("final error", lambda run: error(run.trajectory.final_error))
    if exact:
        for i, name in enumerate(results.weights):
            yield Column(name, _last_weight(i))
    if seconds is not None:
        yield Column("seconds", lambda run: f"{seconds[run.label]:.3f}")
    yield Column("ending", lambda run: ending(run, results), number=False)


def _evaluations(kind: str) -> Callable[[Run], str]:
    return lambda run: str(run.trajectory.evaluations[kind])


def _last_weight(i: int) -> Callable[[Run], str]:
    return lambda run: repr(float(run.trajectory.weights[-1, i]))


def ending(run: Run, results: Results) -> str:
    """Say how a run ended: ``reached 0.125``, ``ran out of epochs``, ``stopped being finite``, ..."""
    from bpviz.engine.results import Ending  # with NumPy, which printing a table that is ready does without

    end = run.trajectory.ending
    if end is Ending.REACHED and results.error_threshold is not None:
        return f"reached {results.error_threshold:.10g}"  # which may be close above a minimum
    if end is Ending.LEVEL and results.gradient_threshold is not None:
        return f"reached a gradient of {results.gradient_threshold:g}"
    if end is Ending.EXHAUSTED and results.aimless:
        return "ran all epochs"
    if end is Ending.STUCK and run.trajectory.why:
        return f"cannot go on ({run.trajectory.why})"
    return end.value


def unmet(results: Results) -> list[str]:
    """Say which runs reached no threshold, where there was one, or did not make all their epochs."""
    labels = dict.fromkeys(run.label for run in results.runs)
    whose = "" if results.title == listed(labels, "and") else f"{results.title}: "  # of `bpviz compare`
    return [
        f"{whose}{run.label} from {point(run.start)} {ending(run, results)}"
        for run in results.runs
        if not results.as_asked(run)
    ]


def point(start: Sequence[float]) -> str:
    """Return a point as text: ``(-4, -4)``."""
    return f"({', '.join(f'{x:g}' for x in start)})"


def as_text(table: Table) -> str:
    """Return a table aligned with spaces, its columns two apart."""
    cells = [table.titles, *table.rows]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(table.titles))]
    lines = []
    for row in cells:
        padded = [
            " " * (width - columns(cell)) + cell if number else cell + " " * (width - columns(cell))
            for cell, width, number in zip(row, widths, table.numbers, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"


def as_markdown(table: Table) -> str:
    """Return a table in Markdown."""
    rule = ["---:" if number else "---" for number in table.numbers]
    cells = [[markdown_text(cell) for cell in row] for row in (table.titles, *table.rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (cells[0], rule, *cells[1:]))


def markdown_text(text: str) -> str:
    """Return a text in which nothing is markup for Markdown."""
    for character in "\\|*_`<>[]#&~$":
        text = text.replace(character, "\\" + character)
    return text


def as_html(table: Table, title: str = "") -> str:
    """Return a table in HTML, every cell as text; the first cell of a row says what the row is about."""
    from html import escape

    align = ["right" if number else "left" for number in table.numbers]

    def row(cells: Sequence[str], head: bool) -> str:
        inside = ""
        for place, (cell, side) in enumerate(zip(cells, align, strict=True)):
            scope = ' scope="col"' if head else ' scope="row"' if place == 0 else ""
            tag = "th" if scope else "td"
            inside += f'<{tag}{scope} style="text-align: {side}">{escape(cell)}</{tag}>'
        return f"<tr>{inside}</tr>\n"

    caption = f"<caption>{escape(title)}</caption>\n" if title else ""
    body = "".join(row(cells, head=False) for cells in table.rows)
    head = row(table.titles, head=True)
    return f"<table>\n{caption}<thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n"


_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?(?:e([+-]?)0*([0-9]+))?")  # as the tables write them

_LATEX = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\textasciigrave{}",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "→": r"$\rightarrow$",
    **{
        letter: f"$\\{name}$"
        for letter, name in zip(
            "αβγδεηθλμνρστφψω",
            (
                *("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda"),
                *("mu", "nu", "rho", "sigma", "tau", "varphi", "psi", "omega"),
            ),
            strict=True,
        )
    },
}


def as_latex(table: Table) -> str:
    """Return a table in LaTeX for the packages booktabs and siunitx: a column of numbers stands by its decimal point.

    It is a tabular alone, to be put into a table with a caption, or between other text.
    """
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.titles)
    kinds = [_s_column(cells) if number else "l" for cells, number in zip(columns, table.numbers, strict=True)]
    in_s = [kind.startswith("S") for kind in kinds]
    head = [f"{{{latex_text(title)}}}" if s else latex_text(title) for title, s in zip(table.titles, in_s, strict=True)]
    rows = [
        [_latex_number(cell) if s else latex_text(cell) for cell, s in zip(row, in_s, strict=True)]
        for row in table.rows
    ]

    def line(cells: Sequence[str]) -> str:
        guard = "{}" if cells[0][:1] in ("[", "*") else ""  # or it would belong to the \\ before it
        return f"  {guard}{' & '.join(cells)} \\\\\n"

    body = "".join(map(line, rows))
    return (
        f"\\begin{{tabular}}{{{' '.join(kinds)}}}\n  \\toprule\n{line(head)}  \\midrule\n{body}"
        "  \\bottomrule\n\\end{tabular}\n"
    )


def latex_text(text: str) -> str:
    """Return a text in which nothing is markup for LaTeX."""
    return re.sub(r"([-,'])(?=\1)", r"\1{}", "".join(_LATEX.get(c, c) for c in " ".join(text.split())))


def _latex_number(text: str) -> str:
    """Return a cell of an S column: a number as siunitx reads it, or other text, which braces keep from it."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return f"{{{latex_text(text)}}}" if text else ""
    sign, whole, fraction, exponent_sign, exponent = found.groups()
    scale = f"e{exponent_sign.replace('+', '')}{exponent}" if exponent else ""
    return f"{sign}{whole}{f'.{fraction}' if fraction else ''}{scale}"


def _s_column(cells: Sequence[str]) -> str:
    """Return the S column of siunitx with room for the longest parts of its numbers."""
    found = [number for cell in cells if (number := _NUMBER.fullmatch(cell))]
    if not found:
        return "r"
    sign = "-" if any(number[1] for number in found) else ""
    whole = max(len(number[2]) for number in found)
    fraction = max(len(number[3] or "") for number in found)
    exponents = [number for number in found if number[5]]
    scale = ""
    if exponents:
        minus = "-" if any(number[4] == "-" for number in exponents) else ""
        scale = f"e{minus}{max(len(number[5]) for number in exponents)}"
    return f"S[table-format={sign}{whole}{f'.{fraction}' if fraction else ''}{scale}]"


def as_typst(table: Table) -> str:
    """Return a table in typst; a cell is a string, in which nothing is markup."""
    align = ", ".join("right" if number else "left" for number in table.numbers)
    rows = [
        [_typst_number(cell) if number else typst_string(cell) for cell, number in zip(row, table.numbers, strict=True)]
        for row in table.rows
    ]
    body = "".join(f"  {', '.join(row)},\n" for row in rows)
    return (
        f"#table(\n  columns: {len(table.titles)},\n  align: ({align},),\n  stroke: none,\n  table.hline(),\n"
        f"  table.header({', '.join(map(typst_string, table.titles))}),\n  table.hline(stroke: 0.5pt),\n"
        f"{body}  table.hline(),\n)\n"
    )


def typst_string(text: str) -> str:
    """Return a text as a string of typst's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typst_number(text: str) -> str:
    """Return a number as typst shows it: -1.5e-07 as −1.5 × 10 to the −7."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return typst_string(text)
    sign, whole, fraction, exponent_sign, exponent = found.groups()
    number = f"{sign.replace('-', '−')}{whole}{f'.{fraction}' if fraction else ''}"
    if not exponent:
        return typst_string(number)
    return f"[{number} × 10#super[{exponent_sign.replace('-', '−').replace('+', '')}{exponent}]]"


def rendered(table: Table, form: str, title: str = "") -> str:
    """Return a table in a format, with a title above it where the format has a place for one or a remark.

    The formats are text, md, csv, latex, typst and html.
    """
    if form == "csv":
        return as_csv([table.titles, *table.rows])
    if form == "html":
        return as_html(table, title)
    if form == "md":
        return summary_markdown(title, table) if title else as_markdown(table)
    above, made = {"latex": ("% ", as_latex), "typst": ("// ", as_typst), "text": ("", as_text)}[form]
    return (f"{above}{' '.join(title.split())}\n" if title else "") + made(table)


def as_csv(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as comma-separated values; numbers as the shortest text that reads back the same."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def summary_csv(results: Results) -> str:
    """Return the table as CSV with exact numbers: one row a run, every setting and every kind of evaluation."""
    head = ["algorithm", "label", "settings", "start", "epochs", *(f"{kind}_evaluations" for kind in KINDS)]
    head += ["final_error", *results.weights, "ending"]
    rows: list[Sequence[object]] = [head]
    for run in results.runs:
        trajectory = run.trajectory
        settings = " ".join(f"{name}={_spelled(value)}" for name, value in run.settings.items())
        rows.append(
            [
                run.algorithm,
                run.label,
                settings,
                " ".join(map(repr, run.start)),
                trajectory.epochs,
                *trajectory.evaluations.values(),
                trajectory.final_error,
                *trajectory.weights[-1].tolist(),
                trajectory.ending.word,
            ]
        )
    return as_csv(rows)


def _spelled(value: Any) -> str:
    """Return a setting as text without spaces: ``0.3``, and ``clip-norm(largest=1.0)+lookahead(...)`` of wrappers."""
    if not isinstance(value, list):
        return f"{value}"
    parts = [{**wrapper} for wrapper in value]
    return "+".join(f"{p.pop('name')}({','.join(f'{name}={setting}' for name, setting in p.items())})" for p in parts)


def summary_markdown(title: str, table: Table) -> str:
    """Return a table as a Markdown page."""
    return f"# {markdown_text(title)}\n\n{as_markdown(table)}"


def markdown_block(text: str) -> str:
    """Return text as it is, in Markdown."""
    quoted = text.replace("````", "` ` ` `")
    return f"\n````text\n{quoted}\n````\n"


def history_csv(results: Results) -> str:
    """Return every epoch of every run as tidy CSV: one row an epoch, epoch 0 the start.

    Columns: label, epoch, error, the weights, evaluations charged so far by kind, and which of the starts (from 1).
    """
    starts = {start: number for number, start in enumerate(dict.fromkeys(run.start for run in results.runs), start=1)}
    rows: list[Sequence[object]] = [
        ["label", "epoch", "error", *results.weights, *(f"{kind}_evaluations" for kind in KINDS), "start"]
    ]
    for run in results.runs:
        columns = (run.trajectory.errors.tolist(), run.trajectory.weights.tolist(), run.trajectory.counts.tolist())
        for epoch, (error, weights, counts) in enumerate(zip(*columns, strict=True)):
            rows.append([run.label, epoch, error, *weights, *counts, starts[run.start]])
    return as_csv(rows)


def summary(results: Results) -> dict[str, Any]:
    """Return the table as plain data, exact; a number that is not finite becomes null."""
    runs = [
        {
            "algorithm": run.algorithm,
            "label": run.label,
            "settings": dict(run.settings),
            "start": list(run.start),
            "epochs": run.trajectory.epochs,
            "final_error": _finite(run.trajectory.final_error),
            "weights": [_finite(w) for w in run.trajectory.weights[-1].tolist()],
            "evaluations": {
                kind: count for kind, count in run.trajectory.evaluations.items() if count or kind in _ALWAYS
            },
            "ending": run.trajectory.ending.word,
        }
        for run in results.runs
    ]
    return {"schema": SCHEMA, "title": results.title, "runs": runs}


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def as_json(data: object) -> str:
    """Return plain data as JSON, one item a line, the same text for the same data."""
    import json

    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
