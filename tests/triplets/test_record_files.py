"""Finding files of records, and naming files in other formats."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import record, write

from concept_linker.errors import InputError, SourceError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.file_signatures import not_json_lines
from concept_linker.triplets.reading import read_records
from concept_linker.triplets.record_files import checksum, common_name, file_pattern, find_records
from concept_linker.triplets.writing import open_writer

ROW = record("Left lung", [("C0225730", 1.0, 0, 9, ["left", "lung"], 0)])

SHARDS = ["a/part-00000.jsonl.gz", "a/part-00001.parquet", "b.jsonl", "c/d/e.jsonl.zst"]
NO_SHARDS = [
    "manifest.json",
    "progress.jsonl",
    "b.provenance.jsonl",
    "b.jsonl.quarantine.jsonl",
    "quarantine/part-00000.jsonl",
    ".part-00002.jsonl.77.part",
    ".cache/x.jsonl",
    "table.csv",
    "notes.txt",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shards of a run among its other files."""
    root = tmp_path / "run"
    for name in SHARDS + NO_SHARDS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_a_folder_means_its_shards(folder: Path) -> None:
    assert find_records(folder) == [folder / name for name in SHARDS]
    assert find_records(str(folder)) == find_records([folder])


def test_a_pattern_means_the_matching_files(folder: Path) -> None:
    assert find_records(folder / "a/part-*") == [folder / name for name in SHARDS[:2]]
    found = find_records(folder / "**" / "*.jsonl*")
    assert found == [folder / name for name in (SHARDS[0], SHARDS[2], SHARDS[3])]
    assert find_records(folder / "[bx].jsonl") == [folder / "b.jsonl"]


def test_the_same_rows_in_two_formats_are_an_error(folder: Path) -> None:
    (folder / "a/part-00000.parquet").touch()
    with pytest.raises(InputError, match=r"has both part-00000\.jsonl\.gz and part-00000\.parquet"):
        find_records(folder)
    assert len(find_records(folder / "a/*.parquet")) == 2


def test_a_file_named_like_a_pattern_is_that_file(folder: Path) -> None:
    odd = write(folder / "figures[1]*.json", [ROW])
    assert find_records(odd) == [odd]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["nowhere*.jsonl"], "no file matches this pattern"),
        (["empty"], "no file in this folder ends in one of .jsonl, "),
        (["b.jsonl", "*.jsonl"], "b.jsonl: is given twice"),
        (["-"], "standard input is not supported here"),
        ([], "no input is given"),
    ],
)
def test_missing_input_is_a_one_line_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(InputError) as caught:
        find_records(given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_a_pipe_is_an_error_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "records.jsonl")
    with pytest.raises(InputError, match="expected a file or a folder"):
        find_records(tmp_path / "records.jsonl")


def test_common_name_and_checksum(folder: Path) -> None:
    shards = [folder / name for name in SHARDS]
    assert (common_name(shards[:1]), common_name(shards[:2]), common_name(shards)) == (
        shards[0].name,
        "a",
        "run",
    )
    assert (file_pattern(shards[:1]), file_pattern(shards[:2]), file_pattern(shards)) == (
        shards[0].name,
        "*",
        "**/*",
    )
    before = checksum(folder)
    assert before == checksum([*shards]) != checksum(folder / "a")
    write(folder / "b.jsonl", [ROW])
    assert checksum(folder) != before


def test_the_pattern_of_a_card_matches_its_files(tmp_path: Path) -> None:
    for names in (
        ["a.jsonl", "b.jsonl"],
        ["x/a.parquet", "y/b.parquet"],
        ["a.jsonl.gz", "b.jsonl"],
    ):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        files = find_records(root)
        assert find_records(root / file_pattern(files)) == files


def tar(data: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        about = tarfile.TarInfo("records.jsonl")
        about.size = len(data)
        archive.addfile(about, io.BytesIO(data))
    return made.getvalue()


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("records.jsonl", data)
    return made.getvalue()


def arrow(data: bytes) -> bytes:
    made = io.BytesIO()
    table = pa.table({"line": [data]})
    with pa.ipc.new_file(made, table.schema) as writer:
        writer.write_table(table)
    return made.getvalue()


LINES = (json.dumps(ROW) + "\n").encode() * 3
OTHERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "list": (lambda: json.dumps([ROW] * 3).encode(), "one JSON list"),
    "long list": (lambda: json.dumps([ROW] * 9000).encode(), "one JSON list"),
    "pretty list": (lambda: json.dumps([ROW] * 3, indent=2).encode(), "one JSON list"),
    "marked list": (lambda: b"\xef\xbb\xbf" + json.dumps([ROW]).encode(), "one JSON list"),
    "empty list": (lambda: b"[]\n", "one JSON list"),
    "pretty object": (lambda: json.dumps(ROW, indent=4).encode(), "one JSON object"),
    "commas": (lambda: b"caption,image\nA lung.,a.jpg\n", "a table separated by commas"),
    "semicolons": (lambda: b'"image";"caption"\r\n', "a table separated by semicolons"),
    "tabs": (lambda: b"image\tcaption\tyear\n", "a table separated by tabs"),
    "twice": (lambda: gzip.compress(gzip.compress(LINES)), "compressed twice"),
    "tar": (lambda: tar(LINES), "a tar archive"),
    "compressed tar": (lambda: gzip.compress(tar(LINES)), "a tar archive"),
    "zip": (lambda: zipped(LINES), "a zip archive"),
    "bzip2": (lambda: bz2.compress(LINES), "bzip2"),
    "xz": (lambda: lzma.compress(LINES), "xz"),
    "arrow": (lambda: arrow(LINES), "an Arrow file"),
    "pickle": (lambda: pickle.dumps([ROW]), "a pickle"),
    "UTF-16": (lambda: LINES.decode().encode("utf-16"), "UTF-16"),
    "unmarked UTF-16": (lambda: LINES.decode().encode("utf-16-le"), "UTF-16"),
    "HTML": (lambda: b"<!DOCTYPE html>\n<title>404</title>\n", "HTML"),
    "LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_file_formats_are_named(tmp_path: Path, kind: str) -> None:
    make, problem = OTHERS[kind]
    path = tmp_path / "records.jsonl"
    path.write_bytes(make())
    with pytest.raises(SourceError) as caught:
        list(read_records(path))
    assert problem in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_compressed_parquet_file_is_named(tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.parquet") as writer:
        writer.write(ROW)
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(SourceError, match="a compressed Parquet file; unpack it"):
        list(read_records(path))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a.parquet", "a.xml", "a"])
def test_compression_is_detected_by_content(tmp_path: Path, name: str) -> None:
    sink = pa.BufferOutputStream()
    with pa.output_stream(sink, compression="zstd") as stream:
        stream.write(LINES)
    for data in (LINES, gzip.compress(LINES), sink.getvalue().to_pybytes()):
        (tmp_path / name).write_bytes(data)
        assert [row for _, row in read_records(tmp_path / name)] == [ROW] * 3


broken = st.sampled_from([b"{", b"[", b"[1]", b"[]", b"", b"null", b"\xff", b'{"caption"', b"x,y"])


@given(bad=st.lists(broken, max_size=4))
def test_a_bad_row_before_good_ones_is_a_bad_row(
    tmp_path_factory: pytest.TempPathFactory, bad: list[bytes]
) -> None:
    """Bad first lines do not stop the reading."""
    lines = [*bad, *LINES.splitlines()]
    assert not_json_lines(b"\n".join(lines)) == ""
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    rows: list[Any] = [row for _, row in read_records(path)]
    assert [isinstance(row, BadRow) for row in rows] == [True] * len(bad) + [False] * 3
