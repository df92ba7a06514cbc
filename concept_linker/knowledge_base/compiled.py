"""Merged tables in their distributed form: two Parquet files and a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.knowledge_base.merge import CONCEPT_NAMES, CONCEPTS, MergedTables
from concept_linker.knowledge_base.source import SourceInfo

__all__ = ["HEAD", "load_compiled", "save_compiled"]

#: The file with the sources and the checksums of the other files.
HEAD = "compiled.json"


def save_compiled(merged: MergedTables, folder: Path) -> None:
    """Writes merged tables in their distributed form."""
    folder.mkdir(parents=True, exist_ok=True)
    checksums = {}
    for name, table in (("concepts", merged.concepts), ("names", merged.names)):
        path = folder / f"{name}.parquet"
        pq.write_table(
            table, path, compression="zstd", compression_level=19, row_group_size=1 << 20
        )
        checksums[path.name] = sha256_of(path)
    head = {
        "sources": [asdict(source) for source in merged.sources],
        "refused": merged.refused,
        "files": checksums,
    }
    text = json.dumps(head, indent=1, ensure_ascii=False)
    (folder / HEAD).write_text(text + "\n", encoding="utf-8")


def load_compiled(folder: Path) -> MergedTables:
    """Reads merged tables from their distributed form.

    Raises:
        KnowledgeBaseError: a file is missing or damaged.
    """
    path = folder / HEAD
    try:
        head = json.loads(path.read_bytes())
        tables = []
        for name, schema in (("concepts", CONCEPTS), ("names", CONCEPT_NAMES)):
            path = folder / f"{name}.parquet"
            if sha256_of(path) != head["files"][path.name]:
                raise ValueError("unexpected SHA-256")
            tables.append(pq.read_table(path).cast(schema))
        sources = tuple(SourceInfo(**source) for source in head["sources"])
        return MergedTables(tables[0], tables[1], sources, head["refused"])
    except (OSError, ValueError, KeyError, TypeError) as error:  # including Arrow's
        raise KnowledgeBaseError(
            f"{path} is missing or damaged; reinstall concept_linker"
        ) from error
