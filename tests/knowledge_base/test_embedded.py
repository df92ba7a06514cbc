"""The default base: its distributed form, and the folder that is built from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import embedded, store
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.compiled import load_compiled, save_compiled
from concept_linker.knowledge_base.embedded import open_base_folder
from concept_linker.knowledge_base.identity import CuiOrigin, is_cui
from concept_linker.knowledge_base.merge import MergedTables, merge
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.runtime.resources import model_path

COMPILED = model_path("open_kb") / "compiled"
CACHE = "CONCEPT_LINKER_CACHE"


def small() -> MergedTables:
    names = [("C0000001", "lesion", 0, "X"), ("A:1", "CT", 0, "Y"), ("B:1", "Tumour", 1, "Y")]
    source = SourceTables.from_rows(
        SourceInfo("obo", "test", "1", "CC0", {"test.obo": "0" * 64}),
        names=names,
        same_as=[("B:1", "C0000001", False), ("C0000001", "C0000002", True)],
        types=[("A:1", "T060"), ("A:1", "T061")],
    )
    return merge([source])


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces the distributed base by a small one, with an empty cache."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("CONCEPT_LINKER_TEMPORARY", "")
    monkeypatch.setattr(embedded, "model_path", lambda name: tmp_path / name)
    save_compiled(small(), tmp_path / "open_kb" / "compiled")
    return tmp_path / "open_kb" / "compiled"


def test_save_and_load(tmp_path: Path) -> None:
    save_compiled(small(), tmp_path)
    loaded = load_compiled(tmp_path)
    assert loaded.concepts.equals(small().concepts)
    assert loaded.names.cast(small().names.schema).equals(small().names)
    assert loaded.names["name"].to_pylist() == ["CT", "lesion", "Tumour"]
    assert loaded.sources == small().sources
    assert loaded.refused == small().refused == 1


def test_built_once_into_the_cache(
    compiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kb = KnowledgeBase.open("default")
    assert kb.path.parent == tmp_path / "cache"
    assert kb.concept("B:1").id == "C0000001"
    assert kb.info.counts["refused_equivalences"] == 1
    assert "Preparing the open knowledge base (once)" in capsys.readouterr().err
    times = {path.name: path.stat().st_mtime_ns for path in kb.path.iterdir()}
    assert KnowledgeBase.open("default").path == kb.path
    assert {path.name: path.stat().st_mtime_ns for path in kb.path.iterdir()} == times
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing(compiled: Path, capfd: pytest.CaptureFixture[str]) -> None:
    KnowledgeBase.open("default", quiet=True)
    assert capfd.readouterr() == ("", "")


def test_a_new_distribution_is_built_again(compiled: Path) -> None:
    first = open_base_folder(quiet=True)
    source = SourceTables.from_rows(SourceInfo("obo", "new"), names=[("N:1", "new", 0, "X")])
    save_compiled(merge([source]), compiled)
    second = open_base_folder(quiet=True)
    assert first != second
    assert "N:1" in KnowledgeBase.open(second)
    assert "N:1" not in KnowledgeBase.open(first)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [Path.unlink, truncate, flip])
@pytest.mark.parametrize("name", ["names.parquet", "concepts.parquet"])
def test_a_damaged_table(
    compiled: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(compiled / name)
    with pytest.raises(
        KnowledgeBaseError, match=f"{name} is missing or damaged; reinstall"
    ) as caught:
        KnowledgeBase.open("default", quiet=True)
    assert "\n" not in str(caught.value)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] in ([], [".lock"])


@pytest.mark.parametrize("text", [None, "", "garbage", "[]", "{}", '{"files": {}}', '{"files": 1}'])
def test_a_damaged_head(compiled: Path, text: str | None) -> None:
    head = compiled / "compiled.json"
    head.unlink()
    if text is not None:
        head.write_text(text)
    with pytest.raises(KnowledgeBaseError, match="missing or damaged; reinstall concept_linker"):
        KnowledgeBase.open("default", quiet=True)


def test_a_table_of_another_schema(compiled: Path) -> None:
    path = compiled / "names.parquet"
    pq.write_table(pa.table({"name": ["lesion"]}), path)
    head = json.loads((compiled / "compiled.json").read_text())
    head["files"][path.name] = embedded.sha256_of(path)
    (compiled / "compiled.json").write_text(json.dumps(head))
    with pytest.raises(KnowledgeBaseError, match=r"names.parquet is missing or damaged; reinstall"):
        KnowledgeBase.open("default", quiet=True)


@pytest.mark.parametrize("taken", ["manifest.json", "names_bytes.npy", "postings.npy"])
def test_a_cached_folder_that_lost_a_file_is_rebuilt(compiled: Path, taken: str) -> None:
    """Programs that clean caches remove files, not folders."""
    folder = open_base_folder(quiet=True)
    (folder / taken).unlink()
    assert "B:1" in KnowledgeBase.open("default", quiet=True)
    store.verify(folder)


def test_a_read_only_cache(
    compiled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The base is built in a temporary folder; if this fails, too, it is an error."""
    file, temporary = tmp_path / "file", tmp_path / "temporary"
    file.write_text("")
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv(CACHE, str(file / "cache"))
    kb = KnowledgeBase.open("default", quiet=True)
    assert "B:1" in kb
    assert kb.path.is_relative_to(temporary)
    [warning] = caplog.messages
    assert warning.startswith(f"{file}/cache/open-")
    assert "set CONCEPT_LINKER_CACHE to a writable folder" in warning
    assert KnowledgeBase.open("default", quiet=True).path == kb.path
    assert len(caplog.messages) == 1

    shutil.rmtree(temporary)
    with pytest.raises(KnowledgeBaseError, match="cannot be written") as caught:
        KnowledgeBase.open("default", quiet=True)
    assert str(caught.value).endswith("set CONCEPT_LINKER_CACHE to a writable folder")
    assert "\n" not in str(caught.value)


def test_a_cached_base_opens_from_a_read_only_cache(
    compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = open_base_folder(quiet=True)

    def refuse(path: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(filelock, "FileLock", refuse)
    assert open_base_folder(quiet=True) == folder
    shutil.rmtree(folder)
    with pytest.raises(KnowledgeBaseError, match="Read-only file system"):
        open_base_folder(quiet=True)


def test_a_cache_that_fills_up(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(
            KnowledgeBaseError, match=r"No space left on device.*CONCEPT_LINKER_CACHE"
        ):
            KnowledgeBase.open("default", quiet=True)
    assert "B:1" in KnowledgeBase.open("default", quiet=True)


def test_two_processes_build_the_default_base_once(tmp_path: Path) -> None:
    environment = {**os.environ, CACHE: str(tmp_path / "cache")}
    command = [sys.executable, "-m", "concept_linker", "kb", "info", "default", "--json"]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][0] == outputs[1][0]
    manifest = json.loads(outputs[0][0])
    assert manifest["counts"]["concepts"] == load_compiled(COMPILED).concepts.num_rows
    assert sorted(b"Preparing" in errors for _, errors in outputs) == [False, True]
    names = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
    assert names in (["", ".lock"], [""])
    shutil.rmtree(tmp_path / "cache")


def test_the_minimum_size_of_the_default_base(open_base: KnowledgeBase) -> None:
    tables = load_compiled(COMPILED)
    concepts = tables.concepts
    assert concepts.num_rows == open_base.info.counts["concepts"] >= 150_000
    assert tables.names.num_rows == open_base.info.counts["names"] >= 500_000
    origins = concepts["origin"].to_pylist()
    for concept_id, origin in zip(concepts["id"].to_pylist(), origins, strict=True):
        assert (origin == CuiOrigin.NONE) == (not is_cui(concept_id))
    assert len(origins) - origins.count(CuiOrigin.NONE) >= 40_000
    assert origins.count(CuiOrigin.ASSERTED) > 0
    assert origins.count(CuiOrigin.INFERRED) > 0
    typed = pc.sum(pc.greater(pc.list_value_length(concepts["types"]), 0)).as_py()
    assert typed >= 0.9 * concepts.num_rows
    assert sum(path.stat().st_size for path in COMPILED.iterdir()) <= 20_000_000


def test_the_default_base_has_no_definitions(open_base: KnowledgeBase) -> None:
    assert load_compiled(COMPILED).concepts["definition"].null_count == len(open_base)
    assert not list(open_base.path.glob("definitions*"))


def test_every_source_has_a_version_a_licence_and_checksums() -> None:
    for source in load_compiled(COMPILED).sources:
        assert source.name
        assert source.licence, source.name
        assert source.files, source.name
        assert all(len(checksum) == 64 for checksum in source.files.values())
