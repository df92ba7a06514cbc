"""The compiled features of spans equal their plain twin."""

from __future__ import annotations

import numpy as np
import plain_span_features as plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.detection import span_features
from concept_linker.detection.span_features import SPAN_FEATURES

SIZE = 9


def rows(spans: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    first, last = np.array(spans, np.int64).reshape(-1, 2).T
    return first.copy(), last.copy()


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_features(data: st.DataObject) -> None:
    """Spans have at most LONGEST words, candidates any number; both are ordered by last word."""
    spans = [(a, b) for b in range(SIZE) for a in range(b + 1) if b - a < 8]
    likely = [span for span in spans if data.draw(st.booleans())]
    candidates = [span for span in spans if data.draw(st.booleans())]
    probabilities = [data.draw(st.integers(0, 64)) / 64 for _ in likely]
    texts = sorted(data.draw(st.lists(st.integers(0, 2), min_size=SIZE, max_size=SIZE)))
    out = np.zeros((len(candidates), len(SPAN_FEATURES)), np.float32)
    span_features._fill_probabilities(
        *rows(likely), np.array(probabilities, np.float32), np.array(texts), *rows(candidates), out
    )
    for span, row in zip(candidates, out, strict=True):
        expected = plain.probability_features(span, likely, probabilities, texts)
        assert {name: row[SPAN_FEATURES.index(name)] for name in expected} == expected


@given(st.data())
def test_words_around(data: st.DataObject) -> None:
    cuts = [*sorted(data.draw(st.sets(st.integers(1, SIZE - 1)))), SIZE]
    runs = [(a, b - 1) for a, b in zip([0, *cuts], cuts, strict=False) if data.draw(st.booleans())]
    candidates = [(a, b) for b in range(SIZE) for a in range(b + 1)]
    out = np.zeros(len(candidates), np.float32)
    span_features._fill_within(*rows(runs), SIZE, *rows(candidates), out)
    assert out.tolist() == [plain.within(span, runs) for span in candidates]


@pytest.mark.parametrize("text", ["MRI of IL-6 (2.5 mm)", "“CT”–a\nB2", "x"])
def test_letters(text: str) -> None:
    points = np.array([ord(char) for char in text], np.uint32)
    spans = [(a, b) for a in range(len(text)) for b in range(a + 1, len(text) + 1)]
    out = np.zeros((len(spans), len(SPAN_FEATURES)), np.float32)
    span_features._fill_letters(points, *rows(spans), out)
    for (start, end), row in zip(spans, out, strict=True):
        expected = plain.letter_features(text, start, end)
        assert {name: row[SPAN_FEATURES.index(name)] for name in expected} == expected
