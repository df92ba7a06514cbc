"""The built-in detectors by name.

To add one, write its module and add one line to :data:`DETECTORS`; the help and the completion of
the command line, and the tests, read it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from concept_linker.detection.detector import DetectsMany, MentionDetector, as_detector
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.knowledge_base.base import KnowledgeBase

__all__ = ["DETECTORS", "DetectorKind", "open_detector"]


@dataclass(frozen=True, slots=True)
class DetectorKind:
    """One built-in detector.

    Args:
        module: the module of its class, imported when the detector is opened.
        name: its class, which is called with a knowledge base.
        description: one line for a help text.
    """

    module: str
    name: str
    description: str

    def open(self, kb: KnowledgeBase) -> MentionDetector:
        """Opens the detector for the names of a knowledge base."""
        detector: MentionDetector = getattr(import_module(self.module), self.name)(kb)
        return detector


_HERE = "concept_linker.detection"

#: The built-in detectors, the default first.
DETECTORS: Mapping[str, DetectorKind] = {
    "hybrid": DetectorKind(f"{_HERE}.hybrid", "HybridDetector", "network and dictionary together"),
    "ner": DetectorKind(f"{_HERE}.ner.model", "NerDetector", "the neural network alone"),
    "dictionary": DetectorKind(
        f"{_HERE}.dictionary",
        "DictionaryDetector",
        "knowledge base names; six times as fast",
    ),
}


def open_detector(detector: Any, kb: KnowledgeBase) -> MentionDetector:
    """Opens a detector by name, or takes one that is given.

    Args:
        detector: a name of :data:`DETECTORS`, the name of an installed spaCy model
            (``"en_core_sci_sm"``), a spaCy ``Language``, a
            :class:`~concept_linker.detection.detector.MentionDetector`, or anything with its
            ``detect_many``.
        kb: the knowledge base whose names are looked up.

    Raises:
        SettingsError: anything else, or a spaCy model that is not installed or finds no entities.
    """
    if isinstance(detector, str) and detector in DETECTORS:
        return DETECTORS[detector].open(kb)
    if isinstance(detector, MentionDetector | DetectsMany) and not isinstance(detector, type):
        return as_detector(detector)
    from concept_linker.detection.spacy_model import SpacyDetector, is_installed, is_language

    if is_language(detector) or (isinstance(detector, str) and is_installed(detector)):
        return as_detector(SpacyDetector(detector))
    raise SettingsError(
        f"detector is {detector!r}, expected {', '.join(map(repr, DETECTORS))}, the name of an "
        "installed spaCy model, a spaCy Language, or an object with detect or detect_many"
    )
