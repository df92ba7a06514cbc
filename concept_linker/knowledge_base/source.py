"""What a reader of a vocabulary hands on: four flat Arrow tables and where they come from.

Every format ends here and every build starts here, so a new format is one function
``read(...) -> SourceTables`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.knowledge_base.identity import NameKind, canonical_id, is_cui
from concept_linker.quarantine import Quarantine

__all__ = [
    "DEFINITIONS",
    "NAMES",
    "SAME_AS",
    "TYPES",
    "NameKind",
    "Quarantine",
    "SourceInfo",
    "SourceTables",
    "canonical_id",
    "is_cui",
    "sha256_of",
]


#: One row a name.  ``source`` is the vocabulary's short name (``MSH``, ``MONDO``).
NAMES = pa.schema(
    [("id", pa.string()), ("name", pa.string()), ("kind", pa.uint8()), ("source", pa.string())]
)
#: One row a semantic type: a TUI (``T023``) where known, else the source's own type.
TYPES = pa.schema([("id", pa.string()), ("type", pa.string())])
#: One row an equivalence. ``asserted`` is false where a recipe inferred it.
SAME_AS = pa.schema([("id", pa.string()), ("other", pa.string()), ("asserted", pa.bool_())])
#: One row a definition.
DEFINITIONS = pa.schema([("id", pa.string()), ("definition", pa.string())])


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where a vocabulary comes from; goes into the manifest as it is.

    Args:
        format: the reader's name (``rrf``, ``obo``, …).
        name: what to call it, usually the file's name or the vocabulary's.
        version: the vocabulary's own version, empty where it names none.
        licence: its licence, empty where unknown.
        files: file name → SHA-256.
    """

    format: str
    name: str
    version: str = ""
    licence: str = ""
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceTables:
    """One vocabulary, read and checked.

    Args:
        info: where it comes from.
        names: a table of schema :data:`NAMES`; for each id the preferred name stands first.
        types: a table of schema :data:`TYPES`.
        same_as: a table of schema :data:`SAME_AS`.
        definitions: a table of schema :data:`DEFINITIONS`.
    """

    info: SourceInfo
    names: pa.Table
    types: pa.Table
    same_as: pa.Table
    definitions: pa.Table

    @classmethod
    def from_rows(
        cls,
        info: SourceInfo,
        *,
        names: Iterable[tuple[str, str, int, str]],
        types: Iterable[tuple[str, str]] = (),
        same_as: Iterable[tuple[str, str, bool]] = (),
        definitions: Iterable[tuple[str, str]] = (),
    ) -> SourceTables:
        """Tables from rows, each row in the order of its schema's columns."""
        return cls(
            info,
            _table(NAMES, names),
            _table(TYPES, types),
            _table(SAME_AS, same_as),
            _table(DEFINITIONS, definitions),
        )


def _table(schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
