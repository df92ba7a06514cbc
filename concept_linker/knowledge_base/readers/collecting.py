"""Concepts one by one → the four tables, for the formats that come as records."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from concept_linker.knowledge_base.readers.checks import BadRowError
from concept_linker.knowledge_base.source import (
    DEFINITIONS,
    NAMES,
    SAME_AS,
    TYPES,
    NameKind,
    SourceInfo,
    SourceTables,
)

__all__ = ["Collector", "Concept"]


@dataclass(slots=True)
class Concept:
    """One record, all its parts cleaned.

    Args:
        id: the canonical id.
        names: (name, kind), the preferred one first.
        types: semantic types.
        same_as: the canonical ids that it is asserted to equal.
        definition: empty where there is none.
    """

    id: str
    names: list[tuple[str, NameKind]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    same_as: list[str] = field(default_factory=list)
    definition: str = ""


class Collector:
    """Gathers concepts and makes the tables of them."""

    def __init__(self) -> None:
        self.ids: dict[str, int | None] = {}
        self._names: tuple[list[str], list[str], list[int], list[str]] = ([], [], [], [])
        self._types: tuple[list[str], list[str]] = ([], [])
        self._same_as: tuple[list[str], list[str], list[bool]] = ([], [], [])
        self._definitions: tuple[list[str], list[str]] = ([], [])

    def claim(self, concept_id: str, line: int | None) -> None:
        """Take an id for the record on a line, so that none after it can have it.

        Raises:
            BadRowError: an earlier record has it.
        """
        if concept_id in self.ids:
            first = self.ids[concept_id]
            place = "" if first is None else f", first on line {first}"
            raise BadRowError(f"id {concept_id} a second time{place}")
        self.ids[concept_id] = line

    def add(self, concept: Concept, source: str, line: int | None) -> None:
        """Claim a concept's id and add its rows, equal ones once.

        Args:
            concept: what to add.
            source: the short name of its vocabulary.
            line: where it is.

        Raises:
            BadRowError: the id is there already, or the concept has no name.
        """
        if not concept.names:
            raise BadRowError(f"id {concept.id} without a name")
        self.claim(concept.id, line)
        self.add_rows(concept, source)

    def add_rows(self, concept: Concept, source: str) -> None:
        """Add the rows of a concept whose id is claimed."""
        ids, names, kinds, sources = self._names
        known: dict[str, int] = {}
        for name, kind in concept.names:
            known.setdefault(name, kind)
        ids.extend([concept.id] * len(known))
        names.extend(known)
        kinds.extend(known.values())
        sources.extend([source] * len(known))
        for kind_of in dict.fromkeys(concept.types):
            self._types[0].append(concept.id)
            self._types[1].append(kind_of)
        for other in dict.fromkeys(concept.same_as):
            self.add_same_as(concept.id, other)
        if concept.definition:
            self._definitions[0].append(concept.id)
            self._definitions[1].append(concept.definition)

    def add_same_as(self, concept_id: str, other: str) -> None:
        """Add one asserted equivalence."""
        for column, value in zip(self._same_as, (concept_id, other, True), strict=True):
            column.append(value)  # type: ignore[attr-defined]

    def tables(self, info: SourceInfo) -> SourceTables:
        """All that was added."""
        columns = (self._names, self._types, self._same_as, self._definitions)
        schemas = (NAMES, TYPES, SAME_AS, DEFINITIONS)
        tables = [
            pa.table(dict(zip(schema.names, lists, strict=True)), schema=schema)
            for schema, lists in zip(schemas, columns, strict=True)
        ]
        return SourceTables(info, *tables)
