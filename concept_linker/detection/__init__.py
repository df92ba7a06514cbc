"""Finding mentions in text: detectors, and the rules of captions that all detectors share."""

from __future__ import annotations

from collections.abc import Mapping

from concept_linker.runtime.registry import Entry

__all__ = ["DETECTORS"]

#: The built-in detectors, the default first: classes that are called with a knowledge base.
DETECTORS: Mapping[str, Entry] = {
    "hybrid": Entry(
        "concept_linker.detection.hybrid:HybridDetector", "network and dictionary together"
    ),
    "ner": Entry("concept_linker.detection.ner.model:NerDetector", "the network alone"),
    "dictionary": Entry(
        "concept_linker.detection.dictionary:DictionaryDetector",
        "names of the knowledge base; three times as fast",
    ),
}
