from __future__ import annotations

import gzip
import json
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import Quarantine

GOOD = [
    {
        "concept_id": "C0000001",
        "canonical_name": "Femur",
        "aliases": ["thigh  bone", "Femur", "thigh bone"],
        "types": ["T023"],
        "definition": "The longest\nbone.",
    },
    {"concept_id": "msh:D000002", "canonical_name": " Tibia ", "aliases": [], "types": []},
]
LINES = [json.dumps(record).encode() for record in GOOD]
NAMES = ["Femur", "thigh bone", "Tibia"]


def test_reads_names_types_and_definition(tmp_path: Path) -> None:
    path = tmp_path / "small.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(LINES))
    tables = read_source("jsonl", path)
    assert tables.names.to_pylist() == [
        {"id": "C0000001", "name": "Femur", "kind": 0, "source": "small"},
        {"id": "C0000001", "name": "thigh bone", "kind": 1, "source": "small"},
        {"id": "MESH:D000002", "name": "Tibia", "kind": 0, "source": "small"},
    ]
    assert tables.types.to_pylist() == [{"id": "C0000001", "type": "T023"}]
    assert tables.definitions.to_pylist() == [{"id": "C0000001", "definition": "The longest bone."}]
    assert list(tables.info.files) == ["small.jsonl"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b'{"concept_id": "C3", "canonical_na', "not JSON"),
        (b'["C3"]', "not a JSON object"),
        (b'{"concept_id": "C3"}', "no canonical_name"),
        (b'{"canonical_name": "x"}', "no concept_id"),
        (b'{"concept_id": " ", "canonical_name": "x"}', "empty id"),
        (b'{"concept_id": "C3", "canonical_name": " "}', "empty name"),
        (b'{"concept_id": "C3", "canonical_name": "a\\u0000b"}', "control character U\\+0000"),
        (b'{"concept_id": "C3", "canonical_name": "a\\ud800"}', "control character U\\+D800"),
        (b'{"concept_id": "C3", "canonical_name": "\xff"}', "not UTF-8"),
        (b'{"concept_id": "UMLS:C0000001", "canonical_name": "a"}', "duplicate id .* line 1"),
        (b"[" * 100_000, "not JSON"),
        (b'{"concept_id": "C3", "canonical_name": ' + b"1" * 5000 + b"}", "not JSON"),
        (b'{"concept_id": NaN, "canonical_name": "a"}', "no concept_id"),
        (b'{"concept_id": "nan", "canonical_name": "a"}', "means a missing value"),
        (b'{"concept_id": "C3", "concept_id": "C4", "canonical_name": "a"}', "duplicate key"),
    ],
)  # fmt: skip
def test_bad_line(tmp_path: Path, check_bad, bad: bytes, problem: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join([LINES[0], b"", bad, LINES[1]]))
    check_bad("jsonl", path, line=3, problem=problem, kept=NAMES)


@pytest.mark.parametrize(
    ("part", "problem", "names"),
    [
        ('"canonical_name": "a", "aliases": ["b", 1]', "an alias is not a string", ["a", "b"]),
        ('"canonical_name": "a", "aliases": [null, "b"]', "an alias is not a string", ["a", "b"]),
        ('"canonical_name": "a", "aliases": ["", "b"]', "an alias: empty name", ["a", "b"]),
        ('"canonical_name": "a", "aliases": "b"', "aliases is not a list", ["a"]),
        ('"canonical_name": "", "aliases": ["b", "c"]', "canonical_name: empty", ["b", "c"]),
        ('"canonical_name": null, "aliases": ["b"]', "no canonical_name", ["b"]),
        ('"canonical_name": "a", "types": "T1"', "types is not a list", ["a"]),
        ('"canonical_name": "a", "types": [" "]', "a type: empty name", ["a"]),
        ('"canonical_name": "a", "definition": 1', "the definition is not a string", ["a"]),
    ],
)
def test_a_bad_part_is_left_out(
    tmp_path: Path, check_bad, part: str, problem: str, names: list[str]
) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "part.jsonl"
    path.write_bytes(b"\n".join([*LINES, b'{"concept_id": "C0000003", %s}' % part.encode()]))
    check_bad("jsonl", path, line=3, problem=problem, kept=[*NAMES, *names])
    quarantine = Quarantine(tmp_path / "bad")
    rows = read_source("jsonl", path, {}, quarantine).names.to_pylist()
    assert [row["kind"] for row in rows if row["id"] == "C0000003"] == [0, 1][: len(names)]


def test_cut_gzip_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    rows = [
        json.dumps({"concept_id": f"C{n:07d}", "canonical_name": f"name {n}"}).encode()
        for n in range(20_000)
    ]
    whole = gzip.compress(b"\n".join(rows))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="cut short or damaged") as caught:
        read_source("jsonl", path)
    assert caught.value.line is not None
    assert 8_000 < caught.value.line < 12_000


def test_file_without_concepts(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    with pytest.raises(SourceError, match="has no concepts"):
        read_source("jsonl", path)


words = st.text(st.sampled_from(string.ascii_letters + "éβ-,|\"'\\"), min_size=1, max_size=8)
names = st.lists(words, min_size=1, max_size=4).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{2,4}:[0-9]{1,5}", fullmatch=True),
        st.tuples(st.lists(names, min_size=1, max_size=4, unique=True), st.sets(words)),
        min_size=1,
    )
)
def test_round_trip(tmp_path: Path, concepts: dict[str, tuple[list[str], set[str]]]) -> None:
    path = tmp_path / "round.jsonl.gz"
    records = [
        {"concept_id": i, "canonical_name": n[0], "aliases": n[1:], "types": sorted(t)}
        for i, (n, t) in concepts.items()
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, records)).encode()))
    tables = read_source("jsonl", path)
    read: dict[str, list[str]] = {}
    for row in tables.names.to_pylist():
        assert (row["kind"] == 0) == (row["id"] not in read)
        read.setdefault(row["id"], []).append(row["name"])
    assert list(read.items()) == [(_canonical(i), found) for i, (found, _) in concepts.items()]
    types = {(row["id"], row["type"]) for row in tables.types.to_pylist()}
    assert types == {(_canonical(i), t) for i, (_, found) in concepts.items() for t in found}


def _canonical(concept_id: str) -> str:
    from concept_linker.knowledge_base.source import canonical_id

    return canonical_id(concept_id)


def test_mesh_as_shared(shared_data: Path) -> None:
    tables = read_source("jsonl", shared_data / "vocab" / "mesh_kb.jsonl.gz")
    assert len(tables.names["id"].unique()) == 354_068
    assert tables.names.num_rows == 783_967  # 783,970 in the file, three of them twice
