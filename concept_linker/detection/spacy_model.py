"""Any spaCy model as a detector: its entities are the mentions."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from concept_linker.detection.detector import Span
from concept_linker.errors import SettingsError
from concept_linker.knowledge_base.semantic_types import GROUP_NAMES, SEMANTIC_TYPES

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["SpacyDetector", "is_installed", "is_language"]

_BATCH = 128
# The label of scispaCy's models for entities of unknown type.
_UNTYPED = "ENTITY"
_TYPE_GROUPS = {t.name.casefold(): t.group for t in SEMANTIC_TYPES.values()}
_GROUPS = {name.casefold(): group for group, name in GROUP_NAMES.items()}


class SpacyDetector:
    """Finds mentions with a spaCy model.

    Args:
        model: the name of an installed model, or a loaded one.

    Raises:
        SettingsError: the model is not installed, or finds no entities.
    """

    def __init__(self, model: str | Language) -> None:
        self._nlp = _load(model) if isinstance(model, str) else model
        if not any(
            "doc.ents" in self._nlp.get_pipe_meta(name).assigns for name in self._nlp.pipe_names
        ):
            raise SettingsError(
                f"spaCy model {self._nlp.meta['name']!r} has the components "
                f"{', '.join(self._nlp.pipe_names) or '(none)'} and finds no entities, expected "
                "one like 'ner' or 'entity_ruler'"
            )

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """See :class:`~concept_linker.detection.detector.DetectsMany`."""
        for document in self._nlp.pipe(texts, batch_size=_BATCH):
            yield [
                Span(entity.start_char, entity.end_char, label_of(entity.label_))
                for entity in document.ents
                if entity.text.strip()
            ]


def label_of(label: str) -> str:
    """A semantic group for a spaCy label that stands for one, else the label itself.

    >>> [label_of(x) for x in ("T047", "DISO", "Disease or Syndrome", "Disorders", "ORG", "ENTITY")]
    ['DISO', 'DISO', 'DISO', 'DISO', 'ORG', '']
    """
    if label in SEMANTIC_TYPES:
        return SEMANTIC_TYPES[label].group
    if label == _UNTYPED:
        return ""
    plain = label.replace("_", " ").casefold()
    return _TYPE_GROUPS.get(plain) or _GROUPS.get(plain) or label


def is_language(value: Any) -> bool:
    """Whether a value is a spaCy ``Language``; does not import spaCy to find out."""
    language = sys.modules.get("spacy.language")
    return language is not None and isinstance(value, language.Language)


def is_installed(name: str) -> bool:
    """Whether a spaCy model of this name is installed."""
    import spacy

    return spacy.util.is_package(name)


def _load(name: str) -> Language:
    import spacy

    if not is_installed(name):
        raise SettingsError(f"spaCy model {name!r} is not installed, expected an installed one")
    return spacy.load(name)
