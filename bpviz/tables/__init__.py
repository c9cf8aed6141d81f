"""Results as tables: columns, formats, and files for programs."""

from bpviz.tables.backpropagation import backpropagation, backpropagation_record, verdict
from bpviz.tables.columns import Column, Table, ending, point, table, unmet
from bpviz.tables.files import history_csv, history_rows, summary, summary_csv, summary_rows
from bpviz.tables.formats import (
    as_csv,
    as_html,
    as_json,
    as_latex,
    as_markdown,
    as_text,
    as_typst,
    latex_text,
    markdown_block,
    markdown_text,
    rendered,
    summary_markdown,
    typst_string,
)

__all__ = [
    "Column",
    "Table",
    "as_csv",
    "as_html",
    "as_json",
    "as_latex",
    "as_markdown",
    "as_text",
    "as_typst",
    "backpropagation",
    "backpropagation_record",
    "ending",
    "history_csv",
    "history_rows",
    "latex_text",
    "markdown_block",
    "markdown_text",
    "point",
    "rendered",
    "summary",
    "summary_csv",
    "summary_markdown",
    "summary_rows",
    "table",
    "typst_string",
    "unmet",
    "verdict",
]
