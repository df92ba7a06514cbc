from __future__ import annotations

from pathlib import Path

import pytest

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import read_source

HEADER = "subject_id\tsubject_label\tpredicate_id\tpredicate_modifier\tobject_id\tconfidence"
ROWS = [
    "mondo:1\tflu\tskos:exactMatch\t\tUMLS:C0000001\t0.9",
    "MONDO:2\tmumps\tskos:broadMatch\t\tMESH:D2\t1",
    "MONDO:3\tmeasles\tskos:exactMatch\tNot\tMESH:D3\t1",
    "DOID:1\tgrippe\towl:equivalentClass\t\tMONDO:1\t",
]


def write(path: Path, rows: list[str]) -> Path:
    metadata = ["# mapping_set_id: https://example.org/set", "#mapping_set_version: '7'",
                "#license: CC0", "#curie_map:", "#  MONDO: http://x"]  # fmt: skip
    path.write_text("\n".join([*metadata, HEADER, *rows]), encoding="utf-8")
    return path


def test_reads_equivalences_alone(tmp_path: Path) -> None:
    tables = read_source("sssom", write(tmp_path / "m.sssom.tsv", ROWS))
    assert [tuple(row.values()) for row in tables.same_as.to_pylist()] == [
        ("MONDO:1", "C0000001", True),
        ("DOID:1", "MONDO:1", True),
    ]
    assert tables.names.num_rows == 0
    info = tables.info
    assert (info.name, info.version, info.licence) == ("https://example.org/set", "7", "CC0")


def test_options(tmp_path: Path) -> None:
    path = write(tmp_path / "m.sssom.tsv", ROWS)
    few = read_source("sssom", path, {"min_confidence": 0.95, "labels": True})
    assert few.same_as["id"].to_pylist() == ["DOID:1"]
    assert few.names.to_pylist() == [
        {"id": "DOID:1", "name": "grippe", "kind": 0, "source": "DOID"}
    ]
    broad = read_source("sssom", path, {"predicates": ["skos:broadMatch"]})
    assert broad.same_as["id"].to_pylist() == ["MONDO:2"]
    with pytest.raises(SettingsError, match="min_confidence"):
        read_source("sssom", path, {"min_confidence": 2})


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("MONDO:1\tflu\tskos:exactMatch\t\tUMLS:C0000002\t1", "two ids of one vocabulary"),
        ("DOID:9\tx\tskos:exactMatch\t\tUMLS:C0000001\t1", "DOID:9|DOID:1"),
        ("MONDO:5\tx\tskos:exactMatch\t\tmondo:5\t1", "to itself"),
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5", "5 columns, wanted 6"),
        ("MONDO:5\tx\tskos:exactMatch\t\t\t1", "empty id"),
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5\thigh", "confidence 'high'"),
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5\tnan", "confidence 'nan'"),
    ],
)
def test_bad_row(tmp_path: Path, check_bad, bad: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path / "m.sssom.tsv", [ROWS[0], ROWS[3], bad, *ROWS[1:3]])
    check_bad("sssom", path, line=9, problem=problem, kept=[])


def test_missing_column(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text("# x\nsubject_id\tobject_id\n")
    with pytest.raises(SourceError, match="no column predicate_id") as caught:
        read_source("sssom", path)
    assert caught.value.line == 2
    path.write_text("# x\n")
    with pytest.raises(SourceError, match="no header"):
        read_source("sssom", path)
