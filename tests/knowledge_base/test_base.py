"""Lookup in a base by id; tests of its search are in ``tests/search``."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from concept_linker.errors import InputError, KnowledgeBaseError, SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "kb"
    names = [
        ("C0019564", "Hippocampus", 0, "X"),
        ("C0019564", "hippocampal formation", 1, "X"),
        ("MESH:D006624", "Hippocampus proper", 0, "X"),
        ("C0221198", "lesion", 0, "X"),
        ("UBERON:0000955", "brain", 0, "X"),
        ("UBERON:0000955", "+", 1, "X"),
        ("GENE:1", "CAT", 0, "X"),
        ("NCBITaxon:9685", "cat", 0, "X"),
    ]
    same_as = [("C0019564", "MESH:D006624", True), ("UBERON:0000955", "FMA:50801", True)]
    source = SourceTables.from_rows(SourceInfo("table", "test"), names=names, same_as=same_as)
    build_knowledge_base([source], folder)
    return folder


@pytest.fixture(scope="module")
def kb(folder: Path) -> KnowledgeBase:
    return KnowledgeBase.open(folder)


@pytest.mark.parametrize(
    ("given", "correct"),
    [
        ("C0019564", "C0019564"),
        ("UMLS:C0019564", "C0019564"),
        (" C0019564 ", "C0019564"),
        ("MESH:D006624", "C0019564"),
        ("mesh:D006624", "C0019564"),
        ("MSH:D006624", "C0019564"),
        ("UBERON:0000955", "UBERON:0000955"),
        ("NCBITaxon:9685", "NCBITaxon:9685"),
        ("ncbitaxon:9685", "NCBITaxon:9685"),
        ("NCBI_TAXON:9685", "NCBITaxon:9685"),
    ],
)
def test_by_any_id_in_any_spelling(kb: KnowledgeBase, given: str, correct: str) -> None:
    assert given in kb
    assert kb.concept(given).id == correct


def test_other_ids(kb: KnowledgeBase) -> None:
    assert kb.concept("C0019564").other_ids == ("MESH:D006624",)
    assert kb.concept("C0221198").other_ids == ()


@pytest.mark.parametrize(
    "given",
    ["C0000000", "C9999999", "", "MESH:", "c0019564", "lesion", "MESH:D00662", "\ud800", "a\x00"],
)
def test_unknown_ids(kb: KnowledgeBase, given: str) -> None:
    assert given not in kb
    with pytest.raises(InputError, match="expected an id such as C0019564") as caught:
        kb.concept(given)
    assert repr(given) in str(caught.value)


@pytest.mark.parametrize("given", [None, 19564, b"C0019564", ["C0019564"], float("nan")])
def test_values_that_are_not_ids(kb: KnowledgeBase, given: Any) -> None:
    assert given not in kb
    with pytest.raises(InputError, match="expected an id such as"):
        kb.concept(given)


def test_pickling(kb: KnowledgeBase, tmp_path: Path) -> None:
    data = pickle.dumps(kb)
    assert len(data) < 1000
    copy = pickle.loads(data)  # noqa: S301
    assert copy.path == kb.path
    assert copy.concept("C0019564") == kb.concept("C0019564")
    assert copy.search("hipocampus", min_similarity=0.3) == kb.search(
        "hipocampus", min_similarity=0.3
    )


def test_a_relative_path_is_kept_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    kb = KnowledgeBase.open("kb")
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickle.dumps(kb))) == len(kb)  # noqa: S301
    assert kb.path.is_absolute()


def test_unpickling_a_removed_base(folder: Path, tmp_path: Path) -> None:
    build_again = tmp_path / "gone"
    folder_copy = SourceTables.from_rows(SourceInfo("table", "t"), names=[("A:1", "a", 0, "X")])
    build_knowledge_base([folder_copy], build_again)
    data = pickle.dumps(KnowledgeBase.open(build_again))
    build_again.rename(tmp_path / "elsewhere")
    with pytest.raises(KnowledgeBaseError, match="no such knowledge base"):
        pickle.loads(data)  # noqa: S301


def test_length_and_repr(kb: KnowledgeBase) -> None:
    assert len(kb) == 5
    assert repr(kb) == f"KnowledgeBase({str(kb.path)!r}, 5 concepts)"


def test_find_prefers_the_name_that_agrees_in_case(kb: KnowledgeBase) -> None:
    for text, expected in (("CAT", "GENE:1"), ("cat", "NCBITaxon:9685")):
        found = kb.rows.find(text)
        other = {"GENE:1", "NCBITaxon:9685"} - {expected}
        assert [kb.rows.head(match.concept).id for match in found] == [expected, *other]
    assert kb.rows.find("no such thing") == []
    assert kb.rows.find("") == []


@pytest.mark.parametrize("k", [0, -1])
def test_k_out_of_range(kb: KnowledgeBase, k: int) -> None:
    with pytest.raises(SettingsError, match=f"k is {k}, expected an integer ≥ 1"):
        kb.search("lesion", k=k)


@pytest.mark.parametrize("min_similarity", [-0.1, 1.1, math.nan, math.inf])
def test_threshold_out_of_range(kb: KnowledgeBase, min_similarity: float) -> None:
    with pytest.raises(SettingsError, match=r"min_similarity is .*, expected 0 to 1"):
        kb.search("lesion", min_similarity=min_similarity)


@pytest.mark.parametrize("text", [None, b"lesion", 7])
def test_texts_that_are_not_strings(kb: KnowledgeBase, text: Any) -> None:
    with pytest.raises(InputError, match="expected a str"):
        kb.search(text)
    with pytest.raises(InputError, match="expected a str"):
        kb.search_many(["lesion", text])


def test_extreme_settings_in_range(kb: KnowledgeBase) -> None:
    assert [found.concept_id for found in kb.search("lesions", k=1, min_similarity=1.0)] == [
        "C0221198"
    ]
    assert len(kb.search("lesion", k=1000, min_similarity=0.0)) <= len(kb)
    assert kb.search_many([]) == []
