"""Groups of ids that mappings declare to be one concept."""

from __future__ import annotations

from concept_linker.knowledge_base.readers.checks import BadRowError, prefix_of

__all__ = ["Groups"]


class Groups:
    """Groups of ids as a union-find; a group has at most one id of each vocabulary."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: dict[str, dict[str, str]] = {}

    def join(self, left: str, right: str) -> None:
        """Joins two ids in one group.

        Raises:
            BadRowError: the group would have two ids of one vocabulary.
        """
        one, two = self._root(left), self._root(right)
        if one == two:
            return
        mine, theirs = self._members[one], self._members[two]
        for prefix in mine.keys() & theirs.keys():
            problem = "maps two ids of one vocabulary to one concept"
            raise BadRowError(f"{problem}: {mine[prefix]} and {theirs[prefix]}")
        if len(mine) < len(theirs):
            one, two = two, one
        self._members[one].update(self._members.pop(two))
        self._parent[two] = one

    def _root(self, concept_id: str) -> str:
        if concept_id not in self._parent:
            self._parent[concept_id] = concept_id
            self._members[concept_id] = {prefix_of(concept_id) or concept_id: concept_id}
        while (parent := self._parent[concept_id]) != concept_id:
            self._parent[concept_id] = self._parent[parent]
            concept_id = parent
        return concept_id
