"""From the ids that a corpus writes to those that a knowledge base has."""

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
    """One spelling for each concept: that of the base, whatever the corpus or a system writes.

    ``D003924`` and ``MESH:D003924`` are one id, and so are all ids that the base has joined in one
    concept.

    Args:
        kb: the base that is linked to; without one, ids are only spelled alike.
    """

    def __init__(self, kb: KnowledgeBase | None = None) -> None:
        self.kb = kb
        self._own: dict[str, str] = {}
        self._known: set[str] = set()

    def of(self, mention: GoldMention) -> frozenset[str]:
        """The concepts that a gold mention means."""
        return frozenset(map(self.resolve, mention.ids))

    def resolve(self, concept_id: str) -> str:
        """The base's own id of the concept, or the canonical spelling where it has none."""
        own = self._own.get(concept_id)
        return self._find(concept_id) if own is None else own

    def in_base(self, own_id: str) -> bool:
        """Whether the base has the concept with an id that :meth:`resolve` gave."""
        return own_id in self._known

    def type_of(self, own_id: str) -> str:
        """The first semantic type that the base gives the concept, or an empty string."""
        row = None if self.kb is None else self.kb.rows.row_of(own_id)
        types = () if self.kb is None or row is None else self.kb.rows.head(row).semantic_types
        return types[0] if types else ""

    def spelled(self, concept_id: str) -> str:
        """A system's id in the spelling of the gold ids resolved so far, else as it is.

        What no gold mention means need not be looked up, and there is much of it.
        """
        return self._own.get(concept_id, concept_id)

    def _find(self, concept_id: str) -> str:
        spellings = list(_spellings(concept_id))
        own = spellings[0]
        for spelling in spellings:
            if self.kb is not None and (row := self.kb.rows.row_of(spelling)) is not None:
                own = self.kb.rows.head(row).id
                self._known.add(own)
                break
        for spelling in (concept_id, *spellings):
            self._own.setdefault(spelling, own)
        return own


def _spellings(concept_id: str) -> Iterator[str]:
    canonical = canonical_id(concept_id)
    yield canonical
    if _MESH.fullmatch(canonical):
        yield f"MESH:{canonical}"
    elif canonical.startswith("MESH:"):
        yield canonical.removeprefix("MESH:")
