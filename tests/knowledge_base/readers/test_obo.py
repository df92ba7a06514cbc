from __future__ import annotations

from pathlib import Path

import pytest

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source

NAMES = ["thigh {long} bone", "femur", "FEM", "FM", "leg bone", "tibia"]


def test_names_and_the_rest(reader_data: Path) -> None:
    tables = read_source("obo", reader_data / "small.obo")
    rows = tables.names.to_pylist()
    assert [row["name"] for row in rows] == NAMES
    assert [row["kind"] for row in rows] == [0, 1, 2, 3, 3, 0]
    assert {row["source"] for row in rows} == {"TOY"}
    assert tables.types.to_pylist() == [{"id": "TOY:0000001", "type": "anatomy"}]
    assert tables.definitions.to_pylist() == [
        {"id": "TOY:0000001", "definition": 'The "longest" bone. Of all.'}
    ]
    info = tables.info
    assert (info.name, info.version) == ("toy", "releases/2024-01-01")
    assert info.licence == "https://example.org/licence"


def test_equivalences_are_the_qualified_ones(reader_data: Path) -> None:
    path = reader_data / "small.obo"
    others = read_source("obo", path).same_as["other"].to_pylist()
    assert others == [
        "MESH:D000009", "C0000001", "MESH:D000001", "TOY:0000009", "TOY:0000003"
    ]  # fmt: skip
    options = {"same_as_prefixes": ["SCTID"], "alternative_ids": False}
    assert read_source("obo", path, options).same_as["other"].to_pylist() == ["SCTID:1"]
    assert read_source("obo", path, {"prefixes": ["HP"]}).names.num_rows == 0


def test_every_xref_counts_where_none_is_qualified(tmp_path: Path) -> None:
    path = tmp_path / "plain.obo"
    path.write_text('[Term]\nid: A:1\nname: a\nxref: UMLS_CUI:C0000001\nxref: MESH:D1 "x"\n')
    tables = read_source("obo", path)
    assert tables.same_as["other"].to_pylist() == ["C0000001", "MESH:D1"]
    assert tables.info.name == "plain"


@pytest.mark.parametrize(
    ("bad", "line", "problem"),
    [
        ('synonym: "never closed EXACT []', 31, "no synonym"),
        ('synonym: " " EXACT []', 31, "empty name"),
        ("def: no quotes", 31, "no definition"),
        ("name: shin", 31, "a second name"),
        ("xref:", 31, "empty id"),
        ("tibia", 31, "no tag"),
        ('synonym: "a\x07" EXACT []', 31, r"control character U\+0007"),
        ("\n[Term]\nid: TOY:0000001\nname: again", 32, "second time, first on line 8"),
        ("\n[Term]\nid: TOY:0000005", 32, "TOY:0000005 without a name"),
        ("\n[Term]\nname: nobody", 32, "term without an id"),
        ("\n[Term]\nid:\nname: nobody", 33, "empty id"),
        ("\n[Term]\nid: TOY:7\nname: gone\nis_obsolete: true\nis_a: TOY:7", 36, "is_a cycle"),
    ],
)
def test_bad_line(
    tmp_path: Path, reader_data: Path, check_bad, bad: str, line: int, problem: str
) -> None:  # type: ignore[no-untyped-def]
    lines = (reader_data / "small.obo").read_text().splitlines()
    # After line 30, the last of TOY:0000002: a line of its own or a stanza that follows.
    path = tmp_path / "bad.obo"
    path.write_text("\n".join([*lines[:30], bad, *lines[30:]]) + "\n")
    check_bad("obo", path, line=line, problem=problem, kept=NAMES)


def test_cycles(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "cycle.obo"
    path.write_text(
        "[Term]\nid: A:1\nname: a\nis_a: A:2\nis_a: A:3\n[Term]\nid: A:2\nname: b\nis_a: A:3 ! c\n"
        "[Term]\nid: A:3\nname: c\nis_a: A:1\n"
    )
    check_bad("obo", path, line=13, problem="is_a cycle: A:3", kept=["a", "b", "c"])
    path.write_text(
        "[Term]\nid: A:1\nis_obsolete: true\nreplaced_by: A:2\n"
        "[Term]\nid: A:2\nis_obsolete: true\nreplaced_by: A:1\n[Term]\nid: A:3\nname: c\n"
    )
    (tmp_path / "quarantine.jsonl").unlink()
    check_bad("obo", path, line=8, problem="replaced_by cycle", kept=["c"])


def test_no_obo(tmp_path: Path) -> None:
    path = tmp_path / "no.obo"
    path.write_text("format-version: 1.2\n")
    with pytest.raises(SourceError, match="wanted an OBO file"):
        read_source("obo", path)
