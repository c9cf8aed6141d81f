"""Test which configs messages may quote: links and documents that are not trusted may lead to files with secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bpviz.cli import cli

SECRET = "password: 12345678\n"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a config, next to a file with a secret."""
    folder = tmp_path / "checkout"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs/a.yaml").write_text("algorithms: [gd]\nfigures: []\n")
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.chdir(folder)
    return folder


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


def hidden(name: str, target: Path) -> str:
    return (
        f"{name}: not a valid config (not quoted, because it is outside the working directory); "
        f"run `bpviz validate {target}`\n"
    )


def test_links_out_of_the_working_directory_are_not_quoted(checkout: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    Path("configs/b.yaml").symlink_to("../../secret")
    Path("folder").symlink_to(tmp_path)
    (tmp_path / "c.yaml").write_text(SECRET)
    for command in (("validate",), ("run",), ("run", "--check")):
        assert printed(*command, "configs") == hidden("configs/b.yaml", secret)
        assert printed(*command, "configs/b.yaml") == hidden("configs/b.yaml", secret)
        assert printed(*command, "folder") == hidden("folder/c.yaml", tmp_path / "c.yaml")
        assert printed(*command, str(checkout / "configs/b.yaml")) == hidden(f"{checkout}/configs/b.yaml", secret)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/d.yaml").symlink_to("../secret")
    assert printed("validate", "../other") == hidden("../other/d.yaml", secret)


def test_named_files_and_links_inside_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(SECRET)
    Path("secret").write_text(SECRET)
    Path("configs/b.yaml").symlink_to("../secret")
    (tmp_path / "real").mkdir()
    (tmp_path / "real/d.yaml").write_text(SECRET)
    (tmp_path / "link").symlink_to("real")
    for name in ("../c.yaml", str(tmp_path / "c.yaml"), "configs", "../link/d.yaml"):
        assert f"    {SECRET}" in printed("validate", name)


def test_links_and_documents_can_lead_to_valid_configs(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("algorithms: [rprop]\nfigures: []\n")
    Path("configs/b.yaml").symlink_to("../../b.yaml")
    Path("page.md").write_text("<!-- bpviz: table ../b.yaml -->\n<!-- bpviz: end -->\n")
    for arguments in (["validate", "configs"], ["embed", "page.md"]):
        assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert "RPROP" in Path("page.md").read_text()


def test_documents_do_not_quote_files_outside(tmp_path: Path) -> None:
    for name in ("../secret", str(tmp_path / "secret")):
        Path("page.md").write_text(f"<!-- bpviz: table {name} -->\n<!-- bpviz: end -->\n")
        assert printed("embed", "page.md") == hidden(name, tmp_path / "secret")
        assert printed("embed", "--check", "page.md") == hidden(name, tmp_path / "secret")
    Path("secret").write_text(SECRET)
    Path("page.md").write_text("<!-- bpviz: table secret -->\n<!-- bpviz: end -->\n")
    assert f"    {SECRET}" in printed("embed", "page.md")
