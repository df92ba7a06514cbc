"""Readers of vocabularies: one module and one line of :data:`FORMATS` for each format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from concept_linker.errors import SettingsError, SourceError
from concept_linker.runtime.registry import Entry, find_entry, list_names, load

if TYPE_CHECKING:
    from concept_linker.knowledge_base.readers.options import SourceOptions
    from concept_linker.knowledge_base.source import Quarantine, SourceTables

__all__ = ["FORMATS", "Format", "read_source"]


@dataclass(frozen=True, slots=True)
class Format(Entry):
    """A format of vocabularies.

    Args:
        code: its reader, ``read(path, *, options, quarantine) -> SourceTables``.
        description: one line for help texts and documentation.
        options: the class of its options, as ``"package.module:name"``.
    """

    options: str


#: The formats by name, as ``kb build --source NAME=PATH`` takes them.
FORMATS: Mapping[str, Format] = {
    "rrf": Format(
        "concept_linker.knowledge_base.readers.rrf:read",
        "UMLS Rich Release Format: a META folder, a release zip or a tar",
        "concept_linker.knowledge_base.readers.rrf:RrfOptions",
    ),
    "obo": Format(
        "concept_linker.knowledge_base.readers.obo:read",
        "an ontology as an OBO text file, such as hp.obo",
        "concept_linker.knowledge_base.readers.obo:OboOptions",
    ),
    "obographs": Format(
        "concept_linker.knowledge_base.readers.obographs:read",
        "an ontology as obographs JSON",
        "concept_linker.knowledge_base.readers.obographs:ObographsOptions",
    ),
    "sssom": Format(
        "concept_linker.knowledge_base.readers.sssom:read",
        "mappings between vocabularies as SSSOM TSV; exact matches become one concept",
        "concept_linker.knowledge_base.readers.sssom:SssomOptions",
    ),
    "jsonl": Format(
        "concept_linker.knowledge_base.readers.jsonl:read",
        "scispaCy's knowledge base: JSON Lines, one concept a line",
        "concept_linker.knowledge_base.readers.jsonl:JsonlOptions",
    ),
    "mesh": Format(
        "concept_linker.knowledge_base.readers.mesh:read",
        "MeSH in NLM's XML or ASCII",
        "concept_linker.knowledge_base.readers.mesh:MeshOptions",
    ),
    "table": Format(
        "concept_linker.knowledge_base.readers.table:read",
        "CSV, TSV or Parquet, one name a row",
        "concept_linker.knowledge_base.readers.table:TableOptions",
    ),
}


def read_source(
    format: str,
    path: str | PathLike[str],
    options: SourceOptions | Mapping[str, Any] | None = None,
    quarantine: Quarantine | None = None,
) -> SourceTables:
    """Reads one vocabulary.

    Args:
        format: a key of :data:`FORMATS`.
        path: the file or folder.
        options: the format's options, or a mapping of their names to values; ``None`` means the
            defaults.
        quarantine: collects bad rows; ``None`` stops at the first.

    Raises:
        SettingsError: the format or an option does not exist, or an option has a wrong value.
        SourceError: the file does not exist or cannot be read.
    """
    chosen = find_entry(FORMATS, format, "format")
    options = _check_options(format, options)
    path = Path(path)
    if not path.exists():
        raise SourceError(path, "no such file or folder")
    if not path.is_file() and not path.is_dir():
        raise SourceError(path, "is a pipe or device, expected a file, which can be read twice")
    from concept_linker.knowledge_base.source import Quarantine

    tables: SourceTables = chosen.load()(
        path, options=options, quarantine=quarantine or Quarantine()
    )
    return tables


def _check_options(format: str, options: SourceOptions | Mapping[str, Any] | None) -> SourceOptions:
    from pydantic import ValidationError

    from concept_linker.knowledge_base.readers.options import SourceOptions

    expected: type[SourceOptions] = load(FORMATS[format].options)
    if isinstance(options, expected):
        return options
    if isinstance(options, SourceOptions):
        given = type(options).__name__
        raise SettingsError(f"options of {format} are {given}, expected {expected.__name__}")
    options = dict(options or {})
    for name in options:
        if name not in expected.model_fields:
            known = list_names(expected.model_fields)
            raise SettingsError(f"{format} has no option {name!r}, expected {known}")
    try:
        return expected.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"option {place} of {format} is {first['input']!r}: {first['msg']}"
        ) from error
