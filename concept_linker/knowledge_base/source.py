"""What a reader of a vocabulary hands on: four flat Arrow tables and where they come from.

Every format ends here and every build starts here, so a new format is one function
``read(...) -> SourceTables`` and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from concept_linker.errors import SourceError

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


class NameKind(IntEnum):
    """How a name stands to its concept; lower is preferred."""

    PREFERRED = 0
    SYNONYM = 1  # exact synonyms, lexical variants, entry terms
    ABBREVIATION = 2
    RELATED = 3  # broad, narrow and related synonyms: weak evidence


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

_CUI = re.compile(r"C[0-9]{7}")
_CANONICAL_PREFIX = {
    "MESH": "MESH",
    "MSH": "MESH",
    "MESHD": "MESH",
    "ORPHA": "ORPHANET",
    "ORPHANET": "ORPHANET",
    "MIM": "OMIM",
    "NCBI_TAXON": "NCBITAXON",
    "SNOMEDCT_US": "SNOMEDCT",
}


def is_cui(concept_id: str) -> bool:
    """Whether the id is a UMLS concept unique identifier: ``C`` and seven digits.

    >>> is_cui("C0019564"), is_cui("MESH:D006624")
    (True, False)
    """
    return _CUI.fullmatch(concept_id) is not None


def canonical_id(concept_id: str) -> str:
    """One spelling for each id, so that equal concepts of two sources meet.

    A CUI loses its prefix; a CURIE's prefix is written in capitals, and of two names for one
    vocabulary the one most used.

    >>> canonical_id("UMLS:C0019564"), canonical_id("mesh:D006624"), canonical_id("HP:0001250")
    ('C0019564', 'MESH:D006624', 'HP:0001250')
    >>> canonical_id("NCBITaxon:9606"), canonical_id("chebi:15377"), canonical_id("MSH:D006624")
    ('NCBITAXON:9606', 'CHEBI:15377', 'MESH:D006624')
    """
    concept_id = concept_id.strip()
    prefix, colon, local = concept_id.partition(":")
    if not colon:
        return concept_id
    if prefix.upper() in ("UMLS", "UMLS_CUI", "CUI") and is_cui(local):
        return local
    if local.startswith("//"):  # an IRI
        return concept_id
    prefix = prefix.upper()
    return f"{_CANONICAL_PREFIX.get(prefix, prefix)}:{local}"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


class Quarantine:
    r"""What to do with a bad row: stop at it, or set it aside and go on.

    Args:
        path: the JSON Lines file that bad rows go to (``file``, ``line``, ``problem``,
            ``row``); ``None`` means that the first bad row raises.  The file is made only when a
            row goes into it.

    >>> Quarantine().bad("names.tsv", 3, "2 columns, wanted 3", row="a\tb")
    Traceback (most recent call last):
    concept_linker.errors.SourceError: names.tsv, line 3: 2 columns, wanted 3
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.count = 0

    def bad(self, path: Path | str, line: int | None, problem: str, *, row: str = "") -> None:
        """Report one bad row.

        Raises:
            SourceError: where rows are not to be skipped.
        """
        if self._path is None:
            raise SourceError(path, problem, line=line)
        self.count += 1
        record = {"file": str(path), "line": line, "problem": problem, "row": row}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(json.dumps(record) + "\n")
