"""The parts of the NER detector, each compared with its plain twin."""

from __future__ import annotations

import itertools

import numpy as np
import plain_decoding
import plain_network
import plain_tokens
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.detection.gazetteer import Gazetteer, Memory, Recollection
from concept_linker.detection.ner.decoding import (
    LONGEST,
    are_well_formed,
    fill_group_probabilities,
    find_likely_spans,
    presence_probabilities,
    select_best,
)
from concept_linker.detection.ner.network import Network, parameter_shapes
from concept_linker.detection.ner.word_features import ROWS, SLOTS, word_rows
from concept_linker.detection.tokens import tokenize
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import fold, key
from concept_linker.trees import Trees

PIECES_OF_TEXT = st.sampled_from(
    [*"aZβé5²_'’ʼs.,;:-–/()\n\t 𝒳½Ⅷœ\u0301\u00ad", "dog's ", "2.5", "IL-6", "TNFα", "\ud800"]
)
TEXTS = st.lists(st.lists(PIECES_OF_TEXT, max_size=12).map("".join), max_size=4)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_words_and_tokens_are_what_the_expressions_match(texts: list[str]) -> None:
    tokens = tokenize(texts)
    columns = (tokens.word_starts, tokens.word_ends, tokens.word_texts)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == plain_tokens.words(texts)
    runs = plain_tokens.tokens(texts)
    assert list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)) == runs
    expected = " ".join(fold(tokens.text[a:b]) for a, b in runs)
    assert tokens.folded.tobytes().decode() == expected


@pytest.mark.parametrize(("n", "groups"), [(1, 1), (1, 3), (3, 2), (5, 1), (4, 2)])
def test_probabilities_of_spans_are_sums_over_all_sequences(n: int, groups: int) -> None:
    rng = np.random.default_rng(n * 10 + groups)
    scores = rng.normal(0, 2, (n + 3, 1 + 4 * groups)).astype(np.float32)
    expected = plain_decoding.span_probabilities(scores[2 : 2 + n].astype(np.float64), groups)
    spans = np.empty((50, 2), np.int64)
    chances, best = np.empty(50, np.float32), np.empty(50, np.int64)
    begins, sizes = np.array([2]), np.array([n])
    count = find_likely_spans(scores, begins, sizes, groups, np.float32(1e-9), spans, chances, best)
    found = {
        tuple(s): (c, b) for s, c, b in zip(spans[:count].tolist(), chances, best, strict=False)
    }
    assert found.keys() == expected.keys()
    for span, sums in expected.items():
        assert found[span][0] == pytest.approx(sums.sum(), rel=1e-4)
        assert found[span][1] == sums.argmax()
        given = np.empty((1, groups))
        ends = np.array([span[0]]), np.array([span[1]])
        fill_group_probabilities(scores[2 : 2 + n], *ends, groups, given)
        assert given[0] == pytest.approx(sums / sums.sum(), rel=1e-4)
    # Spans that do not fit are counted; improbable ones are left out.
    few = np.empty((1, 2), np.int64)
    assert count == find_likely_spans(
        scores, begins, sizes, groups, np.float32(1e-9), few, chances, best
    )
    count = find_likely_spans(scores, begins, sizes, groups, np.float32(0.2), spans, chances, best)
    assert {tuple(s) for s in spans[:count].tolist()} == {
        span for span, sums in expected.items() if sums.sum() >= 0.2
    }


def test_long_texts_and_large_scores_stay_probabilities() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 30, (5000, 61)).astype(np.float32)
    spans = np.empty((5000 * LONGEST, 2), np.int64)
    chances, best = np.empty(len(spans), np.float32), np.empty(len(spans), np.int64)
    count = find_likely_spans(
        scores, np.array([0]), np.array([5000]), 15, np.float32(0.01), spans, chances, best
    )
    assert 0 < count < len(spans)
    assert np.isfinite(chances[:count]).all()
    assert chances[:count].max() <= 1.001


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_the_best_set_of_spans_is_chosen(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    spans = [(a, b) for b in range(size) for a in range(b + 1)]
    spans = [span for span in spans if data.draw(st.booleans())][:9]
    gains = [data.draw(st.integers(1, 20)) / 4 for _ in spans]
    first, last = np.array(spans, np.int64).reshape(-1, 2).T
    chosen = select_best(first.copy(), last.copy(), np.array(gains, np.float64), size)
    picked = [span for span, taken in zip(spans, chosen, strict=True) if taken]
    assert not any(plain_decoding.overlap(a, b) for a, b in itertools.combinations(picked, 2))
    gain = sum(g for g, one in zip(gains, chosen, strict=True) if one)
    assert gain == plain_decoding.best_gain(spans, gains)


@given(st.data())
def test_a_mention_is_where_any_span_is(data: st.DataObject) -> None:
    spans = [(a, b) for b in range(7) for a in range(b + 1) if data.draw(st.booleans())]
    chances = [data.draw(st.floats(0, 0.4)) for _ in spans]
    first, last = np.array(spans, np.int64).reshape(-1, 2).T
    found = presence_probabilities(first, last, np.array(chances), np.arange(len(spans)))
    assert found == pytest.approx(plain_decoding.presence(spans, chances), abs=1e-4)
    # Texts before it change nothing, to the last bit.
    moved = np.r_[0, first + 2], np.r_[1, last + 2], np.r_[0.3, chances]
    assert presence_probabilities(*moved, np.arange(1, len(spans) + 1)).tolist() == found.tolist()


@pytest.mark.parametrize(
    ("text", "sound"),
    [("IL (6) a", True), ("CT) scan", False), ("(CT", False), ("( )", False), (") a (", False)],
)
def test_brackets_and_marks(text: str, sound: bool) -> None:
    tokens = tokenize(["a (b", text])
    own = np.flatnonzero(tokens.word_texts == 1)
    assert are_well_formed(np.array([[own[0], own[-1]]]), tokens.marks).tolist() == [sound]


def some_network(rng: np.random.Generator) -> tuple[Network, dict[str, np.ndarray]]:
    shapes = parameter_shapes(
        rows=ROWS, slot_width=4, width=8, layers=2, labels=(65, 61, 81), tags=61
    )
    parameters = {
        name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()
    }
    return Network(parameters, (1, 2)), parameters


def test_the_network_equals_its_plain_twin(small_kb: KnowledgeBase) -> None:
    network, parameters = some_network(np.random.default_rng(4))
    strings = ["lesion", "of the hippocampus"]
    memory = Memory(
        np.array([key_hash(key(s)) for s in strings], np.uint64),
        Recollection(*(np.array(c) for c in ((5, 1), (3, 1), (4, 0), (6, 0)))),
    )
    texts = ["MRI: lesions of the hippocampus (Fig. 2.5)", "", "…", "Quimby's sporadic vexillosis"]
    features = Gazetteer(small_kb, memory).find(texts)
    assert features.names.any()
    assert features.groups.any()
    scores, places = network.scores(features)
    tokens = features.tokens
    for number in range(len(texts)):
        own = np.flatnonzero(tokens.word_texts == number)
        if own.size:
            words = [tokens.text[tokens.word_starts[i] : tokens.word_ends[i]] for i in own]
            labels = [c[own] for c in (features.names, features.groups, features.buckets)]
            expected = plain_network.scores(parameters, (1, 2), words, labels)
            assert scores[places[own]] == pytest.approx(expected, rel=0.02, abs=0.15)


def test_slots_are_inside_the_table() -> None:
    for word in ("a", "Lesions", "α", "\ud800", "x" * 500, "²", "(", "5"):
        rows = word_rows(word)
        assert len(rows) == SLOTS
        assert all(0 <= row < ROWS for slot in rows for row in slot)


def test_trees_walk_like_their_plain_twin() -> None:
    # Two stumps: x0 <= 1 ? -1 : (x1 <= 0 ? 2 : 3), and x1 <= 5 ? 0.5 : 0.25
    trees = Trees.of(
        np.array([0, 5], np.int32),
        np.array([0, -1, 1, -1, -1, 1, -1, -1], np.int16),
        np.array([1.0, 0, 0.0, 0, 0, 5.0, 0, 0]),
        np.array([1, 0, 3, 0, 0, 6, 0, 0], np.int32),
        np.array([2, 0, 4, 0, 0, 7, 0, 0], np.int32),
        np.array([0, -1, 0, 2, 3, 0, 0.5, 0.25], np.float32),
        np.array([0.1], np.float32),
    )
    rows = np.array([[1, 9], [2, 0], [2, 6]], np.float32)
    odds = np.array([0.1 - 1 + 0.25, 0.1 + 2 + 0.5, 0.1 + 3 + 0.25])
    assert trees.probabilities(rows) == pytest.approx(1 / (1 + np.exp(-odds)))
