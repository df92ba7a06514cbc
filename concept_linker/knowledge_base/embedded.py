"""The open knowledge base that comes with the package.

What ships is small: the merged tables as Parquet.  The folder that is mapped is derived from them
on first use, into the user's cache, under a lock, and renamed into place when it is whole.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
from filelock import FileLock

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.merge import CONCEPT_NAMES, CONCEPTS, MergedTables
from concept_linker.knowledge_base.progress import progress_bar
from concept_linker.knowledge_base.source import SourceInfo, sha256_of
from concept_linker.resources import cache_folder, model_path

__all__ = ["load_compiled", "open_base_folder", "save_compiled"]

_HEAD = "compiled.json"


def save_compiled(merged: MergedTables, folder: Path) -> None:
    """Writes merged tables in the form that ships: two Parquet files and a head."""
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
    (folder / _HEAD).write_text(text + "\n", encoding="utf-8")


def load_compiled(folder: Path) -> MergedTables:
    """Reads what :func:`save_compiled` wrote.

    Raises:
        KnowledgeBaseError: a file is missing or damaged.
    """
    path = folder / _HEAD
    try:
        head = json.loads(path.read_bytes())
        tables = []
        for name, schema in (("concepts", CONCEPTS), ("names", CONCEPT_NAMES)):
            path = folder / f"{name}.parquet"
            if sha256_of(path) != head["files"][path.name]:
                raise ValueError("its SHA-256 is another")
            tables.append(pq.read_table(path).cast(schema))
        sources = tuple(SourceInfo(**source) for source in head["sources"])
        return MergedTables(tables[0], tables[1], sources, head["refused"])
    except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's are among them
        raise _damaged(path) from error


def _damaged(path: Path) -> KnowledgeBaseError:
    return KnowledgeBaseError(f"{path}: missing or damaged; install concept_linker again")


def open_base_folder(*, quiet: bool = False) -> Path:
    """The folder of the open base, derived if it is not there yet.

    Raises:
        KnowledgeBaseError: the cache folder cannot be written, or what ships is damaged.
    """
    compiled = model_path("open_kb") / "compiled"
    try:
        checksum = sha256_of(compiled / _HEAD)[:12]
    except OSError as error:
        raise _damaged(compiled / _HEAD) from error
    folder = cache_folder() / f"open-{store.FORMAT}-{checksum}"
    if _is_whole(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not _is_whole(folder):  # another process may have been first
                _derive(compiled, folder, quiet=quiet)
    except OSError as error:
        raise KnowledgeBaseError(
            f"{folder}: cannot be written ({error.strerror or error}); "
            "set CONCEPT_LINKER_CACHE to a folder that can"
        ) from error
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether it opens: what cleans caches takes single files too."""
    try:
        store.open_folder(folder)
    except KnowledgeBaseError:
        return False
    return True


def _derive(compiled: Path, folder: Path, *, quiet: bool) -> None:
    from concept_linker.knowledge_base.build import compile_base

    with progress_bar("Preparing the open knowledge base (once)", quiet=quiet) as progress:
        progress("reading", 0.0)
        merged = load_compiled(compiled)
        shutil.rmtree(folder, ignore_errors=True)
        compile_base(merged, folder, progress=progress)
