"""Everything that goes into a base comes out of it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import concept_linker
from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.base import Concept, ConceptName, KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.merge import CuiOrigin
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import (
    NameKind,
    SourceInfo,
    SourceTables,
    canonical_id,
    is_cui,
)
from concept_linker.search.normalise import keys

INFO = SourceInfo("table", "test", "1.0", "CC0", {"test.tsv": "0" * 64})

# Any text that is Unicode, and names that share keys; NUL and line ends too.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20
) | st.sampled_from(
    [
        "lesion",
        "Lesions",
        "CT",
        "ct",
        "IL-6",
        "Carcinoma, Squamous Cell",
        "α",
        "𝒳-ray",
        "+",
        "a\x00b",
    ]
)
IDS = st.from_regex(r"C[0-9]{7}|[A-Z]{1,3}:[0-9a-z]{1,4}|[a-z]{1,5}|é:漢", fullmatch=True)


@dataclass(frozen=True)
class Given:
    """A concept of a source; equivalences join ``others`` to it."""

    id: str
    names: list[tuple[str, NameKind, str]]
    types: set[str]
    others: list[str]
    asserted: bool
    definition: str


CONCEPTS = st.lists(
    st.builds(
        Given,
        IDS.map(canonical_id),
        st.lists(
            st.tuples(TEXTS, st.sampled_from(NameKind), st.sampled_from(["X", "Y", "ü"])),
            min_size=1,
            max_size=6,
        ),
        st.sets(TEXTS, max_size=3),
        st.lists(st.sampled_from("pqr"), max_size=2, unique=True),
        st.booleans(),
        st.just("") | TEXTS,
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda concept: concept.id,
).map(
    lambda rows: [
        replace(row, others=[f"OTHER:{number}{other}" for other in row.others])
        for number, row in enumerate(rows)
    ]
)


def tables(concepts: list[Given]) -> SourceTables:
    return SourceTables.from_rows(
        INFO,
        names=[
            row
            for concept in concepts
            for one in (concept.id, *concept.others)
            for row in [(one, text, int(kind), source) for text, kind, source in concept.names]
        ],
        types=[(concept.id, one) for concept in concepts for one in sorted(concept.types)],
        same_as=[
            (concept.id, other, concept.asserted)
            for concept in concepts
            for other in concept.others
        ],
        definitions=[
            (concept.id, concept.definition) for concept in concepts if concept.definition
        ],
    )


def expected(concept: Given) -> Concept:
    names: dict[str, ConceptName] = {}
    for text, kind, source in sorted(concept.names, key=lambda name: name[1]):
        kind = max(kind, NameKind.SYNONYM) if names else NameKind.PREFERRED
        names.setdefault(text, ConceptName(text, kind, source))
    origin = CuiOrigin.NONE
    if is_cui(concept.id):
        inferred = concept.others and not concept.asserted
        origin = CuiOrigin.INFERRED if inferred else CuiOrigin.ASSERTED
    return Concept(
        id=concept.id,
        name=next(iter(names)),
        names=tuple(names.values()),
        semantic_types=tuple(sorted(concept.types)),
        other_ids=tuple(sorted(concept.others)),
        origin=origin,
        definition=concept.definition,
    )


@settings(deadline=None, max_examples=60)
@given(CONCEPTS)
def test_round_trip(concepts: list[Given]) -> None:
    with TemporaryDirectory() as place:
        build_knowledge_base([tables(concepts)], Path(place) / "kb")
        kb = KnowledgeBase.open(Path(place) / "kb")
        assert len(kb) == len(concepts)
        for concept in concepts:
            answer_expected = expected(concept)
            for one in (concept.id, *concept.others):
                assert one in kb
                assert kb.concept(one) == answer_expected
        texts = {(concept.id, text) for concept in concepts for text, *_ in concept.names}
        for one, text in texts:
            rows = kb.rows
            found = {rows.head(match.concept).id: match for match in rows.find(text)}
            if keys(text):
                assert one in found
                assert keys(rows.name(found[one].name))
            else:
                assert not found
        counts = kb.info.counts
        assert counts["concepts"] == len(concepts)
        assert counts["names"] == len(texts)
        assert counts["keys"] == len({key for _, text in texts for key in keys(text)})
        assert counts["names_without_a_key"] == sum(not keys(text) for _, text in texts)
        assert counts["refused_equivalences"] == 0
        store.verify(kb.path)


def test_the_same_sources_give_the_same_files(tmp_path: Path) -> None:
    rows = [(f"A:{n}", f"name {n % 7} of {n}", n % 4, "XY"[n % 2]) for n in range(300)]
    source = SourceTables.from_rows(INFO, names=rows, types=[("A:1", "T2"), ("A:1", "T1")])
    for name in "ab":
        build_knowledge_base([source], tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_manifest_describes_the_base(tmp_path: Path) -> None:
    names = [("A:1", "lesion", 0, "X"), ("C0000001", "CT", 0, "X"), ("C0000002", "MR", 0, "Y")]
    same_as = [("A:1", "C0000001", True), ("A:1", "C0000002", True)]
    options = {"languages": ["ENG"], "skip_bad": True}
    build_knowledge_base(
        [SourceTables.from_rows(INFO, names=names, same_as=same_as)],
        tmp_path / "kb",
        options=options,
    )
    manifest = KnowledgeBase.open(tmp_path / "kb").info
    assert manifest.made_by == f"concept_linker {concept_linker.__version__}"
    assert manifest.options == options
    assert manifest.name_sources == ("X", "Y")
    assert manifest.counts["refused_equivalences"] == 1
    [source] = manifest.sources
    assert (source.format, source.name, source.version) == ("table", "test", "1.0")
    assert (source.licence, source.files) == ("CC0", {"test.tsv": "0" * 64})


def test_progress_never_goes_back(tmp_path: Path) -> None:
    stages: list[tuple[str, float]] = []
    source = SourceTables.from_rows(INFO, names=[("A:1", "lesion", 0, "X")])
    build_knowledge_base(
        [source], tmp_path / "kb", progress=lambda stage, done: stages.append((stage, done))
    )
    shares = [done for _, done in stages]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] <= 1.0
    assert len({stage for stage, _ in stages}) >= 4


def test_names_without_a_key_alone(tmp_path: Path) -> None:
    build_knowledge_base(
        [SourceTables.from_rows(INFO, names=[("A:1", "+/-", 0, "X")])], tmp_path / "kb"
    )
    kb = KnowledgeBase.open(tmp_path / "kb")
    assert kb.concept("A:1").name == "+/-"
    assert kb.info.counts["names_without_a_key"] == 1
    assert kb.rows.find("+/-") == []
    assert kb.search_many(["+/-", "lesion", ""]) == [[], [], []]


def test_no_array_of_definitions_without_definitions(tmp_path: Path) -> None:
    names = [("A:1", "lesion", 0, "X"), ("A:2", "CT", 0, "X")]
    build_knowledge_base([SourceTables.from_rows(INFO, names=names)], tmp_path / "without")
    assert not list((tmp_path / "without").glob("definitions*"))
    assert KnowledgeBase.open(tmp_path / "without").concept("A:1").definition == ""
    one = SourceTables.from_rows(INFO, names=names, definitions=[("A:2", "a scan")])
    build_knowledge_base([one], tmp_path / "with")
    kb = KnowledgeBase.open(tmp_path / "with")
    assert [kb.concept(one).definition for one in ("A:1", "A:2")] == ["", "a scan"]


def test_too_many_types(tmp_path: Path) -> None:
    count = (1 << 16) + 1
    names = pa.table(
        {
            "id": [f"A:{n}" for n in range(count)],
            "name": ["lesion"] * count,
            "kind": pa.array([0] * count, pa.uint8()),
            "source": ["X"] * count,
        }
    )
    types = pa.table({"id": names["id"], "type": [f"T{n}" for n in range(count)]})
    source = replace(SourceTables.from_rows(INFO, names=[]), names=names, types=types)
    with pytest.raises(KnowledgeBaseError, match="65,537 semantic types, expected at most 65,536"):
        build_knowledge_base([source], tmp_path / "kb")
    assert list(tmp_path.iterdir()) == []
    fitting = replace(source, types=types.slice(1))
    build_knowledge_base([fitting], tmp_path / "kb")
    assert KnowledgeBase.open(tmp_path / "kb").concept("A:65536").semantic_types == ("T65536",)


def test_rrf_and_jsonl_of_one_base_give_the_same_concepts(
    shared_data: Path, tmp_path: Path
) -> None:
    """Ids, names, preferred names, types and definitions, each against the JSON Lines file."""
    sources = {"rrf": "META.tar.xz", "jsonl": "kb.jsonl.gz"}
    bases = []
    for format, file in sources.items():
        build_knowledge_base(
            [read_source(format, shared_data / "kb100k" / file)], tmp_path / format
        )
        bases.append(KnowledgeBase.open(tmp_path / format))
    with gzip.open(shared_data / "kb100k" / "kb.jsonl.gz", "rt", encoding="utf-8") as stream:
        records = [json.loads(line) for line in stream]
    for kb in bases:
        assert len(kb) == len(records)
        assert sum(len(kb.concept(record["concept_id"]).names) for record in records) == 100_000
    for record in records:
        one, other = (kb.concept(record["concept_id"]) for kb in bases)
        names = {name.text for name in one.names}
        assert names == {name.text for name in other.names}
        assert names == {record["canonical_name"], *record["aliases"]}
        assert one.name == other.name == record["canonical_name"]
        assert one.semantic_types == other.semantic_types == tuple(sorted(record["types"]))
        assert one.definition == other.definition == record.get("definition", "")
        assert one.origin == other.origin == CuiOrigin.ASSERTED
