"""Test the comparison of PNG files that `diff` and `run --check` share."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread, imsave

from bpviz.cli import cli
from bpviz.outputs import lockfile
from bpviz.outputs.images import TOLERANCE, UnreadableError, compare, decode, difference


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return file.getvalue()


def test_decode_puts_transparent_images_on_white() -> None:
    half = np.zeros((2, 3, 4))
    half[:, :, 3] = 0.5
    assert decode(png(half)).shape == (2, 3, 3)
    assert np.abs(decode(png(half)) - 127.5).max() <= 1


def small_png(kind: int, *rows: bytes) -> bytes:
    """Return a PNG of 8 bits per channel with these rows; ``kind`` is 0 for gray, 2 for RGB, 6 for RGBA."""
    width = len(rows[0]) // {0: 1, 2: 3, 6: 4}[kind]
    header = struct.pack(">IIBBBBB", width, len(rows), 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def test_decode_returns_levels_of_255() -> None:
    assert decode(small_png(2, bytes([0, 1, 51]), bytes([254, 255, 128]))).tolist() == [[[0, 1, 51]], [[254, 255, 128]]]
    assert decode(small_png(0, bytes([7, 200, 9]))).tolist() == [[[7] * 3, [200] * 3, [9] * 3]]


def test_decode_mixes_colors_with_white_by_their_opacity() -> None:
    """With an opacity of 51 of 255, 0.2, a level of 100 becomes 0.2 · 100 + 0.8 · 255 = 224."""
    pixels = bytes([100, 0, 255, 51, 100, 0, 255, 255, 100, 0, 255, 0])
    assert decode(small_png(6, pixels)).tolist() == [[[224, 204, 255], [100, 0, 255], [255, 255, 255]]]


@pytest.mark.parametrize("content", [b"", b"no", png(np.zeros((9, 9, 3)))[:60]], ids=["empty", "text", "cut"])
def test_decode_rejects_bytes_that_are_not_a_whole_png(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="not a valid PNG"):
        decode(content)


def test_compare_black_with_white() -> None:
    found = compare(np.zeros((2, 2, 3)), np.full((2, 2, 3), 255.0))
    assert (found.rms, found.same) == (255.0, False)
    assert found.description == "RMS difference 255, tolerance 2; 100 % of the pixels differ"


@pytest.mark.parametrize(
    ("pixels", "share"), [(1, "0.1 %"), (3, "0.3 %"), (33, "3.3 %"), (99, "9.9 %"), (100, "10 %"), (126, "13 %")]
)
def test_describes_the_share_of_pixels_that_differ(pixels: int, share: str) -> None:
    """Of 1000. A pixel differs if one of its channels does."""
    image = np.full((10, 100, 3), 100.0)
    other = image.copy()
    other.reshape(-1, 3)[:pixels, 1] += 30
    rms = 30 * (pixels / 3000) ** 0.5
    expected = f"RMS difference {rms:.3g}, tolerance 2; {share} of the pixels differ"
    assert compare(image, other).description == compare(other, image).description == expected


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
    assert found.expected[:2].max() == found.actual[:, :2].max() == 0
    assert found.description == "size changed from 3 x 2 to 2 x 4 pixels"
    assert decode(found.difference()).shape == (4, 3, 3)


def test_difference_shows_equal_pixels_in_pale_gray() -> None:
    """White stays white, black becomes a gray that is brighter than the middle."""
    image = np.array([[[255.0] * 3, [0.0] * 3, [155.0] * 3, [255.0, 105.0, 105.0]]])
    (shown,) = decode(difference(image, image))
    assert (shown[:, :1] == shown).all()
    levels = shown[:, 0].tolist()
    assert levels[0] == 255
    assert 128 < levels[1] < levels[2] < 255
    assert levels[3] == levels[2]  # the same mean


def test_difference_marks_larger_differences_more_strongly() -> None:
    """From a visible mark for one level to the full red of the figures; rounding errors, below 8 levels, are faint."""
    red = np.array([0xD5, 0x5E, 0x00])
    levels = np.arange(256)
    white = np.full((1, 256, 3), 255.0)
    for channel in (0, 1, 2):
        other = white.copy()
        other[0, :, channel] -= levels
        for expected, actual in ((white, other), (other, white)):
            found = compare(expected, actual)
            assert found.difference() == difference(expected, actual)
            (shown,) = decode(found.difference())
            plain = 255 - 0.1 * levels if actual is other else np.full(256, 255.0)  # a third of a pale gray of 0.3
            amounts = (plain - shown[:, 2]) / plain  # of the red, which has no blue
            assert amounts[0] == 0
            assert amounts[1] > 0.1
            assert (np.diff(amounts) > -0.01).all()
            assert amounts[8] > 1.9 * amounts[7]
            assert amounts[60] < 0.7
            assert (shown[128:] == red).all()


def test_difference_has_no_name_and_version_of_matplotlib() -> None:
    """So it is the same with another version."""
    assert b"matplotlib" not in difference(np.zeros((2, 2, 3)), np.zeros((2, 2, 3)))


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


def header(width: int, height: int) -> bytes:
    """Return the start of a PNG of this size."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"


@pytest.mark.parametrize(
    ("width", "height"), [(1 << 13, (1 << 12) + 1), ((1 << 14) + 1, 1), (1, 1 << 31), (0xFFFFFFFF, 0xFFFFFFFF)]
)
def test_decode_refuses_images_that_need_much_memory(width: int, height: int) -> None:
    """A file of a few KiB can have a billion pixels."""
    with pytest.raises(UnreadableError) as refused:
        decode(header(width, height))
    assert str(refused.value) == f"image too large ({width} x {height} pixels)"
    with pytest.raises(UnreadableError, match=r"^not a valid PNG$"):
        decode(header(1 << 13, 1 << 12))  # too short, but not too large


def test_compare_refuses_images_that_are_too_large_together() -> None:
    wide, tall = np.zeros((1, 1 << 14, 3)), np.zeros((1 << 14, 1, 3))
    with pytest.raises(UnreadableError, match=r"^size changed from 16384 x 1 to 1 x 16384 pixels$"):
        compare(wide, tall)
