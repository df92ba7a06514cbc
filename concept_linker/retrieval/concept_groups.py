"""Concepts as tables show them: their names and their semantic groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from concept_linker.errors import ConceptLinkerError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import GROUP_NAMES, semantic_group

__all__ = ["NO_GROUP", "ConceptGroups"]

NO_GROUP: Final = "none"
#: Groups that say little about a picture; they count only if a pair has no other.
_VAGUE = frozenset({"CONC", "ACTI", "OCCU", "ORGA", "GEOG"})
#: Which of equally frequent groups is the main one.
_ORDER = {group: place for place, group in enumerate(["DISO", "ANAT", "PROC", *GROUP_NAMES])}


class ConceptGroups:
    """Looks concepts up in a base; an id that it does not have has no group and no name.

    Args:
        kb: the base.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._look = lru_cache(maxsize=None)(self._look_up)

    def _look_up(self, concept_id: str) -> tuple[str, str]:
        if concept_id not in self._kb:
            return concept_id, NO_GROUP
        try:
            concept = self._kb.concept(concept_id)
        except ConceptLinkerError:
            return concept_id, NO_GROUP
        return concept.name, semantic_group(concept.semantic_types) or NO_GROUP

    def name(self, concept_id: str) -> str:
        """A concept's preferred name, or its id."""
        return self._look(concept_id)[0]

    def group(self, concept_id: str) -> str:
        """A concept's semantic group (``ANAT``), or :data:`NO_GROUP`."""
        return self._look(concept_id)[1]

    def main(self, concept_ids: Iterable[str]) -> str:
        """The group that most concepts of a caption are of."""
        counts = Counter(map(self.group, concept_ids))
        del counts[NO_GROUP]
        telling = {group: n for group, n in counts.items() if group not in _VAGUE} or counts
        if not telling:
            return NO_GROUP
        return min(telling, key=lambda group: (-telling[group], _ORDER[group]))
