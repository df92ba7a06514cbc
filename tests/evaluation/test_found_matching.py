"""Counts against neleval's published formulas, nervaluate, and plain set arithmetic."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_gold import gold, mention

from concept_linker import KnowledgeBase
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.evaluation.error_analysis import analyse_end_to_end
from concept_linker.evaluation.matching import Found, Marked, align, count_matches
from concept_linker.evaluation.measures import f1, precision, recall

SPANS = st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda s: (s[0], s[0] + s[1]))
CONCEPTS = st.sampled_from(["A", "B", "C"])
MARKED = st.lists(st.tuples(SPANS, CONCEPTS), max_size=6)
FOUND = st.lists(st.tuples(SPANS, CONCEPTS | st.none()), max_size=6)


def prf(columns: np.ndarray) -> tuple[float, float, float]:
    sums = columns.sum(0)
    return float(precision(sums)), float(recall(sums)), float(f1(sums))


def pair(
    marked: list[tuple[tuple[int, int], str]], found: list[tuple[tuple[int, int], str | None]]
) -> tuple[list[Marked], list[Found]]:
    return (
        [Marked(*span, frozenset({concept})) for span, concept in marked],
        [Found(*span, concept) for span, concept in found],
    )


def test_nelevals_own_example_of_overlap() -> None:
    # https://neleval.readthedocs.io/en/latest/approximate.html: gold 1-10 and 12-12, system
    # 1-5 and 6-12, both ends included.
    both = pair([((1, 11), "A"), ((12, 13), "A")], [((1, 6), "A"), ((6, 13), "A")])
    measured = prf(count_matches([both]).columns["partial mention"])
    assert measured[:2] == pytest.approx(((5 / 5 + 5 / 7) / 2, (5 / 10 + 1 / 1) / 2))


@given(st.lists(st.tuples(MARKED, FOUND), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_set_measures(documents: list[tuple[list, list]]) -> None:
    """neleval: tp = |G ∩ S|, P = tp / |S|, R = tp / |G| over sets of keys, with a filter."""
    counts = count_matches([pair(*document) for document in documents]).columns
    expected = {
        "strict mention": (lambda i, span, concept: (i, span), False),
        "strict concept": (lambda i, span, concept: (i, span, concept), True),
        "document concept": (lambda i, span, concept: (i, concept), True),
    }
    for measure, (make, linked_only) in expected.items():
        sides = [
            {
                make(i, *one)
                for i, document in enumerate(documents)
                for one in document[side]
                if one[1] is not None or not linked_only
            }
            for side in (0, 1)
        ]
        right = len(sides[0] & sides[1])
        want = [right, len(sides[1]), right, len(sides[0])]
        assert counts[measure].sum(0).tolist() == want, measure


@given(MARKED, FOUND)
@settings(max_examples=150, deadline=None)
def test_partial_measures(marked: list, found: list) -> None:
    """neleval, ``overlap-maxmax``: the mean over mentions of the greatest share covered."""
    counts = count_matches([pair(marked, found)]).columns

    def covered(own: set, other: set) -> float:
        total = 0.0
        for (begin, end), *rest in own:
            lengths = [
                len({*range(begin, end)} & {*range(*span)}) for span, *r in other if r == rest
            ]
            total += max(lengths, default=0) / (end - begin)
        return total

    plain = [{(span,) for span, _ in side} for side in (marked, found)]
    linked = [{one for one in side if one[1] is not None} for side in (marked, found)]
    for measure, (gold_side, found_side) in (
        ("partial mention", plain),
        ("partial concept", linked),
    ):
        want = [
            covered(found_side, gold_side), len(found_side),
            covered(gold_side, found_side), len(gold_side),
        ]  # fmt: skip
        assert counts[measure].sum(0).tolist() == pytest.approx(want), measure


@given(MARKED, MARKED)
def test_changing_sides_changes_precision_and_recall(first: list, second: list) -> None:
    there = count_matches([pair(first, second)]).columns
    back = count_matches([pair(second, first)]).columns
    for measure, columns in there.items():
        assert columns[0] == pytest.approx(back[measure][0, [2, 3, 0, 1]]), measure


def without_overlap(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


@given(st.lists(st.tuples(st.lists(SPANS), st.lists(SPANS)), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_strict_mentions_as_nervaluate_counts_them(documents: list[tuple[list, list]]) -> None:
    nervaluate = pytest.importorskip("nervaluate", reason="needs the test extra")
    sides = [[without_overlap(side) for side in document] for document in documents]
    dicts = [
        [[{"label": "X", "start": b, "end": e - 1} for b, e in doc[side]] for doc in sides]
        for side in (0, 1)
    ]
    theirs = nervaluate.Evaluator(*dicts, tags=["X"], loader="dict").evaluate()["overall"]["exact"]
    both = [pair(*([(span, "A") for span in side] for side in doc)) for doc in sides]
    ours = prf(count_matches(both).columns["strict mention"])
    # Where there is nothing to divide by, nervaluate has 0.
    ours = tuple(np.nan_to_num(ours))
    assert ours == pytest.approx((theirs.precision, theirs.recall, theirs.f1))


def test_composite_mentions(small_base: KnowledgeBase) -> None:
    ids = ConceptIds(small_base)
    corpus = gold((2, 6, "C0009443 C0009264"), (7, 13, ""))
    linked = [[mention(2, 6, ("C0009264", 0.9)), mention(7, 13, ("C0221198", 0.4))]]
    counts = count_matches(align(corpus, linked, ids)).columns
    assert counts["strict concept"].tolist() == [[1, 2, 1, 1]]  # any of its concepts
    assert counts["document concept"].tolist() == [[1, 2, 1, 2]]  # all of its concepts
    assert counts["strict mention"].tolist() == [[2, 2, 2, 2]]


@given(MARKED, FOUND)
@settings(max_examples=150, deadline=None)
def test_errors_cover_every_mention_once(marked: list, found: list) -> None:
    marked = [((b, e), c) for (b, e), c in dict.fromkeys(marked)]
    corpus = gold(*((b, e, c) for (b, e), c in marked))
    linked = [[mention(b, e, *([(c, 0.5)] if c else [])) for (b, e), c in found]]
    ids = ConceptIds()
    counts = Counter(analyse_end_to_end(corpus, linked, ids).counts)
    columns = count_matches(align(corpus, linked, ids)).columns["strict concept"][0]
    spurious = counts.pop("spurious", 0)
    assert counts.total() == len(marked)
    assert counts["right"] == columns[0]
    assert spurious <= columns[1] - columns[0]
