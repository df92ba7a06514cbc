from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_gold import candidate, gold, mention

from concept_linker import KnowledgeBase
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.evaluation.ranks import TIE_RULES, Ranks, hits, rank, rank_mentions

LISTS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.5, 0.9])), min_size=0, max_size=6)


def ranks_of(rows: list[tuple[int, int, int, int]]) -> Ranks:
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    zeros = np.zeros(len(rows), np.int64)
    return Ranks(zeros, zeros, zeros.astype(bool), *columns, document_count=1, without_id=0)


@given(LISTS, st.integers(1, 7))
@settings(max_examples=150, deadline=None)
def test_against_every_order_of_equal_scores(rows: list[tuple[bool, float]], k: int) -> None:
    made = [candidate(f"{'R' if good else 'W'}{i}", score) for i, (good, score) in enumerate(rows)]
    right = frozenset(c.concept_id for c in made if c.concept_id.startswith("R"))
    places = ranks_of([rank(made, right, ConceptIds())])
    outcomes = []
    for order in permutations(made):
        scores = [c.score for c in order]
        if scores == sorted(scores, reverse=True):
            outcomes.append(any(c.concept_id in right for c in order[:k]))
    assert hits(places, k, "strict")[0] == min(outcomes)
    assert hits(places, k, "lenient")[0] == max(outcomes)
    if len(right) <= 1 or k == 1:  # else the first of several right ones is what counts
        assert hits(places, k, "sampled")[0] == pytest.approx(np.mean(outcomes))
    listed = any(c.concept_id in right for c in made[:k])
    assert hits(places, k, "listed")[0] == listed


@given(LISTS, st.integers(1, 7))
def test_rules_are_ordered_and_grow_with_k(rows: list[tuple[bool, float]], k: int) -> None:
    ordered = sorted(rows, key=lambda row: -row[1])
    made = [candidate(f"{good}{i}", score) for i, (good, score) in enumerate(ordered)]
    right = frozenset(c.concept_id for c in made if c.concept_id.startswith("True"))
    places = ranks_of([rank(made, right, ConceptIds())])
    at_k = {rule: hits(places, k, rule)[0] for rule in TIE_RULES}
    assert at_k["strict"] <= at_k["sampled"] <= at_k["lenient"]
    assert at_k["strict"] <= at_k["listed"] <= at_k["lenient"]
    for rule in TIE_RULES:
        assert at_k[rule] <= hits(places, k + 1, rule)[0] <= places.found[0]


def test_composite_and_missing_ids(small_base: KnowledgeBase) -> None:
    corpus = gold((2, 6, "C0009443 C0009264"), (7, 13, ""), (21, 32, "C9999999"))
    linked = [
        [
            mention(2, 6, ("C0009264", 0.9)),
            mention(7, 13, ("C0221198", 0.9)),
            mention(21, 32, ("C0019564", 0.9)),
        ]
    ]
    ranks = rank_mentions(corpus, linked, ConceptIds(small_base))
    assert len(ranks) == 2
    assert ranks.without_id == 1
    assert ranks.listed.tolist() == [1, 0]
    assert ranks.in_base.tolist() == [True, False]


@pytest.mark.parametrize("written", ["D003924", "MESH:D003924", "mesh:D003924", "MSH:D003924"])
def test_ids_meet_in_the_base(small_base: KnowledgeBase, written: str) -> None:
    ids = ConceptIds(small_base)
    assert ids.resolve(written) == "MESH:D003924"
    assert ids.in_base("MESH:D003924")
    assert ids.spelled(written) == "MESH:D003924"
    assert ids.spelled("D000001") == "D000001"
    assert not ids.in_base(ids.resolve("D000001"))
