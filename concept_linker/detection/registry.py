"""Opens detectors: built-in ones by name, spaCy models, and those that are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from concept_linker.detection import DETECTORS
from concept_linker.detection.detector import DetectsMany, MentionDetector, as_detector
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["open_detector"]


def open_detector(detector: Any, kb: KnowledgeBase) -> MentionDetector:
    """Opens a detector by name, or takes one that is given.

    Args:
        detector: a name of :data:`~concept_linker.detection.DETECTORS`, the name of an installed
            spaCy model (``"en_core_sci_sm"``), a spaCy ``Language``, a
            :class:`~concept_linker.detection.detector.MentionDetector`, or anything with its
            ``detect_many``.
        kb: the knowledge base whose names are looked up.

    Raises:
        SettingsError: anything else, or a spaCy model that is not installed or finds no entities.
    """
    if isinstance(detector, str) and detector in DETECTORS:
        own: MentionDetector = DETECTORS[detector].load()(kb)
        return own
    if isinstance(detector, MentionDetector | DetectsMany) and not isinstance(detector, type):
        return as_detector(detector)
    from concept_linker.detection.spacy_model import SpacyDetector, is_installed, is_language

    if is_language(detector) or (isinstance(detector, str) and is_installed(detector)):
        return as_detector(SpacyDetector(detector))
    raise SettingsError(
        f"detector is {detector!r}, expected {', '.join(map(repr, DETECTORS))}, the name of an "
        "installed spaCy model, a spaCy Language, or an object with detect or detect_many"
    )
