"""Reading outputs, ids, invalid folders and failed exports. These tests need no tracker."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import re
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from click.shell_completion import get_completion_class

import bpviz
from bpviz.cli import cli
from bpviz.tables.schemas import SUMMARY as SCHEMA
from bpviz.trackers import _tracker
from bpviz.trackers._outputs import Outputs, flat, read
from bpviz.trackers._tracker import NEW, TRACKERS, UNCHANGED, contained, environment

from .conftest import CONFIG, LABELS, RUNS, invoke, written

Edit = Callable[[Path, str, str], None]
RERUN = "rerun its config with `bpviz run`"


def refused(*arguments: object) -> str:
    result = invoke("export", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.rstrip("\n")


class Fake:
    """A tracker that stores the exported content and fails for folders with certain names."""

    name = "fake"
    library = "json"
    kept: ClassVar[dict[str, str]] = {}

    def __init__(self, into: Path | None) -> None:
        self.into = into

    def where(self, folder: Path) -> str:
        return f"{self.into}/{folder.name}"

    def next_commands(self, folders: Sequence[Path]) -> list[str]:
        return [f"fake look {len(folders)}"]

    def export(self, outputs: Outputs) -> Iterator[str]:
        logging.getLogger("fake").error("noise")
        warnings.warn("noise", DeprecationWarning, stacklevel=1)
        for thing in (*outputs.runs, outputs):
            yield UNCHANGED if self.kept.get(thing.id) == thing.content else NEW
            self.kept[thing.id] = thing.content
            if outputs.name == "fails":
                raise RuntimeError("the service\n  is away")
            if outputs.name == "leaves":
                sys.exit()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRACKERS._import_all(), "fake", Fake)
    monkeypatch.setattr(Fake, "kept", {})


# -- reading ---------------------------------------------------------------------------------------------------------


def test_outputs_have_the_content_of_the_files(study: Path) -> None:
    outputs = read(study)
    resolved, summary = (json.loads((study / f"{name}.json").read_bytes()) for name in ("run", "summary"))
    rows = list(csv.DictReader((study / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert (outputs.name, outputs.title, outputs.versions) == ("study", "Two starts", resolved["versions"])
    assert [path.name for path in outputs.files] == [
        *("run.json", "summary.json", "summary.csv", "summary.md", "history.csv", "errors.png")
    ]
    assert [path.name for path in outputs.pictures] == ["errors.png"]
    assert [run.name for run in outputs.runs] == RUNS
    assert len({run.id for run in outputs.runs} | {outputs.id}) == len(RUNS) + 1
    for run, entry in zip(outputs.runs, summary["runs"], strict=True):
        assert run.metrics == (
            *("error", "weights/w1", "weights/w2", "evaluations/error", "evaluations/gradient", "evaluations/hessian"),
        )
        start = "1" if entry["start"] == [-4, -4] else "2"
        own = [row for row in rows if (row["label"], row["start"]) == (entry["label"], start)]
        columns = ("error", "w1", "w2", "error_evaluations", "gradient_evaluations", "hessian_evaluations")
        assert run.history == [tuple(float(row[c]) for c in columns) for row in own]
        assert run.summary == {"epochs": entry["epochs"], "final_error": float(own[-1]["error"])}
        assert run.ending == entry["ending"]
        assert run.params["settings"] == entry["settings"]
        for name in ("algorithm", "label", "start"):
            assert run.params[name] == entry[name]
        for name in ("dataset", "network", "error_threshold", "gradient_threshold", "max_epochs"):
            assert run.params[name] == resolved["experiment"][name]


def test_reads_non_finite_numbers(study: Path) -> None:
    far, _, grows, *_ = read(study).runs
    assert far.summary["final_error"] == math.inf
    assert grows.summary["final_error"] > 1e60
    assert (far.ending, grows.ending) == ("diverged", "exhausted")


def test_name_of_a_run_omits_a_single_start(tmp_path: Path) -> None:
    folder = written(tmp_path / "one", "algorithms: [rprop, newton]\nfigures: []\n")
    assert [run.name for run in read(folder).runs] == ["RPROP", "Newton's method"]


def test_problem_with_a_penalty(tmp_path: Path) -> None:
    config = "problem: {name: quadratic, condition: 9}\npenalty: {l2: 0.1}\nalgorithms: [rprop]\nfigures: []\n"
    (run,) = read(written(tmp_path / "one", config)).runs
    assert flat(run.params)["problem.condition"] == 9
    assert flat(run.params)["penalty.l2"] == 0.1


def test_flat_parameters_are_strings_numbers_and_booleans() -> None:
    rows = [[0.5, 1]] * 100
    found = flat({"a": {"b": {"c": 1}, "d": True}, "e": None, "f": [1, 2.5], "g": "é", "rows": rows})
    long = found.pop("rows")
    assert found == {"a.b.c": 1, "a.d": True, "e": "null", "f": "[1, 2.5]", "g": "é"}
    assert isinstance(long, str)
    assert long.startswith("[[0.5, 1], [0.5, 1]")
    assert len(long) < 300
    assert flat({"rows": [*rows, [0, 0]]})["rows"] != long, "truncated, but still different"


# -- ids and contents ------------------------------------------------------------------------------------------------


def ids(folder: Path) -> dict[str, str]:
    return {run.name: run.id for run in read(folder).runs}


def test_ids_do_not_depend_on_path_time_figures_looks_or_title(study: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("title: Two starts", "title: Another").replace("[{kind: errors}]", "[]")
    config = config.replace("max_step: 0.5", "max_step: 0.5, color: red, marker: square")
    config += "\nstyle: {theme: dark}\nlabels: {Epoch: Epoche}\n"
    again = written(tmp_path / "elsewhere/study", config)
    assert ids(again) == ids(study)
    assert read(again).id == read(study).id
    contents = [{run.name: run.content for run in read(folder).runs} for folder in (study, again)]
    assert contents[0] == contents[1]
    assert read(again).content != read(study).content, "the title and the figures belong to the overview"


def test_ids_do_not_depend_on_other_algorithms_and_starts(study: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("figures:", "  - irprop+\nfigures:").replace("[3, -2]", "[3, -2], [0, 0]")
    more = written(tmp_path / "more/study", config)
    assert ids(study).items() < ids(more).items()
    assert read(more).id != read(study).id, "the overview depends on all runs"


@pytest.mark.parametrize(
    ("before", "after"),
    [("max_step: 0.5", "max_step: 0.6"), ("max_epochs: 40", "max_epochs: 41"), ("linear", "tanh"), ("0.9,", "0.8,")],
)
def test_ids_depend_on_the_experiment(study: Path, tmp_path: Path, before: str, after: str) -> None:
    another = ids(written(tmp_path / "more/study", CONFIG.replace(before, after)))
    same = {name for name in RUNS if another[name] == ids(study)[name]}
    assert same == (set(RUNS[:4]) if "max_step" in before else set())


def test_id_depends_on_the_folder_name_but_config_hash_does_not(study: Path, other: Path) -> None:
    first, second = read(study), read(other)
    assert not {run.id for run in first.runs} & {run.id for run in second.runs}
    assert [run.config for run in first.runs] == [run.config for run in second.runs]
    assert first.id != second.id
    assert first.config == second.config


def test_content_hash_detects_changed_runs(study: Path, edit: Edit) -> None:
    before = read(study)
    edit(study / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.29126,")
    after = read(study)
    changed = [b.name for b, a in zip(before.runs, after.runs, strict=True) if b.content != a.content]
    assert changed == ["RPROP from (-4, -4)"]
    assert before.content != after.content
    edit(study / "run.json", '"numpy": "', '"numpy": "9')
    assert all(a.content != b.content for a, b in zip(after.runs, read(study).runs, strict=True))


# -- folders that cannot be exported ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("fake")
def test_all_invalid_folders_are_reported_and_nothing_is_exported(study: Path, edit: Edit) -> None:
    bad = {name: Path(shutil.copytree(study, study.parent / name)) for name in "abcdefghij"}
    (bad["a"] / "history.csv").unlink()
    (bad["a"] / "summary.md").unlink()
    (bad["b"] / "run.json").write_text("<<<<<<< HEAD\n")
    edit(bad["c"] / "summary.json", f'"schema": {SCHEMA}', f'"schema": {SCHEMA + 1}')
    (bad["d"] / "summary.json").write_text("[1, 2]")
    (bad["e"] / "history.csv").write_bytes(b"\xff\xfe")
    edit(bad["f"] / "history.csv", "RPROP,3,", "RPROP,4,")
    (bad["g"] / "errors.png").unlink()
    (bad["g"] / "errors.png").symlink_to("/etc/passwd")
    edit(bad["h"] / "run.json", '"label": "grows"', '"label": "shrinks"')
    (bad["i"] / "run.json").unlink()
    (bad["j"] / "errors.png").unlink()
    (bad["j"] / "errors.png").mkdir()
    Path("empty").mkdir()
    Path("file").touch()
    stderr = refused(study, *bad.values(), "empty", "file", "nowhere", "", "--to", "fake")
    outputs = study.parent
    newer = (
        f"summary.json was written by a newer version of bpviz (got schema {SCHEMA + 1}, expected {SCHEMA}); "
        "update bpviz"
    )
    use = "use a folder written by `bpviz run`, such as outputs/neupy"
    assert stderr.splitlines() == [
        f"{outputs / 'a'}: missing summary.md; {RERUN}",
        f"{outputs / 'a'}: missing history.csv; {RERUN}",
        f"{outputs / 'b'}: invalid run.json (not JSON); {RERUN}",
        f"{outputs / 'c'}: {newer}",
        f"{outputs / 'd'}: invalid summary.json (not written by `bpviz run`); {RERUN}",
        f"{outputs / 'e'}: invalid history.csv (not UTF-8); {RERUN}",
        f"{outputs / 'f'}: history.csv is damaged or does not match summary.json; {RERUN}",
        f"{outputs / 'g'}: errors.png is a symbolic link (expected a file); remove it",
        f"{outputs / 'h'}: run.json and summary.json do not match; {RERUN}",
        f"{outputs / 'i'}: missing run.json; {RERUN}",
        f"{outputs / 'j'}: cannot read errors.png (expected a file, got a folder)",
        f"empty: not an output folder of `bpviz run`; {use}",
        f"file: not a folder; {use}",
        f"nowhere: no such folder; {use}",
        f".: not an output folder of `bpviz run`; {use}",
    ]
    assert Fake.kept == {}


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
@pytest.mark.usefixtures("fake")
def test_reads_no_pipes(study: Path) -> None:
    for name in ("errors.png", "run.json"):
        (study / name).unlink()
        os.mkfifo(study / name)
        assert refused(study, "--to", "fake") == f"{study}: cannot read {name} (expected a file, got a pipe)"


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("number", ["1000000000000000", "9" * 300])
def test_many_epochs_without_history_are_refused(study: Path, number: str) -> None:
    """They would need more memory than there is."""
    path = study / "summary.json"
    path.write_text(re.sub(r'"epochs": \d+', f'"epochs": {number}', path.read_text()))
    message = f"{study}: history.csv is damaged or does not match summary.json; {RERUN}"
    assert refused(study, "--to", "fake") == message


@pytest.mark.usefixtures("fake")
def test_deeply_nested_experiment_is_refused(study: Path, edit: Edit) -> None:
    edit(study / "run.json", '"experiment": {', '"experiment": {"x": ' + "[" * 900 + "]" * 900 + ",")
    assert refused(study, "--to", "fake").startswith(f"{study}: ")


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", ["run.json", "summary.json", "history.csv"])
def test_damaged_files_give_an_error_message(study: Path, name: str) -> None:
    """A truncated file, or one with a missing line, is rejected or read as valid, but never crashes the export."""
    path = study / name
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    damaged = [content[: len(content) * i // 40] for i in range(40)]
    damaged += [b"".join(lines[:i] + lines[i + 1 :]) for i in range(min(len(lines), 60))]
    damaged += [content.replace(old, new) for old, new in ((b"[", b"{"), (b"-4.0", b"null"), (b"gd", b""))]
    damaged += [b"null", b"[" * 100_000, b'{"schema": 1}', b'{"schema": true}', b"\0", b'"' + b"x" * 200_000]
    messages = []
    for bad in damaged:
        if bad != content:
            path.write_bytes(bad)
            result = invoke("export", study, "--to", "fake")
            assert result.exit_code in (0, 2)
            messages += [result.stderr] if result.exit_code else []
            assert all(line.startswith(f"{study}: ") for line in messages[-1].splitlines() if result.exit_code)
    assert len(messages) > 40


@pytest.mark.usefixtures("fake")
def test_rejects_two_folders_with_the_same_name(study: Path) -> None:
    shutil.copytree(study, "more/Study")
    said = refused(study, "more/Study", "--to", "fake")
    assert said == "two folders are named 'study' and would become one experiment; export them separately"


@pytest.mark.usefixtures("fake")
def test_duplicate_folders_are_exported_once(study: Path) -> None:
    result = invoke("export", study, f"{study}/", study.absolute(), study / "../study", "--to", "fake")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


@pytest.mark.usefixtures("fake")
def test_folder_of_output_folders_exports_all(study: Path, other: Path) -> None:
    (study.parent / "wandb").mkdir()
    (study.parent / "mlflow.db").touch()
    result = invoke("export", study.parent, "--to", "fake")
    assert result.exit_code == 0
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [str(other), str(study)]


@pytest.mark.usefixtures("fake")
def test_working_directory_can_be_exported(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ids(study)
    monkeypatch.chdir(study)
    assert ids(Path()) == ids(Path("../study")) == expected
    assert invoke("export", ".", "--to", "fake").exit_code == 0


# -- missing and failing trackers ----------------------------------------------------------------------------------


def test_names_of_trackers() -> None:
    assert list(TRACKERS) == ["mlflow", "tensorboard", "wandb"]
    assert all(name in cli.commands["export"].params[1].help for name in TRACKERS)


def test_rejects_unknown_tracker(study: Path) -> None:
    message = refused(study, "--to", "tensorbord").splitlines()[-1]
    assert message == ("Error: Invalid value for '--to': unknown tracker 'tensorbord'; did you mean 'tensorboard'?")
    assert refused(study).splitlines()[-1] == "Error: Missing option '--to'."


@pytest.mark.parametrize("name", TRACKERS)
def test_missing_library_is_reported_with_the_install_command(
    study: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    library = TRACKERS[name].library
    monkeypatch.setitem(sys.modules, library, None)
    before = sorted(Path().rglob("*"))
    assert refused(study, "--to", name) == f'--to {name}: {library} is not installed; run pip install "bpviz[{name}]"'
    assert refused("nowhere", "--to", name).splitlines()[1].startswith("nowhere: ")
    assert sorted(Path().rglob("*")) == before


def test_folder_is_not_mistaken_for_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb creates a folder named wandb, which Python could import."""
    (tmp_path / "there_is_no_such_library").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Fake, "library", "there_is_no_such_library")
    assert _tracker.missing(Fake) is not None


@pytest.mark.usefixtures("fake")
def test_failure_is_reported_and_other_folders_are_exported(study: Path) -> None:
    for name in ("fails", "leaves", "zeta"):
        shutil.copytree(study, study.parent / name)
    result = invoke("export", study.parent, "--to", "fake", "--into", "there")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{study}: 6 runs and the overview in there/study: 7 new",
        f"{study.parent / 'zeta'}: 6 runs and the overview in there/zeta: 7 new",
    ]
    assert result.stderr.splitlines() == [
        "next: fake look 2",
        f"fake: export of {study.parent / 'fails'} failed or is incomplete: the service is away",
        f"fake: export of {study.parent / 'leaves'} failed or is incomplete: SystemExit",
    ]


@pytest.mark.usefixtures("fake")
def test_folder_that_changes_during_export_fails(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_after_deletion(folder: Path) -> Outputs:
        (folder / "history.csv").unlink()
        return read(folder)

    monkeypatch.setattr(_tracker, "read", read_after_deletion)
    result = invoke("export", study, "--to", "fake")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"fake: export of {study} failed or is incomplete: {study}: missing history.csv; {RERUN}\n"
    )


@pytest.mark.usefixtures("fake")
def test_unchanged_runs_are_counted(study: Path, edit: Edit) -> None:
    assert invoke("export", study, "--to", "fake").stdout.endswith(": 7 new\n")
    assert invoke("export", study, "--to", "fake").stdout.endswith(": 7 unchanged\n")
    edit(study / "history.csv", "RPROP,1,22.29125,", "RPROP,1,22.29126,")
    assert invoke("export", study, "--to", "fake").stdout.endswith(": 2 new, 5 unchanged\n")
    result = invoke("export", study, "--to", "fake", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_reason_of_a_failure() -> None:
    assert _tracker._reason(ValueError("a\n b")) == "a b"
    assert _tracker._reason(OSError("at https://me:s@ecret@host/a: b@c")) == "at https://host/a: b@c"
    assert _tracker._reason(KeyError("a")) == "KeyError 'a'"
    assert _tracker._reason(OSError()) == "OSError"
    assert len(_tracker._reason(ValueError("x" * 10_000))) == 403


def test_log_messages_and_warnings_are_suppressed_temporarily(caplog: pytest.LogCaptureFixture) -> None:
    with contained():
        logging.getLogger("any").critical("suppressed")
        warnings.warn("suppressed", UserWarning, stacklevel=1)
    logging.getLogger("any").warning("shown")
    assert caplog.messages == ["shown"]
    with pytest.raises(UserWarning, match="shown"):
        warnings.warn("shown", UserWarning, stacklevel=1)


def test_environment_variables_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "mine")
    monkeypatch.delenv("UNSET", raising=False)
    with environment({"SET": "theirs", "UNSET": "theirs"}):
        assert (os.environ["SET"], os.environ["UNSET"]) == ("mine", "theirs")
    assert "UNSET" not in os.environ


def test_commands_in_the_documentation_work(study: Path) -> None:
    """Commands whose tracker is not installed must report that."""
    document = Path(bpviz.__file__).parent.parent / "docs" / "tracking.md"
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert {line.split()[4] for line in lines} == {*TRACKERS}
    study.rename(study.parent / "neupy")
    for line in lines:
        program, *arguments = shlex.split(line)
        missing = _tracker.missing(TRACKERS[arguments[3]])
        result = invoke(*arguments)
        assert (program, result.exit_code) == ("bpviz", 2 if missing else 0)
        assert result.stderr.startswith(missing or "next: ")


def test_shell_completion() -> None:
    complete = get_completion_class("bash")(cli, {}, "bpviz", "_BPVIZ_COMPLETE")  # type: ignore[misc]
    assert [item.value for item in complete.get_completions(["export", "--to"], "w")] == ["wandb"]
    assert [item.type for item in complete.get_completions(["export"], "out")] == ["file"]


def test_every_label_has_runs(study: Path) -> None:
    assert {run.params["label"] for run in read(study).runs} == set(LABELS)
