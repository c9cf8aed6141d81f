"""Tables as text, Markdown, HTML, LaTeX, Typst and CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bpviz.messages.text import display_width

if TYPE_CHECKING:
    from bpviz.tables.columns import Table


def as_text(table: Table) -> str:
    """Return a table aligned with spaces, with two spaces between columns."""
    cells = [table.titles, *table.rows]
    widths = [max(display_width(row[i]) for row in cells) for i in range(len(table.titles))]
    lines = []
    for row in cells:
        padded = [
            " " * (width - display_width(cell)) + cell if number else cell + " " * (width - display_width(cell))
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
    """Return text on one line, with all Markdown markup escaped."""
    text = " ".join(text.splitlines())
    for character in "\\|*_`<>[]#&~$":
        text = text.replace(character, "\\" + character)
    return text


def as_html(table: Table, title: str = "") -> str:
    """Return a table in HTML with escaped cells; the first cell of each row is a row header."""
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


_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?(?:e([+-]?)0*([0-9]+))?")  # as written in tables


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
    """Return a table as a LaTeX tabular that needs booktabs and siunitx; numbers are aligned at the decimal point."""
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.titles)
    kinds = [_s_column(cells) if number else "l" for cells, number in zip(columns, table.numbers, strict=True)]
    in_s = [kind.startswith("S") for kind in kinds]
    head = [f"{{{latex_text(title)}}}" if s else latex_text(title) for title, s in zip(table.titles, in_s, strict=True)]
    rows = [
        [_latex_number(cell) if s else latex_text(cell) for cell, s in zip(row, in_s, strict=True)]
        for row in table.rows
    ]

    def line(cells: Sequence[str]) -> str:
        prefix = "{}" if cells[0][:1] in ("[", "*") else ""  # else it would be an argument of the preceding \\
        return f"  {prefix}{' & '.join(cells)} \\\\\n"

    body = "".join(map(line, rows))
    return (
        f"\\begin{{tabular}}{{{' '.join(kinds)}}}\n  \\toprule\n{line(head)}  \\midrule\n{body}"
        "  \\bottomrule\n\\end{tabular}\n"
    )


def latex_text(text: str) -> str:
    """Return text with all LaTeX markup escaped."""
    return re.sub(r"([-,'])(?=\1)", r"\1{}", "".join(_LATEX.get(c, c) for c in " ".join(text.split())))


def _latex_number(text: str) -> str:
    """Return a cell of an S column: a number for siunitx, or other text in braces."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return f"{{{latex_text(text)}}}" if text else ""
    sign, whole, fraction, exponent_sign, exponent = found.groups()
    scale = f"e{exponent_sign.replace('+', '')}{exponent}" if exponent else ""
    return f"{sign}{whole}{f'.{fraction}' if fraction else ''}{scale}"


def _s_column(cells: Sequence[str]) -> str:
    """Return the column type: S of siunitx, wide enough for all numbers, or r if there are none."""
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
    """Return a table in Typst; cells are strings, so they contain no markup."""
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
    """Return text as a Typst string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typst_number(text: str) -> str:
    """Return a number as Typst content: -1.5e-07 becomes −1.5 × 10 with the exponent −7."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return typst_string(text)
    sign, whole, fraction, exponent_sign, exponent = found.groups()
    number = f"{sign.replace('-', '−')}{whole}{f'.{fraction}' if fraction else ''}"
    if not exponent:
        return typst_string(number)
    return f"[{number} × 10#super[{exponent_sign.replace('-', '−').replace('+', '')}{exponent}]]"


def rendered(table: Table, form: str, title: str = "") -> str:
    """Return a table in a format (text, md, csv, latex, typst or html), below its title.

    The title is a comment in LaTeX and Typst and is omitted in CSV.
    """
    if form == "csv":
        return as_csv([table.titles, *table.rows])
    if form == "html":
        return as_html(table, title)
    if form == "md":
        return summary_markdown(title, table) if title else as_markdown(table)
    comment, format_table = {"latex": ("% ", as_latex), "typst": ("// ", as_typst), "text": ("", as_text)}[form]
    return (f"{comment}{' '.join(title.split())}\n" if title else "") + format_table(table)


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; numbers are the shortest text that parses to the same value."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def summary_markdown(title: str, table: Table) -> str:
    """Return a table as a Markdown page."""
    return f"# {markdown_text(title)}\n\n{as_markdown(table)}"


def markdown_block(text: str) -> str:
    """Return text as a Markdown code block."""
    quoted = text.replace("````", "` ` ` `")
    return f"\n````text\n{quoted}\n````\n"


def as_json(data: object) -> str:
    """Return plain data as JSON with one item per line; the same data gives the same text."""
    import json

    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
