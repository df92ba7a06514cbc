"""Paths of images: each is a file inside the folder, or a one-line error."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import ImageError, SettingsError
from concept_linker.images import files
from concept_linker.images.files import check_folder, find_image, read_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images, a secret outside the folder, and paths to it."""
    place = tmp_path / "images"
    (place / "sub").mkdir(parents=True)
    (place / "a.png").write_bytes(b"image a")
    (place / "sub/b.png").write_bytes(b"image b")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (place / "inside.png").symlink_to("sub/b.png")
    (place / "out.png").symlink_to("../secret.png")
    (place / "absolute.png").symlink_to(tmp_path / "secret.png")
    (place / "chain.png").symlink_to("out.png")
    (place / "sub/up").symlink_to(tmp_path)
    (place / "circle.png").symlink_to("circle.png")
    (place / "dangling.png").symlink_to("gone.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "pipe.png")
    return place


@pytest.mark.parametrize("name", ["a.png", "./a.png", "sub/../a.png", "inside.png", "sub/b.png"])
def test_images_inside_are_read(folder: Path, name: str) -> None:
    assert read_image(folder, name) in (b"image a", b"image b")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../secret.png", "leads out"),
        ("sub/../../secret.png", "leads out"),
        ("out.png", "leads out"),
        ("absolute.png", "leads out"),
        ("chain.png", "leads out"),
        ("sub/up/secret.png", "leads out"),
        ("/etc/passwd", "leads out"),
        ("", "is not a file"),
        ("sub", "is not a file"),
        ("pipe.png", "is not a file"),
        ("none.png", "No such file"),
        ("dangling.png", "No such file"),
        ("a.png/b.png", "No such file"),
        ("circle.png", "circle|No such file"),
        ("a\0.png", "null byte"),
        ("x" * 5000 + ".png", "too long"),
        ("x/" * 5000, "too long"),
        ("a\udce9.png", "is not a valid path|No such file"),
    ],
)
def test_other_paths_are_one_line_errors(folder: Path, name: str, problem: str) -> None:
    with pytest.raises(ImageError, match=problem) as caught:
        read_image(folder, name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@given(st.lists(st.sampled_from(["..", ".", "sub", "up", "a.png", "out.png", "~", "", "\0", "/"])))
def test_no_path_leads_outside(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    place = tmp_path_factory.getbasetemp() / "ways"
    if not place.exists():
        (place / "images/sub").mkdir(parents=True)
        (place / "a.png").write_bytes(b"secret")
        (place / "images/a.png").write_bytes(b"image")
        (place / "images/out.png").symlink_to(place / "a.png")
        (place / "images/sub/up").symlink_to(place)
    with contextlib.suppress(ImageError):
        assert read_image(place / "images", "/".join(parts)) == b"image"


def test_a_folder_that_is_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert find_image(tmp_path / "link", "a.png") == (folder / "a.png").resolve()


def test_a_file_larger_than_any_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "hole.png").open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: no space on disk, but a terabyte in memory
    with pytest.raises(ImageError, match="has more than"):
        read_image(folder, "hole.png")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(folder: Path) -> None:
    (folder / "a.png").chmod(0)
    with pytest.raises(ImageError, match="Permission denied"):
        read_image(folder, "a.png")


def test_a_folder_without_any_of_the_images(folder: Path, tmp_path: Path) -> None:
    check_folder(folder, iter(["none.png", "a.png", "never looked at"]))
    check_folder(folder, [])
    for place in (tmp_path / "nowhere", folder / "a.png"):
        with pytest.raises(SettingsError, match=r"--images .*: expected a folder"):
            check_folder(place, [])
    with pytest.raises(SettingsError, match=r"has none of the 2 images \(first: .*none\.png"):
        check_folder(folder, ["none.png", "../secret.png"])


def test_checking_stops_at_the_first_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def find(place: Path, name: str) -> Path:
        looked.append(name)
        return place

    monkeypatch.setattr(files, "find_image", find)
    check_folder(folder, ["a", "b", "c"])
    assert looked == ["a"]
