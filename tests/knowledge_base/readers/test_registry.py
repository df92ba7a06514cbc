from __future__ import annotations

from pathlib import Path

import pytest

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import FORMATS, read_source
from concept_linker.knowledge_base.readers.mesh import MeshOptions
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.runtime.registry import load


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_loads(format: str) -> None:
    entry = FORMATS[format]
    assert callable(entry.load())
    assert issubclass(load(entry.options), SourceOptions)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_in_the_documentation(format: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "own-umls.md"
    row = f"| `{format}=` | {FORMATS[format].description} |"
    assert row in page.read_text("utf-8").splitlines()
    api = Path(__file__).parents[3] / "docs" / "api" / "knowledge-base.rst"
    assert FORMATS[format].options.replace(":", ".") in api.read_text("utf-8")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="format is 'owl', expected rrf, obo"):
        read_source("owl", tmp_path)


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="jsonl has no option 'colour', expected name, version"):
        read_source("jsonl", tmp_path, {"colour": 1})
    with pytest.raises(SettingsError, match=r"option related of mesh is 'x': .*boolean"):
        read_source("mesh", tmp_path, {"related": "x"})
    with pytest.raises(SettingsError, match="are MeshOptions, expected JsonlOptions"):
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
