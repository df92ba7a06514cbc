"""Resolves the ids that a corpus or a system writes to the ids of a knowledge base."""

from __future__ import annotations

import re
from collections.abc import Iterator

from concept_linker.corpora.gold import GoldMention
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import canonical_id

__all__ = ["ConceptIds"]

# MeSH descriptors and supplementary records; a UMLS CUI has seven digits.
_MESH = re.compile(r"[DC][0-9]{6}(?:[0-9]{3})?")


class ConceptIds:
    """Maps every spelling of a concept's id to one id: that of the knowledge base.

    ``D003924`` and ``MESH:D003924`` are the same id, and so are all ids that the base has merged
    into one concept.

    Args:
        kb: the knowledge base; without one, ids only get their canonical spelling.
    """

    def __init__(self, kb: KnowledgeBase | None = None) -> None:
        self.kb = kb
        self._resolved: dict[str, str] = {}
        self._known: set[str] = set()

    def of(self, mention: GoldMention) -> frozenset[str]:
        """Returns the concepts of a gold mention."""
        return frozenset(map(self.resolve, mention.ids))

    def resolve(self, concept_id: str) -> str:
        """Returns the base's id of a concept, or the canonical spelling if the base has none."""
        resolved = self._resolved.get(concept_id)
        return self._find(concept_id) if resolved is None else resolved

    def in_base(self, resolved_id: str) -> bool:
        """Whether the base has a concept; takes an id that :meth:`resolve` returned."""
        return resolved_id in self._known

    def type_of(self, resolved_id: str) -> str:
        """Returns the first semantic type of a concept in the base, or an empty string."""
        row = None if self.kb is None else self.kb.rows.row_of(resolved_id)
        types = () if self.kb is None or row is None else self.kb.rows.head(row).semantic_types
        return types[0] if types else ""

    def spelled(self, concept_id: str) -> str:
        """Returns a system's id as :meth:`resolve` spells it if a gold mention has it.

        Other ids are returned unchanged: there are many, and none of them can be right, so that
        looking them up would only cost time.
        """
        return self._resolved.get(concept_id, concept_id)

    def _find(self, concept_id: str) -> str:
        spellings = list(_spellings(concept_id))
        resolved = spellings[0]
        for spelling in spellings:
            if self.kb is not None and (row := self.kb.rows.row_of(spelling)) is not None:
                resolved = self.kb.rows.head(row).id
                self._known.add(resolved)
                break
        for spelling in (concept_id, *spellings):
            self._resolved.setdefault(spelling, resolved)
        return resolved


def _spellings(concept_id: str) -> Iterator[str]:
    canonical = canonical_id(concept_id)
    yield canonical
    if _MESH.fullmatch(canonical):
        yield f"MESH:{canonical}"
    elif canonical.startswith("MESH:"):
        yield canonical.removeprefix("MESH:")
