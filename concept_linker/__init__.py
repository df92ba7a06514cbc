"""Links the medical concepts of figure captions.

>>> import concept_linker
>>> annotation = concept_linker.link("Axial MRI shows a lesion in the left hippocampus.")
>>> [(mention.text, mention.best.concept_id) for mention in annotation if mention.label == "ANAT"]
[('hippocampus', 'C0019564')]

For research only: not for clinical decisions, nor to identify persons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from concept_linker._version import __version__ as __version__
from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.errors import (
    ConceptLinkerError,
    InputError,
    KnowledgeBaseError,
    SettingsError,
    SourceError,
)

if TYPE_CHECKING:
    from concept_linker.annotating.running import annotate
    from concept_linker.knowledge_base.base import Concept, KnowledgeBase
    from concept_linker.linker import ConceptLinker, link
    from concept_linker.settings import LinkerSettings

__all__ = [
    "Annotation",
    "Candidate",
    "Concept",
    "ConceptLinker",
    "ConceptLinkerError",
    "InputError",
    "KnowledgeBase",
    "KnowledgeBaseError",
    "LinkerSettings",
    "Mention",
    "SettingsError",
    "SourceError",
    "annotate",
    "link",
]

_HOMES = {
    "Concept": "concept_linker.knowledge_base.base",
    "ConceptLinker": "concept_linker.linker",
    "KnowledgeBase": "concept_linker.knowledge_base.base",
    "LinkerSettings": "concept_linker.settings",
    "annotate": "concept_linker.annotating.running",
    "link": "concept_linker.linker",
}


def __getattr__(name: str) -> Any:
    """What needs the compiled parts is imported when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
