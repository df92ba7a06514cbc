"""The pixels of image files of every mode, compared with the original picture."""

from __future__ import annotations

import contextlib
import io
import struct
import tempfile
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from concept_linker.errors import ImageError
from concept_linker.images import pixels

Image = pytest.importorskip("PIL.Image", reason="needs the extra images")
SIZE = (32, 32)


def drawing(seed: int = 0) -> np.ndarray:
    """A picture with values from 0 to 1 and structure at 64 × 64 pixels."""
    random = np.random.default_rng(seed)
    return np.kron(random.random((8, 8)), np.ones((8, 8)))


def grey(path: Path) -> np.ndarray:
    return np.asarray(pixels.read_grey(path, SIZE), float)


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.99)


def wide_modes() -> dict[str, np.ndarray]:
    """The same picture in greys of more than 8 bits, each in a small part of its range."""
    one = drawing()
    with_gaps = one.astype(np.float32)
    with_gaps[0, 0], with_gaps[5, 9], with_gaps[9, 5] = np.nan, np.inf, -np.inf
    return {
        "high.png": (one * 60000 + 2000).astype(np.uint16),
        "low.png": (one * 900 + 100).astype(np.uint16),
        "high.tif": (one * 60000 + 2000).astype(np.uint16),
        "signed.tif": (one * 4000 - 3000).astype(np.int32),
        "large.tif": (one * 1000 + 2e9).astype(np.int32),
        "unit.tif": one.astype(np.float32),
        "negative.tif": (one * 1e-6 - 1).astype(np.float32),
        "huge.tif": (one * 1e30).astype(np.float32),
        "gaps.tif": with_gaps,
    }


@pytest.mark.parametrize("name", wide_modes())
def test_wide_greys_are_scaled_by_their_range(tmp_path: Path, name: str) -> None:
    Image.fromarray(wide_modes()[name]).save(tmp_path / name)
    got = grey(tmp_path / name)
    assert (got.min(), got.max()) == (0, 255)
    if name != "gaps.tif":
        assert alike(got, np.asarray(Image.fromarray(drawing().astype(np.float32)).resize(SIZE)))
    rgb = np.asarray(pixels.read_rgb(tmp_path / name))
    assert rgb.shape == (64, 64, 3)
    assert (rgb.min(), rgb.max()) == (0, 255)


def test_an_outlier_does_not_flatten_the_image(tmp_path: Path) -> None:
    """12 bits in 16, with one pixel at the maximum, like a burnt-in marker."""
    one = (np.kron(drawing(), np.ones((4, 4))) * 4000).astype(np.uint16)
    Image.fromarray(one).save(tmp_path / "plain.png")
    one[100, 100] = 65535
    Image.fromarray(one).save(tmp_path / "marked.png")
    plain, marked = grey(tmp_path / "plain.png"), grey(tmp_path / "marked.png")
    assert np.corrcoef(plain.ravel(), marked.ravel())[0, 1] > 0.9


def test_ink_in_the_alpha_channel_shows_on_white(tmp_path: Path) -> None:
    ink = (drawing() > 0.5) * 255
    black = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    black.putalpha(Image.fromarray(ink.astype(np.uint8)))
    black.save(tmp_path / "rgba.png")
    black.convert("LA").save(tmp_path / "la.png")
    black.save(tmp_path / "lossless.webp", lossless=True, exact=True)
    palette = Image.fromarray((ink > 0).astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0] * 256)
    palette.save(tmp_path / "palette.png", transparency=bytes([0, 255]))
    one_bit = Image.fromarray(ink == 0).convert("1")
    one_bit.save(tmp_path / "one.png")
    expected = np.asarray(Image.fromarray((255 - ink).astype(np.uint8)).resize(SIZE), float)
    for path in tmp_path.iterdir():
        assert alike(grey(path), expected), path.name
        assert pixels.read_rgb(path).mode == "RGB"
        assert alike(np.asarray(pixels.read_rgb(path).convert("L"), float), 255.0 - ink), path.name


@given(arrays.arrays(np.uint8, (7, 9, 4), elements=st.integers(0, 255)))
def test_opaque_images_are_unchanged(rows: np.ndarray) -> None:
    rows[..., 3] = 255
    opaque = Image.fromarray(rows)
    assert np.array_equal(np.asarray(pixels._on_white(opaque)), rows[..., :3])


def test_other_colours(tmp_path: Path) -> None:
    rgb = Image.fromarray((np.dstack([drawing(n) for n in range(3)]) * 255).astype(np.uint8))
    expected = np.asarray(rgb.convert("L").resize(SIZE), float)
    rgb.convert("CMYK").save(tmp_path / "cmyk.tif")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    rgb.convert("YCbCr").save(tmp_path / "ycbcr.jpg", quality=95)
    rgb.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.gif")
    for path in tmp_path.iterdir():
        assert alike(grey(path), expected), path.name
    lightness = Image.fromarray((drawing() * 255).astype(np.uint8))
    Image.merge("LAB", [lightness] * 3).save(tmp_path / "lab.tif")
    assert alike(grey(tmp_path / "lab.tif"), np.asarray(lightness.resize(SIZE), float))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_a_uniform_grey_stays_uniform(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "flat.tif"
    for value in (0, 7, 200):
        Image.fromarray(np.full((50, 70), value, dtype)).save(path)
        assert len(set(pixels.read_grey(path, SIZE).get_flattened_data())) == 1
    if dtype != np.float32:
        return
    for value in (np.nan, np.inf):
        Image.fromarray(np.full((50, 70), value, dtype)).save(path)
        assert len(set(pixels.read_grey(path, SIZE).get_flattened_data())) == 1


def test_a_pattern_finer_than_a_pixel_becomes_uniform(tmp_path: Path) -> None:
    """A grid of single pixels becomes uniform; rounding errors are not amplified."""
    grid = (np.indices((256, 256)).sum(0) % 2 * 60000).astype(np.uint16)
    Image.fromarray(grid).save(tmp_path / "grid.png")
    assert np.ptp(grey(tmp_path / "grid.png")[4:-4, 4:-4]) == 0


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and has no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + sum_

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", [lambda path: pixels.read_grey(path, SIZE), pixels.read_rgb])
def test_unreadable_images_are_one_line_errors(tmp_path: Path, read) -> None:
    whole = io.BytesIO()
    Image.fromarray((drawing() * 255).astype(np.uint8)).save(whole, "PNG")
    files = {
        "bomb.png": png_of(60_000, 60_000),
        "cut.png": whole.getvalue()[:80],
        "empty.png": b"",
        "text.png": b"no picture",
        # Pillow would open these: one runs Ghostscript, the other had many security faults.
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "photoshop.png": b"8BPS\0\1" + bytes(6) + b"\0\1" + bytes(3) + b"\1" + bytes(30),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
        if name in ("script.png", "photoshop.png"):
            assert "is damaged, or in an unknown format; expected BMP, " in str(caught.value)
    with pytest.raises(ImageError, match="No such file"):
        read(tmp_path / "gone.png")


@given(st.data())
def test_damaged_images_give_a_picture_or_an_image_error(data: st.DataObject) -> None:
    """Any damage raises ImageError, or nothing."""
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"]))
    room = io.BytesIO()
    Image.fromarray((drawing() * 255).astype(np.uint8)).save(room, kind)
    torn = bytearray(room.getvalue())
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(torn) - 1), st.integers(0, 255)), max_size=5)
    ):
        torn[place] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "torn"
        path.write_bytes(torn[: data.draw(st.integers(0, len(torn)))])
        with contextlib.suppress(ImageError):
            assert pixels.read_grey(path, SIZE).size == SIZE


def test_warnings_are_restored_afterwards() -> None:
    """Two threads that enter and leave one after the other."""
    before = list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def second() -> None:
        with pixels._quiet:
            inside.set()
            leave.wait(10)

    with pixels._quiet:
        other = threading.Thread(target=second)
        other.start()
        inside.wait(10)
    assert warnings.filters[0][0] == "ignore"  # the other is still inside
    leave.set()
    other.join()
    assert list(warnings.filters) == before
