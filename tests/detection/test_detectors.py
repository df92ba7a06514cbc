"""The registry of detectors."""

from __future__ import annotations

import pytest

from concept_linker.detection import DETECTORS
from concept_linker.detection.detector import (
    Detected,
    MentionDetector,
    Span,
    as_detector,
    detect_stream,
)
from concept_linker.detection.registry import open_detector
from concept_linker.knowledge_base.base import KnowledgeBase


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_opens_and_is_described(small_kb: KnowledgeBase, name: str) -> None:
    detector = open_detector(name, small_kb)
    assert isinstance(detector, MentionDetector)
    [spans] = detector.detect(["A Lesion"]).spans
    assert (2, 8) in [span[:2] for span in spans]
    description = DETECTORS[name].description
    assert description
    assert "\n" not in description


def test_a_detector_with_detect_many_is_adapted(small_kb: KnowledgeBase) -> None:
    class First:
        def detect_many(self, texts):
            return [[Span(0, 1)] for _ in texts]

    detector = open_detector(First(), small_kb)
    detected = detector.detect(["ab", "c"])
    assert detected.spans == [[Span(0, 1)]] * 2
    assert detected.groups([[(0, 1), (1, 2)], []]) == [[None, None], []]
    assert list(detect_stream(detector, iter("abc"))) == [[Span(0, 1)]] * 3
    assert as_detector(detector) is detector


def test_spans_are_computed_once_and_only_when_they_are_read() -> None:
    calls = []
    detected = Detected(lambda: calls.append(1) or [[]], lambda spans: spans)
    assert detected.groups([[(0, 1)]]) == [[(0, 1)]]
    assert not calls
    assert detected.spans is detected.spans
    assert calls == [1]
