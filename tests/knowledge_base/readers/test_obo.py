from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
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
        ('synonym: "never closed EXACT []', 31, "not a synonym"),
        ('synonym: " " EXACT []', 31, "empty name"),
        ("def: no quotes", 31, "not a definition"),
        ("name: shin", 31, "second name"),
        ("xref:", 31, "empty id"),
        ("tibia", 31, "not a tag"),
        ('synonym: "a\x07" EXACT []', 31, r"control character U\+0007"),
        ("\n[Term]\nid: TOY:0000001\nname: again", 32, "duplicate id .*, first on line 8"),
        ("\n[Term]\nid: TOY:0000005", 32, "TOY:0000005 has no name"),
        ("\n[Term]\nname: nobody", 32, "term has no id"),
        ("\n[Term]\nid:\nname: nobody", 33, "empty id"),
        ("\n[Term]\nid: TOY:7\nname: gone\nis_obsolete: true\nis_a: TOY:7", 36, "is_a cycle"),
    ],
)
def test_bad_line(
    tmp_path: Path, reader_data: Path, check_bad, bad: str, line: int, problem: str
) -> None:  # type: ignore[no-untyped-def]
    lines = (reader_data / "small.obo").read_text().splitlines()
    # After line 30, the last of TOY:0000002: a separate line or a stanza that follows.
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


def test_not_obo(tmp_path: Path) -> None:
    path = tmp_path / "no.obo"
    path.write_text("format-version: 1.2\n")
    with pytest.raises(SourceError, match="expected an OBO file"):
        read_source("obo", path)


PIECES = st.lists(
    st.sampled_from(
        ["5", '"', "-nucleotidase", " ", "B", "[", "]", "{", "a=b", "EXACT", "\\", "!"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(PIECES)
def test_a_synonym_is_complete_or_an_error(tmp_path: Path, text: str) -> None:
    """An escaped text is read; any other is complete or an error, never a part."""
    path = tmp_path / "q.obo"
    begin = "[Term]\nid: Q:1\nname: first\nsynonym: "
    if text.strip():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        path.write_text(f'{begin}"{escaped}" EXACT []\n')
        assert read_source("obo", path).names["name"].to_pylist()[1:] in (
            [" ".join(text.split())],
            [],  # the name itself
        )
    if '"' in text and "\\" not in text:
        path.write_text(f'{begin}"{text}" EXACT []\n')
        try:
            names = read_source("obo", path).names["name"].to_pylist()[1:]
        except SourceError as error:
            assert error.line == 4  # noqa: PT017
        else:
            # What stands behind the quote reads as scope, type and cross-references.
            tail = text.partition('"')[2]
            assert tail.lstrip(" ").startswith(("[", "EXACT")) or not tail.strip(), names


@pytest.mark.parametrize(
    "line",
    [
        'synonym: "5"-nucleotidase" EXACT []',
        'synonym: "Type "B" nucleotidase" EXACT []',
        'synonym: "see "x"" EXACT []',
        'synonym: ""x" disease" EXACT []',
        'synonym: "x" "y" EXACT []',
        'synonym: "a" of b EXACT []',
        'exact_synonym: "5"-nucleotidase" []',
        'def: "A disease of "unknown" origin that is fatal." []',
        'def: "Called "x"." [PMID:1]',
    ],
)
def test_unescaped_quotes(tmp_path: Path, check_bad, line: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "q.obo"
    path.write_text(f"[Term]\nid: Q:1\nname: nucleotidase\n{line}\n[Term]\nid: Q:2\nname: b\n")
    problem = (
        r'not a (synonym|definition), expected "text" [^;]*; write a quote inside the text as \\"$'
    )
    check_bad("obo", path, line=4, problem=problem, kept=["nucleotidase", "b"])


@pytest.mark.parametrize(
    "line",
    [
        'synonym: "x"',
        'synonym: "x" EXACT',
        'synonym: "x" []',
        'synonym: "x" exact [PMID:1 "a, \\"quoted\\" one", PMID:2] {source="Y"} ! why',
        'synonym: "x" EXACT ABBREVIATION [] {a="b"}',
        'synonym: "x"[]',
        'synonym: "x" EXACT {a="b"}',
        'synonym: "x" RELATED ! why',
        'narrow_synonym: "x" [DOI:10.1/[2\\]]',
    ],
)
def test_text_after_a_synonym(tmp_path: Path, line: str) -> None:
    path = tmp_path / "q.obo"
    path.write_text(f"[Term]\nid: Q:1\nname: nucleotidase\n{line}\n")
    assert read_source("obo", path).names["name"].to_pylist() == ["nucleotidase", "x"]


def leads(format: str, path: Path) -> dict[str, str]:
    """Returns each joined id with the name it leads to."""
    build_knowledge_base([read_source(format, path)], path.parent / "kb", replace=True)
    kb = KnowledgeBase.open(path.parent / "kb")
    return {i: kb.concept(i).name for i in kb.rows.other_ids}


def term(concept_id: str, *lines: str, name: str = "", by: str = "") -> str:
    obsolete = f"is_obsolete: true\n{by and f'replaced_by: {by}'}\n" if not name else ""
    return "\n".join(
        ["[Term]", f"id: {concept_id}", f"name: {name or 'old'}", *lines, obsolete, ""]
    )


def test_former_ids_lead_to_the_current_term(tmp_path: Path) -> None:
    path = tmp_path / "o.obo"
    path.write_text(
        term("CL:1", "alt_id: CL:2", "alt_id: CL:9", name="neuroendocrine cell")
        + term("CL:2", by="CL:1")
        + term("HP:1", by="HP:2")  # a chain, declared before its target
        + term("HP:2", by="HP:3")
        + term("HP:3", name="rod-cone dystrophy")
        + term("HP:4")  # replaced by nothing
        + term("HP:5", "replaced_by: HP:3", by="CL:1")  # by two: by which is not said
        + term("HP:6", by="MONDO:1")  # by a term of elsewhere
        + term("HP:7", "alt_id: CL:1", "alt_id: CL:9", name="one that claims others")
    )
    assert leads("obo", path) == {
        "CL:2": "neuroendocrine cell",
        "CL:9": "neuroendocrine cell",
        "HP:1": "rod-cone dystrophy",
        "HP:2": "rod-cone dystrophy",
    }
    names = read_source("obo", path).names["name"].to_pylist()
    assert names == ["neuroendocrine cell", "rod-cone dystrophy", "one that claims others"]
    assert not read_source("obo", path, {"alternative_ids": False}).same_as.num_rows


def test_former_ids_of_obographs_too(tmp_path: Path) -> None:
    iri = "http://purl.obolibrary.org/obo/"
    replaced = {"pred": f"{iri}IAO_0100001", "val": f"{iri}HP_2"}
    nodes = [
        {"id": f"{iri}HP_1", "meta": {"deprecated": True, "basicPropertyValues": [replaced]}},
        {"id": f"{iri}HP_2", "lbl": "rod-cone dystrophy"},
    ]
    path = tmp_path / "o.json"
    path.write_text(json.dumps({"graphs": [{"nodes": nodes}]}))
    assert leads("obographs", path) == {"HP:1": "rod-cone dystrophy"}


def test_a_bad_part_of_a_node_is_left_out(tmp_path: Path, check_bad) -> None:  # type: ignore[no-untyped-def]
    parts: list[dict[str, Any]] = [
        {"synonyms": [{"pred": "hasExactSynonym", "val": ""}]},
        {"synonyms": [{"pred": "hasExactSynonym"}]},
        {"definition": {"val": None}},
        {"xrefs": [{"val": ""}]},
        {"basicPropertyValues": [{"pred": "x#hasAlternativeId", "val": " "}]},
    ]
    for part in parts:
        path = tmp_path / "o.json"
        synonym = {"pred": "hasExactSynonym", "val": "tibia"}
        meta = {**part, "synonyms": [*part.get("synonyms", []), synonym]}
        nodes = [{"id": "http://x/A_1", "lbl": "shin", "meta": meta}]
        path.write_text(json.dumps({"graphs": [{"nodes": nodes}]}))
        (tmp_path / "quarantine.jsonl").unlink(missing_ok=True)
        check_bad("obographs", path, line=1, problem=": ", kept=["shin", "tibia"])
