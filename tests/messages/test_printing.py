"""Test that nothing that bpviz prints can control a terminal or CI, and that everything is printed by one module."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import bpviz
from bpviz import cli
from bpviz.cli import styled
from bpviz.messages import printing
from bpviz.tables import Table

HOME = Path(bpviz.__file__).parent

CONTROL = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp")]
# Bidirectional formatting characters: Unicode Standard Annex 9, table 4.
DIRECTION = [*"\u061c\u200e\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
STINGS = sorted({*CONTROL, *DIRECTION} - {"\t", "\n"})

# White space that .NET's TrimStart removes: the runner of GitHub Actions runs lines that begin with :: after it, and
# lines with ##[ anywhere, as that of Azure Pipelines does with ##vso[.
SPACE = "\t\x0b\x0c\x1c\x85 \xa0\u1680\u2003\u2028\u202f\u205f\u3000"


def acts(text: str) -> bool:
    """Return whether a text has a command or a control character; independent of the code under test."""
    lines = re.split(r"\r\n|\r|\n", text)
    return any(line.strip().startswith("::") or "##[" in line or "##vso[" in line for line in lines) or any(
        character in text for character in STINGS
    )


# -- functions ---------------------------------------------------------------------------------------------------------


def test_control_characters_are_printed_as_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(STINGS) == 63 + 2 + 12  # C0 and C1 with DEL but two, the two separators, and the direction of text
    for character in STINGS:
        printing.echo(f"a{character}b")
        printed = capsys.readouterr().out
        assert printed.isascii()
        assert printed.endswith("b\n")
        assert ast.literal_eval(f'"{printed[:-1]}"') == f"a{character}b"  # can be read back
    printing.echo("β η − ∞ × Größe 漢字 é\t👩‍🔬\nnext", err=True)
    assert capsys.readouterr().err == "β η − ∞ × Größe 漢字 é\t👩‍🔬\nnext\n"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("::add-mask::x", ": :add-mask::x"),
        ("  ::error::x", "  : :error::x"),
        ("a::b", "a::b"),
        (":::x", ": ::x"),
        ("fine\n::stop-commands::x\n\n\n::x", "fine\n: :stop-commands::x\n\n\n: :x"),
        ("a ##[add-mask]x", "a # #[add-mask]x"),
        ("###[group]", "## #[group]"),
        ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
        ("## [a link]", "## [a link]"),
        ("a\r::x", "a\\r::x"),
        ("\x00::x", "\\x00::x"),
    ],
)
def test_commands_are_separated_by_a_space(text: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    printing.echo(text)
    assert capsys.readouterr() == (f"{printed}\n", "")


def test_no_combination_of_parts_is_a_command() -> None:
    parts = ["::", ":", "##[", "#", "[", "##vso[", "a", "\n", "\r", "\x1b[m", *SPACE]
    for first in parts:
        for second in parts:
            for third in parts:
                text = f"{first}{second}{third}add-mask::x"
                assert not acts(printing.defused(text)), repr(text)


def test_json_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    data = {f"::{c}##[x": f"{c}::y\n###vso[" for c in STINGS} | {"plain": "β ##"}
    printing.echo_json(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    printed = capsys.readouterr().out
    assert json.loads(printed) == data
    assert not acts(printed)
    assert '"plain": "β ##"' in printed


def test_commands_of_bpviz_remain_commands(capsys: pytest.CaptureFixture[str]) -> None:
    printing.echo_command("::error file=a::b\x1b[2J")
    assert capsys.readouterr() == ("", "::error file=a::b\\x1b[2J\n")


def test_styled_tables_keep_only_the_colors_of_bpviz(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    label = f"::x \x1b[8m {'a' * 18} ::y {'b' * 18} ::z"  # folded before :: on narrow terminals
    table = Table(["Algorithm", "epochs", "ending"], [[label, "3", "reached\x9b2J"]], [False] * 3)
    for columns in ("200", "50", "24"):
        monkeypatch.setenv("COLUMNS", columns)
        styled.print_table(table, no_color=False)
        printed = capsys.readouterr().out
        colors = re.compile(r"\x1b\[[0-9;]*m")
        assert colors.search(printed)
        assert not acts(colors.sub("", printed))
        assert "\x1b[8m" not in printed


# -- the program -------------------------------------------------------------------------------------------------------


def program(folder: Path, *arguments: str, code: str = "") -> str:
    """Return everything that a process of bpviz prints."""
    code = f"import sys\nfrom bpviz.cli import main\n{code}\nmain()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def test_usage_errors_and_tracebacks_are_defused(tmp_path: Path) -> None:
    hostile = "\n::add-mask::x\x1b[2J\u202e"
    shown = "\n: :add-mask::x\\x1b[2J\\u202e"
    for arguments in ((hostile,), ("run", f"--{hostile}"), ("list", hostile), ("run",), ("explain", hostile)):
        printed = program(tmp_path, *arguments)
        assert not acts(printed)
        assert "add-mask" not in printed or shown in printed or repr(hostile)[1:-1] in printed
    for error in ("RuntimeError", "click.UsageError", "OSError"):
        code = f"""
import click, warnings
from bpviz.cli import validate

def fail(**arguments):
    warnings.warn({hostile!r})
    raise {error}({hostile!r})

validate.command.callback = fail
"""
        printed = program(tmp_path, "validate", "a.yaml", code=code)
        assert printed.count(shown) == 2, printed  # the warning and the exception
        assert ("Traceback" in printed) == (error == "RuntimeError")
        assert not acts(printed)


HOSTILE = ("::add-mask::e", "##[group]e", "##vso[task.setvariable variable=a]e")


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    with warnings.catch_warnings():
        yield lambda *arguments: CliRunner().invoke(cli.cli, list(arguments))


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE)
def test_labels_and_titles_are_defused(hostile: str, invoke) -> None:
    config = {"title": hostile, "algorithms": [{"name": "gd", "label": hostile}], "figures": []}
    Path("c.yaml").write_text(yaml.safe_dump(config))
    Path("d.yaml").write_text("algorithms: [gd]\n")
    calls = [["run", "c.yaml", "d.yaml"], ["run", "c.yaml", "--strict", "--set", "max_epochs=1"]]
    calls += [["run", "c.yaml", "--format", form] for form in ("text", "md", "csv", "json", "latex", "typst", "html")]
    calls += [["run", "c.yaml", "--check", "--format", form] for form in ("text", "md", "json")]
    calls += [["diff", "outputs/c", "outputs/d", "--format", form] for form in ("text", "csv", "latex", "html")]
    calls += [["validate", hostile], ["explain", hostile], ["run", hostile], ["run", "c.yaml", "--set", hostile]]
    calls += [["compare", hostile], ["check", hostile], ["embed", hostile], ["diff", hostile, hostile]]
    for arguments in calls:
        result = invoke(*arguments)
        assert not acts(result.output), arguments
    assert json.loads(invoke("run", "c.yaml", "--format", "json").stdout)["title"] == hostile


def test_forged_outputs_are_defused(invoke) -> None:
    """Outputs are part of a pull request like configs, but their texts need not have been checked."""
    Path("c.yaml").write_text("algorithms: [gd]\nfigures: []\n")
    invoke("run", "c.yaml", "--out", "old")
    path = Path("old/c/summary.json")
    path.parent.rename("old/d")
    invoke("run", "c.yaml", "--out", "old")
    summary = json.loads(path.read_text())
    hostile = "".join(STINGS) + "\n::add-mask::x"
    summary["title"] = hostile
    summary["runs"][0] |= {"label": hostile, "ending": hostile}
    path.write_text(json.dumps(summary))
    for form in ("text", "md", "csv", "json", "latex", "typst", "html"):
        result = invoke("diff", "old/c", "old/d", "--format", form)
        assert result.exit_code == 1
        assert not acts(result.output), form


# -- other doors -------------------------------------------------------------------------------------------------------

DOORS = {"messages/printing.py", "cli/styled.py"}
STREAM = r"sys\.(__)?std(out|err)(__)?"
CALL = re.compile(
    r"(print|input|Console|Progress)|(click|rich|console)\.(s?echo\w*|print\w*|confirm|prompt|pager|log)"
    r"|\w+\.show|traceback\.print_\w+|pprint\.\w+|os\.write|warnings\.showwarning"
    r"|logging\.(debug|info|warning|error|critical|exception|log|basicConfig)"
)
IMPORT = re.compile(r"from (click|rich|pprint) import .*\b(s?echo|print|pprint)\b.*")
USE = re.compile(rf"{STREAM}\.(?!isatty$|fileno$|flush$|reconfigure$).*")


def doors(tree: ast.AST) -> Iterator[str]:
    """Yield everything in a module that prints by itself."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function) if CALL.fullmatch(ast.unparse(function)):
                # click's errors show themselves unless they are given a file.
                if not (isinstance(function, ast.Attribute) and function.attr == "show" and node.args):
                    yield ast.unparse(node)
            case ast.Attribute() if USE.fullmatch(ast.unparse(node)):
                yield ast.unparse(node)
            case ast.keyword(arg="file", value=value) if re.fullmatch(STREAM, ast.unparse(value)):
                yield ast.unparse(node)
            case ast.ImportFrom() if IMPORT.fullmatch(ast.unparse(node)):
                yield ast.unparse(node)


def test_no_other_module_prints() -> None:
    found = {path.relative_to(HOME).as_posix(): [*doors(ast.parse(path.read_bytes()))] for path in HOME.rglob("*.py")}
    assert {name: uses for name, uses in found.items() if uses and name not in DOORS} == {}
    assert found["cli/styled.py"]


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "click.echo('a')",
        "click.secho('a')",
        "from click import echo",
        "sys.stdout.write('a')",
        "sys.stderr.buffer.write(b'a')",
        "write = sys.stderr.write",
        "sys.stdout.writelines([])",
        "traceback.print_exc()",
        "os.write(1, b'a')",
        "logging.warning('a')",
        "Console(stderr=True).print('a')",
        "error.show()",
        "traceback.format(file=sys.stderr)",
        "from rich import print",
    ],
)
def test_other_doors_are_found(code: str) -> None:
    assert list(doors(ast.parse(f"def f():\n    {code}")))


def test_echo_flushes_and_passes_text_of_any_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    printing.echo(Path("ä"), nl=False)
    printing.echo()
    assert stream.buffer.getvalue() == b"?\n"
