"""The output of readers and the input of builds: four Arrow tables and their origin.

An Arrow table is a flat table in memory. A new format is one function
``read(...) -> SourceTables``.
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


#: One row per name. ``source`` is the short name of the vocabulary (``MSH``, ``MONDO``).
NAMES = pa.schema(
    [("id", pa.string()), ("name", pa.string()), ("kind", pa.uint8()), ("source", pa.string())]
)
#: One row per semantic type: a TUI (``T023``), or else the type that the source gives.
TYPES = pa.schema([("id", pa.string()), ("type", pa.string())])
#: One row per equivalence. ``asserted`` is false if it was inferred.
SAME_AS = pa.schema([("id", pa.string()), ("other", pa.string()), ("asserted", pa.bool_())])
#: One row per definition.
DEFINITIONS = pa.schema([("id", pa.string()), ("definition", pa.string())])


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where a vocabulary comes from; part of the manifest.

    Args:
        format: the name of the reader (``rrf``, ``obo``, …).
        name: the name of the vocabulary or the file.
        version: its version, or ``""``.
        licence: its licence, or ``""``.
        files: file names → SHA-256.
    """

    format: str
    name: str
    version: str = ""
    licence: str = ""
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceTables:
    """One vocabulary, read and validated.

    Args:
        info: where it comes from.
        names: a table of schema :data:`NAMES`; the preferred name of each id comes first.
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
        """Makes tables from rows with values in the order of the schema's columns."""
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
