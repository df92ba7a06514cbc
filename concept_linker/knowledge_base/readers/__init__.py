"""The readers of vocabularies, by the name of their format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from concept_linker.errors import SettingsError, SourceError
from concept_linker.knowledge_base.readers import (
    jsonl,
    mesh,
    obo,
    obographs,
    rrf,
    sssom,
    table,
)
from concept_linker.knowledge_base.readers.options import SourceOptions
from concept_linker.knowledge_base.source import Quarantine, SourceTables

__all__ = ["FORMATS", "Format", "SourceOptions", "read_source"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Args:
        read: ``read(path, *, options, quarantine) -> SourceTables``.
        options: the class of its options.
        description: one line for a help text.
    """

    read: Callable[..., SourceTables]
    options: type[SourceOptions]
    description: str


FORMATS: Mapping[str, Format] = {
    "rrf": Format(
        rrf.read, rrf.RrfOptions, "UMLS Rich Release Format: a META folder, a release zip or a tar"
    ),
    "obo": Format(obo.read, obo.OboOptions, "an ontology as an OBO text file"),
    "obographs": Format(
        obographs.read, obographs.ObographsOptions, "an ontology as obographs JSON"
    ),
    "sssom": Format(sssom.read, sssom.SssomOptions, "mappings between vocabularies as SSSOM TSV"),
    "jsonl": Format(jsonl.read, jsonl.JsonlOptions, "scispaCy's JSON Lines, one concept a line"),
    "mesh": Format(mesh.read, mesh.MeshOptions, "MeSH in NLM's XML or ASCII"),
    "table": Format(table.read, table.TableOptions, "CSV, TSV or Parquet, one name a row"),
}


def read_source(
    format: str,
    path: str | PathLike[str],
    options: SourceOptions | Mapping[str, Any] | None = None,
    quarantine: Quarantine | None = None,
) -> SourceTables:
    """Read one vocabulary.

    Args:
        format: a key of :data:`FORMATS`.
        path: the file or folder.
        options: the format's options, or their names and values; ``None`` for the defaults.
        quarantine: what to do with bad rows; ``None`` stops at the first.

    Raises:
        SettingsError: there is no such format or option.
        SourceError: there is no such file, or it cannot be read.
    """
    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise SettingsError(f"no source format {format!r}, wanted one of {known}")
    chosen = FORMATS[format]
    if not isinstance(options, SourceOptions):
        try:
            options = chosen.options.model_validate(dict(options or {}))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise SettingsError(f"option {place!r} of {format}: {first['msg']}") from error
    if not isinstance(options, chosen.options):
        wanted = chosen.options.__name__
        raise SettingsError(f"options of {format} are {type(options).__name__}, wanted {wanted}")
    path = Path(path)
    if not path.exists():
        raise SourceError(path, "no such file or folder")
    if not path.is_file() and not path.is_dir():
        raise SourceError(path, "is a pipe or a device, wanted a file: it is read more than once")
    return chosen.read(path, options=options, quarantine=quarantine or Quarantine())
