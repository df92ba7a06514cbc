from __future__ import annotations

import csv
import gzip
import io
import string
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import read_source

TSV = (
    b"\xef\xbb\xbfCURIE\tLabel\tnote\tis_preferred\tsab\tsemantic_type\tsame_as\r\n"
    b"UBERON:1\tthigh bone\tx\t0\tU\tT023|T024\t\r\n"
    b'UBERON:1\tfemur "os"\tx\t1\tU\tT023\tUMLS:C0000001; MESH:D1\r\n'
    b"uberon:2\t tibia  bone \tx\t\t\t\t\r\n"
    b"UBERON:1\tthigh bone\tx\t0\tU\tT023\t\r\n"
)
NAMES = ['femur "os"', "thigh bone", "tibia bone"]


def test_tsv(tmp_path: Path) -> None:
    path = tmp_path / "small.tsv"
    path.write_bytes(TSV)
    tables = read_source("table", path)
    assert tables.names.to_pylist() == [
        {"id": "UBERON:1", "name": 'femur "os"', "kind": 0, "source": "U"},
        {"id": "UBERON:1", "name": "thigh bone", "kind": 1, "source": "U"},
        {"id": "UBERON:2", "name": "tibia bone", "kind": 0, "source": "small"},
    ]
    assert [tuple(row.values()) for row in tables.types.to_pylist()] == [
        ("UBERON:1", "T023"),
        ("UBERON:1", "T024"),
    ]
    assert [tuple(row.values()) for row in tables.same_as.to_pylist()] == [
        ("UBERON:1", "C0000001", True),
        ("UBERON:1", "MESH:D1", True),
    ]


def test_first_row_is_preferred_without_a_kind_column(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("id,name\nA:1,one\nA:2,two\nA:1,uno\n")
    rows = read_source("table", path).names.to_pylist()
    assert [(row["name"], row["kind"]) for row in rows] == [("one", 0), ("uno", 1), ("two", 0)]


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text(
        "id,name,kind\nA:1,old,related\nA:1,o,Abbreviation\nA:1,one,1\nA:1,uno,0\nA:1,eins,0\n"
    )
    rows = read_source("table", path).names.to_pylist()
    assert [(row["name"], row["kind"]) for row in rows] == [
        ("uno", 0), ("old", 3), ("o", 2), ("one", 1), ("eins", 1),
    ]  # fmt: skip


def test_quoted_csv(tmp_path: Path) -> None:
    path = tmp_path / "quoted.csv.gz"
    text = 'id,name\r\nA:1,"carcinoma, squamous\r\n cell"\r\n\r\nA:2,"5"" nail"\r\n'
    path.write_bytes(gzip.compress(text.encode()))
    names = read_source("table", path).names["name"].to_pylist()
    assert names == ["carcinoma, squamous cell", '5" nail']


def test_an_unclosed_quote_makes_one_line_bad(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "open.csv"
    path.write_text('id,name\nA:1,"two\nlines"\nA:2,"never closed\nA:3,three\nA:4,"four"\n')
    kept = ["two lines", "three", "four"]
    check_bad("table", path, line=4, problem="not a CSV row", kept=kept)


def test_quoted_csv_width(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "width.csv"
    path.write_text('id,name\nA:1,"two\nlines"\nA:2,two,"2"\nA:3,three\n')
    check_bad("table", path, line=4, problem="3 columns, expected 2", kept=["two lines", "three"])


def test_parquet(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "small.parquet"
    columns = {
        "id": ["A:1", "A:1", "A:2", "A:3"],
        "name": ["one", "uno", "two", "three"],
        "is_preferred": [False, True, True, True],
        "types": [["T1", "T2"], [], None, ["T1"]],
        "other": [1, 2, 3, 4],
    }
    pq.write_table(pa.table(columns), path)
    tables = read_source("table", path)
    assert tables.names["name"].to_pylist() == ["uno", "one", "two", "three"]
    assert [tuple(row.values()) for row in tables.types.to_pylist()] == [
        ("A:1", "T1"), ("A:1", "T2"), ("A:3", "T1"),
    ]  # fmt: skip
    columns["name"][2] = None
    pq.write_table(pa.table(columns), path)
    check_bad("table", path, line=3, problem="empty name", kept=["uno", "one", "three"])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match="not a Parquet file"):
        read_source("table", path)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"UBERON:9\tx\tx\t0\tU\tT1", "6 columns, expected 7"),
        (b"UBERON:9\tx\tx\t0\tU\tT1\t\t", "8 columns, expected 7"),
        (b"UBERON:9\t\xff\tx\t0\tU\tT1\t", "not UTF-8"),
        (b"UBERON:9\tx\t\xff\t0\tU\tT1\t", "not UTF-8"),
        (b"\tx\tx\t0\tU\tT1\t", "empty id"),
        (b"a b:1\tx\tx\t0\tU\tT1\t", "white space"),
        (b"UBERON:9\t \tx\t0\tU\tT1\t", "empty name"),
        (b"UBERON:9\tx\0y\tx\t0\tU\tT1\t", r"control character U\+0000"),
        (b"UBERON:9\tx\ry\tx\t0\tU\tT1\t", "carriage return"),
        (b"UBERON:9\tx\tx\t2\tU\tT1\t", "is_preferred is '2', expected 1, true"),
        (b"UBERON:9\tx\tx\t0\tU\tT1\tC0 1", "white space"),
    ],
)
def test_bad_row(tmp_path: Path, check_bad, bad: bytes, problem: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.tsv.gz"
    lines = TSV.split(b"\r\n")
    path.write_bytes(gzip.compress(b"\n".join([*lines[:3], bad, *lines[3:]])))
    check_bad("table", path, line=4, problem=problem, kept=NAMES)


def test_two_bad_rows_of_one_block(tmp_path: Path) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text("id\tname\nA:1\t\nA:2\ttwo\nA:3\n:\tx\n")
    with pytest.raises(SourceError) as caught:
        read_source("table", path)
    assert caught.value.line in (2, 4)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("id\tcomment", "expected also one of name"),
        ("name", "expected also one of id"),
        ("id\tname\tlabel", "two columns for name"),
        ("id\tname\tkind\tis_preferred", "two columns"),
    ],
)
def test_bad_header(tmp_path: Path, header: str, problem: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(f"{header}\na\tb\n")
    with pytest.raises(SourceError, match=problem) as caught:
        read_source("table", path)
    assert caught.value.line == 1


def test_layout_by_option(tmp_path: Path) -> None:
    path = tmp_path / "names.dat"
    path.write_text("id\tname\nA:1\tone\n")
    with pytest.raises(SourceError, match="unknown file ending"):
        read_source("table", path)
    assert read_source("table", path, {"layout": "tsv"}).names.num_rows == 1
    with pytest.raises(SettingsError, match="layout"):
        read_source("table", path, {"layout": "xls"})


def test_lines_over_many_blocks(tmp_path: Path, check_bad, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("concept_linker.knowledge_base.readers.opening._CHUNK", 100)
    path = tmp_path / "long.tsv"
    rows = [f"A:{n}\tname {n}" for n in range(1000)]
    path.write_text("\n".join(["id\tname", *rows[:700], "A:1", *rows[700:]]))
    kept = [f"name {n}" for n in range(1000)]
    check_bad("table", path, line=702, problem="1 columns, expected 2", kept=kept)


words = st.text(st.sampled_from(string.ascii_letters + "éβ-,;|\"'\\"), min_size=1, max_size=6)
names = st.lists(words, min_size=1, max_size=3).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.from_regex(r"ZZ:[0-9]", fullmatch=True), names), min_size=1, max_size=30),
    st.sampled_from(["csv", "tsv", "parquet"]),
)
def test_round_trip(tmp_path: Path, rows: list[tuple[str, str]], layout: str) -> None:
    path = tmp_path / f"round.{layout}"
    if layout == "parquet":
        pq.write_table(pa.table({"id": [i for i, _ in rows], "name": [n for _, n in rows]}), path)
    elif layout == "tsv":
        path.write_text("id\tname\n" + "".join(f"{i}\t{n}\n" for i, n in rows), encoding="utf-8")
    else:
        stream = io.StringIO()
        csv.writer(stream).writerows([("id", "name"), *rows])
        path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    correct: dict[str, dict[str, None]] = {}
    for concept_id, name in rows:
        correct.setdefault(concept_id, {})[name] = None
    read = [(row["id"], row["name"]) for row in read_source("table", path).names.to_pylist()]
    assert read == [(concept_id, name) for concept_id, found in correct.items() for name in found]


def test_open_vocabularies_as_shared(shared_data: Path) -> None:
    tables = read_source("table", shared_data / "vocab" / "open_kb.tsv.gz")
    assert tables.names.num_rows == 1_731_699
    assert len(tables.names["id"].unique()) == 823_895
