"""Detectors by name."""

from __future__ import annotations

from typing import Any

from concept_linker.detection.detector import MentionDetector
from concept_linker.errors import SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["open_detector"]


def open_detector(detector: Any, kb: KnowledgeBase) -> MentionDetector:
    """A detector by name, or one that is given.

    Args:
        detector: ``"hybrid"``, ``"ner"``, ``"dictionary"``, the name of an installed spaCy model
            (``"en_core_sci_sm"``), a spaCy ``Language``, or a
            :class:`~concept_linker.detection.detector.MentionDetector`.
        kb: the base whose names are looked for.

    Raises:
        SettingsError: anything else, or a spaCy model that is not installed or finds no entities.
    """
    if detector == "dictionary":
        from concept_linker.detection.dictionary import DictionaryDetector

        return DictionaryDetector(kb)
    if detector == "ner":
        from concept_linker.detection.ner.model import NerDetector

        return NerDetector(kb)
    if detector == "hybrid":
        from concept_linker.detection.hybrid import HybridDetector

        return HybridDetector(kb)
    if isinstance(detector, MentionDetector) and not isinstance(detector, type):
        return detector
    from concept_linker.detection.spacy_model import SpacyDetector, is_language

    if isinstance(detector, str) or is_language(detector):
        return SpacyDetector(detector)
    raise SettingsError(
        f"detector is {detector!r}; wanted 'hybrid', 'ner', 'dictionary', the name of an installed "
        "spaCy model, a Language or a MentionDetector"
    )
