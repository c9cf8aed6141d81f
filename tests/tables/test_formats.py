"""Tables in all formats. The expected texts were written by hand."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from bpviz import tables
from bpviz.declare import KINDS
from bpviz.engine.results import Ending, Results, Run, Trajectory

AWKWARD = 'a, "b" | `c` *d*_e_ <i> [x](y) # & ~~s~~ $z$ \\'


def run(label, errors, counts, ending=Ending.REACHED, start=(-4.0, 0.1), **settings):
    """Return a run with these errors and final counts that stays at its start until it ends at (1/3, -1e-300)."""
    epochs = len(errors) - 1
    weights = np.array([start] * epochs + [(1 / 3, -1e-300)])
    evaluations = np.array(
        [[epoch * counts.get(kind, 0) // max(epochs, 1) for kind in KINDS] for epoch in range(epochs + 1)]
    )
    return Run(label.lower(), label, settings, start, Trajectory(weights, np.array(errors), evaluations, ending))


def results(*runs, title="Title", error_threshold=0.125):
    return Results(title, ("w1", "w2"), error_threshold, runs)


TWO = results(
    run("GD", [0.5, 0.2, 0.1249966], {"gradient": 2}, step=0.3),
    run("Golden", [0.5, 1 / 3], {"gradient": 1, "error": 31}, Ending.EXHAUSTED, tolerance=0.1),
)


def test_text_is_aligned() -> None:
    assert tables.as_text(tables.table(TWO)) == (
        "Algorithm  step  epochs  error evals  gradient evals  Hessian evals  final error  ending\n"
        "GD          0.3       2            0               2              0       0.1250"
        "  reached the error threshold\n"
        "Golden                1           31               1              0       0.3333  reached max_epochs\n"
    )


def test_wide_characters_take_two_columns_and_combining_accents_none() -> None:
    narrow, wide, accent = "abcd", "文字", "a\u0301bcd"
    table = tables.Table(["x", "n"], [[narrow, "1"], [wide, "20"], [accent, "3"]], [False, True])
    assert tables.as_text(table) == f"x      n\n{narrow}   1\n{wide}  20\n{accent}   3\n"


def test_columns_for_all_kinds_of_evaluations_and_for_several_starts() -> None:
    two_starts = results(
        run("LM", [0.5, 0.1], {"residuals": 1, "jacobian": 1}, start=(-4.0, 0.1)),
        run("LM", [0.5, 0.1], {"residuals": 1, "jacobian": 1}, start=(2.5, 3.0)),
    )
    assert tables.as_text(tables.table(two_starts, {"LM": 0.0126})) == (
        "Algorithm  start      step  epochs  error evals  gradient evals  Hessian evals  residual evals  Jacobian evals"
        "  final error  seconds  ending\n"
        "LM         (-4, 0.1)             1            0               0              0               1               1"
        "       0.1000    0.013  reached the error threshold\n"
        "LM         (2.5, 3)              1            0               0              0               1               1"
        "       0.1000    0.013  reached the error threshold\n"
    )


@pytest.mark.parametrize(
    ("ending", "why", "sentence"),
    [
        (Ending.REACHED, "", "reached the error threshold"),
        (Ending.LEVEL, "", "reached the gradient threshold"),
        (Ending.EXHAUSTED, "", "reached max_epochs"),
        (Ending.DIVERGED, "", "diverged (non-finite error or weights)"),
        (Ending.STUCK, "", "stuck: no step reduces the error"),
        (Ending.STUCK, "the simplex is flat", "stuck: the simplex is flat"),
    ],
)
def test_each_ending_is_one_sentence(ending, why, sentence) -> None:
    one = run("GD", [0.5, 0.1], {}, ending, step=1.0)
    one = dataclasses.replace(one, trajectory=dataclasses.replace(one.trajectory, why=why))
    assert tables.ending(one) == sentence
    assert tables.table(results(one)).rows[0][-1] == sentence


@pytest.mark.parametrize(
    ("ending", "error", "gradient", "succeeded"),
    [
        (Ending.REACHED, 0.125, None, True),
        (Ending.LEVEL, 0.125, 1e-3, True),
        (Ending.EXHAUSTED, 0.125, None, False),
        (Ending.EXHAUSTED, None, 1e-3, False),
        (Ending.EXHAUSTED, None, None, True),
        (Ending.DIVERGED, 0.125, None, False),
        (Ending.DIVERGED, None, None, False),
        (Ending.STUCK, None, None, False),
    ],
)
def test_unmet_lists_the_runs_that_did_not_succeed(ending, error, gradient, succeeded) -> None:
    one = run("GD", [0.5, 0.1], {}, ending, step=1.0)
    of_one = dataclasses.replace(results(one, error_threshold=error), gradient_threshold=gradient)
    assert of_one.succeeded(one) is succeeded
    assert tables.unmet(of_one) == ([] if succeeded else [f"Title: GD from (-4, 0.1): {ending.value}"])


def test_all_endings_and_non_finite_numbers_have_rows() -> None:
    for ending in Ending:
        for error in (math.inf, math.nan, 5e-324):
            row = tables.table(results(run("GD", [0.5, error], {}, ending, step=1e6))).rows[0]
            assert row[1] == "1e+06"
            assert row[-2] in ("inf", "nan", "4.941e-324")


def test_markdown_has_one_line_per_row() -> None:
    """Titles and labels of outputs that were not written by bpviz may have several lines."""
    table = tables.Table(["a\nb"], [["c\r\n# d"], ["e\u2028f"]], [False])
    assert tables.as_markdown(table) == "| a b |\n| --- |\n| c \\# d |\n| e f |\n"


def test_markdown_is_exact_and_escapes_markup() -> None:
    one = results(run(AWKWARD, [0.5, 0.1], {"gradient": 1}, step=0.1 + 0.2), title=AWKWARD)
    escaped = 'a, "b" \\| \\`c\\` \\*d\\*\\_e\\_ \\<i\\> \\[x\\](y) \\# \\& \\~\\~s\\~\\~ \\$z\\$ \\\\'
    assert tables.summary_markdown(one.title, tables.table(one, exact=True)) == (
        f"# {escaped}\n"
        "\n"
        "| Algorithm | step | epochs | error evals | gradient evals | Hessian evals | final error | w1 | w2 | ending "
        "|\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        f"| {escaped} | 0.30000000000000004 | 1 | 0 | 1 | 0 | 0.1 | 0.3333333333333333 | -1e-300 "
        "| reached the error threshold |\n"
    )


HARD = tables.Table(
    ["Algorithm", "step", "final error", "ending"],
    [
        [AWKWARD, "1e+06", "0.1250", "100% −−  --- 'x'"],
        ["[x] RPROP−", "-0.002", "9.860e-07", "η < 1"],
        ["*", "", "inf", "文字"],
        ["Newton's", "3", "1234.", ""],
    ],
    [False, True, True, False],
)


def test_latex_aligns_numbers_and_escapes_markup() -> None:
    assert tables.rendered(HARD, "latex", "A %\nB") == (
        "% A % B\n"
        "\\begin{tabular}{l S[table-format=-1.3e1] S[table-format=4.4e-1] l}\n"
        "  \\toprule\n"
        "  Algorithm & {step} & {final error} & ending \\\\\n"
        "  \\midrule\n"
        "  a, \\char34{}b\\char34{} \\textbar{} \\textasciigrave{}c\\textasciigrave{} *d*\\_e\\_ "
        "\\textless{}i\\textgreater{} [x](y) \\# \\& "
        "\\textasciitilde{}\\textasciitilde{}s\\textasciitilde{}\\textasciitilde{} \\$z\\$"
        " \\textbackslash{} & 1e6 & 0.1250 & 100\\% $-$$-$ -{}-{}- 'x' \\\\\n"
        "  {}[x] RPROP$-$ & -0.002 & 9.860e-7 & $\\eta$ \\textless{} 1 \\\\\n"
        "  {}* &  & {inf} & 文字 \\\\\n"
        "  Newton's & 3 & 1234 &  \\\\\n"
        "  \\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_latex_column_without_numbers_is_right_aligned() -> None:
    empty = tables.Table(["a", "n"], [["x", "+1%"]], [False, True])
    assert "{l r}" in tables.as_latex(empty)
    assert "x & +1\\%" in tables.as_latex(empty)
    assert "{l r}" in tables.as_latex(empty._replace(rows=[]))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX with booktabs and siunitx")
def test_latex_compiles(tmp_path) -> None:
    body = tables.as_latex(HARD).replace("文字", "é")
    packages = "\\usepackage{booktabs}\\usepackage{siunitx}"
    (tmp_path / "t.tex").write_text(
        f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\\end{{document}}\n", encoding="utf-8"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "-draftmode", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert not re.search("^!|Undefined|Missing", done.stdout, re.MULTILINE)


def test_typst_cells_are_strings() -> None:
    assert tables.rendered(HARD, "typst", "A\nB") == (
        "// A B\n"
        "#table(\n"
        "  columns: 4,\n"
        "  align: (left, right, right, left,),\n"
        "  stroke: none,\n"
        "  table.hline(),\n"
        '  table.header("Algorithm", "step", "final error", "ending"),\n'
        "  table.hline(stroke: 0.5pt),\n"
        '  "a, \\"b\\" | `c` *d*_e_ <i> [x](y) # & ~~s~~ $z$ \\\\", [1 × 10#super[6]], '
        '"0.1250", "100% −−  --- \'x\'",\n'
        '  "[x] RPROP−", "−0.002", [9.860 × 10#super[−7]], "η < 1",\n'
        '  "*", "", "inf", "文字",\n'
        '  "Newton\'s", "3", "1234", "",\n'
        "  table.hline(),\n"
        ")\n"
    )


def test_typst_compiles(tmp_path) -> None:
    typst = pytest.importorskip("typst")
    (tmp_path / "t.typ").write_text(tables.as_typst(HARD), encoding="utf-8")
    assert typst.compile(str(tmp_path / "t.typ")).startswith(b"%PDF-")


def test_html_has_headers_and_escapes_markup() -> None:
    html = tables.rendered(TWO_CELLS, "html", "A <b>")
    assert html == (
        "<table>\n<caption>A &lt;b&gt;</caption>\n<thead>\n"
        '<tr><th scope="col" style="text-align: left">a&amp;</th>'
        '<th scope="col" style="text-align: right">n</th></tr>\n'
        "</thead>\n<tbody>\n"
        '<tr><th scope="row" style="text-align: left">&lt;i&gt;</th><td style="text-align: right">1</td></tr>\n'
        "</tbody>\n</table>\n"
    )

    class Texts(HTMLParser):
        texts: list[str] = []  # noqa: RUF012

        def handle_data(self, data):
            self.texts.append(data)

    parser = Texts()
    parser.feed(tables.as_html(HARD))
    assert [text for text in parser.texts if text != "\n"] == [
        cell for row in [HARD.titles, *HARD.rows] for cell in row if cell
    ]


TWO_CELLS = tables.Table(["a&", "n"], [["<i>", "1"]], [False, True])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("csv", "a&,n\n<i>,1\n"),
        ("md", "# T\n\n| a\\& | n |\n| --- | ---: |\n| \\<i\\> | 1 |\n"),
        ("text", "T\na&   n\n<i>  1\n"),
    ],
)
def test_other_formats_by_name(form, expected) -> None:
    assert tables.rendered(TWO_CELLS, form, "T") == expected


def test_csv_round_trips() -> None:
    hard = results(
        run(AWKWARD, [0.1, math.inf], {"gradient": 1}, Ending.DIVERGED, step=1e6, momentum=0.1),
        run("文字", [5e-324, 0.1 + 0.2], {"hessian": 1}, start=(1e-7, 1e22)),
    )
    head, first, second = csv.reader(io.StringIO(tables.summary_csv(hard)), strict=True)
    assert head == [
        *("algorithm", "label", "settings", "start", "epochs"),
        *(f"{kind}_evaluations" for kind in KINDS),
        *("final_error", "w1", "w2", "ending"),
    ]
    last = [repr(1 / 3), "-1e-300"]
    assert first == [
        *(AWKWARD.lower(), AWKWARD, "step=1000000.0 momentum=0.1", "-4.0 0.1", "1", *"01000", "inf", *last, "diverged")
    ]
    assert second == ["文字", "文字", "", "1e-07 1e+22", "1", *"00100", "0.30000000000000004", *last, "reached"]


def test_history_has_every_epoch_and_the_number_of_the_start() -> None:
    both = results(
        run("A", [0.4, 0.3, 0.2], {"gradient": 2}),
        run("A", [0.5], {}, start=(1.0, 2.0)),
        run("B, C", [0.6, 0.1], {"error": 7}, start=(1.0, 2.0)),
    )
    assert tables.history_csv(both).splitlines() == [
        f"label,epoch,error,w1,w2,{','.join(f'{kind}_evaluations' for kind in KINDS)},start",
        "A,0,0.4,-4.0,0.1,0,0,0,0,0,1",
        "A,1,0.3,-4.0,0.1,0,1,0,0,0,1",
        f"A,2,0.2,{1 / 3!r},-1e-300,0,2,0,0,0,1",
        f"A,0,0.5,{1 / 3!r},-1e-300,0,0,0,0,0,2",
        '"B, C",0,0.6,1.0,2.0,0,0,0,0,0,2',
        f'"B, C",1,0.1,{1 / 3!r},-1e-300,7,0,0,0,0,2',
    ]


def test_summary_is_strict_json() -> None:
    diverged = run("GD", [0.5, math.nan], {"gradient": 1, "residuals": 3}, Ending.DIVERGED, step=1e6)
    text = tables.as_json(tables.summary(results(diverged, title="Fünf")))
    assert "Fünf" in text

    def refuse(word):
        raise AssertionError(word)

    assert json.loads(text, parse_constant=refuse) == {
        "schema": 1,
        "title": "Fünf",
        "runs": [
            {
                "algorithm": "gd",
                "label": "GD",
                "settings": {"step": 1e6},
                "start": [-4.0, 0.1],
                "epochs": 1,
                "final_error": None,
                "weights": [1 / 3, -1e-300],
                "evaluations": {"error": 0, "gradient": 1, "hessian": 0, "residuals": 3},
                "ending": "diverged",
            }
        ],
    }
