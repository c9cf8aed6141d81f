"""Test that marked blocks of documents are filled and checked, and that all other bytes are preserved."""

from __future__ import annotations

import codecs
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpviz.cli import cli
from bpviz.documents import marks
from bpviz.outputs import lockfile

CONFIG = "title: Two\nalgorithms: [rprop, irprop+]\nfigures: [errors, {kind: data, title: Six points}]\n"
TABLE = (
    "| Algorithm | step | epochs | error evals | gradient evals | Hessian evals | final error | ending |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
    "| RPROP | 0.1 | 20 | 0 | 20 | 0 | 0.1204 | reached the error threshold |\n"
    "| iRPROP+ | 0.1 | 17 | 17 | 17 | 0 | 0.1242 | reached the error threshold |\n"
)
MARK = "<!-- bpviz: table two.yaml -->\n"
END = "<!-- bpviz: end -->\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a temporary folder with a config."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.yaml").write_text(CONFIG)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(cli, ["embed", *map(str, arguments)])


def written(text, name="a.md"):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def filled(text, name="a.md"):
    """Return a filled document; make sure that filling it again changes nothing."""
    name = written(text, name)
    result = invoke(name)
    assert result.exit_code == 0, result.output
    made = Path(name).read_bytes()
    inode = Path(name).stat().st_ino
    assert invoke("--check", name).exit_code == 0
    assert invoke(name).exit_code == 0
    assert (Path(name).read_bytes(), Path(name).stat().st_ino) == (made, inode)
    return made.decode()


def refused(text, name="a.md", *arguments):
    """Return the message about a document with mistakes; make sure that it is not changed."""
    before = text if isinstance(text, bytes) else text.encode()
    written(before, name)
    for check in ([], ["--check"]):
        result = invoke(name, *arguments, *check)
        assert (result.exit_code, result.stdout) == (2, "")
        assert Path(name).read_bytes() == before
    return result.stderr


def run(*arguments):
    assert CliRunner().invoke(cli, ["run", "two.yaml", *arguments]).exit_code == 0


# -- filling ---------------------------------------------------------------------------------------------------------


def test_fills_block_and_preserves_other_lines() -> None:
    assert filled(f"# A\n{MARK}old\n{END}\nB <b>\n") == f"# A\n{MARK}{TABLE}{END}\nB <b>\n"


def test_status_of_documents() -> None:
    written(f"{MARK}{END}{MARK}{TABLE}{END}")
    written("no marks\n", "b.md")
    assert invoke("a.md", "b.md").stderr == "a.md: updated 1 of 2 blocks\n"
    assert invoke("a.md", "b.md").stderr == "2 blocks up to date\n"
    assert invoke("b.md").stderr == "no blocks found\n"
    assert invoke("a.md", "-q").output == ""


def test_check_prints_diff_and_writes_nothing() -> None:
    old = f"# A\n\n{MARK}{TABLE.replace('| 17 | 17 | 17 |', '| 18 | 17 | 17 |')}{END}"
    written(old)
    result = invoke("--check", "a.md")
    assert (result.exit_code, Path("a.md").read_text()) == (1, old)
    assert result.stdout == (
        "a.md:3: table two.yaml is out of date\n"
        "    @@ -3,2 +3,2 @@\n"
        "     | RPROP | 0.1 | 20 | 0 | 20 | 0 | 0.1204 | reached the error threshold |\n"
        "    -| iRPROP+ | 0.1 | 18 | 17 | 17 | 0 | 0.1242 | reached the error threshold |\n"
        "    +| iRPROP+ | 0.1 | 17 | 17 | 17 | 0 | 0.1242 | reached the error threshold |\n"
    )
    assert result.stderr == "run `bpviz embed a.md` to update\n"


def test_truncates_long_diff() -> None:
    written(MARK + "x\n" * 1000 + END)
    printed = invoke("--check", "a.md").stdout.splitlines()
    assert len(printed) == 22
    assert printed[-1] == "    ... and 985 more"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
def test_preserves_line_endings_and_byte_order_mark(ending, bom) -> None:
    text = f"é\n{MARK}{{}}{END}".rstrip("\n")
    before, after = (bom + text.format(inside).replace("\n", ending).encode() for inside in ("old\n", TABLE))
    assert filled(before).encode() == after


def test_preserves_mixed_line_endings() -> None:
    assert filled(f"a\r\nb\n{MARK}{END}c\r\n") == f"a\r\nb\n{MARK}{TABLE}{END}c\r\n"
    written(f"{MARK}{TABLE}{END}".replace("irprop", "x").replace("|\n", "|\r\n"))
    assert "    line endings differ from those of the mark\n" in invoke("--check", "a.md").stdout


def test_indents_block_like_its_mark() -> None:
    indented = "".join(f"  {line}\n" for line in TABLE.splitlines())
    assert filled(f"- a\n\n  {MARK}  {END}") == f"- a\n\n  {MARK}{indented}  {END}"


def test_options_select_columns_algorithms_and_format() -> None:
    mark = "<!-- bpviz: table two.yaml columns=ending,Final-Error,epochs algorithms=irprop+ format=text -->\n"
    assert filled(mark + END) == (
        f"{mark}```text\nAlgorithm  ending                       final error  epochs\n"
        f"iRPROP+    reached the error threshold       0.1242      17\n```\n{END}"
    )
    mark = '<!-- bpviz: table two.yaml columns="final error" algorithms="RPROP, irprop+" format=html -->\n'
    assert filled(mark + END).count("<tr>") == 3


def test_fills_latex_typst_and_html() -> None:
    made = filled("text % bpviz\n% bpviz: table two.yaml columns=epochs\n% bpviz: end\n", "a.tex")
    assert "\\begin{tabular}{l S[table-format=2]}" in made
    made = filled("// bpviz: table two.yaml columns=epochs\n// bpviz: end", "a.typ")
    assert '  "RPROP", "20",\n' in made
    made = filled("<!--bpviz:table two.yaml columns=epochs-->\n<!-- bpviz: end -->", "a.html")
    assert '<th scope="row" style="text-align: left">RPROP</th><td style="text-align: right">20</td>' in made


def test_figure_paths_are_relative_to_the_document() -> None:
    run("--format", "png", "--format", "pdf", "--format", "svg")
    alt = "Two: error per epoch, with the threshold: RPROP and iRPROP+"
    mark = "<!-- bpviz: figure ../two.yaml errors -->\n"
    assert filled(mark + END, "docs/a.md") == f"{mark}![{alt}](../outputs/two/errors.png)\n{END}"
    mark = '<!-- bpviz: figure two.yaml data format=svg alt="six [points]" -->\n'
    assert filled(mark + END) == f"{mark}![six \\[points\\]](outputs/two/data.svg)\n{END}"
    mark = "<!-- bpviz: figure two.yaml data -->\n"
    assert filled(mark + END, "a.html") == f'{mark}<img src="outputs/two/data.png" alt="Six points">\n{END}'
    made = filled("% bpviz: figure two.yaml errors\n% bpviz: end\n", "a.tex")
    assert f"\n\\includegraphics[width=\\linewidth, alt={{{alt}}}]{{outputs/two/errors.pdf}}\n" in made
    made = filled("// bpviz: figure two.yaml data\n// bpviz: end\n", "a.typ")
    assert '\n#image("outputs/two/data.svg", alt: "Six points")\n' in made


def test_url_has_no_spaces_or_parentheses() -> None:
    Path("a (b).yaml").write_text(CONFIG)
    assert CliRunner().invoke(cli, ["run", "a (b).yaml"]).exit_code == 0
    (folder,) = Path("outputs").iterdir()
    made = filled(f'<!-- bpviz: figure "a (b).yaml" data -->\n{END}')
    assert re.search(r"\]\(([^()\s]+)\)", made)[1] == f"outputs/{folder.name}/data.png".replace(" ", "%20")


# -- sources of tables -----------------------------------------------------------------------------------------------


def test_uses_only_outputs_that_are_up_to_date(monkeypatch) -> None:
    run()

    def never(*_):
        raise AssertionError("computed")

    written(MARK + END)
    with monkeypatch.context() as context:
        context.setattr("bpviz.experiment.runner.run", never)
        assert invoke("a.md").exit_code == 0
    assert Path("a.md").read_text() == MARK + TABLE + END
    Path("two.yaml").write_text(CONFIG.replace("[rprop,", "[{name: rprop, step: 0.2},"))
    assert invoke("--check", "a.md").exit_code == 1


@pytest.mark.parametrize("damage", ["lock", "summary", "overrides"])
def test_does_not_use_damaged_outputs(damage) -> None:
    if damage == "overrides":
        run("--set", "error_threshold=0.2")
    else:
        run()
        path = Path("outputs/two", "bpviz.lock.json" if damage == "lock" else "summary.json")
        path.write_text(path.read_text()[:-9] + " " * 9)
    assert filled(MARK + END) == MARK + TABLE + END


def test_runs_each_config_once(monkeypatch) -> None:
    from bpviz.experiment import runner

    ran = []
    run = runner.run
    monkeypatch.setattr(
        "bpviz.experiment.runner.run", lambda experiment, **rest: ran.append(experiment.name) or run(experiment, **rest)
    )
    written(MARK + END + MARK + END)
    written("<!-- bpviz: table ../two.yaml -->\n" + END, "docs/b.md")
    assert invoke("a.md", "docs/b.md", "./a.md").exit_code == 0
    assert ran == ["two"]


# -- checking outputs ------------------------------------------------------------------------------------------------

FIGURE = "<!-- bpviz: figure two.yaml errors -->\n"
LEVELS = ("inputs", "results", "pixels")


def locked(change) -> None:
    """Change the content of the lockfile."""
    path = Path("outputs/two", lockfile.NAME)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def checked(*arguments) -> tuple[int, list[str]]:
    result = invoke("--check", "a.md", *arguments)
    return result.exit_code, [*result.stdout.splitlines(), *result.stderr.splitlines()]


def with_figure(form: str = "png") -> None:
    run("--format", form)
    written(FIGURE.replace("errors", f"errors format={form}") + END)
    assert invoke("a.md").exit_code == 0


@pytest.mark.parametrize("level", LEVELS)
def test_finds_table_that_is_forged_in_document_and_lockfile(level) -> None:
    run()
    written(MARK + TABLE.replace("| 17 | 17 | 17 |", "| 1 | 17 | 17 |") + END)
    locked(lambda data: data["table"]["rows"][1].__setitem__(data["table"]["titles"].index("epochs"), "1"))
    code, printed = checked("--level", level)
    assert code == (0 if level == "inputs" else 1)
    if code:
        assert printed[0] == "a.md:1: table two.yaml is out of date"
        assert printed[3].startswith("    -| iRPROP+ | 0.1 | 1 |")
        assert printed[4].startswith("    +| iRPROP+ | 0.1 | 17 |")


def test_finds_forged_algorithm_of_a_row() -> None:
    """The option ``algorithms`` selects rows by the names in summary.json."""
    run()
    path = Path("outputs/two/summary.json")
    path.write_text(path.read_text().replace('"algorithm": "irprop+"', '"algorithm": "gd"'))
    locked(lambda data: data["files"]["summary.json"].update(lockfile.written(path.read_bytes())))
    written(f"<!-- bpviz: table two.yaml algorithms=irprop+ columns=epochs -->\n{END}")
    assert invoke("a.md").exit_code == 2
    written(f"<!-- bpviz: table two.yaml algorithms=irprop+ columns=epochs -->\n| Algorithm | epochs |\n{END}")
    code, printed = checked()
    assert (code, printed[-2]) == (1, "    +| iRPROP+ | 17 |")


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("form", ["png", "svg"])
def test_finds_figure_of_another_config(form, level) -> None:
    with_figure(form)
    assert checked("--level", level) == (0, ["1 block up to date"])
    Path("two.yaml").write_text(CONFIG.replace("[rprop,", "[{name: rprop, step: 0.2},"))
    assert checked("--level", level) == (
        1,
        [
            "a.md:1: figure two.yaml errors is out of date",
            "    two.yaml:2:34: algorithms[0].step: changed from 0.1 to 0.2",
            f"run `bpviz run --force two.yaml{' --format svg' if form == 'svg' else ''}` to redraw figures",
        ],
    )
    run("--format", form)
    assert checked("--level", level) == (0, ["1 block up to date"])


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_finds_figure_that_is_replaced_with_its_hash(form) -> None:
    with_figure(form)
    path = Path(f"outputs/two/errors.{form}")
    shutil.copy(f"outputs/two/data.{form}", path)
    locked(lambda data: data["files"][path.name].update(lockfile.written(path.read_bytes())))
    assert checked("--level", "inputs")[0] == checked("--level", "results")[0] == 0
    code, printed = checked()
    assert (code, printed[0]) == (1, "a.md:1: figure two.yaml errors is out of date")
    assert printed[1].startswith(f"    {path}: {'RMS difference' if form == 'png' else 'lines or texts differ'}")


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("modified", "outputs/two/errors.png: output file modified since the last run"),
        ("unlisted", "outputs/two/bpviz.lock.json: errors.png is not listed"),
        ("lock", "two.yaml: no bpviz.lock.json in outputs/two"),
        ("json", "outputs/two/bpviz.lock.json: is not valid JSON"),
        (
            "overrides",
            "two.yaml: options changed: outputs written with --set error_threshold=0.2 --format png, checked",
        ),
        ("link", "outputs/two/errors.png: unreadable output file"),
    ],
)
def test_finds_figure_of_damaged_outputs(damage, reason, level) -> None:
    with_figure()
    path, lock = Path("outputs/two/errors.png"), Path("outputs/two", lockfile.NAME)
    if damage == "modified":
        path.write_bytes(path.read_bytes() + b" ")
    elif damage == "unlisted":
        locked(lambda data: data["files"].pop("errors.png"))
    elif damage == "lock":
        lock.unlink()
    elif damage == "json":
        lock.write_text("{")
    elif damage == "overrides":
        run("--set", "error_threshold=0.2")
    else:
        path.rename("errors.png")
        path.symlink_to("../../errors.png")
    code, printed = checked("--level", level)
    assert code == 1
    assert printed[1].startswith(f"    {reason}")


def test_other_damaged_figures_do_not_matter() -> None:
    with_figure()
    Path("outputs/two/data.png").write_bytes(b"")
    assert checked() == (0, ["1 block up to date"])


def test_counts_skipped_figures() -> None:
    with_figure()
    locked(lambda data: data["versions"].update(matplotlib="2.9.1"))
    line = "1 figure skipped (drawn with another version of matplotlib)"
    assert checked() == (0, [line])
    written(MARK + TABLE + END + Path("a.md").read_text())
    assert checked() == (0, ["1 block up to date", line])
    assert checked("--level", "results") == (0, ["2 blocks up to date"])


@pytest.mark.parametrize("out", ["x" * 300, "a.md", "a.md/inner"])
def test_computes_table_without_an_output_folder(out) -> None:
    written(MARK + TABLE + END)
    for arguments in ([], ["--check"]):
        assert invoke("a.md", "--out", out, *arguments).exit_code == (2 if out == "a.md" else 0)


def test_level_requires_check() -> None:
    written(MARK + END)
    result = invoke("a.md", "--level", "inputs")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, "Error: --level requires --check")


# -- unchanged text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "```\n{}{}```\n"),
        ("a.md", "> ~~~~ html\n{}~~~\n{}~~~~\n"),
        ("a.md", "    {}"),
        ("a.md", "Write `{}` and\n"),
        ("a.tex", "\\begin{{verbatim}}\n% bpviz: table x\n\\end{{verbatim}}\n"),
        ("a.tex", "\\begin{{lstlisting}} x \\end{{lstlisting}}\n"),
        ("a.typ", "```\n// bpviz: table x\n```\n"),
        ("a.md", "<!-- generated: text -->\nbpviz: table x\n"),
    ],
)
def test_ignores_marks_in_code(name, text) -> None:
    mark = "<!-- bpviz: table missing.yaml -->"
    text = text.format(mark if "`{}`" in text or text[0] == " " else mark + "\n", END)
    assert filled(text, name) == text


def test_fills_block_after_code() -> None:
    code = "```console\n$ x\n```\n``` `inline` ```\n"
    assert filled(code + MARK + END) == code + MARK + TABLE + END


def test_large_documents() -> None:
    large = "x" * 200 + "\n" + "`" * 1000 + "\n"
    text = large * 5000 + "bpviz:" + " " * 4_000_000 + "\n"
    assert filled(text.replace("`", "-") + MARK + END).endswith(f"\n{MARK}{TABLE}{END}")
    assert refused(b"\n" * (marks.LARGEST + 1)) == "a.md: file too large (limit 32768 KiB)\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
def test_preserves_links_and_permissions() -> None:
    Path("docs").mkdir()
    Path("docs/real.md").write_text(MARK + END)
    Path("docs/real.md").chmod(0o640)
    Path("a.md").symlink_to("docs/real.md")
    assert invoke("a.md").exit_code == 0
    assert Path("a.md").is_symlink()
    assert Path("docs/real.md").read_text() == MARK + TABLE + END
    assert Path("docs/real.md").stat().st_mode & 0o777 == 0o640
    assert list(Path("docs").iterdir()) == [Path("docs/real.md")]


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_reports_all_mistakes_with_places() -> None:
    text = f"""\
<!-- bpviz: tabel two.yaml -->
{END}
<!-- bpviz: table missing.yaml -->
{END}
<!-- bpviz: table two.yaml columns=epocs,x format=latex colums=a -->
{END}
<!-- bpviz: table two.yaml columns=epocs,x algorithms=adma -->
{END}
<!-- bpviz: figure two.yaml error -->
{END}
<!-- bpviz: figure two.yaml errors -->
{END}
<!-- bpviz: figure two.yaml -->
{END}
<!-- bpviz: table two.yaml format=md format=text -->
{END}
and <!-- bpviz: end -->
<!-- bpviz: -->
{END}
"""
    written(text)
    written(f"a\n{END}{MARK}{MARK}{MARK}", "b.md")
    written("x", "c.rst")
    printed = invoke("a.md", "b.md", "c.rst", "d.md").stderr
    places = [re.sub("^    .*\n?", "", part) for part in re.split(r"\n(?=[a-d]\.)", re.sub(r"\n    .*", "", printed))]
    assert places == [
        "a.md:1:13: unknown mark 'tabel'; did you mean 'table'?",
        "a.md:4:19: missing.yaml: no such file",
        "a.md:7:57: unknown option 'colums' of a table; did you mean 'columns'?",
        "a.md:10:28: unknown column 'epocs'; did you mean 'epochs'?",
        "a.md:10:28: unknown column 'x'; use step, epochs, error-evals, gradient-evals, "
        "Hessian-evals, final-error or ending".replace("Hessian", "hessian"),
        "a.md:10:44: unknown algorithm 'adma'",
        "a.md:13:29: unknown figure 'error' of two.yaml; did you mean 'errors'?",
        "a.md:16:29: outputs/two/errors.png does not exist; run `bpviz run two.yaml`",
        "a.md:19:13: expected `figure CONFIG NAME [KEY=VALUE...]`",
        "a.md:22:38: duplicate option 'format'",
        "a.md:25:5: a mark must be alone on its line",
        "a.md:26:1: unknown mark ''; use table, figure or end",
        "b.md:2:1: end mark without a block",
        "b.md:4:1: mark inside the block of line 3; add <!-- bpviz: end --> before it",
        "b.md:5:1: mark inside the block of line 4; add <!-- bpviz: end --> before it",
        "b.md:5:1: block without an end mark; add <!-- bpviz: end -->",
        "c.rst: unsupported document; use a file ending in .md, .markdown, .html, .htm, .tex or .typ",
        "d.md: no such file\n",
    ]


def test_mistake_shows_its_line() -> None:
    assert refused(f"\n<!-- bpviz: table two.yaml format=latex -->\n{END}") == (
        "a.md:2:28: invalid format 'latex' of a table in this document; use md, text or html\n"
        "    <!-- bpviz: table two.yaml format=latex -->\n"
        "                               ^\n"
    )


def test_reports_mistake_in_config_once() -> None:
    Path("two.yaml").write_text("algorithms: [adma]\n")
    assert refused(MARK + END + MARK + END) == (
        "two.yaml:1:14: algorithms[0]: unknown algorithm 'adma'; did you mean 'adam'?\n"
        "    algorithms: [adma]\n"
        "                 ^\n"
    )


def test_ignores_end_mark_in_code() -> None:
    assert refused(MARK + "```\n" + END).startswith(
        "a.md:1:1: block without an end mark; add <!-- bpviz: end --> (end marks in code blocks are ignored)\n"
    )


def test_missing_figure_names_complete_command() -> None:
    printed = refused(f"<!-- bpviz: figure two.yaml errors format=svg -->\n{END}", "a.md", "--out", "here")
    assert printed.startswith(
        "a.md:1:29: here/two/errors.svg does not exist; run `bpviz run two.yaml --format svg --out here`\n"
    )


def test_rejects_invalid_bytes() -> None:
    assert refused(b"a\nb \xff c\n" + END.encode()) == (
        "a.md:2:3: invalid UTF-8 byte 0xff; save the file as UTF-8\n    b \u00ff c\n      ^\n"
    )
    assert refused("x".encode("utf-16")) == "a.md: encoded as UTF-16; save the file as UTF-8\n"
    Path("docs.md").mkdir()
    assert invoke("docs.md").stderr == "docs.md: expected a file, got a folder\n"
    assert "\x1b" not in refused(f"<!-- bpviz: \x1b[31mx -->\n{END}")


@pytest.mark.skipif(os.name == "nt", reason="no devices with paths")
def test_rejects_devices() -> None:
    expected = "expected a file, got a device"
    assert refused(f"<!-- bpviz: table /dev/null -->\n{END}").startswith(f"a.md:1:19: /dev/null: {expected}\n")
    Path("docs.md").symlink_to("/dev/null")
    assert invoke("docs.md").stderr == f"docs.md: {expected}\n"


def test_writes_nothing_if_a_document_has_mistakes() -> None:
    written(MARK + END)
    assert refused("<!-- bpviz: x -->\n" + END, "b.md", "a.md")
    assert Path("a.md").read_text() == MARK + END


@pytest.mark.usefixtures("forgotten")
def test_table_with_algorithm_of_plugin() -> None:
    Path("rule.py").write_text(
        "from bpviz import hyper, optimizer\n\n\n"
        "@optimizer('still', label='Still', needs='gradient', source='x, 2026')\n"
        "class Still:\n    'Stay. g = ∇E(w).\\n\\n    w ← w - η 0\\n\\n    η: step\\n    '\n"
        "    step: float = hyper(1.0, '(0, inf)', 'step, η')\n\n"
        "    def begin(self, w, f):\n        return ()\n\n"
        "    def advance(self, w, state, f):\n        return w - 0 * f.gradient(w), state\n"
    )
    Path("two.yaml").write_text("algorithms: [still]\nmax_epochs: 3\n")
    written(MARK + END)
    assert invoke("a.md", "--plugin", "rule.py").exit_code == 0
    assert "| Still | 1 | 3 |" in Path("a.md").read_text()
