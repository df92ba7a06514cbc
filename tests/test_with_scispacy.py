"""With scispaCy in one environment: numpy 1.26, and candidates on the same base."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source

pytestmark = [
    pytest.mark.scispacy,
    # From scispaCy: an index pickled by an older scikit-learn, and pkg_resources.
    pytest.mark.filterwarnings("default"),
]
scispacy = pytest.importorskip("scispacy", reason="needs the scispacy extra")


def test_numpy_is_the_version_that_scispacy_forces(open_base: KnowledgeBase) -> None:
    assert np.__version__.startswith("1.")
    annotation = ConceptLinker.load(open_base).link("A lesion in the left hippocampus.")
    assert annotation.mentions[-1].best is not None
    assert annotation.mentions[-1].best.concept_id == "C0019564"


@pytest.fixture(scope="module")
def mentions(shared_data: Path) -> list[dict[str, Any]]:
    lines = (shared_data / "kb100k/mentions_hard.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines][::4]


def recall(rows: list[list[str]], mentions: list[dict[str, Any]], at: int) -> float:
    hits = [bool(set(m["gold"]) & set(row[:at])) for m, row in zip(mentions, rows, strict=True)]
    return sum(hits) / len(hits)


def test_at_least_as_many_candidates_are_found(
    shared_data: Path, mentions: list[dict[str, Any]], tmp_path: Path
) -> None:
    from scispacy.candidate_generation import CandidateGenerator, LinkerPaths
    from scispacy.linking_utils import KnowledgeBase as TheirBase

    with tarfile.open(shared_data / "kb100k/scispacy_index.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    table = tmp_path / "kb.jsonl"
    with gzip.open(shared_data / "kb100k/kb.jsonl.gz") as packed, table.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    paths = LinkerPaths.from_directory(str(tmp_path / "sci100k"))
    aliases, vectorizer, ann = paths.load(ef_search=200)
    generator = CandidateGenerator(
        ann_index=ann,
        tfidf_vectorizer=vectorizer,
        ann_concept_aliases_list=aliases,
        kb=TheirBase(str(table)),
        ef_search=200,
    )
    texts = [mention["mention"] for mention in mentions]
    theirs = [
        [c.concept_id for c in sorted(row, key=lambda c: -max(c.similarities))]
        for row in generator(texts, 30)
    ]
    build_knowledge_base(
        [read_source("jsonl", shared_data / "kb100k/kb.jsonl.gz")], tmp_path / "kb"
    )
    found = KnowledgeBase.open(tmp_path / "kb").search_many(texts, k=30, min_similarity=0.2)
    ours = [[candidate.concept_id for candidate in row] for row in found]
    for at in (1, 5, 30):
        assert recall(ours, mentions, at) >= recall(theirs, mentions, at)
