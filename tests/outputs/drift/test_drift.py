"""Test that checks find drift, at the right level and place, and write no outputs."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import bpviz
from bpviz.cli import cli
from bpviz.figures import _render  # noqa: F401  matplotlib as the program has it
from bpviz.outputs import lockfile
from bpviz.outputs.drift import LEVELS
from bpviz.outputs.drift.recompute import same
from bpviz.outputs.images import decode

HOME = Path(bpviz.__file__).parent.parent
CONFIG = """\
title: Two
dataset: {csv: six.csv}
max_epochs: 60
algorithms:
  - rprop
  - {name: momentum, step: 0.3, label: M}
figures:
  - errors
  - {kind: epochs, title: Bars}
"""
PLUGIN = """\
from bpviz import optimizer


@optimizer("idle", label="Idle", needs="gradient", source="these tests, 2026")
class Idle:
    '''Stay. w ← w'''

    def begin(self, w, f):
        return ()

    def advance(self, w, state, f):
        return w, state
"""
DATA = "a,b,y\n.9,.3,1\n.5,.3,1\n.2,.1,1\n.7,.5,0\n.1,.8,0\n.1,.9,0\n"
FOLDER = Path("configs/two.yaml")
OUT = Path("outputs/two")
LOCK = OUT / lockfile.NAME


def invoke(*arguments):
    result = CliRunner().invoke(cli, ["run", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def check(*arguments, level="inputs", configs="configs"):
    """Check and return the exit code and the printed lines; make sure that only the drift folder was written."""
    before = tree()
    code, out, err = invoke(configs, "--check", "--level", level, *arguments)
    after = {path: content for path, content in tree().items() if not path.startswith("bpviz-drift/")}
    assert after == before
    return code, [*out.splitlines(), *err.splitlines()]


def tree():
    return {
        path.as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in Path().rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder in which the experiment has run once."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "configs").mkdir()
    (folder / FOLDER).write_text(CONFIG)
    (folder / "configs/six.csv").write_text(DATA)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert invoke("configs", "--format", "png", "--format", "svg")[0] == 0
    return folder


@pytest.fixture(autouse=True)
def folder(made, tmp_path, monkeypatch):
    """Work in a copy of that folder."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def locked(change):
    """Change the content of the lockfile."""
    data = json.loads(LOCK.read_text())
    change(data)
    LOCK.write_text(json.dumps(data))


def relock(name):
    """Record the current content of a file in the lockfile."""
    locked(lambda data: data["files"][name].update(lockfile.written((OUT / name).read_bytes())))


NOTHING = {level: [f"1 experiment checked (level: {level}), no drift"] for level in LEVELS}


# -- no drift ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "jobs"), [*((level, "1") for level in LEVELS), ("pixels", "2")])
def test_finds_no_drift_in_new_outputs(level, jobs):
    assert check("--jobs", jobs, level=level) == (0, NOTHING[level])
    assert not Path("bpviz-drift").exists()


def test_default_level_is_pixels():
    assert invoke("configs", "--check")[1].splitlines() == NOTHING["pixels"]


@pytest.mark.parametrize("level", LEVELS)
def test_comments_code_and_versions_are_no_drift(level):
    """Neither a comment nor other code and versions with the same results are drift."""
    edit(FOLDER, "title: Two", "title: Two  # and a word on it")

    def made_elsewhere(data):
        data["code"] = dict.fromkeys(data["code"], "0" * 16)
        data["versions"] |= {"bpviz": "0.0.1", "numpy": "1.0", "python": "3.1"}

    locked(made_elsewhere)
    assert check(level=level) == (0, NOTHING[level])


def test_changed_interpretation_of_a_config_is_no_drift():
    locked(lambda data: data.update(experiment="0" * 16, code={"words.py": "0"}))
    locked(lambda data: data["inputs"].update({"package other": "1.0"}))  # another version is installed, or none
    assert check() == (
        0,
        ["outputs/two: bpviz now interprets this config differently", *NOTHING["inputs"]],
    )


def test_formats_default_to_those_of_the_lockfile():
    assert check("--format", "png", "--format", "svg")[0] == 0
    code, printed = check("--format", "pdf")
    assert (code, printed[0]) == (
        1,
        "configs/two.yaml: options changed: outputs written with --format png --format svg, checked with --format pdf",
    )


def test_checks_outputs_without_figures():
    invoke("configs", "--no-figures", "--out", "tables")
    assert check("--out", "tables", level="pixels") == (0, NOTHING["pixels"])


# -- inputs ------------------------------------------------------------------------------------------------------------


def one(*lines):
    return 1, [*"\n".join(lines).splitlines(), "1 experiment checked (level: inputs), 1 drift in 1 experiment"]


def test_reports_changed_value_of_config():
    edit(FOLDER, "step: 0.3", "step: 0.4")
    assert check() == one(
        "configs/two.yaml:6:28: algorithms[1].step: changed from 0.3 to 0.4",
        "      - {name: momentum, step: 0.4, label: M}",
        "                               ^",
    )


def test_places_changed_defaults_at_their_algorithm():
    edit(FOLDER, "- rprop", "- irprop+")
    code, printed = check()
    assert code == 1
    assert printed[0] == "configs/two.yaml:5:5: algorithms[0].name: changed from 'rprop' to 'irprop+'"
    assert printed[3] == "configs/two.yaml:5:5: algorithms[0].label: changed from 'RPROP' to 'iRPROP+'"


def test_counts_many_changed_values():
    edit(FOLDER, "- rprop\n  - {name: momentum, step: 0.3, label: M}", "- adam")
    code, printed = check()
    assert code == 1
    assert sum(": changed from " in line for line in printed) == 5
    assert re.fullmatch(r"configs/two\.yaml: \d+ more values changed", printed[-2])


def test_reports_changed_config_without_run_json():
    edit(FOLDER, "step: 0.3", "step: 0.4")
    (OUT / "run.json").unlink()
    code, printed = check()
    assert (code, printed[:2]) == (
        1,
        [
            "configs/two.yaml: config changed since the last run",
            "outputs/two/run.json: missing output file",
        ],
    )


def test_reports_changed_data():
    edit("configs/six.csv", ".9,.3,1", ".9,.4,1")
    assert check() == one(
        "configs/two.yaml:2:10: dataset: six.csv changed since the last run",
        "    dataset: {csv: six.csv}",
        "             ^",
    )


def test_reformatted_data_are_no_drift():
    edit("configs/six.csv", ".9,.3,1", "0.90,0.3,1")
    assert check() == (0, NOTHING["inputs"])


def test_reports_changed_options():
    code, printed = check("--set", "algorithms.1.step=0.5")
    assert (code, printed[0]) == (
        1,
        (
            "configs/two.yaml: options changed: outputs written with --format png --format svg, checked with "
            "--set algorithms.1.step=0.5 --format png --format svg"
        ),
    )


@pytest.mark.usefixtures("forgotten")
def test_reports_new_plugin():
    Path("mine.py").write_text(PLUGIN)
    assert check("--plugin", "mine.py") == one("mine.py: plugin changed since the last run, or not used in it")


def test_reports_missing_plugin():
    locked(lambda data: data["inputs"].update({"plugin mine.py": "0" * 64}))
    assert check() == one("configs/two.yaml: outputs written with --plugin mine.py")


@pytest.mark.parametrize("name", ["summary.md", "history.csv", "errors.png", "errors.svg"])
def test_reports_modified_file(name):
    with (OUT / name).open("ab") as file:
        file.write(b" ")
    assert check() == one(f"outputs/two/{name}: output file modified since the last run")


def test_reports_modified_file_of_the_same_size():
    content = (OUT / "summary.md").read_bytes()
    (OUT / "summary.md").write_bytes(content.replace(b"20", b"21", 1) if b"20" in content else content[:-2] + b"x\n")
    assert check() == one("outputs/two/summary.md: output file modified since the last run")


def test_reports_missing_file():
    (OUT / "errors.png").unlink()
    assert check() == one("outputs/two/errors.png: missing output file")


def test_reports_missing_outputs():
    shutil.rmtree(OUT)
    for level in LEVELS:
        assert check(level=level) == (
            1,
            [
                "configs/two.yaml: no outputs in outputs/two",
                f"1 experiment checked (level: {level}), 1 drift in 1 experiment",
            ],
        )


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (None, "configs/two.yaml", "no bpviz.lock.json in outputs/two"),
        (b"{", str(LOCK), "is not valid JSON"),
        (b"{}", str(LOCK), "is not a valid lockfile"),
        (b'{"schema": 99}', str(LOCK), "was written by a newer version of bpviz"),
        (b"{\n<<<<<<< ours\n=======\n>>>>>>> theirs\n}", f"{LOCK}:2", "contains git conflict markers"),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_reports_unusable_lockfile(content, line, reason, level):
    if content is None:
        LOCK.unlink()
    else:
        LOCK.write_bytes(content)
    assert check(level=level) == (
        1,
        [f"{line}: {reason}", f"1 experiment checked (level: {level}), 1 drift in 1 experiment"],
    )


def test_reports_orphaned_outputs():
    shutil.copy(FOLDER, "configs/other.yaml")
    invoke("configs", "--format", "png", "--format", "svg")
    Path("configs/other.yaml").unlink()
    code, printed = check()
    message = "outputs/other/bpviz.lock.json: orphaned outputs: their config configs/other.yaml no longer exists"
    assert (code, printed[-2:]) == (1, [message, "2 experiments checked (level: inputs), 1 drift in 1 experiment"])
    assert check(configs="configs/two.yaml")[0] == 0  # does not report other configs


def test_reports_orphaned_files():
    edit(FOLDER, "  - {kind: epochs, title: Bars}\n", "")
    invoke("configs", "--format", "png", "--format", "svg")
    code, printed = check()
    assert (code, printed) == (
        1,
        [
            "outputs/two/epochs.png: orphaned file: the config no longer produces it",
            "outputs/two/epochs.svg: orphaned file: the config no longer produces it",
            "1 experiment checked (level: inputs), 2 drifts in 1 experiment",
        ],
    )


def test_reports_mistakes_in_config_first():
    edit(FOLDER, "step: 0.3", "lr: 0.3")
    code, out, err = invoke("configs", "--check", "--level", "inputs")
    assert (code, out) == (2, "")
    assert err.startswith(
        "configs/two.yaml:6:22: algorithms[1].lr: unknown setting of momentum; did you mean 'step'?\n"
    )


def test_level_inputs_does_not_import_numpy():
    code = """
import sys
from bpviz.cli import cli
for change in (False, True):
    if change:
        text = open("configs/two.yaml").read()
        open("configs/two.yaml", "w").write(text.replace("0.3", "0.4"))
    print(cli.main(["run", "configs", "--check", "--level", "inputs"], standalone_mode=False))
    print(*{"numpy", "matplotlib", "rich"} & set(sys.modules), "|")
"""
    environment = {**os.environ, "PYTHONPATH": str(HOME), "GITHUB_ACTIONS": "true"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    printed = [line for line in done.stdout.splitlines() if line in ("0", "1", "None") or line.endswith("|")]
    assert printed[1::2] == ["|", "|"]
    assert printed[2] == "1"


# -- results -----------------------------------------------------------------------------------------------------------


def numbered(number, digit, by=1):
    """Return a number with one of its significant digits changed."""
    mantissa, _, exponent = f"{number:.11e}".partition("e")
    digits = [c for c in mantissa if c.isdigit()]
    digits[digit - 1] = str((int(digits[digit - 1]) + by) % 10)
    sign = "-" if mantissa.startswith("-") else ""
    return float(f"{sign}{digits[0]}.{''.join(digits[1:])}e{exponent}")


@pytest.mark.parametrize("part", ["final_error", "weights"])
def test_results_are_compared_to_nine_digits(part):
    def change(digit):
        def changed(data):
            run = data["results"][1]
            if part == "weights":
                run[part][0] = numbered(run[part][0], digit)
            else:
                run[part] = numbered(run[part], digit)

        return changed

    locked(change(10))
    assert check(level="results") == (0, NOTHING["results"])
    locked(change(8))
    assert check() == (0, NOTHING["inputs"])
    code, printed = check(level="results")
    name = "final error" if part == "final_error" else "w1"
    assert code == 1
    assert re.fullmatch(rf"configs/two\.yaml:6:5: algorithms\[1\]: M: {name} -?[\d.]+ -> -?[\d.]+", printed[0])
    assert printed[3:] == [
        "outputs/two: config, bpviz source files and versions are unchanged since the last run",
        "1 experiment checked (level: results), 1 drift in 1 experiment",
        "see bpviz-drift/index.html for a visual diff",
    ]
    assert sorted(path.name for path in Path("bpviz-drift/two").iterdir()) == [
        "results-actual.png",
        "results-difference.png",
        "results-expected.png",
    ]


@pytest.mark.parametrize(
    ("was", "now", "allowed", "verdict"),
    [
        (0.123456789, 0.1234567894, 0.0, True),
        (0.123456789, 0.1234567896, 0.0, False),
        (0.123456789, 0.1234567896, 2e-10, True),
        (-123456789.0, -123456789.4, 0.0, True),
        (-123456789.0, -123456790.0, 0.0, False),
        (0.0, 1e-300, 0.0, False),
        (0.0, 1e-300, 1e-20, True),
        (None, None, 0.0, True),
        (None, 1.0, 1.0, False),
        (1.0, None, 1.0, False),
        ("1", 1.0, 1.0, False),
        (True, 1.0, 1.0, False),
        (float("inf"), 1.0, 1.0, False),
        (3, 3.0, 0.0, True),
    ],
)
def test_same_compares_recorded_with_current_number(was, now, allowed, verdict):
    assert same(was, now, allowed) is verdict


def test_counts_and_endings_are_compared_exactly():
    def changed(data):
        data["results"][0] |= {"epochs": 19, "ending": "stuck"}
        data["results"][0]["evaluations"] |= {"gradient": 19, "error": 3}
        data["versions"]["numpy"] = "1.0"
        data["code"] |= {"numerics/linalg.py": "0", "engine/loop.py": "0"}

    locked(changed)
    code, printed = check(level="results")
    assert code == 1
    now = re.fullmatch(
        r"configs/two\.yaml:5:5: algorithms\[0\]: RPROP: epochs 19 -> (\d+), ending stuck -> (\w+), "
        r"error evaluations 3 -> 0, gradient evaluations 19 -> (\d+)",
        printed[0],
    )
    assert now
    assert now[1] == now[3] == str(json.loads((OUT / "summary.json").read_text())["runs"][0]["epochs"])
    assert (
        printed[3] == "outputs/two: bpviz source files changed since the last run: engine/loop.py, numerics/linalg.py"
    )
    assert printed[4] == f"outputs/two: versions changed since the last run: numpy 1.0 -> {np.__version__}"


def test_reports_unrecorded_and_removed_runs():
    locked(lambda data: data["results"][0].update(label="Another"))
    code, printed = check(level="results")
    assert code == 1
    assert printed[0] == "configs/two.yaml:5:5: algorithms[0]: RPROP has no recorded result"
    assert printed[3] == "configs/two.yaml:5:3: algorithms: Another has a recorded result, but is not in the config"


def test_reports_files_missing_in_lockfile():
    locked(lambda data: data["files"].pop("summary.md"))
    code, printed = check(level="results")
    assert (code, printed[0]) == (1, "outputs/two/bpviz.lock.json: summary.md is not listed")


def test_plots_no_errors_without_history():
    locked(lambda data: data["results"][0].update(epochs=19))
    for content in (b"", b"label,epoch,error,start\nRPROP,0,x,1\n", b"\xff"):
        (OUT / "history.csv").write_bytes(content)
        code, printed = check(level="results")
        assert code == 1
        assert "outputs/two: errors per epoch not plotted (history.csv is missing or damaged)" in printed
        assert not Path("bpviz-drift").exists()


def test_reports_effect_of_changed_config():
    edit(FOLDER, "step: 0.3", "step: 3")
    code, printed = check("-j", "2", level="results")
    assert code == 1
    assert sum(": algorithms[1]: M: epochs" in line for line in printed) == 1
    assert printed[-2:] == [
        "1 experiment checked (level: results), 2 drifts in 1 experiment",
        "see bpviz-drift/index.html for a visual diff",
    ]


# -- pixels ------------------------------------------------------------------------------------------------------------


def paint(name, by, where):
    """Change pixels of a PNG, and record it in the lockfile."""
    from matplotlib.image import imread, imsave

    pixels = np.array(imread(OUT / name))
    pixels[where, :, :3] = np.clip(pixels[where, :, :3] + by, 0, 1)
    file = io.BytesIO()
    imsave(file, pixels, format="png")
    (OUT / name).write_bytes(file.getvalue())
    relock(name)


def test_small_differences_of_pixels_are_no_drift():
    paint("errors.png", -1 / 255, slice(None))
    assert check() == (0, NOTHING["inputs"])
    assert check(level="pixels") == (0, NOTHING["pixels"])


def test_reports_large_differences_of_pixels():
    paint("errors.png", -1, slice(100, 200))
    assert check(level="results")[0] == 0
    code, printed = check(level="pixels")
    assert code == 1
    assert re.fullmatch(
        r"configs/two\.yaml:8:5: figures\[0\]: errors\.png: RMS difference \d+(\.\d)?, tolerance 2; "
        r"1\d % of the pixels differ",
        printed[0],
    )
    assert printed[-2:] == [
        "1 experiment checked (level: pixels), 1 drift in 1 experiment",
        "see bpviz-drift/index.html for a visual diff",
    ]
    expected, actual, difference = (
        decode(Path(f"bpviz-drift/two/errors-{part}.png").read_bytes()) for part in ("expected", "actual", "difference")
    )
    assert np.array_equal(expected, decode((OUT / "errors.png").read_bytes()))
    assert expected.shape == actual.shape == difference.shape
    red = (difference[:, :, 0] - difference[:, :, 2]) > 20
    assert red[100:200].mean() > 0.9
    assert not red[:100].any()
    assert not red[200:].any()


def test_reports_changed_image_size():
    paint("errors.png", 0, slice(None))
    from matplotlib.image import imread, imsave

    pixels = imread(OUT / "errors.png")
    imsave(OUT / "errors.png", pixels[:-10])
    relock("errors.png")
    height, width = pixels.shape[:2]
    code, printed = check(level="pixels")
    assert (code, printed[0]) == (
        1,
        (
            "configs/two.yaml:8:5: figures[0]: errors.png: size changed from "
            f"{width} x {height - 10} to {width} x {height} pixels"
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", None])
@pytest.mark.parametrize("level", LEVELS)
def test_reports_incomplete_png_once(content, level):
    whole = (OUT / "errors.png").read_bytes()
    (OUT / "errors.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    relock("errors.png")
    assert check(level=level) == (
        1,
        [
            "outputs/two/errors.png: unreadable output file",
            f"1 experiment checked (level: {level}), 1 drift in 1 experiment",
        ],
    )


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda whole: whole[:40] + whole[-12:], "not a valid PNG"),
        (lambda whole: whole[:16] + b"\0\1\0\0" + whole[20:], r"image too large (65536 x \d+ pixels)"),
    ],
)
def test_reports_invalid_png(cut, message):
    (OUT / "errors.png").write_bytes(cut((OUT / "errors.png").read_bytes()))
    relock("errors.png")
    assert check()[0] == 0
    code, printed = check(level="pixels")
    assert code == 1
    pattern = re.escape("configs/two.yaml:8:5: figures[0]: errors.png: ") + message.replace("(", r"\(").replace(
        ")", r"\)"
    )
    assert re.fullmatch(pattern, printed[0])


def test_reports_missing_image_once():
    (OUT / "errors.png").unlink()
    assert check(level="pixels") == (
        1,
        [
            "outputs/two/errors.png: missing output file",
            "1 experiment checked (level: pixels), 1 drift in 1 experiment",
        ],
    )


@pytest.mark.parametrize("number", [0, 1])
def test_reports_changed_drawing(number):
    name = ("errors.svg", "epochs.svg")[number]
    text = (OUT / name).read_text()
    place = re.search(r"\nL (\d)", text).start(1)
    (OUT / name).write_text(text[:place] + str(9 - int(text[place])) + text[place + 1 :])
    relock(name)
    assert check()[0] == 0
    code, printed = check(level="pixels")
    assert code == 1
    assert printed[0] == f"configs/two.yaml:{8 + number}:5: figures[{number}]: {name}: lines or texts differ"


# -- skipped figures ---------------------------------------------------------------------------------------------------


SKIPPED = "1 experiment checked (level: pixels), 4 figure files skipped, no drift in the rest"


def made_with_another_matplotlib():
    import matplotlib as mpl

    locked(lambda data: data["versions"].update(matplotlib="2.9.1"))
    now = ".".join(mpl.__version__.split(".")[:2])
    return f"outputs/two: comparison of figures skipped (drawn with matplotlib 2.9, installed: {now})"


def test_skips_figures_with_another_matplotlib():
    paint("errors.png", -1, slice(100, 200))
    note = made_with_another_matplotlib()
    assert check(level="pixels") == (0, [note, SKIPPED])
    assert check(level="results") == (0, NOTHING["results"])
    import matplotlib as mpl

    now = ".".join(mpl.__version__.split(".")[:2])
    locked(lambda data: data["versions"].update(matplotlib=f"{now}.99"))
    assert check(level="pixels")[0] == 1


def test_strict_fails_if_figures_are_skipped():
    Path(FOLDER).write_text(CONFIG.replace("60", "200"))
    invoke("configs", "--format", "png", "--format", "svg")
    assert check("--strict", level="pixels")[0] == 0
    note = made_with_another_matplotlib()
    code, printed = check("--strict", level="pixels")
    names = ", ".join(f"outputs/two/{name}" for name in ("errors.png", "errors.svg", "epochs.png", "epochs.svg"))
    assert (code, printed) == (1, [note, SKIPPED, f"figures skipped (--strict): {names}"])


def test_reports_show_skipped_figures():
    made_with_another_matplotlib()
    data = json.loads(invoke("configs", "--check", "--format", "json")[1])
    assert data["skipped"] == 4
    assert data["experiments"][0]["skipped"] == ["errors.png", "errors.svg", "epochs.png", "epochs.svg"]
    page = invoke("configs", "--check", "--format", "md")[1]
    assert page.startswith(f"# bpviz: {SKIPPED}\n")
    assert "| Two | configs/two.yaml | no drift | no drift | 4 skipped |\n" in page
    locked(lambda data: data["results"][0].update(epochs=19))
    invoke("configs", "--check")
    assert "4 figure files skipped, 1 drift in 1 experiment" in Path("bpviz-drift/index.html").read_text()


# -- forged outputs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["results", "pixels"])
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("summary.md", "| 60 |", "| 59 |"),
        ("summary.md", "RPROP", "Rprop"),
        ("summary.csv", "M,step=0.3", "M,step=0.4"),
        ("summary.csv", ",60,", ",59,"),
        ("summary.json", '"epochs": 60', '"epochs": 59'),
        ("summary.json", '"title": "Two"', '"title": "One"'),
        ("history.csv", "M,60,", "M,61,"),
        ("history.csv", "RPROP,1,0.", "RPROP,1,1."),
        ("run.json", '"max_epochs": 60', '"max_epochs": 61'),
        ("run.json", '"experiment"', '"experiments"'),
    ],
)
def test_reports_table_that_is_changed_with_its_hash(name, old, new, level):
    edit(OUT / name, old, new)
    relock(name)
    assert check() == (0, NOTHING["inputs"])
    code, printed = check(level=level)
    line = next(n for n, text in enumerate((OUT / name).read_text().splitlines(), start=1) if new in text)
    assert (code, printed[0]) == (1, f"{OUT / name}:{line}: the content differs from that of a fresh run of the config")
    assert printed[-1] == f"1 experiment checked (level: {level}), 1 drift in 1 experiment"


@pytest.mark.parametrize("level", ["results", "pixels"])
@pytest.mark.parametrize("asked", [{"figures": False}, {"formats": ["svg"]}])
def test_reports_figures_that_the_lockfile_does_not_list(asked, level):
    """A lockfile that claims other options could keep figures from being compared."""

    def forge(data):
        data["asked"] |= asked
        for name in [
            name for name in data["files"] if name.endswith((".png", ".svg") if "figures" in asked else ".png")
        ]:
            del data["files"][name]

    locked(forge)
    assert check() == (0, NOTHING["inputs"])
    code, printed = check(level=level)
    fix = "delete it, or draw it with --format png"
    assert (code, printed[0]) == (1, f"outputs/two/errors.png: not listed in bpviz.lock.json; {fix}")


@pytest.mark.parametrize("level", ["results", "pixels"])
def test_reports_listed_files_that_the_config_does_not_produce(level):
    shutil.copy(OUT / "errors.png", OUT / "other.png")
    locked(lambda data: data["files"].update({"other.png": data["files"]["errors.png"]}))
    assert check() == (0, NOTHING["inputs"])
    code, printed = check(level=level)
    assert (code, printed[0]) == (1, f"{LOCK}: other.png is listed, but the config does not produce it")


def test_reports_all_tables_that_are_changed_alike():
    for name in ("summary.md", "summary.csv", "summary.json", "history.csv", "run.json"):
        edit(OUT / name, "RPROP", "Rprop")
        relock(name)
    locked(lambda data: data["results"][0].update(label="Rprop"))
    code, printed = check(level="results")
    assert (code, printed[0]) == (1, "configs/two.yaml:5:5: algorithms[0]: RPROP has no recorded result")
    locked(lambda data: data["results"][0].update(label="RPROP"))
    code, printed = check(level="results")
    assert (code, printed[-1]) == (1, "1 experiment checked (level: results), 5 drifts in 1 experiment")


@pytest.mark.parametrize("level", ["results", "pixels"])
@pytest.mark.parametrize(
    ("row", "title", "cell"), [(0, "epochs", "1"), (1, "final error", "0.0001"), (0, "ending", "x")]
)
def test_reports_forged_table_of_lockfile(row, title, cell, level):
    def forge(data):
        data["table"]["rows"][row][data["table"]["titles"].index(title)] = cell

    locked(forge)
    code, printed = check(level=level)
    message = "outputs/two/bpviz.lock.json: the printed table differs from that of a fresh run of the config"
    assert (code, printed[0]) == (1, message)


@pytest.mark.parametrize("level", LEVELS)
def test_strict_does_not_believe_the_outputs(level):
    with FOLDER.open("a") as file:
        file.write("expect: {rprop: {epochs: 3}}\n")
    invoke("configs", "--format", "png", "--format", "svg")
    for name in ("summary.json", "summary.csv", "summary.md"):
        edit(OUT / name, "20", "3")
        relock(name)
    locked(lambda data: data["results"][0].update(epochs=3))
    code, printed = check("--strict", level=level)
    assert code == 1
    assert any("expected 3 epochs, RPROP took 20" in line for line in printed)
    assert "expected 3 epochs, RPROP took 20" in invoke("configs", "--strict", "--format", "png", "--format", "svg")[2]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs links and pipes")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["summary.json", "history.csv", "errors.png", "errors.svg", lockfile.NAME])
@pytest.mark.parametrize("kind", ["link", "pipe", "device", "folder"])
def test_reads_only_files_in_the_output_folder(kind, name, level):
    path = OUT / name
    path.rename("elsewhere")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(Path("elsewhere").absolute() if kind == "link" else "/dev/zero")
    code, out, err = invoke("configs", "--check", "--level", level)
    assert (code, err) == (1, "")
    reason = f"cannot be read (expected a file, got a {kind if kind in ('pipe', 'folder') else 'symbolic link'})"
    assert out.startswith(f"{path}: {reason if name == lockfile.NAME else 'unreadable output file'}\n")


def shows(data, *names):
    for name in names:
        data["files"][name]["shows"] = "0" * 16


def test_plotted_data_are_compared_for_every_format():
    def changed(data):
        shows(data, "errors.svg", "errors.png")
        data["code"]["tables.py"] = "0"

    locked(changed)
    assert check(level="results")[0] == 0
    code, printed = check(level="pixels")
    assert (code, printed[0]) == (
        1,
        "configs/two.yaml:8:5: figures[0]: plotted data changed: errors.png, errors.svg",
    )
    locked(lambda data: data["versions"].update(matplotlib="2.9.1"))
    assert check(level="pixels")[0] == 1


def test_last_digits_of_plotted_data_are_ignored():
    """If neither code nor inputs changed, only rounding on another machine can differ."""
    locked(lambda data: shows(data, "errors.svg"))
    code, printed = check(level="pixels")
    assert (code, printed[0]) == (
        0,
        (
            "outputs/two: ignored: plotted data of errors.svg differs only in the last digits "
            "(different CPU or NumPy version)"
        ),
    )


# -- the page ----------------------------------------------------------------------------------------------------------


def test_page_needs_no_external_resources():
    edit(FOLDER, "title: Two", "title: <b>Two</b> & more")
    edit(FOLDER, "step: 0.3", "step: 3")
    check(level="pixels")
    page = Path("bpviz-drift/index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert re.findall(r"https?://", page) == []
    assert "&lt;b&gt;Two&lt;/b&gt; &amp; more" in page
    assert "<b>" not in page
    assert "prefers-color-scheme: dark" in page
    pictures = re.findall(r'<a href="([^"]+)"><img alt="([^"]+)" src="data:image/png;base64,', page)
    assert [name for name, _ in pictures][:3] == [f"two/results-{p}.png" for p in ("expected", "actual", "difference")]
    assert all((Path("bpviz-drift") / name).is_file() for name, _ in pictures)
    assert len(pictures) == page.count("<img") == 9


def test_writes_images_to_given_folder_and_not_through_links():
    locked(lambda data: data["results"][0].update(epochs=19))
    Path("elsewhere").mkdir()
    Path("link").symlink_to("elsewhere")
    code, out, err = invoke("configs", "--check", "--level", "results", "--drift", "link")
    assert code == 1
    assert "algorithms[0]: RPROP: epochs" in out
    assert err == "link is a symbolic link to elsewhere; remove it or choose another --out\n"
    assert list(Path("elsewhere").iterdir()) == []
    assert invoke("configs", "--check", "--level", "results", "--drift", "a/b")[0] == 1
    assert Path("a/b/index.html").is_file()


# -- the command -------------------------------------------------------------------------------------------------------


def test_json_report():
    edit(FOLDER, "step: 0.3", "step: 0.4")
    code, out, _ = invoke("configs", "--check", "--level", "inputs", "--format", "json")
    assert code == 1
    assert json.loads(out) == {
        "schema": 1,
        "level": "inputs",
        "drifts": 1,
        "skipped": 0,
        "experiments": [
            {
                "config": "configs/two.yaml",
                "outputs": "outputs/two",
                "drifts": [
                    {
                        "level": "inputs",
                        "file": "configs/two.yaml",
                        "line": 6,
                        "column": 28,
                        "path": "algorithms[1].step",
                        "message": "changed from 0.3 to 0.4",
                    }
                ],
                "skipped": [],
                "notes": [],
            }
        ],
    }


def test_quiet_prints_only_drifts():
    assert invoke("configs", "--check", "-q") == (0, "", "")
    (OUT / "errors.png").unlink()
    assert invoke("configs", "--check", "-q", "--level", "inputs") == (
        1,
        "outputs/two/errors.png: missing output file\n",
        "",
    )


@pytest.mark.parametrize("level", LEVELS)
def test_strict_reports_failed_expectations(level):
    with FOLDER.open("a") as file:
        file.write("expect: {rprop: {epochs: 3}}\n")
    invoke("configs", "--format", "png", "--format", "svg")
    assert check(level=level)[0] == 0
    code, printed = check("--strict", level=level)
    assert code == 1
    message = "configs/two.yaml:10:26: expect.rprop.epochs: expected 3 epochs, RPROP took "
    assert any(line.startswith(message) for line in printed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check", "--force"], "--force cannot be combined with --check (which writes no outputs)"),
        (["--check", "--prune"], "--prune cannot be combined with --check (which writes no outputs)"),
        (["--check", "--time"], "--time cannot be combined with --check (which writes no outputs)"),
        (
            ["--check", "--format", "csv"],
            "--format csv cannot be combined with --check; use --format json or --format md",
        ),
        (["--level", "inputs"], "--level and --drift require --check"),
        (["--drift", "x"], "--level and --drift require --check"),
    ],
)
def test_rejects_incompatible_options(arguments, message):
    before = tree()
    code, out, err = invoke("configs", *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"Error: {message}"
    assert tree() == before


def test_checks_read_only_folder(folder):
    """The check runs as an unprivileged user if the tests run as root, who may write everywhere."""
    environment = {**os.environ, "PYTHONPATH": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    program = [*drop, sys.executable, "-c", "from bpviz.cli import main; main()"]
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)
    try:
        usable = subprocess.run([*program, "--version"], env=environment, capture_output=True, check=False).returncode
    except FileNotFoundError:
        usable = 1
    if usable != 0:
        pytest.skip("an unprivileged user cannot run this Python")
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [*program, "run", "configs", "--check", "--level", "inputs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 experiment checked (level: inputs), no drift\n", "")
