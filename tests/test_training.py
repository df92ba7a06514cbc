"""Training a knowledge base on gold annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.errors import InputError, KnowledgeBaseError
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.export import tables_of
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking.priors import Priors
from concept_linker.training import train, uses


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("kb") / "small"
    source = SourceTables.from_rows(
        SourceInfo("test", "small", licence="CC0"),
        names=[
            ("C0023890", "liver cirrhosis", 0, "X"),
            ("C0023890", "Cirrhosis, Liver", 1, "Y"),
            ("MESH:D000001", "calcimycin", 0, "X"),
            ("HP:1", "chill", 0, "X"),
        ],
        types=[("C0023890", "T047")],
        same_as=[("HP:1", "C0085593", False), ("MONDO:1", "C0023890", True)],
        definitions=[("MESH:D000001", "an ionophore")],
    )
    build_knowledge_base([source], folder)
    return KnowledgeBase.open(folder)


def test_a_base_built_from_its_own_tables_is_the_same(kb: KnowledgeBase, tmp_path: Path) -> None:
    build_knowledge_base([tables_of(kb)], tmp_path / "again")
    again = KnowledgeBase.open(tmp_path / "again")
    assert len(again) == len(kb) == 3
    for concept_id in ("C0023890", "MESH:D000001", "C0085593"):
        assert again.concept(concept_id) == kb.concept(concept_id)


TEXT = "Portal fibrosis was seen. A23187 was given."
CORPUS = GoldCorpus(
    "gold",
    (
        GoldDocument(
            "1",
            TEXT,
            (
                GoldMention(((0, 15),), ("C0023890",), ("T047",)),
                GoldMention(((26, 32),), ("D000001",)),
            ),
        ),
    ),
)


def test_names_of_the_corpus_are_found_and_linked(kb: KnowledgeBase, tmp_path: Path) -> None:
    trained = train(CORPUS, tmp_path / "trained", kb=kb)
    linker = ConceptLinker.load(trained, detector="dictionary")
    spans = [(0, 15), (26, 32)]
    found = [mention.best for mention in linker.link_spans(TEXT, spans)]
    assert [best and best.concept_id for best in found] == ["C0023890", "MESH:D000001"]
    before = ConceptLinker.load(kb, detector="dictionary").link_spans(TEXT, spans)
    assert all(mention.best is None or mention.best.score < 0.5 for mention in before)


def test_the_semantic_type_comes_from_the_base_if_the_corpus_has_none(kb: KnowledgeBase) -> None:
    mentions = (
        GoldMention(((0, 15),), ("C0023890",), ("T033",)),
        GoldMention(((0, 15),), ("C0023890",), ("Disease",)),
        GoldMention(((26, 32),), ("D000001",), ("Chemical",)),
        GoldMention(((26, 32),), ("D999999",)),
    )
    document = GoldDocument("1", TEXT, mentions)
    assert [use.type_id for use in uses([document], ConceptIds(kb))] == ["T033", "T047", "", ""]
    assert [use.type_id for use in uses([document], ConceptIds())] == ["T033", "", "", ""]


def test_a_corpus_without_ids_is_an_error(kb: KnowledgeBase, tmp_path: Path) -> None:
    empty = CORPUS.only(lambda mention: False)
    with pytest.raises(InputError, match="no mention has an id"):
        train(empty, tmp_path / "trained", kb=kb)
    assert not (tmp_path / "trained").exists()


def test_base_and_priors_are_written_together(kb: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "trained"

    def full(_: Priors, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Priors, "save", full)
        with pytest.raises(KnowledgeBaseError, match="No space left on device"):
            train(CORPUS, folder, kb=kb)
    assert list(tmp_path.iterdir()) == []
    train(CORPUS, folder, kb=kb)
    before = sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))
    with pytest.raises(KnowledgeBaseError, match="is already a knowledge base"):
        train(CORPUS, folder, kb=kb)
    assert sorted(path.stat().st_mtime_ns for path in folder.rglob("*")) == before
    train(CORPUS, folder, kb=folder, replace=True)
    (folder / "priors" / "notes.txt").write_text("years of work")
    with pytest.raises(KnowledgeBaseError, match=r"holds 'priors.notes.txt'"):
        train(CORPUS, folder, kb=kb, replace=True)
    assert (folder / "priors" / "notes.txt").read_text() == "years of work"


def test_paths_instead_of_values(kb: KnowledgeBase, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    mention = {"start": 0, "end": 15, "ids": ["C0023890"]}
    corpus.write_text(json.dumps({"id": "1", "text": TEXT, "mentions": [mention]}) + "\n")
    trained = train(corpus, str(tmp_path / "trained"), kb=kb.path)
    assert trained.path == tmp_path / "trained"
    assert trained.info.counts["names"] == kb.info.counts["names"] + 1
