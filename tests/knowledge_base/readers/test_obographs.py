from __future__ import annotations

import json
from pathlib import Path

import pytest

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source

OBO = "http://purl.obolibrary.org/obo/"
NAMES = ["thigh bone", "femur", "FEM", "leg bone", "tibia"]
LAST = 'TOY_0000002", "lbl": "tibia", "type": "CLASS"}'


def test_names_and_the_rest(reader_data: Path) -> None:
    tables = read_source("obographs", reader_data / "small.json")
    rows = tables.names.to_pylist()
    assert [(row["name"], row["kind"]) for row in rows] == [
        ("thigh bone", 0), ("femur", 1), ("FEM", 2), ("leg bone", 3), ("tibia", 0),
    ]  # fmt: skip
    assert tables.names["id"].to_pylist() == ["TOY:0000001"] * 4 + ["TOY:0000002"]
    others = tables.same_as["other"].to_pylist()
    assert others == ["MESH:D000001", "C0000001", "TOY:0000009"]
    assert tables.types["type"].to_pylist() == ["anatomy"]
    assert tables.definitions["definition"].to_pylist() == ["The longest bone."]
    assert (tables.info.version, tables.info.licence) == ("2024-01-01", "CC0")


def test_qualified_xrefs_win(tmp_path: Path) -> None:
    source = {"pred": "http://www.geneontology.org/formats/oboInOwl#source"}
    equal = {"basicPropertyValues": [source | {"val": "M:equivalentTo"}]}
    xrefs = [
        {"val": "UMLS:C0000001"},
        {"val": "UMLS:C0000002", "meta": equal},
        {"val": "MESH:D1", "xrefs": ["M:equivalentTo"]},
        {"val": "MESH:D2", "xrefs": ["M:relatedTo"]},
    ]  # fmt: skip
    path = tmp_path / "m.json"
    node = {"id": OBO + "M_1", "lbl": "x", "type": "CLASS", "meta": {"xrefs": xrefs}}
    path.write_text(json.dumps({"graphs": [{"nodes": [node]}]}))
    assert read_source("obographs", path).same_as["other"].to_pylist() == ["C0000002", "MESH:D1"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ('{"id": "' + OBO + 'TOY_5", "type": "CLASS", "meta": {"xrefs": []}}', "has no name"),
        ('{"lbl": "x", "type": "CLASS"}', "node has no id"),
        ('{"id": "' + OBO + 'TOY_0000001", "lbl": "x"}', "duplicate id TOY:0000001"),
        ('{"id": "' + OBO + 'TOY_5", "lbl": " "}', "empty name"),
        ('{"id": "' + OBO + 'TOY_5", "lbl": "a\\u0000"}', r"control character U\+0000"),
        ('{"id": "' + OBO + 'TOY_5", "lbl": "x", "meta": {"xrefs": [1]}}', "xrefs is not a list"),
        ("7", "not a JSON object"),
    ],
)
def test_bad_node(tmp_path: Path, reader_data: Path, check_bad, bad: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    text = (reader_data / "small.json").read_text()
    line = text[: text.index(LAST)].count("\n") + 2
    path = tmp_path / "bad.json"
    path.write_text(text.replace(LAST, f"{LAST},\n        {bad}"))
    check_bad("obographs", path, line=line, problem=problem, kept=NAMES)


def test_cycles(tmp_path: Path, reader_data: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    text = (reader_data / "small.json").read_text()
    edge = {"sub": OBO + "TOY_0000001", "pred": "is_a", "obj": OBO + "TOY_0000002"}
    path = tmp_path / "cycle.json"
    path.write_text(text.replace('"edges": [', f'"edges": [\n{json.dumps(edge)},'))
    # The edge that stands last among those of the ring, seen from the first.
    line = path.read_text()[: path.read_text().index('{"sub": "' + OBO + "TOY_0000002")].count("\n")
    check_bad("obographs", path, line=line + 1, problem="is_a cycle", kept=NAMES)


def test_broken_documents(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"graphs": [\n{"nodes": [')
    with pytest.raises(SourceError, match="not JSON") as caught:
        read_source("obographs", path)
    assert caught.value.line == 2
    path.write_bytes(b'{"graphs":\n "\xff"}')
    with pytest.raises(SourceError, match="not UTF-8") as caught:
        read_source("obographs", path)
    assert caught.value.line == 2
    path.write_text("[]")
    with pytest.raises(SourceError, match="no list of graphs"):
        read_source("obographs", path)
