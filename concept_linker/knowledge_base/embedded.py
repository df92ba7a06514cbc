"""The open knowledge base that comes with the package.

The package contains the merged tables as Parquet, because they are small.  On first use, the folder
that is memory-mapped is built from them in the user's cache, under a lock, and renamed when it is
complete.  If the cache is not writable, a temporary folder is used for one run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.runtime.resources import (
    cache_folder,
    make_temporary_folder,
    model_path,
    temporary_folder,
)

__all__ = ["open_base_folder"]


def open_base_folder(*, quiet: bool = False) -> Path:
    """Returns the folder of the open knowledge base; builds it on first use.

    Raises:
        KnowledgeBaseError: neither the cache folder nor a temporary one can be written, or the
            distributed files are damaged.
    """
    compiled = model_path("open_kb") / "compiled"
    head = compiled / "compiled.json"
    try:
        checksum = sha256_of(head)[:12]
    except OSError as error:
        raise KnowledgeBaseError(
            f"{head} is missing or damaged; reinstall concept_linker"
        ) from error
    name = f"open-{store.FORMAT}-{checksum}"
    folder = cache_folder() / name
    if _is_complete(folder):
        return folder
    try:
        _build_once(compiled, folder, quiet=quiet)
    except OSError as error:
        problem = f"{folder}: cannot be written ({error.strerror or error})"
        try:
            folder = (temporary_folder() or make_temporary_folder(problem)) / name
            _build_once(compiled, folder, quiet=quiet)
        except OSError:
            raise KnowledgeBaseError(
                f"{problem}; set CONCEPT_LINKER_CACHE to a writable folder"
            ) from error
    return folder


def _build_once(compiled: Path, folder: Path, *, quiet: bool) -> None:
    from filelock import FileLock  # like what follows, needed only once

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_complete(folder):  # another process may have built it
            _build(compiled, folder, quiet=quiet)


def _is_complete(folder: Path) -> bool:
    """Returns whether the folder opens; cleaners of caches may have removed single files."""
    try:
        store.open_folder(folder)
    except KnowledgeBaseError:
        return False
    return True


def _build(compiled: Path, folder: Path, *, quiet: bool) -> None:
    from concept_linker.knowledge_base.build import compile_base
    from concept_linker.knowledge_base.compiled import load_compiled
    from concept_linker.runtime.progress import progress_bar

    with progress_bar("Preparing the open knowledge base (once)", quiet=quiet) as progress:
        progress("reading", 0.0)
        merged = load_compiled(compiled)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one may not look like a base
        compile_base(merged, folder, progress=progress)
