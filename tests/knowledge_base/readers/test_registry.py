from __future__ import annotations

from pathlib import Path

import pytest

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import FORMATS, SourceOptions, read_source
from concept_linker.knowledge_base.readers.mesh import MeshOptions


def test_formats() -> None:
    assert list(FORMATS) == ["rrf", "obo", "obographs", "sssom", "jsonl", "mesh", "table"]
    for chosen in FORMATS.values():
        assert issubclass(chosen.options, SourceOptions)
        assert "\n" not in chosen.description


def test_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no source format 'owl', wanted one of rrf, obo"):
        read_source("owl", tmp_path)


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="option 'colour' of jsonl"):
        read_source("jsonl", tmp_path, {"colour": 1})
    with pytest.raises(SettingsError, match="wanted JsonlOptions"):
        read_source("jsonl", tmp_path, MeshOptions())


@pytest.mark.parametrize("format", FORMATS)
def test_missing_path(tmp_path: Path, format: str) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read_source(format, tmp_path / "absent.tsv")


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "rrf"])
def test_folder_for_a_file(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "folder.tsv"
    folder.mkdir()
    with pytest.raises(SourceError):
        read_source(format, folder)


def test_names_from_the_options(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("id\tname\nA:1\ta\n")
    info = read_source("table", path, {"name": "X", "version": "1", "licence": "CC0"}).info
    assert (info.format, info.name, info.version, info.licence) == ("table", "X", "1", "CC0")
