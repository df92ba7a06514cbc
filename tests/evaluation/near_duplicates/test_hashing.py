"""Hashes of images: as imagehash gives them, as CSV both ways, and what cannot be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from concept_linker.errors import InputError, SettingsError, SourceError
from concept_linker.evaluation.near_duplicates import hashing
from concept_linker.evaluation.near_duplicates.duplicates import REPORT_COLUMNS, duplicates
from concept_linker.evaluation.near_duplicates.hashing import (
    COLUMNS,
    ImageHash,
    hash_images,
    images_in,
    read_hashes,
    write_hashes,
)

imagehash = pytest.importorskip("imagehash", reason="needs the extra images")
from PIL import Image  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them twice, and three files that are none."""
    place = tmp_path / "pictures"
    (place / "deep").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a.png", "b.JPG", "deep/c, d.png"):
        pixels = np.kron(random.integers(0, 256, (8, 8)), np.ones((16, 16))).astype(np.uint8)
        Image.fromarray(pixels).save(place / name)
    (place / "deep/copy of a.png").write_bytes((place / "a.png").read_bytes())
    (place / "torn.png").write_bytes((place / "a.png").read_bytes()[:120])
    (place / "empty.gif").write_bytes(b"")
    (place / "text.jpg").write_text("no picture")
    (place / "notes.txt").write_text("not looked at")
    return place


def test_hashes_of_a_folder(folder: Path, tmp_path: Path) -> None:
    paths = images_in(folder)
    assert paths == sorted(paths)
    bad = write_hashes(tmp_path / "hashes.csv", hash_images(folder, paths))
    assert [one.path for one in bad] == ["empty.gif", "text.jpg", "torn.png"]
    assert all(one.hash is None and one.problem for one in bad)
    with (tmp_path / "hashes.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert tuple(rows[0]) == COLUMNS == ("Hash", "PretrainingImagePath")
    wanted = {
        path: str(imagehash.phash(Image.open(folder / path)))
        for path in ("a.png", "b.JPG", "deep/c, d.png", "deep/copy of a.png")
    }
    assert {path: hash for hash, path in rows[1:]} == wanted
    table = read_hashes(tmp_path / "hashes.csv")
    assert len(table) == 4
    assert len(table.distinct) == 3
    [twice] = np.flatnonzero(np.diff(table.begins) == 2)
    assert table.paths_of(int(twice)) == ["a.png", "deep/copy of a.png"]
    assert [f"{value:016x}" for value in table.by_row()] == [row[0] for row in rows[1:]]


def test_a_missing_image_and_a_missing_folder(tmp_path: Path) -> None:
    [one] = hash_images(tmp_path, ["gone.png"])
    assert one == ImageHash("gone.png", None, "No such file or directory")
    with pytest.raises(InputError, match="is no folder"):
        images_in(tmp_path / "gone")


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagehash", None)
    with pytest.raises(SettingsError, match=r"pip install 'concept-linker\[images\]'"):
        list(hash_images(tmp_path, ["a.png"]))


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "hashes.csv"
    path.write_text("before")

    def broken():
        yield ImageHash("a.png", 1)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_hashes(path, broken())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hash,Path\n123,a.jpg\n", "line 2: hash '123', wanted 16 hexadecimal digits"),
        ("Hash,Path\n0123456789abcdef,a\n0123456789abcdeg,b\n", "line 3: hash '0123456789abcdeg'"),
        ("Hash,Path\n0123456789abcdef,a.jpg,7\n", "Row #2: Expected 2 columns, got 3"),
    ],
)
def test_files_that_are_no_hashes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        read_hashes(tmp_path / "a.csv")


@pytest.mark.parametrize("text", ["", "Hash,PretrainingImagePath\n"])
def test_no_hashes_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert len(read_hashes(tmp_path / "a.csv")) == 0


def table_of(tmp_path: Path, name: str, rows: dict[str, int]) -> hashing.HashTable:
    hashes = [ImageHash(path, value) for path, value in rows.items()]
    write_hashes(tmp_path / name, hashes)
    return read_hashes(tmp_path / name)


def test_duplicates_of_two_lists_and_of_one(tmp_path: Path) -> None:
    one = table_of(tmp_path, "1.csv", {"a": 0, "b": 0, "c": 0b1111, "d": 2**64 - 1})
    two = table_of(tmp_path, "2.csv", {"x": 0b1, "y": 2**63, "z": 2**40 - 1})
    found = [(p.evaluation, p.pretraining, p.distance) for p in duplicates(one, two, distance=3)]
    assert found == [("x", "a", 1), ("x", "b", 1), ("x", "c", 3), ("y", "a", 1), ("y", "b", 1)]
    within = [(p.evaluation, p.pretraining, p.distance) for p in duplicates(one, distance=4)]
    assert within == [("a", "b", 0), ("a", "c", 4), ("b", "c", 4)]
    equal = list(duplicates(one, distance=0))
    assert [tuple(p) for p in equal] == [("0" * 16, "a", "b", "0" * 16, 0)]
    assert len(REPORT_COLUMNS) == len(equal[0])
    assert REPORT_COLUMNS[:3] == ("Hash", "Evaluation_Image_Path", "Pretraining_Image_Path")


def test_sample_images_survive_what_publishers_do(shared_data: Path) -> None:
    """JPEG quality 50 and half size stay within 8 bits; no two of the images are so near."""
    paths = sorted((shared_data / "medconcept_sample/images").iterdir())[:12]
    hashes = np.array([hashing.hash_image(path) for path in paths], np.uint64)
    for half in (False, True):
        for path, own in zip(paths, hashes, strict=True):
            with Image.open(path) as image:
                small = image.convert("RGB")
            if half:
                small = small.resize((small.width // 2, small.height // 2))
            room = io.BytesIO()
            small.save(room, "JPEG", quality=50)
            changed = int(str(imagehash.phash(Image.open(room))), 16)
            assert (changed ^ int(own)).bit_count() <= 8
    among = hashes[:, None] ^ hashes[None, :]
    others = among[np.triu_indices(len(hashes), 1)]
    assert min(int(value).bit_count() for value in others) > 8
