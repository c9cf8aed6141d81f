"""Test the comparison of PNG files that `diff` and `run --check` share."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread, imsave

from bpviz.cli import cli
from bpviz.outputs import lockfile
from bpviz.outputs.images import TOLERANCE, UnreadableError, compare, decode


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return file.getvalue()


def test_decode_puts_transparent_images_on_white() -> None:
    half = np.zeros((2, 3, 4))
    half[:, :, 3] = 0.5
    assert decode(png(half)).shape == (2, 3, 3)
    assert np.abs(decode(png(half)) - 127.5).max() <= 1


@pytest.mark.parametrize("content", [b"", b"no", png(np.zeros((9, 9, 3)))[:60]], ids=["empty", "text", "cut"])
def test_decode_rejects_bytes_that_are_not_a_whole_png(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="not a valid PNG"):
        decode(content)


def test_compare_black_with_white() -> None:
    found = compare(np.zeros((2, 2, 3)), np.full((2, 2, 3), 255.0))
    assert (found.rms, found.same) == (255.0, False)
    assert found.description == "RMS difference 255, tolerance 2; 100 % of the pixels differ"


@pytest.mark.parametrize(("levels", "same"), [(2, True), (3, False)])
def test_tolerance_is_a_root_mean_square(levels: int, same: bool) -> None:
    """An image that is off by n levels everywhere has an RMS of n."""
    image = np.full((4, 5, 3), 100.0)
    found = compare(image, image + levels)
    assert found.rms == pytest.approx(levels)
    assert found.same is same


def test_images_of_different_sizes_differ_and_are_padded_with_white() -> None:
    found = compare(np.zeros((2, 3, 3)), np.zeros((4, 2, 3)))
    assert not found.same
    assert found.expected.shape == found.actual.shape == (4, 3, 3)
    assert found.expected[2:].min() == found.actual[:, 2].min() == 255


@pytest.mark.parametrize(("rows", "same"), [(1, True), (100, False)])
def test_diff_and_check_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, same: bool) -> None:
    """Ten black pixels are far from their shade, yet below the tolerance of the whole image; 100 rows are not."""
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text("algorithms: [rprop]\nfigures: [errors]\n")
    for out in ("old", "outputs"):
        assert CliRunner().invoke(cli, ["run", "one.yaml", "--out", out]).exit_code == 0
    path = Path("outputs/one/errors.png")
    pixels = np.array(imread(path))
    pixels[:rows, : 10 if rows == 1 else None, :3] = 0
    path.write_bytes(png(pixels))
    lock = path.parent / lockfile.NAME
    data = json.loads(lock.read_text())
    data["files"]["errors.png"].update(lockfile.written(path.read_bytes()))
    lock.write_text(json.dumps(data))
    found = compare(decode(Path("old/one/errors.png").read_bytes()), decode(path.read_bytes()))
    assert np.abs(found.expected - found.actual).max() > 100
    assert (found.rms <= TOLERANCE) is same
    assert CliRunner().invoke(cli, ["run", "one.yaml", "--check"]).exit_code == (0 if same else 1)
    CliRunner().invoke(cli, ["diff", "old", "outputs", "--figure", "diff.png"])
    assert Path("diff.png").exists() is not same
