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
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5", "5 columns, expected 6"),
        ("MONDO:5\tx\tskos:exactMatch\t\t\t1", "empty id"),
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5\thigh", "confidence is 'high'"),
        ("MONDO:5\tx\tskos:exactMatch\t\tMESH:D5\tnan", "confidence is 'nan'"),
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


HEAD_ROW = "subject_id\tpredicate_id\tobject_id\tpredicate_modifier\tmapping_cardinality"
EXACT = "http://www.w3.org/2004/02/skos/core#exactMatch"


def pairs(path: Path, text: str) -> list[tuple[str, str]]:
    path.write_text(text, encoding="utf-8")
    rows = read_source("sssom", path).same_as.to_pylist()
    return [(row["id"], row["other"]) for row in rows]


@pytest.mark.parametrize(
    "sentinel",
    [
        "sssom:NoTermFound", "sssom:noTermFound", "SSSOM:NoTermFound", "sssom:Unmapped",
        "https://w3id.org/sssom/NoTermFound", "<https://w3id.org/sssom/NoTermFound>",
    ],
)  # fmt: skip
def test_mappings_without_a_match_join_nothing(tmp_path: Path, sentinel: str) -> None:
    rows = [
        f"MONDO:1\tskos:exactMatch\t{sentinel}\t\t",
        f"HP:1\tskos:exactMatch\t{sentinel}\t\t",
        f"{sentinel}\tskos:exactMatch\tHP:2\t\t",
        "MONDO:3\tskos:exactMatch\tDOID:3\t\t1:1",
        "MONDO:4\tskos:exactMatch\t\t\t1:0",
        "\tskos:exactMatch\tDOID:5\t\t0:1",
    ]
    found = pairs(tmp_path / "m.sssom.tsv", "\n".join([HEAD_ROW, *rows]))
    assert found == [("MONDO:3", "DOID:3")]


@pytest.mark.parametrize("word", ["Not", "NOT", "not ", "sssom:NegatedPredicate"])
def test_negated_mappings_join_nothing(tmp_path: Path, word: str) -> None:
    row = f"MONDO:1\tskos:exactMatch\tDOID:1\t{word}\t"
    assert pairs(tmp_path / "m.sssom.tsv", f"{HEAD_ROW}\n{row}\n") == []


def test_an_unknown_modifier_is_an_error(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "m.sssom.tsv"
    path.write_text(f"{HEAD_ROW}\nMONDO:1\tskos:exactMatch\tDOID:1\tNever\t\n")
    check_bad("sssom", path, line=2, problem="predicate_modifier is 'Never', expected Not", kept=[])


@pytest.mark.parametrize(
    ("subject", "predicate", "other"),
    [
        ("MONDO:0000003", EXACT, "DOID:3"),
        ("MONDO:0000003", f"<{EXACT}>", "DOID:3"),
        ("MONDO:0000003", EXACT.replace("http", "https"), "DOID:3"),
        ("MONDO:0000003", "http://www.w3.org/2002/07/owl#sameAs", "DOID:3"),
        ("MONDO:0000003", "owl:sameAs", "http://purl.obolibrary.org/obo/DOID_3"),
        ("http://purl.obolibrary.org/obo/MONDO_0000003", "skos:exactMatch", "http://own.org/d/3"),
        ("<https://purl.obolibrary.org/obo/MONDO_0000003>", "s:exactMatch", "DOID:3"),
        ("https://identifiers.org/mondo:0000003", "skos:exactMatch", "http://own.org/d/3"),
    ],
)
def test_iris_and_curies_are_one(tmp_path: Path, subject: str, predicate: str, other: str) -> None:
    head = "#curie_map:\n#  s: http://www.w3.org/2004/02/skos/core#\n#  DOID: 'http://own.org/d/'\n"
    row = f"{subject}\t{predicate}\t{other}\t\t"
    found = pairs(tmp_path / "m.sssom.tsv", f"{head}{HEAD_ROW}\n{row}\n")
    assert found == [("MONDO:0000003", "DOID:3")]


def test_columns_separated_by_commas_are_read(tmp_path: Path) -> None:
    text = f"#license: CC0\nsubject_id,predicate_id,object_id\nMONDO:3,{EXACT},DOID:3\n"
    for name in ("m.sssom.csv", "m.sssom.tsv"):
        assert pairs(tmp_path / name, text) == [("MONDO:3", "DOID:3")]
    (tmp_path / "s.csv").write_text(text.replace(",", ";"))
    with pytest.raises(
        SourceError, match=r"separated by semicolons .*, expected .* tabs or commas"
    ):
        read_source("sssom", tmp_path / "s.csv")


def test_a_column_twice(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("subject_id\tpredicate_id\tobject_id\tobject_id\n")
    with pytest.raises(SourceError, match="two columns 'object_id'"):
        read_source("sssom", tmp_path / "m.tsv")


def test_a_warning_if_no_mapping_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = "MONDO:1\tskos:closeMatch\tDOID:1\t\t"
    assert pairs(tmp_path / "m.sssom.tsv", f"{HEAD_ROW}\n{row}\n") == []
    assert "no mapping is used: their predicates are 'skos:closeMatch', expected" in caplog.text
