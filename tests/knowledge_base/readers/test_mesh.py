from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source

XML_NAMES = ["Femur", "Thigh & bone", "FEM", "Trochanter", "Tibia"]
ASCII_NAMES = [
    "Femur",
    "Thigh & bone",
    "FEM",
    "Trochanter",
    "Femurs",
    "tibial salt",
    "salt, tibial",
]


def test_xml(reader_data: Path) -> None:
    tables = read_source("mesh", reader_data / "desc2023.xml")
    rows = tables.names.to_pylist()
    assert [row["name"] for row in rows] == XML_NAMES
    assert [row["kind"] for row in rows] == [0, 1, 2, 3, 0]
    assert tables.names["id"].to_pylist() == ["MESH:D000001"] * 4 + ["MESH:D000002"]
    # The TUI where the record names one, else the tree's letter, once.
    assert [tuple(row.values()) for row in tables.types.to_pylist()] == [
        ("MESH:D000001", "T023"),
        ("MESH:D000002", "A"),
    ]
    assert tables.definitions["definition"].to_pylist() == ["The longest bone."]
    assert tables.info.version == "2023"


def test_ascii(reader_data: Path) -> None:
    tables = read_source("mesh", reader_data / "d2023.bin")
    rows = tables.names.to_pylist()
    assert [row["name"] for row in rows] == ASCII_NAMES
    assert [row["kind"] for row in rows] == [0, 1, 2, 3, 1, 0, 1]
    assert rows[-1]["id"] == "MESH:C000002"
    assert tables.types.to_pylist() == [{"id": "MESH:D000001", "type": "T023"}]
    fewer = read_source("mesh", reader_data / "d2023.bin", {"related": False})
    assert "Trochanter" not in fewer.names["name"].to_pylist()


def test_supplementary_records(tmp_path: Path) -> None:
    path = tmp_path / "supp2024.xml.gz"
    path.write_bytes(
        gzip.compress(
            b"<SupplementalRecordSet><SupplementalRecord><SupplementalRecordUI>C1"
            b"</SupplementalRecordUI><SupplementalRecordName><String>salt</String>"
            b"</SupplementalRecordName></SupplementalRecord></SupplementalRecordSet>"
        )
    )
    tables = read_source("mesh", path)
    assert tables.names["id"].to_pylist() == ["MESH:C1"]
    assert tables.info.version == "2024"


def record(ui: str, name: str, term: str = "x") -> str:
    return (
        f"<DescriptorRecord><DescriptorUI>{ui}</DescriptorUI><DescriptorName><String>{name}"
        "</String></DescriptorName><ConceptList><Concept PreferredConceptYN='Y'><TermList><Term>"
        f"<String>{term}</String></Term></TermList></Concept></ConceptList></DescriptorRecord>"
    )


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (record("D000001", "again"), "duplicate id MESH:D000001, first on line 4"),
        (record("", "x"), "empty id"),
        (record("D3", " "), "has no name|empty name"),
        (record("D3", "a\x7f"), r"control character U\+007F"),
    ],
)
def test_bad_record(tmp_path: Path, reader_data: Path, check_bad, bad: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    lines = (reader_data / "desc2023.xml").read_text().splitlines()
    path = tmp_path / "bad.xml"
    path.write_text("\n".join([*lines[:26], bad, *lines[26:]]))
    check_bad("mesh", path, line=27, problem=problem, kept=XML_NAMES)


def test_a_bad_term_is_left_out(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.xml"
    path.write_text(f"<S>\n{record('D1', 'one', ' ')}\n</S>")
    check_bad("mesh", path, line=2, problem="empty name", kept=["one"])


@pytest.mark.parametrize(
    ("bad", "line", "problem"),
    [
        (
            "*NEWRECORD\nRECTYPE = D\nMH = again\nUI = D000001",
            18,
            "duplicate id .*, first on line 1",
        ),
        ("*NEWRECORD\nRECTYPE = D\nMH = cut sho", 18, "empty id"),
        ("*NEWRECORD\nRECTYPE = D\nUI = D000003", 18, "has no name"),
        ("not an element", 18, "not an element"),
    ],
)
def test_bad_ascii(
    tmp_path: Path, reader_data: Path, check_bad, bad: str, line: int, problem: str
) -> None:  # type: ignore[no-untyped-def]
    lines = (reader_data / "d2023.bin").read_text().splitlines()
    path = tmp_path / "bad.bin"
    path.write_text("\n".join([*lines[:17], bad, *lines[17:]]))
    check_bad("mesh", path, line=line, problem=problem, kept=ASCII_NAMES)


def test_cut_xml(tmp_path: Path, reader_data: Path) -> None:
    path = tmp_path / "cut.xml"
    path.write_bytes((reader_data / "desc2023.xml").read_bytes()[:700])
    with pytest.raises(SourceError, match="not XML, or cut short") as caught:
        read_source("mesh", path)
    assert caught.value.line == path.read_bytes().count(b"\n") + 1


def test_entities_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "entity.xml"
    path.write_text('<!DOCTYPE a [\n<!ENTITY b SYSTEM "file:///etc/hostname">]>\n<a>&b;</a>')
    with pytest.raises(SourceError, match="declares the entity b") as caught:
        read_source("mesh", path)
    assert caught.value.line == 2


def test_not_mesh(tmp_path: Path) -> None:
    path = tmp_path / "no.xml"
    path.write_text("<a/>")
    with pytest.raises(SourceError, match="no MeSH records"):
        read_source("mesh", path)
