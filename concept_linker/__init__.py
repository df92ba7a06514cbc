"""Links the mentions in figure captions to medical concepts.

>>> import concept_linker
>>> annotation = concept_linker.link("Axial MRI shows a lesion in the left hippocampus.")
>>> [(mention.text, mention.concept_id) for mention in annotation if mention.label == "ANAT"]
[('hippocampus', 'C0019564')]

For research only: not for clinical decisions, not for identifying persons.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from concept_linker._version import __version__ as __version__
from concept_linker.annotation import ADAPTERS, Annotation, Candidate, Mention
from concept_linker.errors import (
    ConceptLinkerError,
    InputError,
    KnowledgeBaseError,
    SettingsError,
    SourceError,
)

if TYPE_CHECKING:
    from concept_linker.annotating.annotate import annotate
    from concept_linker.corpora import read_corpus
    from concept_linker.evaluation.report import evaluate
    from concept_linker.knowledge_base.base import Concept, KnowledgeBase
    from concept_linker.knowledge_base.build import build_knowledge_base
    from concept_linker.linker import ConceptLinker
    from concept_linker.settings import LinkerSettings
    from concept_linker.shared_linkers import link, link_many
    from concept_linker.training import train

#: Public name → the module that defines it.
_HOMES = {
    "Concept": "knowledge_base.base",
    "ConceptLinker": "linker",
    "KnowledgeBase": "knowledge_base.base",
    "LinkerSettings": "settings",
    "annotate": "annotating.annotate",
    "build_knowledge_base": "knowledge_base.build",
    "evaluate": "evaluation.report",
    "link": "shared_linkers",
    "link_many": "shared_linkers",
    "read_corpus": "corpora",
    "train": "training",
}

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
    "build_knowledge_base",
    "evaluate",
    "link",
    "link_many",
    "read_corpus",
    "train",
]


def _load(module: str, name: str) -> Any:
    return getattr(import_module(f"{__name__}.{module}"), name)


def _call_later(module: str, name: str, *arguments: Any, **named: Any) -> Any:
    return _load(module, name)(*arguments, **named)


ADAPTERS["record"] = partial(_call_later, "triplets.from_annotation", "to_record")
ADAPTERS["dataframe"] = partial(_call_later, "viewing.frames", "to_dataframe")
ADAPTERS["html"] = partial(_call_later, "viewing.notebook", "annotation_html")


def __getattr__(name: str) -> Any:
    """Imports a public name at its first use, so that ``import concept_linker`` is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = _load(_HOMES[name], name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
