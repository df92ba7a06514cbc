"""A concept as a value."""

from __future__ import annotations

from dataclasses import dataclass

from concept_linker.knowledge_base.identity import CuiOrigin, NameKind

__all__ = ["Concept", "ConceptName"]


@dataclass(frozen=True, slots=True)
class ConceptName:
    """One name of a concept, and the vocabulary that gives it."""

    text: str
    kind: NameKind
    source: str


@dataclass(frozen=True, slots=True)
class Concept:
    """All that a base knows of a concept.

    Args:
        id: its CUI, or a CURIE.
        name: its preferred name.
        names: all names, the preferred one first.
        semantic_types: UMLS type unique identifiers, or the sources' own types.
        other_ids: ids of the sources that are joined in it.
        origin: how it comes by its CUI.
        definition: empty where there is none.
    """

    id: str
    name: str
    names: tuple[ConceptName, ...]
    semantic_types: tuple[str, ...]
    other_ids: tuple[str, ...]
    origin: CuiOrigin
    definition: str
