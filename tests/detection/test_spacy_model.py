"""Any spaCy pipeline that sets entities can find the mentions."""

from __future__ import annotations

import pytest

from concept_linker.detection.detector import MentionDetector, Span
from concept_linker.detection.registry import open_detector
from concept_linker.detection.spacy_model import SpacyDetector
from concept_linker.errors import SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase

spacy = pytest.importorskip("spacy", reason="spaCy is not installed")

PATTERNS = [
    {"label": "T047", "pattern": "pneumonia"},
    {"label": "PRODUCT", "pattern": "iodine"},
    {"label": "Body_Part,_Organ,_or_Organ_Component", "pattern": "lung"},
    {"label": "ENTITY", "pattern": "mass"},
]


def ruler() -> object:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(PATTERNS)
    return nlp


def test_entities_are_mentions(small_kb: KnowledgeBase) -> None:
    detector = open_detector(ruler(), small_kb)
    assert isinstance(detector, MentionDetector)
    texts = ["pneumonia of the lung", "", "iodine, 𝒳 mass"]
    assert detector.detect(texts).spans == [
        [Span(0, 9, "DISO"), Span(17, 21, "ANAT")],
        [],
        [Span(0, 6, "PRODUCT"), Span(10, 14, "")],
    ]


def test_a_model_without_entities_is_refused() -> None:
    with pytest.raises(SettingsError, match="finds no entities"):
        SpacyDetector(spacy.blank("en"))
    with pytest.raises(SettingsError, match="'en_core_nothing' is not installed"):
        SpacyDetector("en_core_nothing")


@pytest.mark.parametrize("given", ["en_core_nothing", "", "Hybrid", 3, None, SpacyDetector])
def test_anything_else_is_refused(small_kb: KnowledgeBase, given: object) -> None:
    with pytest.raises(SettingsError, match="expected 'hybrid', 'ner', 'dictionary'"):
        open_detector(given, small_kb)
