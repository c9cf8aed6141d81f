"""Test that differences between two output folders, or with a git revision, are found, printed and drawn."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread, imsave

from bpviz.cli import cli

BOTH = "algorithms: [rprop, irprop+]\nfigures: [errors, data]\n"
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a temporary folder, in which git uses no configuration or repository from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(cli, ["diff", *map(str, arguments)])


def summary(folder, *runs, schema=1):
    """Write a summary.json with the given runs."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "summary.json").write_text(json.dumps({"schema": schema, "title": "T", "runs": runs}))


def one(label="GD", start=(-4.0, -4.0), **other):
    run = {
        "algorithm": "gd",
        "label": label,
        "settings": {"step": 0.3},
        "start": list(start),
        "epochs": 797,
        "final_error": 0.125,
        "weights": [3.0, -4.0],
        "evaluations": {"error": 0, "gradient": 797, "hessian": 0},
        "ending": "reached",
    }
    return {**run, **other}


def refused(*arguments):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def shown(old, new):
    """Return the rows of the table of differences between two runs."""
    summary("old", old)
    summary("new", new)
    result = invoke("old", "new", "--format", "csv")
    assert result.exit_code == (1 if result.stdout else 0)
    return result.stdout.splitlines()[1:]


def calls(runs) -> int:
    """Return the number of function calls of comparing two folders with this number of changed runs."""
    starts = [(float(n), 0.0) for n in range(runs)]
    for folder, epochs in (("old", 5), ("new", 6)):
        summary(folder, *(one(start=start, epochs=epochs) for start in starts))
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        result = invoke("old", "new", "--format", "csv")
    finally:
        sys.setprofile(None)
    assert len(result.stdout.splitlines()) == runs + 1
    return counted


def test_time_grows_linearly_with_number_of_runs() -> None:
    calls(10)
    assert calls(800) < 2.2 * calls(400)


# -- differences -----------------------------------------------------------------------------------------------------


def test_shows_only_changed_values() -> None:
    changed = one(
        epochs=25,
        final_error=None,
        settings={"step": 10.0, "new": 1},
        evaluations={"error": 2, "gradient": 25, "hessian": 0},
        weights=[3.0, 4.0],
        ending="diverged",
    )
    summary("old", one(), one("Same"), one("Gone", epochs=1))
    summary("new", one("Came", epochs=5), changed, one("Same"))
    result = invoke("old", "new")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "Algorithm  quantity            old         new      change\n"
        "Came       added                      5 epochs\n"
        "GD         step                0.3          10  +3.23e+03%\n"
        "GD         epochs              797          25      -96.9%\n"
        "GD         error evals           0           2\n"
        "GD         gradient evals      797          25      -96.9%\n"
        "GD         final error       0.125  non-finite\n"
        "GD         end point       (3, -4)      (3, 4)       +160%\n"
        "GD         ending          reached    diverged\n"
        "Gone       removed         1 epoch\n"
    )


@pytest.mark.parametrize(
    ("part", "old", "new", "rows"),
    [
        ("final_error", 0.125, 0.125 * (1 + 1e-10), []),
        ("final_error", 0.125, 0.125 * (1 + 1e-8), ["GD,final error,0.125,0.125000001,+1e-06%"]),
        ("final_error", None, None, []),
        ("final_error", 0, 0.0, []),
        ("final_error", 0.0, 0.5, ["GD,final error,0,0.5,"]),
        ("weights", [3.0, 1e-17], [3.0, -1e-17], []),
        ("weights", [None, 1.0], [None, 1.0], []),
        ("weights", [None, 1.0], [1.0, None], ['GD,end point,"(non-finite, 1)","(1, non-finite)",']),
        ("weights", [1.0], [1.0, 0.0], ['GD,end point,(1),"(1, 0)",']),
        ("algorithm", "gd", "momentum", ["GD,algorithm,gd,momentum,"]),
        ("epochs", 100, 150, ["GD,epochs,100,150,+50%"]),
    ],
)
def test_numbers_within_tolerance_are_equal(part, old, new, rows) -> None:
    assert shown(one(**{part: old}), one(**{part: new})) == rows


def test_runs_are_matched_by_label_and_start() -> None:
    summary("old", one(), one(start=(1, 2)), one(start=(1, 2), epochs=3))
    summary("new", one(start=(1, 2)), one(start=(1, 2), epochs=4), one())
    assert invoke("old", "new", "--format", "csv").stdout.splitlines()[1:] == ["GD,epochs,3,4,+33.3%"]
    summary("new", one(start=(1, 2), epochs=1), one(start=(5, 6)))
    assert [row.partition(",")[0] for row in invoke("old", "new", "--format", "md").stdout.split("| ")][:1] == [""]
    rows = invoke("old", "new", "--format", "csv").stdout.splitlines()[1:]
    assert rows[0] == '"GD from (1, 2)",epochs,797,1,-99.9%'
    assert '"GD from (5, 6)",added,,797 epochs,' in rows
    assert '"GD from (-4, -4)",removed,797 epochs,,' in rows


def test_reports_no_differences() -> None:
    summary("old", one())
    for form in ("text", "md", "csv", "latex", "typst", "html"):
        result = invoke("old", "old", "--format", form)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no differences\n")
    assert json.loads(invoke("old", "old", "--format", "json").stdout) == {
        "schema": 1,
        "old": "old",
        "new": "old",
        "same": True,
        "experiments": [],
    }
    assert invoke("old", "old", "-q").output == ""


def test_several_experiments_are_matched_by_name() -> None:
    summary("old/a", one())
    summary("old/b", one(), one("Other"))
    summary("old/same", one())
    Path("old/notes").mkdir()
    summary("new/a", one(epochs=1))
    summary("new/c", one())
    summary("new/same", one())
    assert invoke("old", "new").stdout == (
        "experiment  Algorithm  quantity     old    new  change\n"
        "a           GD         epochs       797      1  -99.9%\n"
        "b                      removed   2 runs\n"
        "c                      added             1 run\n"
    )
    data = json.loads(invoke("old", "new", "--format", "json").stdout)
    assert [(each["name"], each["change"]) for each in data["experiments"]] == [
        ("a", "changed"),
        ("b", "removed"),
        ("c", "added"),
    ]
    assert data["experiments"][0]["runs"] == [
        {
            "label": "GD",
            "start": [-4.0, -4.0],
            "change": "changed",
            "differences": [{"what": "epochs", "old": 797, "new": 1, "relative": -796 / 797}],
        }
    ]


@pytest.mark.parametrize("form", ["md", "latex", "typst", "html"])
def test_every_format_shows_the_difference(form) -> None:
    summary("old", one())
    summary("new", one(epochs=25))
    printed = invoke("old", "new", "--format", form).stdout
    assert "797" in printed
    assert "96.9" in printed


# -- mistakes --------------------------------------------------------------------------------------------------------


def test_reports_mistakes_of_both_sides() -> None:
    summary("old/newer", one(), schema=99)
    summary("old/odd", {"label": "GD"})
    summary("old/fine", one())
    for name, text in (("damaged", "{"), ("conflict", "<<<<<<< a\n"), ("list", "[]"), ("deep", "[" * 100_000)):
        Path("old", name).mkdir()
        Path("old", name, "summary.json").write_text(text)
    Path("empty").mkdir()
    assert refused("old", "empty") == (
        "old/conflict/summary.json: contains git conflict markers\n"
        "old/damaged/summary.json: is not valid JSON\n"
        "old/deep/summary.json: is not valid JSON\n"
        "old/list/summary.json: is not a valid summary of bpviz\n"
        "old/newer/summary.json: was written by a newer version of bpviz\n"
        "old/odd/summary.json: is not a valid summary of bpviz\n"
        "empty: no bpviz outputs found: no summary.json in this folder or its subfolders\n"
    )


def test_rejects_folders_without_outputs() -> None:
    Path("file").write_text("x")
    assert refused("file", "missing") == "file: expected an output folder, got a file\nmissing: no such folder\n"
    summary("single", one())
    summary("several/a", one())
    assert refused("single", "several") == ("single: outputs of one experiment, but several has several\n")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["a"], "Error: expected two output folders, OLD and NEW, or --git REVISION\n"),
        (["a", "b", "c"], "Error: expected two output folders, OLD and NEW, or --git REVISION\n"),
        (["a", "b", "--figure", "x.svg"], "Error: --figure: expected a file name ending in .png, got 'x.svg'\n"),
    ],
)
def test_rejects_invalid_arguments(arguments, printed) -> None:
    assert refused(*arguments).endswith(printed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": 1},
        {"epochs": "797"},
        {"final_error": "x"},
        {"weights": None},
        {"weights": [True]},
        {"evaluations": {"gradient": "x"}},
        {"start": [None]},
        {"settings": []},
        {"ending": None},
    ],
)
def test_rejects_invalid_summary(wrong) -> None:
    summary("old", one())
    summary("new", one(**wrong))
    assert refused("old", "new") == "new/summary.json: is not a valid summary of bpviz\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"final_error": 5e-324}, {"final_error": 1e308}),
        ({"weights": [1e308, 1e308]}, {"weights": [-1e308, -1e308]}),
        ({"weights": [5e-324, 0.0]}, {"weights": [1e308, 0.0]}),
        ({"epochs": 1}, {"epochs": 10**299}),
        ({"settings": {"step": 10**299}}, {"settings": {"step": -0.1}}),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_changes_that_no_float_can_represent(old, new, form) -> None:
    summary("old", one(**old))
    summary("new", one(**new))
    assert invoke("old", "new", "--format", form).exit_code == 1


@pytest.mark.parametrize("text", ["NaN", "1e999", "Infinity", "9" * 400])
def test_rejects_numbers_that_bpviz_does_not_write(text) -> None:
    summary("old", one())
    summary("new", one())
    path = Path("new/summary.json")
    path.write_text(path.read_text().replace("0.125", text))
    assert refused("old", "new") == "new/summary.json: is not valid JSON\n"


# -- git -------------------------------------------------------------------------------------------------------------


def git(*arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(folder):
    """Return a repository with the outputs of two experiments; its second commit changes one of them."""
    git("init", "-q")
    Path("configs").mkdir()
    for name in ("a", "b é"):
        summary(f"outputs/{name}", one())
        Path("configs", f"{name}.yaml").write_text("algorithms: [gd]\n")
    git("add", "-A")
    git("commit", "-qm", "first")
    summary("outputs/a", one(epochs=25))
    git("commit", "-qam", "second")
    return folder


@pytest.mark.usefixtures("repository")
@needs_git
def test_compares_revision_with_working_tree() -> None:
    before = sorted(Path().rglob("*")), git("status", "--porcelain")
    expected = "experiment  Algorithm  quantity  old  new  change\na           GD         epochs    797   25  -96.9%\n"
    result = invoke("--git", "HEAD~1")
    assert (result.exit_code, result.stdout) == (1, expected)
    assert invoke("--git", "HEAD~1", "configs").stdout == expected
    one_of_them = "Algorithm  quantity  old  new  change\nGD         epochs    797   25  -96.9%\n"
    assert invoke("--git", "HEAD~1", "outputs/a").stdout == one_of_them
    assert invoke("--git", "HEAD~1", "configs/a.yaml").stdout == one_of_them
    assert invoke("--git", "HEAD").exit_code == 0
    assert invoke("--git", "HEAD~1", "outputs/b é").exit_code == 0
    assert (sorted(Path().rglob("*")), git("status", "--porcelain")) == before


@pytest.mark.usefixtures("repository")
@needs_git
def test_shows_uncommitted_and_deleted_experiments(monkeypatch) -> None:
    shutil.rmtree("outputs/a")
    summary("outputs/c", one())
    rows = invoke("--git", "HEAD", "--format", "csv").stdout.splitlines()[1:]
    assert rows == ["a,,removed,1 run,,", "c,,added,,1 run,"]
    assert invoke("--git", "HEAD", "outputs/a", "--format", "csv").stdout.splitlines()[1:] == [",removed,1 run,,"]
    assert invoke("--git", "HEAD", "outputs/c", "--format", "csv").stdout.splitlines()[1:] == [",added,,1 run,"]
    monkeypatch.chdir("configs")
    assert invoke("--git", "HEAD", "../outputs", "--format", "csv").stdout.splitlines()[1:] == rows


@pytest.mark.usefixtures("repository")
@needs_git
def test_reports_errors_of_git_in_one_line(monkeypatch) -> None:
    assert refused("--git", "HEAD~9") == "--git HEAD~9: unknown revision\n"
    assert refused("--git", "--output=x") == "--git --output=x: invalid revision\n"
    assert refused("--git", "HEAD", "nowhere") == "nowhere: no such folder in the working tree or at HEAD\n"
    Path("empty").mkdir()
    summary("fresh/a", one())
    assert refused("--git", "HEAD", "empty", "fresh") == (
        "empty: no bpviz outputs found: no summary.json in this folder or its subfolders\nfresh: no outputs at HEAD\n"
    )
    git("clone", "-q", "--depth", "1", Path().absolute().as_uri(), "../shallow")
    monkeypatch.chdir("../shallow")
    assert refused("--git", "HEAD~1") == (
        "--git HEAD~1: unknown revision in this shallow clone; run `git fetch --unshallow`\n"
    )
    monkeypatch.setenv("PATH", "")
    assert refused("--git", "HEAD") == "git: cannot be run: No such file or directory\n"


@needs_git
def test_reports_missing_repository() -> None:
    summary("outputs/a", one())
    assert refused("--git", "HEAD") == "outputs: not in a git repository\n"


@pytest.mark.usefixtures("repository")
@needs_git
def test_committed_repository_is_not_used() -> None:
    """Git accepts a folder with the files of a bare repository, whose config can name commands to run."""
    outputs = Path("outputs")
    (outputs / "refs").mkdir()
    (outputs / "objects").mkdir()
    (outputs / "HEAD").write_text("1" * 40)
    command = f"touch '{Path('executed').absolute()}'; git-upload-pack"
    (outputs / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tbare = false\n\tworktree = ..\n"
        f'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = {Path().absolute()}\n'
        f'\tpromisor = true\n\tuploadpack = "{command}"\n'
    )
    for folders in ((), ("outputs/a",)):
        assert invoke("--git", "HEAD", *folders).stderr == "no differences\n"
    assert not Path("executed").exists()


@pytest.mark.usefixtures("repository")
@needs_git
def test_reports_damaged_summary_at_revision() -> None:
    Path("outputs/a/summary.json").write_text("{")
    git("commit", "-qam", "third")
    summary("outputs/a", one())
    assert refused("--git", "HEAD") == "outputs at HEAD/a/summary.json: is not valid JSON\n"


# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """Write two outputs of an experiment with different errors and the same data."""
    Path("two.yaml").write_text(BOTH)
    for out, more in (("old", []), ("new", ["--set", "algorithms.0.step=0.2"])):
        result = CliRunner().invoke(cli, ["run", "two.yaml", "--out", out, *more])
        assert result.exit_code == 0, result.output


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_draws_changed_figures_side_by_side() -> None:
    result = invoke("old", "new", "--figure", "diff.png")
    assert result.exit_code == 1
    assert result.stderr == "diff.png: 1 changed figure, old and new side by side\n"
    picture = imread("diff.png")[..., :3]
    for out, x in (("old", 24), ("new", 2 * 24 + 1050)):
        original = imread(f"{out}/two/errors.png")[..., :3]
        height, width, _ = original.shape
        assert np.array_equal(picture[60 + 44 : 60 + 44 + height, x : x + width], original)
    first = Path("diff.png").read_bytes()
    assert invoke("old/two", "new/two", "--figure", "other.png").exit_code == 1
    assert invoke("old", "new", "--figure", "diff.png").exit_code == 1
    assert Path("diff.png").read_bytes() == first


@pytest.mark.usefixtures("drawn")
def test_writes_no_image_without_changed_figures() -> None:
    result = invoke("old", "old", "--figure", "diff.png")
    assert (result.exit_code, result.stderr) == (0, "no differences\nno changed figures; diff.png not written\n")
    assert not Path("diff.png").exists()


@pytest.mark.usefixtures("drawn")
def test_figures_within_tolerance_are_equal() -> None:
    path = Path("new/two/data.png")
    pixels = np.round(imread(path) * 255)
    shutil.copy("old/two/errors.png", "new/two/errors.png")
    for levels, printed in ((0, "no changed figures"), (2, "no changed figures"), (3, "1 changed figure,")):
        changed = pixels.copy()
        changed[:, :, :3] += np.where(changed[:, :, :3] < 128, levels, -levels)
        imsave(path, changed.astype(np.uint8), format="png")
        assert printed in invoke("old", "new", "--figure", "diff.png").stderr


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_counts_figures_that_do_not_fit() -> None:
    for number in range(30):
        for out in ("old", "new"):
            shutil.copy(f"{out}/two/errors.png", f"{out}/two/e{number:02}.png")
    assert "31 changed figures" in invoke("old", "new", "--figure", "diff.png").stderr
    assert imread("diff.png").shape[0] <= 16200


@pytest.mark.usefixtures("drawn")
def test_reports_damaged_figure_and_unwritable_path() -> None:
    assert refused("old", "new", "--figure", "no/diff.png") == ("cannot write no/diff.png: No such file or directory\n")
    Path("new/two/errors.png").write_bytes(b"x")
    assert refused("old", "new", "--figure", "diff.png") == "new: two/errors: not a valid PNG\n"


@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("side", ["old", "new"])
def test_reads_only_regular_files(side) -> None:
    path = Path(side, "two/errors.png")
    path.unlink()
    os.mkfifo(path)
    assert refused("old", "new", "--figure", "diff.png") == "two/errors.png: expected a file, got a pipe\n"
    path.unlink()
    path.symlink_to("/dev/zero")
    assert refused("old", "new", "--figure", "diff.png") == "two/errors.png: expected a file, got a symbolic link\n"
    summary_file = Path(side, "two/summary.json")
    summary_file.rename("elsewhere")
    summary_file.symlink_to(Path("elsewhere").absolute())
    assert refused("old", "new") == f"{summary_file}: expected a file, got a symbolic link\n"


@pytest.mark.skipif(os.name != "posix", reason="needs links")
@pytest.mark.usefixtures("drawn")
def test_writes_not_through_links() -> None:
    Path("elsewhere").mkdir()
    Path("link").symlink_to("elsewhere")
    message = "link is a symbolic link to elsewhere; remove it or choose another --out\n"
    assert refused("old", "new", "--figure", "link/diff.png") == message
    assert list(Path("elsewhere").iterdir()) == []


@pytest.mark.usefixtures("drawn")
@needs_git
def test_draws_changed_figures_of_revision() -> None:
    git("init", "-q")
    Path("old").rename("outputs")
    git("add", "-A")
    git("commit", "-qm", "first")
    shutil.copytree("new", "outputs", dirs_exist_ok=True)
    result = invoke("--git", "HEAD", "two.yaml", "--figure", "diff.png")
    assert result.stderr == "diff.png: 1 changed figure, old and new side by side\n"
    assert imread(io.BytesIO(Path("diff.png").read_bytes())).shape[1] == 2 * 1050 + 3 * 24
