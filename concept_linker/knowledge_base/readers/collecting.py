"""Collects concepts one by one into tables, for formats that consist of records."""

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
    """One record, with all its parts cleaned.

    Args:
        id: the canonical id.
        names: (name, kind), the preferred one first.
        types: semantic types.
        same_as: the canonical ids of equivalent concepts, as the source asserts.
        definition: its definition, or ``""``.
    """

    id: str
    names: list[tuple[str, NameKind]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    same_as: list[str] = field(default_factory=list)
    definition: str = ""


class Collector:
    """Collects concepts and makes tables of them."""

    def __init__(self) -> None:
        self.ids: dict[str, int | None] = {}
        self._names: tuple[list[str], list[str], list[int], list[str]] = ([], [], [], [])
        self._types: tuple[list[str], list[str]] = ([], [])
        self._same_as: tuple[list[str], list[str], list[bool]] = ([], [], [])
        self._definitions: tuple[list[str], list[str]] = ([], [])

    def claim(self, concept_id: str, line: int | None) -> None:
        """Reserves an id for the record on a line.

        Raises:
            BadRowError: an earlier record has the id.
        """
        if concept_id in self.ids:
            first = self.ids[concept_id]
            place = "" if first is None else f", first on line {first}"
            raise BadRowError(f"duplicate id {concept_id}{place}")
        self.ids[concept_id] = line

    def add(self, concept: Concept, source: str, line: int | None) -> None:
        """Reserves a concept's id and adds its rows, without duplicates.

        Args:
            concept: the concept.
            source: the short name of its vocabulary.
            line: the line it begins on.

        Raises:
            BadRowError: an earlier record has the id, or the concept has no name.
        """
        if not concept.names:
            raise BadRowError(f"id {concept.id} has no name")
        self.claim(concept.id, line)
        self.add_rows(concept, source)

    def add_rows(self, concept: Concept, source: str) -> None:
        """Adds the rows of a concept whose id is reserved."""
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
        """Adds one asserted equivalence."""
        for column, value in zip(self._same_as, (concept_id, other, True), strict=True):
            column.append(value)  # type: ignore[attr-defined]

    def tables(self, info: SourceInfo) -> SourceTables:
        """Returns tables of all that was added."""
        columns = (self._names, self._types, self._same_as, self._definitions)
        schemas = (NAMES, TYPES, SAME_AS, DEFINITIONS)
        tables = [
            pa.table(dict(zip(schema.names, lists, strict=True)), schema=schema)
            for schema, lists in zip(schemas, columns, strict=True)
        ]
        return SourceTables(info, *tables)
