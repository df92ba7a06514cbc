from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import InputError, SettingsError
from concept_linker.pmc.article_lists import (
    graphic_of_record,
    parse_article_list,
    parse_pmcid,
    read_article_list,
)
from concept_linker.pmc.image_files import ImageFolder, choose_image, image_name_of, is_plain_name
from concept_linker.pmc.licences import CODES, licence_code, parse_licences
from concept_linker.pmc.settings import FetchSettings


@pytest.mark.parametrize("written", ["", "PMC", "PMC0", "PMCx", "PMC12a", "12.x", "PMC1 2", "-1"])
def test_malformed_pmcids(written: str) -> None:
    with pytest.raises(InputError, match="is not a PMCID"):
        parse_pmcid(written)


def test_a_list() -> None:
    lines = ["\ufeffpmcid\tdoi\n", "PMC2\t10.1/x\n", "\n", "# remark\n", '"pmc3",x\r\n', "4 # y\n"]
    assert list(parse_article_list(lines, "list")) == ["PMC2", "PMC3", "PMC4"]
    with pytest.raises(InputError, match="list, line 2: 'x'"):
        parse_article_list(["PMC1", "x"], "list")


def test_a_compressed_list(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(data := gzip.compress(b"PMC1\nPMC2\n"))
    assert list(read_article_list(tmp_path / "ids.txt")) == ["PMC1", "PMC2"]
    (tmp_path / "ids.txt").write_bytes(data[:-8] + bytes(8))
    with pytest.raises(InputError, match=r"ids\.txt: cannot be read, or is damaged: CRC"):
        read_article_list(tmp_path / "ids.txt")


@pytest.mark.parametrize(
    ("record", "graphic"),
    [
        ({"pmc": "12", "href": "gr1", "image": "0a.jpg"}, ("PMC12", "gr1")),
        ({"pmc": "PMC12", "href": "gr1"}, ("PMC12", "gr1")),
        ({"image": "aa/bb/PMC12/gr1.jpg"}, ("PMC12", "gr1")),
        ({"image": "PMC12.3/pone.0000217.g001.jpg"}, ("PMC12", "pone.0000217.g001")),
        ({"image": "images/PMC12_gr1.JPG"}, ("PMC12", "gr1")),
        ({"image": "aa/PMC12/gr1.jpg", "href": "gr2"}, ("PMC12", "gr2")),
        ({"pmc": "", "image": "PMC7/x.png", "href": ""}, ("PMC7", "x")),
        ({"image": "0a.jpg"}, None),
        ({"pmc": "12", "image": "0a.jpg"}, None),
        ({"pmc": None, "image": 3}, None),
        ({}, None),
    ],
)
def test_the_graphic_of_a_record(record: dict[str, Any], graphic: tuple[str, str] | None) -> None:
    assert graphic_of_record(record) == graphic


@pytest.mark.parametrize(
    ("href", "files", "chosen"),
    [
        ("gr1", ["gr1.jpg", "gr1.gif"], "gr1.jpg"),
        ("gr1", ["gr1.tif", "gr1.JPG"], "gr1.JPG"),
        ("gr1.tif", ["gr1.jpg", "gr1.tif"], "gr1.jpg"),
        ("gr1.tif", ["gr1.tif"], "gr1.tif"),
        ("pone.1.g001", ["pone.1.g001.jpg", "pone.1.jpg"], "pone.1.g001.jpg"),
        ("images/gr1.jpg", ["gr1.jpg"], "gr1.jpg"),
        ("gr1", ["gr10.jpg", "gr1.mp4", "gr1.pdf", "gr1"], None),
        ("..", ["...jpg"], None),
        ("", [".jpg"], None),
    ],
)  # fmt: skip
def test_the_image_of_a_graphic(href: str, files: list[str], chosen: str | None) -> None:
    assert choose_image(href, {name.lower(): name for name in files}) == chosen


@given(st.text(max_size=20), st.integers(0, 2))
def test_a_plain_name_stays_in_its_folder(name: str, depth: int) -> None:
    name = "../" * depth + name
    if is_plain_name(name):
        assert Path("folder", name).parent == Path("folder")
        assert Path("folder", name).name == name
    assert image_name_of(name) == "" or is_plain_name(image_name_of(name).removesuffix(".jpg"))


def test_a_folder_of_images(tmp_path: Path) -> None:
    for name in ("PMC1/gr1.jpg", "PMC2.3/gr1.jpg", "x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder = ImageFolder(tmp_path)
    assert folder.find("1", None, "gr1") == "PMC1/gr1.jpg"
    assert folder.find("1", 7, "gr1") == "PMC1/gr1.jpg"
    assert folder.find("2", 3, "gr1") == "PMC2.3/gr1.jpg"
    assert folder.find("2", None, "gr1") is None
    assert folder.find("9", None, "x") == "x.png"


@pytest.mark.parametrize("code", CODES)
def test_licence_codes(code: str) -> None:
    for written in (
        code,
        code.lower(),
        code.replace(" ", "-"),
        code.replace(" ", "_"),
        f"{code} 4.0",
    ):
        assert licence_code(written) == code
    assert parse_licences(f"{code}, {code}") == (code,)


@pytest.mark.parametrize("written", ["", "CC", "MIT", "CC-BY,", "CC BY-XX"])
def test_unknown_licences(written: str) -> None:
    with pytest.raises(SettingsError, match="expected CC0, CC-BY"):
        parse_licences(written)


@pytest.mark.parametrize(
    "setting",
    [
        {"rate": 0},
        {"workers": 0},
        {"endpoint": "s3://x"},
        {"images": "all"},
        {"licences": ()},
        {"x": 1},
    ],
)
def test_settings_out_of_range(setting: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"setting '{next(iter(setting))}"):
        FetchSettings.checked(**setting)
