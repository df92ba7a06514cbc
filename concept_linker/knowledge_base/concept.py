"""A concept as a value."""

from __future__ import annotations

from dataclasses import dataclass

from concept_linker.knowledge_base.identity import CuiOrigin, NameKind

__all__ = ["Concept", "ConceptName"]


@dataclass(frozen=True, slots=True)
class ConceptName:
    """One name of a concept, with its kind and the vocabulary it comes from."""

    text: str
    kind: NameKind
    source: str


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept with all its names.

    Args:
        id: its CUI, or a CURIE.
        name: its preferred name.
        names: all names, the preferred one first.
        semantic_types: UMLS type unique identifiers (``T023``), or the types that the source gives.
        other_ids: the ids of equivalent concepts in the sources.
        origin: where its CUI comes from.
        definition: its definition, or ``""``.
    """

    id: str
    name: str
    names: tuple[ConceptName, ...]
    semantic_types: tuple[str, ...]
    other_ids: tuple[str, ...]
    origin: CuiOrigin
    definition: str
