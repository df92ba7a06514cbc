from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from small_gold import TEXT, Fixed, gold, mention

from concept_linker import KnowledgeBase
from concept_linker.annotation import Annotation
from concept_linker.corpora import read_corpus
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.errors import InputError
from concept_linker.evaluation.baselines import ExactMatch, NearestNames
from concept_linker.evaluation.ranks import hits, rank_mentions
from concept_linker.evaluation.systems import BulkSpanLinker, SpanLinker, TextLinker, link_gold
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source
from concept_linker.search.normalise import key, keys


def listed(linker: ExactMatch | NearestNames, string: str) -> list[tuple[str, float]]:
    [found] = linker.candidates_of([string])
    return [(candidate.concept_id, candidate.score) for candidate in found]


def test_exact_match(small_base: KnowledgeBase) -> None:
    ids = ConceptIds(small_base)
    names = ExactMatch(small_base, None, ids)
    assert listed(names, "Colds") == [("C0009264", 0.5), ("C0009443", 0.5)]
    assert listed(names, "unheard of") == []
    train = gold((2, 6, "C0009443"), (2, 6, "C0009443"), (2, 6, "C7777777"), (7, 13, "C7777777"))
    trained = ExactMatch(small_base, train, ids)
    assert listed(trained, "cold") == [("C0009443", 2 / 3), ("C7777777", 1 / 3), ("C0009264", 0.0)]
    assert listed(trained, "lesions") == [("C7777777", 1.0), ("C0221198", 0.0)]


def test_nearest_names_link_above_the_threshold_only(small_base: KnowledgeBase) -> None:
    linker = NearestNames(small_base)
    assert [concept for concept, _ in listed(linker, "cold")] == ["C0009264", "C0009443"]
    annotation = linker.link_spans("a hipocampus and a hip", [(2, 12), (19, 22)])
    near, far = annotation.mentions
    assert near.best is not None
    assert near.best.concept_id == "C0019564"
    assert far.candidates
    assert far.best is None


def test_who_can_be_measured(small_base: KnowledgeBase) -> None:
    fixed = Fixed(mention(2, 6, ("C0009443", 0.5)))
    assert isinstance(fixed, SpanLinker)
    assert isinstance(fixed, TextLinker)
    assert isinstance(NearestNames(small_base), BulkSpanLinker)

    class Lazy:
        def link_spans(self, text: str, spans: object) -> Annotation:
            return Annotation(text)

    with pytest.raises(InputError, match="Lazy returned 0 mentions for document 1, expected 1"):
        link_gold(Lazy(), gold((2, 6, "C0009443")))
    assert TEXT[2:6] == "cold"


def test_medmentions_against_plain_counting(shared_data: Path, tmp_path: Path) -> None:
    """The exact-match row of the report, once more with dictionaries over the raw files."""
    source = shared_data / "vocab/medmentions_kb.jsonl.gz"
    build_knowledge_base([read_source("jsonl", source)], tmp_path / "base")
    kb = KnowledgeBase.open(tmp_path / "base")
    dev = read_corpus(shared_data / "medmentions/full_dev.jsonl.gz")
    train = read_corpus(shared_data / "medmentions/full_train.jsonl.gz")
    ids = ConceptIds(kb)
    ranks = rank_mentions(dev, link_gold(ExactMatch(kb, train, ids), dev), ids)

    names = defaultdict(set)
    concepts = set()
    for line in gzip.decompress(source.read_bytes()).splitlines():
        concept = json.loads(line)
        concepts.add(concept["concept_id"])
        for name in (concept["canonical_name"], *concept["aliases"]):
            for one in keys(name):
                names[one].add(concept["concept_id"])
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    raw = (shared_data / "medmentions/full_dev.jsonl.gz").read_bytes()
    rows = list(map(json.loads, gzip.decompress(raw).splitlines()))
    for document, one in train:
        counts[key(document.surface(one))][one.ids[0]] += 1
    strict = lenient = in_base = total = 0
    for row in rows:
        for one in row["mentions"]:
            seen = counts.get(key(one["text"]), {})
            top = max(seen.values(), default=0)
            best = {concept for concept, count in seen.items() if count == top}
            best = best or set().union(*(names[form] for form in keys(one["text"])))
            strict += best == {one["cui"]}
            lenient += one["cui"] in best
            in_base += one["cui"] in concepts
            total += 1
    assert len(ranks) == total
    assert ranks.in_base.sum() == in_base
    assert hits(ranks, 1, "strict").sum() == strict
    assert hits(ranks, 1, "lenient").sum() == lenient
    assert in_base / total == pytest.approx(0.824, abs=5e-4)  # the ceiling as published
