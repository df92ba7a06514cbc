"""Any JSON leads to no other errors than those of this library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_linker.errors import ConceptLinkerError, SourceError
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import Quarantine

WORDS = st.sampled_from(
    ["HP:1", "http://purl.obolibrary.org/obo/HP_1", "UMLS:C0000001", "CLASS", "is_a", "lesion", ""]
)
KEYS = st.sampled_from(
    "id lbl type meta xrefs val pred synonyms definition basicPropertyValues sub obj".split()
)
JSON = st.recursive(
    WORDS | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NODES = st.fixed_dictionaries(
    {"id": WORDS, "lbl": WORDS},
    optional={
        "type": st.just("CLASS"),
        "meta": st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON)), max_size=4),
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NODES | JSON, max_size=4), JSON, JSON)
def test_any_json(tmp_path: Path, nodes: list[Any], edges: Any, meta: Any) -> None:
    path = tmp_path / "any.json"
    graph = {"nodes": nodes, "edges": edges, "meta": meta}
    path.write_text(json.dumps({"graphs": [graph]}), encoding="utf-8")
    for quarantine in (Quarantine(), Quarantine(tmp_path / "bad.jsonl")):
        try:
            tables = read_source("obographs", path, quarantine=quarantine)
        except ConceptLinkerError:
            continue
        assert all(tables.names["name"].to_pylist())


def test_nested_too_deeply(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text('{"graphs":' + "[" * 200_000, encoding="utf-8")
    with pytest.raises(SourceError, match=r"nested too deeply|no JSON"):
        read_source("obographs", path)
