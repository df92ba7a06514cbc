"""Hashes of images: as imagehash gives them, as CSV both ways, and what cannot be read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from concept_linker.errors import InputError, SettingsError, SourceError
from concept_linker.retrieval.near_duplicates import hashing
from concept_linker.retrieval.near_duplicates.duplicates import REPORT_COLUMNS, duplicates
from concept_linker.retrieval.near_duplicates.hashing import (
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
    assert tuple(rows[0]) == COLUMNS == ("Hash", "PretrainingImagePath", "Flat")
    wanted = {
        path: str(imagehash.phash(Image.open(folder / path)))
        for path in ("a.png", "b.JPG", "deep/c, d.png", "deep/copy of a.png")
    }
    assert {path: hash for hash, path, _ in rows[1:]} == wanted
    table = read_hashes(tmp_path / "hashes.csv")
    assert len(table) == 4
    assert len(table.distinct) == 3
    [twice] = np.flatnonzero(np.diff(table.begins) == 2)
    assert table.paths_of(int(twice)) == ["a.png", "deep/copy of a.png"]
    assert [f"{value:016x}" for value in table.by_row()] == [row[0] for row in rows[1:]]


def test_a_missing_image_and_a_missing_folder(tmp_path: Path) -> None:
    [one] = hash_images(tmp_path, ["gone.png"])
    assert one == ImageHash("gone.png", None, "No such file or directory")
    with pytest.raises(InputError, match="is not a folder"):
        images_in(tmp_path / "gone")
    with pytest.raises(InputError, match=r"has no images, expected \.bmp, "):
        images_in(tmp_path)


def test_names_that_are_none_cost_no_other(folder: Path) -> None:
    (folder / "out.png").symlink_to("/etc/passwd")
    names = ["a.png", "a\0.png", "x" * 5000, "\udce9.png", "out.png", "deep", "b.JPG"]
    found = list(hash_images(folder, names))
    assert [one.path for one in found] == names
    assert [one.path for one in found if one.hash is not None] == ["a.png", "b.JPG"]
    assert all(one.problem and "\n" not in one.problem for one in found[1:-1])


def test_wide_greys_and_ink_hash_as_what_they_show(tmp_path: Path) -> None:
    """Pictures in 16 bits are as far apart as in 8; each is near to itself in the other."""
    names = []
    for seed in range(8):
        rows, columns = np.indices((96, 96)) / 96
        random = np.random.default_rng(seed)
        picture = sum(
            random.normal() * np.cos(np.pi * (a * rows + b * columns))
            for a in range(5)
            for b in range(5)
        )
        picture = (picture - picture.min()) / np.ptp(picture)
        names += [f"{seed}.png", f"{seed}w.png", f"{seed}w.tif", f"{seed}f.tif", f"{seed}a.png"]
        Image.fromarray((picture * 255).astype(np.uint8)).save(tmp_path / names[-5])
        Image.fromarray((picture * 900 + 3000).astype(np.uint16)).save(tmp_path / names[-4])
        Image.fromarray((picture * 65535).astype(np.uint16)).save(tmp_path / names[-3])
        Image.fromarray((picture * 2 - 1).astype(np.float32)).save(tmp_path / names[-2])
        ink = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
        ink.putalpha(Image.fromarray((255 - picture * 255).astype(np.uint8)))
        ink.save(tmp_path / names[-1])
    hashes = np.array([one.hash for one in hash_images(tmp_path, names)], np.uint64)
    apart = np.array([[int(a ^ b).bit_count() for a in hashes] for b in hashes])
    same = np.arange(len(names))[:, None] // 5 == np.arange(len(names)) // 5
    assert apart[same].max() <= 4
    assert apart[~same].min() > 8


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "CMYK", "RGBA"])
def test_what_imagehash_sees_right_has_its_hash(tmp_path: Path, mode: str) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(pixels).convert(mode).save(path)
    with Image.open(path) as image:
        assert f"{hashing.hash_image(path):016x}" == str(imagehash.phash(image))


def test_flat_images_are_like_no_other(tmp_path: Path) -> None:
    flat = {
        "white.png": Image.new("L", (90, 70), 255),
        "black.jpg": Image.new("RGB", (90, 70)),
        "empty.png": Image.new("RGBA", (90, 70), (5, 6, 7, 0)),
        "wide.tif": Image.fromarray(np.full((70, 90), 4000, np.uint16)),
        "float.tif": Image.fromarray(np.full((70, 90), 0.1, np.float32)),
        "one bit.png": Image.new("1", (90, 70), 1),
        "palette.gif": Image.new("P", (90, 70), 3),
    }
    for name, image in flat.items():
        image.save(tmp_path / name)
    found = list(hash_images(tmp_path, [*flat, "gone.png"]))
    assert [one.flat for one in found] == [True] * len(flat) + [False]
    [bad] = write_hashes(tmp_path / "hashes.csv", found)
    assert bad.path == "gone.png"
    table = read_hashes(tmp_path / "hashes.csv")
    assert table.marked
    assert table.flat.all()
    assert len(table) == len(flat)
    assert list(duplicates(table, distance=16)) == []
    assert list(duplicates(table, table, distance=16)) == []


def test_files_that_do_not_mark_flat_images(tmp_path: Path) -> None:
    """Of ConceptCLIP's scripts, or older: what has the hash of an empty page is taken for one."""
    rows = {"white": 1 << 63, "black": 0, "a": 5, "x-ray of 16 bits": 1 << 63, "b": 5}
    lines = ["Hash,PretrainingImagePath", *(f"{one:016x},{name}" for name, one in rows.items())]
    (tmp_path / "old.csv").write_text("\n".join(lines) + "\n")
    old = read_hashes(tmp_path / "old.csv")
    assert not old.marked
    assert old.flat.tolist() == [True, True, False, True, False]
    assert old.by_row().tolist() == [0, 0, 5, 0, 5]
    new = table_of(tmp_path, "new.csv", {"a": 5, "nearly": 1 << 63 | 1})
    assert [one[1:3] for one in duplicates(old, distance=0)] == [("a", "b")]
    among = [one[1:3] for one in duplicates(old, new, distance=1)]
    assert among == [("a", "a"), ("a", "b")]


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
        ("Hash,Path\n123,a.jpg\n", "line 2: hash '123', expected 16 hexadecimal digits"),
        ("Hash,Path\n0123456789abcdef,a\n0123456789abcdeg,b\n", "line 3: hash '0123456789abcdeg'"),
        ("Hash,Path\n0123456789abcdef,a.jpg,7\n", "Row #2: Expected 2 columns, got 3"),
        ("Hash,PretrainingImagePath,Flat\n0123456789abcdef,a,2\n", "line 2: Flat is '2'"),
        ("Hash,PretrainingImagePath,Flat\n,a,1\n12,b,0\n", "line 3: hash '12'"),
        ("Hash,PretrainingImagePath,Flat\n0123456789abcdef,a\n", "Expected 3 columns, got 2"),
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
