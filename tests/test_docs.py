"""Run the documents: every command, config, Python session and generated block.

``pytest tests/test_docs.py --update-docs`` updates the generated blocks and the output of Python sessions.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shutil
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import MISSING
from pathlib import Path

import gallery
import numpy as np
import pytest
import yaml
from click.testing import Result
from matplotlib.image import imread
from proofs import TITLES, WRAPPER_TITLES, largest_allowed, rule_rows, wrapper_rows

from bpviz import config
from bpviz.cli.listing import summary
from bpviz.config.schema import CSV, INITIAL, LAYER, keys_table
from bpviz.declare import FIGURES, OPTIMIZERS, PROBLEMS, fields
from bpviz.figures._base import FigureRequest
from bpviz.figures._style import Style
from bpviz.figures._themes import THEMES
from bpviz.figures._words import WORDS
from bpviz.messages.text import join_words, quote_value
from bpviz.problems.data import DATASETS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
DIFFERENCE = re.compile(r"(?<=\w )\d+e[+-]\d+(?=[,; ])")  # differences caused by rounding vary between processors
SESSION = re.compile(r"(?<=```pycon\n).*?(?=```)", re.DOTALL)
BROKEN = """\
from bpviz import hyper, optimizer


@optimizer("wrong", needs="gradient")
class Wrong:
    step: float = hyper(0.0, "(0, inf)", "step size")

    def begin(self, w, f):
        return ()
"""
TWO_PATHS = """\
algorithms: [{name: gd, step: 0.3}, rprop]
figures:
  - {kind: paths, algorithms: [gd], save_as: path-gd}
  - {kind: paths, algorithms: [rprop], save_as: path-rprop}
  - errors
"""
MISTAKEN = """\
algorithms:
  - {name: gd, lr: 0.3}
  - {name: momentum, step: -1}
  - {name: adma}
error_treshold: 0.125
"""


Program = Callable[[str, Path], Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configs and their outputs, as in a fresh clone."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "configs").symlink_to(ROOT / "configs")
    shutil.copytree(ROOT / "outputs/neupy", folder / "outputs/neupy")
    (folder / "README.md").write_bytes((ROOT / "README.md").read_bytes())
    for block in [*blocks("python"), *blocks("yaml")]:
        if named := re.match(r"# (\w+\.(?:py|yaml))\n", block):
            (folder / named[1]).write_text(block, encoding="utf-8")
    return folder


def blocks(language: str) -> list[str]:
    """Return the code of a language in all documents."""
    texts = (document.read_text(encoding="utf-8") for document in DOCUMENTS)
    return [block for text in texts for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def fenced(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def fields_table(name: str) -> str:
    registries = (OPTIMIZERS, PROBLEMS, FIGURES)
    parts = {"csv": CSV, "layer": LAYER, "initial": INITIAL}
    declared = parts.get(name) or fields(next(registry[name] for registry in registries if name in registry))
    defaults = {name: "" if part.default in (None, MISSING) else part.default for name, part in declared.items()}
    rows = [
        [code(name), code(quote_value(defaults[name]).strip("'")), str(part.domain), part.meaning]
        for name, part in declared.items()
    ]
    return table(["key", "default", "values", "meaning"], rows)


def datasets_table() -> str:
    rows = [
        [
            code(name),
            summary(kind),
            ", ".join(f"{code(field.name)} ({field.default})" for field in fields(kind).values() if field.default),
        ]
        for name, kind in DATASETS.items()
    ]
    return table(["name", "content", "settings (default), besides `rows`"], rows)


def style_table() -> str:
    """Return the settings of a style, all of which are null by default."""
    rows = [[code(part.name), str(part.domain), part.meaning] for part in fields(Style).values()]
    return table(["key", "values", "meaning"], rows)


def themes_table() -> str:
    rows = [
        [
            code(name),
            theme.purpose,
            f"{theme.size[0]:g} x {theme.size[1]:g} inches",
            f"{theme.font_size:g} points",
            f"{theme.dpi} dpi",
            theme.legend,
        ]
        for name, theme in THEMES.items()
    ]
    return table(["theme", "for", "size", "font size", "resolution", "legend"], rows)


def words() -> str:
    space = "\N{NO-BREAK SPACE}"  # prevents line breaks inside words
    listed = ", ".join(code(word.replace(" ", space)) for word in WORDS)
    return "\n".join(textwrap.wrap(f"{listed}.", 120, break_on_hyphens=False)).replace(space, " ") + "\n"


def figures_table() -> str:
    common = set(fields(FigureRequest))
    rows = [
        [code(name), kind.summary, ", ".join(code(option) for option in fields(kind) if option not in common)]
        for name, kind in FIGURES.items()
    ]
    besides = join_words([code(option) for option in sorted(common)], "and")
    return table(["kind", "content", f"options, besides {besides}"], rows)


def action() -> str:
    declared = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    rows = [[code(name), code(part["default"]), part["description"]] for name, part in declared.items()]
    return table(["input", "default", "meaning"], rows)


def names() -> str:
    hyphen = "\N{NON-BREAKING HYPHEN}"  # prevents line breaks inside names
    words = ", ".join(code(name).replace("-", hyphen) for name in OPTIMIZERS)
    return "\n".join(textwrap.wrap(f"{words}.", 120)).replace(hyphen, "-") + "\n"


def generated(what: str, folder: Path, bpviz: Program, measured: bool) -> str:
    """Return the current text of a block, given the words in its opening mark."""
    kind, _, rest = what.partition(" ")
    if kind == "text":
        expected, command = re.fullmatch(r"(?:exit (\d): )?bpviz (.*)", rest).groups()
        unseen = " --no-figures" if command.startswith(("run", "compare")) else ""  # other tests draw figures
        done = bpviz(command + unseen, folder)
        assert done.exit_code == int(expected or 0), done.stderr
        return fenced(f"$ bpviz {command}\n{done.stdout}" if expected else done.stdout)
    if kind == "broken":
        (folder / "wrong.py").write_text(BROKEN)
        done = bpviz("list --plugin wrong.py", folder)
        assert (done.exit_code, done.stdout) == (2, "")
        return fenced(f"$ bpviz list --plugin wrong.py\n{done.stderr}")
    if kind == "keys":
        return table(
            ["key", "default", "values", "meaning"],
            [[code(key), code(default), allowed, meaning] for key, default, allowed, meaning in keys_table()],
        )
    if kind == "mistakes":
        (folder / "wrong.yaml").write_text(MISTAKEN)
        done = bpviz("run wrong.yaml", folder)
        assert (done.exit_code, done.stdout) == (2, "")
        return fenced(f"$ bpviz run wrong.yaml\n{done.stderr}")
    if kind == "rerun":
        (folder / "two-paths.yaml").write_text(TWO_PATHS)
        for more in ("", " --set algorithms.0.step=0.31"):
            done = bpviz(f"run two-paths.yaml{more} --out rerun", folder)
            assert done.exit_code == 0, done.stderr
        return fenced(done.stderr)
    if kind == "drift":
        shutil.copytree(ROOT / "outputs/neupy", folder / "drift/outputs/neupy", dirs_exist_ok=True)
        (folder / "drift/configs").mkdir(exist_ok=True)
        text = (ROOT / "configs/neupy.yaml").read_text(encoding="utf-8").replace("gd, step: 0.3", "gd, step: 0.4")
        (folder / "drift/configs/neupy.yaml").write_text(text, encoding="utf-8")
        done = bpviz("run configs/neupy.yaml --check --level inputs", folder / "drift")
        assert done.exit_code == 1, done.stderr
        return fenced(done.stdout)
    if kind == "rules":
        return table(TITLES, rule_rows(measured))
    if kind == "wrappers":
        return table(WRAPPER_TITLES, wrapper_rows(measured))
    blocks = {
        "action": action,
        "datasets": datasets_table,
        "figures": figures_table,
        "names": names,
        "problems": gallery.page,
        "style": style_table,
        "themes": themes_table,
        "words": words,
        "fields": lambda: fields_table(rest),
    }
    return blocks[kind]()


def fresh(text: str, folder: Path, program: Program, measured: bool) -> str:
    """Return a document with current generated blocks."""
    return BLOCK.sub(lambda match: f"{match[1]}{generated(match[2], folder, program, measured)}{match[4]}", text)


@pytest.mark.usefixtures("short_contract")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_generated_blocks_are_current(
    document: Path, folder: Path, program: Program, pytestconfig: pytest.Config
) -> None:
    """Skips differences from recorded paths, and the best steps of three of four rules."""
    text = document.read_text(encoding="utf-8")
    if pytestconfig.getoption("update_docs"):
        document.write_text(fresh(text, folder, program, measured=True), encoding="utf-8")
    else:
        assert DIFFERENCE.sub("", text) == DIFFERENCE.sub("", fresh(text, folder, program, measured=False))


@pytest.mark.slow
def test_measured_blocks_of_the_rules_are_current(folder: Path, program: Program) -> None:
    text = (ROOT / "docs/algorithms.md").read_text(encoding="utf-8")
    measured = fresh(text, folder, program, measured=True)
    assert DIFFERENCE.sub("", text) == DIFFERENCE.sub("", measured)
    for before, now in zip(DIFFERENCE.findall(text), DIFFERENCE.findall(measured), strict=True):
        assert float(now) <= largest_allowed(float(before))


def test_blocks_of_bpviz_embed_are_current(program: Program, pytestconfig: pytest.Config) -> None:
    check = "" if pytestconfig.getoption("update_docs") else "--check "
    done = program(f"embed {check}{' '.join(str(path.relative_to(ROOT)) for path in DOCUMENTS)}", ROOT)
    assert done.exit_code == 0, done.stdout + done.stderr


def test_picture_of_the_test_functions_is_current(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """The exact pixels depend on the processor and on matplotlib."""
    kept, fresh = ROOT / "docs/problems.png", tmp_path / "problems.png"
    gallery.draw(kept if pytestconfig.getoption("update_docs") else fresh)
    if fresh.exists():
        before, now = map(imread, (kept, fresh))
        assert before.shape == now.shape
        off = np.abs(before - now).reshape(gallery.HIGH, 700 // gallery.HIGH, gallery.ACROSS, 960 // gallery.ACROSS, -1)
        assert off.mean(axis=(1, 3, 4)).max() < 0.01, "one of the pictures shows a different function"
    assert kept.stat().st_size < 300_000


def commands() -> list[tuple[str, str]]:
    """Return (document, command) of every bpviz command in a console block."""
    return [
        (document.name, line.removeprefix("$ "))
        for document in DOCUMENTS
        for block in re.findall(r"```console\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.splitlines()
        if "bpviz" in line
    ]


@pytest.mark.usefixtures("short_contract")
def test_commands_of_the_documents_succeed(folder: Path, program: Program) -> None:
    assert len(commands()) >= 6
    for document, line in commands():
        for command in line.split(" && "):
            if command.startswith("bpviz "):  # .ci/run runs the commands that install
                done = program(command.removeprefix("bpviz "), folder)
                assert done.exit_code == 0, f"{document}: {command}\n{done.stderr}"
            else:
                assert command.startswith(("pip install", "pytest")), f"{document}: {command}"


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "configs").iterdir()))
def test_committed_configs_are_valid(name: str) -> None:
    assert config.load(ROOT / "configs" / name).algorithms


def test_yaml_blocks_are_configs_that_run(folder: Path, program: Program) -> None:
    names = ("README.md", "docs/backpropagation.md", "docs/config.md", "docs/figures.md")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in names]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) >= 3
    for number, block in enumerate(blocks):
        (folder / f"block{number}.yaml").write_text(block, encoding="utf-8")
        done = program(f"run block{number}.yaml --strict", folder)
        assert done.exit_code == 0, done.stderr


@pytest.mark.usefixtures("forgotten")
def test_python_blocks_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that are files are run as plugins by the commands of the documents."""
    monkeypatch.chdir(folder)
    snippets = [block for block in blocks("python") if not re.match(r"# \w+\.py\n", block)]
    assert snippets
    for block in snippets:
        exec(compile(block, "a document", "exec"), {})


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_sessions_print_the_documented_output(
    document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(folder)
    text = document.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    fresh = SESSION.sub(lambda match: replayed(match[0], names), text)
    if pytestconfig.getoption("update_docs"):
        if fresh != text:
            document.write_text(fresh, encoding="utf-8")
    else:
        assert text == fresh


def replayed(session: str, names: dict[str, object]) -> str:
    """Return a Python session with its current output; ``names`` are its variables."""
    lines = session.splitlines(keepends=True)
    outputs = []
    for example in doctest.DocTestParser().get_examples(session):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(compile(example.source, "<session>", "single"), names)
            except Exception as error:  # noqa: BLE001  a session may show any error
                message = "".join(traceback.format_exception_only(error))
                printed.write(f"Traceback (most recent call last):\n    ...\n{message}")
        begin = example.lineno + example.source.count("\n")
        outputs.append((begin, begin + example.want.count("\n"), printed.getvalue()))
    for begin, end, output in reversed(outputs):
        lines[begin:end] = [output]
    return "".join(lines)


def test_template_lists_activations_and_losses() -> None:
    text = (ROOT / "bpviz/cli/template.yaml").read_text(encoding="utf-8")
    perceptron = fields(PROBLEMS["perceptron"])
    for title, part in (("Activations", "activation"), ("Losses", "loss")):
        assert f"{title}: {', '.join(perceptron[part].domain.words)}." in text


def test_links_between_documents_exist() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in link:
                file, _, heading = link.partition("#")
                path = document.parent / file if file else document
                assert path.exists(), f"{document.name}: {link}"
                assert not heading or heading in headings(path), f"{document.name}: {link}"


def headings(document: Path) -> set[str]:
    """Return the anchors of the headings of a document."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_introduction_of_the_readme() -> None:
    """The introduction has three points, the first command, its figure and its table, in this order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    introduction = text.partition("\n## ")[0]
    assert text.startswith("# bpviz\n\n")
    assert len(re.findall(r"^- \*\*.+?\*\*", introduction, re.MULTILINE)) == 3
    parts = [
        "\n- **",
        "```console\n$ pip install -e . && bpviz run configs/neupy.yaml --out trial\n```\n",
        "<!-- bpviz: figure configs/neupy.yaml paths-all",
        "<!-- bpviz: table configs/neupy.yaml",
    ]
    places = [introduction.index(part) for part in parts]
    assert places == sorted(places)
    assert "/trial/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"**{len(OPTIMIZERS)} update rules" in introduction


def test_first_table_has_the_published_numbers() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = text.partition("```text\n")[2].partition("```")[0]
    rows = [re.split(r"\s{2,}", line) for line in first.splitlines()[1:]]
    assert [row[-6] for row in rows] == ["797", "92", "20", "17", "2", "3"]


def test_committed_figures_are_those_of_the_config() -> None:
    experiment = config.load(ROOT / "configs/neupy.yaml")
    drawn = {f"{figure.file_name()}.png" for figure in experiment.figures}
    assert {path.name for path in (ROOT / "outputs/neupy").glob("*.png")} == drawn
