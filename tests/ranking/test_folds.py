"""What the ranker's recipe lets a fold know."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from concept_linker.candidates.normalise import key
from concept_linker.evaluation.corpora import read_corpus
from concept_linker.evaluation.gold import GoldDocument, GoldMention
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build
from concept_linker.knowledge_base.readers import read_source
from models.ranker.folds import FOLDS, base_sources, dealt

DOCUMENTS = [
    GoldDocument(str(i), f"Name{i} and more", (GoldMention(((0, 5),), (f"C000000{i}",)),))
    for i in range(FOLDS)
]


def names_of(folder: Path, data: Path, known: Iterable[GoldDocument]) -> set[tuple[str, str]]:
    build(base_sources(data, known), folder)
    kb = KnowledgeBase.open(folder)
    ids = [kb.head(row)[0] for row in range(len(kb))]
    return {(one, key(name.text)) for one in ids for name in kb.concept(one).names}


def test_the_base_of_a_fold_knows_nothing_of_its_documents(tmp_path: Path) -> None:
    (tmp_path / "vocab").mkdir()
    with gzip.open(tmp_path / "vocab/open_kb_cui.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("cui_or_curie\tname\tis_preferred\tsource\tsemantic_hint\n")
        file.write('C0000001\t"Quoted" name\t1\tX\t\nC0000009\tNone of theirs\t1\tX\t\n')
    vocabulary = {("C0000001", key('"Quoted" name')), ("C0000009", "none of their")}
    for fold in range(FOLDS):
        known, asked = dealt(DOCUMENTS, fold)
        assert len(known) + len(asked) == len(DOCUMENTS)
        assert asked == [DOCUMENTS[fold]]
        taught = {(f"C000000{i}", f"name {i}") for i in range(FOLDS) if i != fold}
        assert names_of(tmp_path / f"kb{fold}", tmp_path, known) == vocabulary | taught


def test_all_documents_make_the_closed_base(tmp_path: Path, shared_data: Path) -> None:
    """The whole of TRAIN gives what ``medmentions_kb`` has, but for some spellings."""
    full = read_corpus(shared_data / "medmentions/full_train.jsonl.gz")
    subset = read_corpus(shared_data / "medmentions/st21pv_train_sentences.jsonl.gz")
    found = names_of(tmp_path / "kb", shared_data, (*full.documents, *subset.documents))

    build([read_source("jsonl", shared_data / "vocab/medmentions_kb.jsonl.gz")], tmp_path / "whole")
    kb = KnowledgeBase.open(tmp_path / "whole")
    ids = [kb.head(row)[0] for row in range(len(kb))]
    whole = {(one, key(name.text)) for one in ids for name in kb.concept(one).names}
    assert len(whole - found) < 0.001 * len(whole)
    assert {one for one, _ in found} == set(ids)
