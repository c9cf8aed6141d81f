"""Test annotations and job summaries for GitHub Actions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpviz.cli import cli
from bpviz.config import Mistake
from bpviz.messages import github_actions

CONFIG = "algorithms:\n  - {name: gd, step: 10}\nfigures: []\nexpect: {gd: {epochs: 797}}\n"


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Simulate a job: a checkout, and a file for the summary outside of it."""
    (tmp_path / "checkout/.git").mkdir(parents=True)
    (tmp_path / "checkout/configs").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "checkout"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return tmp_path


def invoke(*arguments):
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def annotations(*mistakes):
    return list(github_actions.commands([("a title", mistake) for mistake in mistakes]))


def write(text, name="configs/one.yaml"):
    Path(name).write_text(text, encoding="utf-8")


def test_escapes_special_characters():
    write("", "configs/a,b:50%.yaml")
    mistake = Mistake("configs/a,b:50%.yaml", 3, 7, "algorithms[0]", "100 % :: of it, \r\nall")
    assert annotations(mistake) == [
        "::error file=configs/a%2Cb%3A50%25.yaml,line=3,col=7,title=a title::algorithms[0]: 100 %25 :: of it, %0D%0Aall"
    ]


def test_annotation_has_known_part_of_place():
    write("")
    assert annotations(
        Mistake("configs/one.yaml", 3, 0, "", "wrong"),
        Mistake("configs/one.yaml", 0, 0, "", "wrong"),
        Mistake("configs/gone.yaml", 0, 0, "", "no such file"),
        Mistake("<stdin>", 1, 2, "start", "wrong"),
        Mistake("--set start=5", 0, 0, "start", "wrong"),
    ) == [
        "::error file=configs/one.yaml,line=3,title=a title::wrong",
        "::error file=configs/one.yaml,title=a title::wrong",
        "::error title=a title::configs/gone.yaml: no such file",
        "::error title=a title::start: <stdin>: wrong",
        "::error title=a title::start: --set start=5: wrong",
    ]


def test_paths_are_relative_to_repository(workspace, monkeypatch):
    write("")
    monkeypatch.chdir("configs")
    assert github_actions.repository_path("one.yaml") == "configs/one.yaml"
    assert github_actions.repository_path(str(workspace / "checkout/configs/one.yaml")) == "configs/one.yaml"
    (workspace / "outside.yaml").touch()
    assert github_actions.repository_path("../../outside.yaml") is None
    nested = workspace / "checkout/vendor/other"
    (nested / ".git").mkdir(parents=True)
    (nested / "two.yaml").touch()
    assert github_actions.repository_path(str(nested / "two.yaml")) == "two.yaml"  # a nested checkout


def test_checkout_without_git_is_workspace():
    write("")
    Path(".git").rmdir()
    assert github_actions.repository_path("configs/one.yaml") == "configs/one.yaml"


def test_prints_ten_annotations_and_counts_the_rest():
    write("")
    mistakes = [Mistake("configs/one.yaml", line, 1, "", "wrong") for line in range(1, 14)]
    assert len(annotations(*mistakes[:10])) == 10
    output = annotations(*mistakes)
    assert len(output) == 11
    assert output[9] == "::error file=configs/one.yaml,line=10,col=1,title=a title::wrong"
    assert output[10] == "::notice title=bpviz::3 more; see the log of this step"


def test_excerpts_are_not_run_as_commands():
    write("::stop-commands::x: 1\nalgorithms: [gd]\n")
    code, _, err = invoke("validate", "configs/one.yaml")
    assert code == 2
    assert [line for line in err.splitlines() if line.lstrip().startswith("::")] == [
        "::error file=configs/one.yaml,line=1,col=1,title=bpviz%3A mistake::"
        + next(line for line in err.splitlines() if line.startswith("configs/one.yaml:1:1: ")).removeprefix(
            "configs/one.yaml:1:1: "
        )
    ]


def test_annotates_mistakes_of_configs():
    write("algorithms:\n  - {name: gd, lr: 1}\n")
    message = "algorithms[0].lr: unknown setting of gd; did you mean 'step'?"
    for command in (["validate"], ["run"], ["run", "--check"]):
        code, out, err = invoke(*command, "configs")
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            f"::error file=configs/one.yaml,line=2,col=16,title=bpviz%3A mistake::{message}",
            f"configs/one.yaml:2:16: {message}",
            "      - {name: gd, lr: 1}",
            "                   ^",
        ]


def test_annotates_failed_expectations(workspace):
    write(CONFIG)
    code, out, err = invoke("run", "configs", "--strict", "--quiet")
    assert code == 1
    message = "expect.gd.epochs: expected 797 epochs, Gradient descent took 25"
    assert err.splitlines()[:2] == [
        f"::error file=configs/one.yaml,line=4,col=23,title=bpviz%3A expectation failed::{message}",
        f"configs/one.yaml:4:23: {message}",
    ]
    assert "::" not in out
    summary = (workspace / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("# one\n\n| Algorithm |")
    assert f"\n````text\nconfigs/one.yaml:4:23: {message}\n" in summary
    assert summary.endswith("\n````\n")


def test_annotates_drift(workspace):
    write(CONFIG)
    invoke("run", "configs")
    (workspace / "summary.md").unlink()
    write(CONFIG.replace("10", "1.5"))
    Path("outputs/one/summary.csv").unlink()
    message = "algorithms[0].step: changed from 10.0 to 1.5"
    code, out, err = invoke("run", "configs", "--check", "--level", "inputs", "--format", "json")
    assert code == 1
    assert out.startswith("{\n")
    assert err.splitlines() == [
        f"::error file=configs/one.yaml,line=2,col=22,title=bpviz%3A drift (inputs)::{message}",
        "::error title=bpviz%3A drift (inputs)::outputs/one/summary.csv: missing output file",
    ]
    assert (workspace / "summary.md").read_text(encoding="utf-8") == (
        "# bpviz: 1 experiment checked (level: inputs), 2 drifts in 1 experiment\n\n"
        "| experiment | config | inputs |\n| --- | --- | --- |\n| one | configs/one.yaml | 2 drifts |\n\n"
        "````text\n"
        "configs/one.yaml:2:22: algorithms[0].step: changed from 10.0 to 1.5\n"
        "      - {name: gd, step: 1.5}\n"
        "                         ^\n"
        "outputs/one/summary.csv: missing output file\n"
        "````\n"
    )


def test_summary_without_drift_has_every_level(workspace):
    write(CONFIG + "title: a|b\n")
    invoke("run", "configs")
    (workspace / "summary.md").unlink()
    assert invoke("run", "configs", "--check", "--level", "results")[0] == 0
    assert (workspace / "summary.md").read_text(encoding="utf-8") == (
        "# bpviz: 1 experiment checked (level: results), no drift\n\n"
        "| experiment | config | inputs | results |\n| --- | --- | --- | --- |\n"
        "| a\\|b | configs/one.yaml | no drift | no drift |\n"
    )


def test_summary_is_appended_and_truncated(workspace):
    path = workspace / "summary.md"
    path.write_text("before\n")
    assert github_actions.summarize("# a\n") is None
    assert path.read_text() == "before\n# a\n"
    cut = "job summary truncated (limit: 1 MiB)"
    assert github_actions.summarize("````text\n" + "line ä\n" * 300_000 + "````\n") == cut
    content = path.read_bytes()
    assert github_actions.LARGEST - 100 < len(content) <= github_actions.LARGEST
    assert content.decode().endswith("line ä\n````\n\n\n*Truncated; see the log of this step for the rest.*\n")
    assert github_actions.summarize("more" * 100) == cut
    assert path.read_bytes() == content


def test_summary_shows_control_characters(workspace):
    assert github_actions.summarize("a\x1b[2Jb\u202ec\r\n") is None
    assert (workspace / "summary.md").read_bytes() == b"a\\x1b[2Jb\\u202ec\\r\n"


def test_summary_that_cannot_be_written_is_a_warning(workspace, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workspace))
    write(CONFIG)
    code, _, err = invoke("run", "configs", "--quiet")
    assert (code, err) == (0, "cannot write the job summary: Is a directory\n")


def test_prints_no_annotations_outside_of_github(monkeypatch, workspace):
    for value in (None, "", "false"):
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        if value is not None:
            monkeypatch.setenv("GITHUB_ACTIONS", value)
        write("algorithms: [gdd]\n")
        assert "::" not in invoke("validate", "configs")[2]
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    write(CONFIG)
    invoke("run", "configs")
    assert not (workspace / "summary.md").exists()


def test_work_tree_of_git(tmp_path):
    """In a work tree, .git is a file."""
    tree = tmp_path / "tree"
    subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    (tree / "sub").mkdir()
    (tree / "sub/a.yaml").touch()
    assert github_actions.repository_path(str(tree / "sub/a.yaml")) == "sub/a.yaml"
